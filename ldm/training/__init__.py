"""Makes the bundled models: data, autoencoder, denoiser, export, evaluate.

Run as `python -m ldm.training COMMAND`; a training that is stopped goes on where it was.
"""
