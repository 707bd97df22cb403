"""Colours by name: what one is, which one a picture has, and a picture in another one."""

import numpy as np
from PIL import Image

COLOURS = {  # hue in degrees; what saturation and value are on average, 0 to 1
    "red": (0, 0.80, 0.85),
    "orange": (28, 0.85, 0.95),
    "yellow": (50, 0.75, 0.98),
    "green": (125, 0.65, 0.65),
    "blue": (215, 0.75, 0.85),
    "purple": (275, 0.60, 0.70),
    "pink": (330, 0.45, 0.98),
    "brown": (25, 0.60, 0.50),
    "black": (0, 0.08, 0.16),
    "white": (0, 0.03, 0.96),
    "gray": (0, 0.03, 0.58),
}


def dominant_hue(pixels: np.ndarray, width: float = 30.0) -> float | None:
    """Hue in degrees that most of an RGBA picture [H, W, 4] has, None if there is no such one.

    It is the hue of 75 % of the coloured area, which is at least 40 % of the visible one.
    """
    hsv = np.asarray(Image.fromarray(pixels[..., :3]).convert("HSV")).astype(float)
    visible = pixels[..., 3] > 127
    coloured = visible & (hsv[..., 1] > 85) & (hsv[..., 2] > 60)
    if coloured.sum() < 0.4 * visible.sum() or not coloured.any():
        return None
    hue = hsv[..., 0][coloured] * (360 / 255)
    angle = np.deg2rad(hue)
    towards = angle
    for _ in range(3):  # the circular mean of what lies around it, found by going there
        centre = np.angle(np.exp(1j * towards).mean())
        near = np.abs(np.angle(np.exp(1j * (angle - centre)))) <= np.deg2rad(width)
        if near.mean() < 0.75:
            return None
        towards = angle[near]
    return float(np.rad2deg(np.angle(np.exp(1j * towards).mean())) % 360)


def recolour(pixels: np.ndarray, hue: float, colour: str) -> np.ndarray:
    """RGBA pixels [H, W, 4] with everything within 45 degrees of `hue` in the named colour."""
    target, *levels = COLOURS[colour]
    hsv = np.asarray(Image.fromarray(pixels[..., :3]).convert("HSV")).astype(np.float32)
    away = (hsv[..., 0] * (360 / 255) - hue + 180) % 360 - 180
    hit = (np.abs(away) < 45) & (hsv[..., 1] > 40) & (pixels[..., 3] > 0)
    if not hit.any():
        return pixels
    changed = hsv.copy()
    changed[..., 0] = ((target + away * 0.4) % 360) * (255 / 360)
    for channel, level in enumerate(levels, start=1):
        scale = 255 * level / max(np.median(hsv[..., channel][hit]), 1)
        changed[..., channel] = np.clip(hsv[..., channel] * scale, 0, 255)
    hsv = np.where(hit[..., None], changed, hsv).astype(np.uint8)
    rgb = np.asarray(Image.fromarray(hsv, "HSV").convert("RGB"))
    return np.concatenate([rgb, pixels[..., 3:]], axis=-1)
