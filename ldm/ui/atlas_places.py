"""Places on the map: what is at one, what is there where no picture is, and where new ones lie."""

from typing import Any

import numpy as np

from ldm import colours
from ldm.atlas import DRAWINGS, SPACES, Atlas
from ldm.projection import NEIGHBOURS, distances, weigh
from ldm.ui.gallery import open_picture
from ldm.ui.messages import MAP_LIMIT, Message, to_jpeg, to_map
from ldm.ui.request import MAX_PROMPT, is_number, whole

MAX_NAME = 200  # characters of a picture's name
WHITE = 238  # what is lighter is paper, and not recoloured


def look(model: Any, atlas: Atlas, asked: Any) -> Message:
    """Returns the latent of a picture of the atlas, as a map, and what the decoder makes of it."""
    latent = to_latent(model, atlas, [read_index(atlas, asked["index"])])
    return {
        "picture": decode(model, latent)[0],
        "latent": to_map(latent),
        "limit": MAP_LIMIT,
        "latent_shape": list(model.latent_shape),
    }


def spot(model: Any, atlas: Atlas, asked: Any) -> Message:
    """Returns what is decoded from where no picture is drawn: the mean of the nearest latents.

    There are many latents that would be drawn at that place; the mean of those of the ten nearest
    pictures, weighted by 1 / distance in the drawing, is one. drawn: how far the nearest picture is
    in the drawing, in units of what few pictures exceed there; far: in the latent space, in
    medians; rms: of the mean and, in the middle, of the ten.
    """
    space, drawing, at = asked["space"], asked["drawing"], asked["at"]
    check_drawing(atlas, space, drawing)
    if not isinstance(at, list) or not all(map(is_number, at)) or len(at) != DRAWINGS[drawing]:
        raise ValueError(f"A place of this drawing has {DRAWINGS[drawing]} coordinates.")
    if not np.isfinite(at).all():
        raise ValueError("A place has finite coordinates.")
    apart = distances(atlas.points(space, drawing), np.asarray(at, np.float32))
    chosen = np.argsort(apart, kind="stable")[:NEIGHBOURS]
    latents = atlas.vectors("latent")[chosen]
    mean = weigh(apart[None, chosen]).astype(np.float32) @ latents
    found, far = atlas.near("latent", mean, 1)
    about = atlas.about["spaces"]
    rms = np.sqrt(np.square(latents).mean(1))
    return {
        "picture": decode(model, to_tensor(model, mean))[0],
        "of": chosen.tolist(),
        "drawn": float(apart[chosen[0]]) / max(about[space]["faithful"][drawing]["apart"], 1e-9),
        "far": float(far[0, 0]),
        "nearest": int(found[0, 0]),
        "usual": about["latent"]["usual"],
        "rms": [float(np.sqrt(np.square(mean).mean())), float(np.median(rms))],
    }


def own(model: Any, atlas: Atlas, asked: Any) -> Message:
    """Returns where somebody's own picture lies in all drawings, and what is near it.

    Nothing of it is kept here. Raises ValueError for a file that is too large or no picture.
    """
    from ldm.spaces import read_pictures, to_thumbnail

    name = asked["name"]
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= MAX_NAME:
        raise ValueError(f"A picture's name has 1 to {MAX_NAME} characters.")
    picture = open_picture(asked["file"])
    vectors = read_pictures(model, [picture], [name])
    return {
        "name": name,
        "thumbnail": to_jpeg(to_thumbnail(picture)),
        "places": {
            space: {
                drawing: place(atlas, space, drawing, vectors[space])[0]
                for drawing in atlas.drawings
            }
            for space in SPACES
        },
        "near": near_all(atlas, vectors),
    }


def recolour(model: Any, atlas: Atlas, asked: Any) -> Message:
    """Returns a picture in another colour, and how far it then is from some pictures.

    The picture is what its latent decodes to; it goes through the encoder again, and its caption
    gets the colour's name. apart: for each space the distances to asked["to"], in medians.
    """
    from ldm.spaces import read_pictures

    index, colour = read_index(atlas, asked["index"]), asked["colour"]
    if colour not in colours.COLOURS:
        raise ValueError(f"The colour must be one of {', '.join(colours.COLOURS)}.")
    to = [read_index(atlas, other) for other in asked["to"]][:3]
    picture = paint(decode_picture(model, atlas, index), colour)
    caption = colour_words(atlas.rows["caption"][index], colour)
    vectors = read_pictures(model, [picture], [caption])
    apart = {
        space: (distances(atlas.vectors(space)[to], vectors[space]) / atlas.median(space)).tolist()
        for space in SPACES
    }
    return {
        "picture": to_jpeg(picture),
        "caption": caption,
        "apart": apart,
    }


def paint(picture: Any, colour: str) -> Any:
    """Returns the picture with the hue that most of it has changed to the named colour."""
    from PIL import Image

    rgb = np.asarray(picture)
    drawn = 255 * (rgb.min(-1, keepdims=True) < WHITE)
    pixels = np.concatenate([rgb, drawn], -1).astype(np.uint8)
    hue = colours.dominant_hue(pixels)
    hue = mean_hue(pixels) if hue is None else hue
    if hue is None:
        raise ValueError("There is no colour in this picture that could be changed.")
    return Image.fromarray(np.ascontiguousarray(colours.recolour(pixels, hue, colour)[..., :3]))


def mean_hue(pixels: np.ndarray) -> float | None:
    """Returns the commonest hue of RGBA pixels in degrees, None if they are all grey."""
    from PIL import Image

    hsv = np.asarray(Image.fromarray(pixels[..., :3]).convert("HSV"))
    coloured = (hsv[..., 1] > 40) & (hsv[..., 2] > 60) & (pixels[..., 3] > 127)
    counts, edges = np.histogram(hsv[..., 0][coloured], bins=24, range=(0, 255))
    return float(edges[counts.argmax()] + 5.3) * 360 / 255 if counts.any() else None


def colour_words(caption: str, colour: str) -> str:
    """Returns "a red cat" of "a cat"."""
    first, _, rest = caption.partition(" ")
    if first in ("a", "an") and rest:
        return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {rest}"
    return f"{colour} {caption}"


def check_drawing(atlas: Atlas, space: Any, drawing: Any) -> None:
    """Raises ValueError if the atlas has no such drawing."""
    if space not in SPACES or drawing not in atlas.drawings:
        raise ValueError(f"There is no drawing {drawing} of a space {space}.")


def read_index(atlas: Atlas, index: Any) -> int:
    """Returns the index of a picture of the atlas; raises ValueError for anything else."""
    return whole("The picture", index, 0, len(atlas) - 1)


def read_prompt(prompt: Any) -> str:
    """Returns the prompt; raises ValueError if it is none that can be drawn."""
    if not isinstance(prompt, str) or len(prompt) > MAX_PROMPT or not prompt.strip():
        raise ValueError(f"A prompt has 1 to {MAX_PROMPT:,} characters.")
    return prompt.strip()


def to_latent(model: Any, atlas: Atlas, indices: list[int]) -> Any:
    """Returns the latents [B, C, h, w] of pictures of the atlas."""
    return to_tensor(model, atlas.vectors("latent")[indices])


def to_tensor(model: Any, vectors: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(vectors).reshape(-1, *model.latent_shape).to(model.device)


def to_vectors(latent: Any) -> np.ndarray:
    """Returns latents [B, C, h, w] as vectors [B, D]."""
    return latent.flatten(1).float().cpu().numpy()


def decode(model: Any, latent: Any) -> list[str]:
    """Returns the pictures of latents [B, C, h, w], JPEGs in base64."""
    from ldm.images import to_pictures

    return [to_jpeg(p) for part in latent.split(8) for p in to_pictures(model.decode(part))]


def decode_picture(model: Any, atlas: Atlas, index: int) -> Any:
    from ldm.images import to_pictures

    return to_pictures(model.decode(to_latent(model, atlas, [index])))[0]


def place(atlas: Atlas, space: str, drawing: str, vectors: np.ndarray) -> list[list[float]]:
    """Returns where vectors [B, D] lie in a drawing."""
    return np.round(atlas.place(space, drawing, vectors), 5).tolist()


def near_all(atlas: Atlas, vectors: dict[str, np.ndarray]) -> dict[str, list]:
    """Returns the ten pictures nearest to a new one in each space, as [index, distance]."""
    return {space: near(atlas, space, vectors[space])[0] for space in SPACES}


def near(atlas: Atlas, space: str, vectors: np.ndarray, k: int = 10) -> list[list]:
    """Returns the k pictures nearest to each vector [B, D], as [index, distance in medians]."""
    found, far = atlas.near(space, vectors, k)
    return [
        [[int(i), round(float(d), 4)] for i, d in zip(*row, strict=True)]
        for row in zip(found, far, strict=True)
    ]
