"""The autoencoder: a picture becomes a small code, and a picture again."""

from ldm.ui import coding
from ldm.ui.lab import build_lab
from ldm.ui.studio import Studio

TITLE = "Autoencoder"


def build(studio: Studio) -> None:
    """Adds the page to the Blocks that is open."""
    scripts = ("autoencoder-latent.js", "autoencoder-panels.js", "autoencoder.js")
    answers = [
        coding.code,
        coding.decode,
        coding.reach,
        coding.blend,
        coding.changes,
        coding.clock,
    ]
    build_lab(studio, "autoencoder", scripts, answers)
