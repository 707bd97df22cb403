"""What the map's page asks the server for. Whatever needs no network is answered here.

Everything that is asked for is a dict from the browser, and checked; every answer is JSON.
`near` lists are [index of a picture, distance], in medians of the space.
"""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

from ldm.atlas import SPACES, Atlas
from ldm.projection import distances
from ldm.ui import atlas_paths, atlas_places, atlas_words
from ldm.ui.answers import animation, tell
from ldm.ui.atlas_places import check_drawing, read_index
from ldm.ui.line import ticket_of
from ldm.ui.making import Making
from ldm.ui.messages import Message
from ldm.ui.studio import Studio

EXAMPLE = ("cat", "cat", "dog")  # what the three pictures are that the page opens with


def list_answers(studio: Studio) -> list[Callable[[Any], dict[str, Any]]]:
    """Returns the functions that the page can call by their names.

    A question may name the `map` it is about by its digest: while a page is open, another one can
    be made. By default it is the one that is shown.
    """
    making = Making(studio)

    def choose(asked: Any) -> Atlas:
        return studio.atlases.get(asked.get("map") if isinstance(asked, dict) else None)

    def check(model: Any, atlas: Atlas) -> None:
        known = studio.atlases.of(model)
        if not known or known.about["digest"] != atlas.about["digest"]:
            raise ValueError(f"This map was made with other weights than those of {model.name}.")

    def with_model(function: Callable[..., Any]) -> Callable[[Any], Any]:
        def compute(model: Any, asked: Any) -> Any:
            atlas = choose(asked)
            check(model, atlas)
            return function(model, atlas, asked)

        def answer(asked: Any) -> Any:
            return studio.compute(compute, asked, ticket=ticket_of(asked))

        answer.__name__ = function.__name__
        return answer

    def with_atlas(function: Callable[..., Any]) -> Callable[[Any], Any]:
        def answer(asked: Any) -> Any:
            return function(choose(asked), asked)

        answer.__name__ = function.__name__
        return answer

    def check_run(model: Any, atlas: Atlas, run: Any) -> None:
        check(model, atlas)
        if run.model != model.name:
            raise ValueError(f"This run was drawn by {run.model}, the map is of {model.name}.")

    def path(asked: Any) -> Any:
        run, atlas = studio.trajectory(str(asked["run"])), choose(asked)
        answer = studio.compute(
            lambda model: check_run(model, atlas, run) or atlas_paths.path(atlas, run),
            ticket=ticket_of(asked),
        )
        steps = list_steps(studio, str(asked["run"]))
        previews = {str(m["index"]): {name: m[name] for name in ("x_t", "x0_hat")} for m in steps}
        return answer | {"previews": previews}

    def sent(asked: Any) -> Any:
        run, atlas = studio.trajectory(str(asked["run"])), choose(asked)
        return studio.compute(
            lambda model: check_run(model, atlas, run) or atlas_words.sent(model, atlas, run),
            ticket=ticket_of(asked),
        )

    def fresh(asked: Any) -> bool:
        atlas = choose(asked)
        return studio.compute(lambda model: check(model, atlas) or True)

    def make(_: Any) -> dict[str, Any]:
        return making.start()

    def halt(_: Any) -> dict[str, Any]:
        return making.stop()

    def made(_: Any) -> dict[str, Any]:
        return making.told()

    places, paths = atlas_places, atlas_paths
    modelled = (places.look, places.spot, places.own, places.recolour)
    modelled += (paths.seeds, paths.between, atlas_words.words)
    plain = (describe, sheet, points, near, three)
    answers = [*map(with_model, modelled), *map(with_atlas, plain), path, sent, fresh, animation]
    answers += [make, halt, made]
    return [tell(answer) for answer in (*answers, studio.waiting)]


def list_steps(studio: Studio, run: str) -> list[Message]:
    """Returns the messages of the steps of a run; of a branch also of those before it."""
    start, *rest = studio.replay(run, 0) or [{}]
    steps = [message for message in rest if message["kind"] == "step"]
    if branch := start.get("branch"):
        before = list_steps(studio, branch["run"])
        steps = [m for m in before if m["index"] < branch["index"]] + steps
    return steps


def describe(atlas: Atlas, _: Any) -> dict[str, Any]:
    """Returns what is known of the pictures: `about`, and each column's words with an index."""
    columns = {}
    for name, values in atlas.rows.items():
        words, index = np.unique(values, return_inverse=True)
        columns[name] = {"words": words.tolist(), "index": index.tolist()}
    told = {"about": atlas.about, "drawings": atlas.drawings, "columns": columns}
    return told | {"n": len(atlas), "example": example(atlas)}


def example(atlas: Atlas) -> list[int]:
    """Returns three different pictures: two cats and something else, if there are such."""
    chosen, captions = [], atlas.rows["caption"]
    for word in EXAMPLE:
        found = [i for i, c in enumerate(captions) if word in c.split() and i not in chosen]
        found.sort(key=lambda i: len(captions[i]))  # a dog before a hot dog
        alike = [i for i in found if chosen and captions[i] == captions[chosen[0]]]
        others = (i for i in range(len(captions)) if i not in chosen)
        chosen.append((alike or found or [*others])[0])
    return chosen


def sheet(atlas: Atlas, _: Any) -> str:
    """Returns the sheet of small pictures, a WebP in base64."""
    return base64.b64encode(atlas.sheet.read_bytes()).decode()


def points(atlas: Atlas, asked: Any) -> str:
    """Returns a drawing as base64 of N x k float32 numbers, little-endian."""
    space, drawing = asked["space"], asked["drawing"]
    check_drawing(atlas, space, drawing)
    return base64.b64encode(atlas.points(space, drawing).astype("<f4").tobytes()).decode()


def near(atlas: Atlas, asked: Any) -> dict[str, list]:
    """Returns the ten pictures nearest to one, in each space."""
    index = read_index(atlas, asked["index"])
    return {space: pairs(*atlas.near_to(space, index)) for space in SPACES}


def three(atlas: Atlas, asked: Any) -> dict[str, list[float]]:
    """Returns the distances of the pairs 0-1, 0-2 and 1-2 of three pictures, in each space."""
    indices = [read_index(atlas, index) for index in asked["indices"]]
    if len(indices) != 3:
        raise ValueError("Three pictures are compared.")
    apart = {}
    for space in SPACES:
        a, b, c = atlas.vectors(space)[indices]
        far = distances(np.stack([a, a, b]), np.stack([b, c, c])) / atlas.median(space)
        apart[space] = np.round(far, 4).tolist()
    return apart


def pairs(found: Any, far: Any) -> list[list[float]]:
    """Returns indices and distances, side by side."""
    return [[int(i), round(float(d), 4)] for i, d in zip(found, far, strict=True)]
