"""Likeness of images against scikit-image."""

import pytest
import torch

from ldm.quality import psnr, ssim


def images() -> torch.Tensor:
    x = torch.rand(1, 3, 40, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
    return torch.cat([x, (0.8 * x + 0.1).clamp(-1, 1)])


def test_psnr_and_ssim_match_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    x, y = images()
    a, b = x.numpy(), y.numpy()
    expected = metrics.peak_signal_noise_ratio(a, b, data_range=2)
    assert psnr(x[None], y[None]) == pytest.approx(expected, abs=1e-4)
    expected = metrics.structural_similarity(a, b, channel_axis=0, data_range=2)
    assert ssim(x[None], y[None]) == pytest.approx(expected, abs=1e-5)


def test_equal_images_are_alike():
    x = images()[:1]
    assert ssim(x, x) == pytest.approx(1) and psnr(x, x) == float("inf")
