"""Makes the bundled models: data, autoencoder, denoiser, export, evaluate.

Run as `python -m ldm.training COMMAND`; what takes long can be stopped and goes on where it was.
"""
