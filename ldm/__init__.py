"""Latent diffusion, taken apart: schedule, sampling, model, trajectory, training, interface."""
