"""An independent judge: a network that says which things a picture shows, where, and how.

It is trained on composed scenes of the real pictures, never on anything the generator made, and
takes no part in training the generator. The renderings that the denoiser does not see are kept
from it too.

A picture is read on a grid of 8 px cells, as in CenterNet (Zhou et al. 2019): each cell says
whether the middle of a thing lies in it, and if so which concept it is and in which colour. It is
looked at in half its size, which is three times as fast and blind to a decoder's finest faults.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm.colours import COLOURS
from ldm.precision import fast_maths
from ldm.training.autoencoder import to_images
from ldm.training.icons import SIZE, IconSet
from ldm.training.scenes import BACKGROUNDS, Composer, Scene
from ldm.training.sources import STYLES

BUNDLED = Path(__file__).parents[2] / "assets" / "judge" / "judge.safetensors"
CELL = 8  # pixels
UNKNOWN = -100  # a label that no loss is taken of
FEATURES = 192
THRESHOLD = 0.4  # of a peak, to count as a thing
STYLE_NAMES, BACKGROUND_NAMES, COLOUR_NAMES = map(tuple, (STYLES, BACKGROUNDS, COLOURS))


class Detector(nn.Module):
    """halved images [B,3,H/2,W/2] to `Reading`: a residual network whose levels are added up."""

    def __init__(self, concepts: int, widths: tuple[int, ...] = (64, 128, 256, 384)):
        super().__init__()
        from transformers import ResNetBackbone, ResNetConfig

        config = ResNetConfig(
            embedding_size=widths[0],
            hidden_sizes=list(widths),
            depths=[1, 2, 2, 2],
            layer_type="basic",
            out_indices=[1, 2, 3, 4],
        )
        self.backbone = ResNetBackbone(config)
        self.sides = nn.ModuleList(nn.Conv2d(width, FEATURES, 1) for width in widths)
        self.mix = nn.Sequential(nn.Conv2d(FEATURES, FEATURES, 3, padding=1), nn.ReLU())
        self.heat = nn.Conv2d(FEATURES, 1, 1)
        self.concept = nn.Conv2d(FEATURES, concepts, 1)
        self.colour = nn.Conv2d(FEATURES, len(COLOUR_NAMES), 1)
        self.style = nn.Linear(widths[-1], len(STYLE_NAMES))
        self.background = nn.Linear(widths[-1], len(BACKGROUND_NAMES))
        nn.init.constant_(self.heat.bias, -3.0)  # most cells are no middle of anything

    def forward(self, image: Tensor) -> "Reading":
        maps = self.backbone(image).feature_maps
        sides = [side(x) for side, x in zip(self.sides, maps, strict=True)]
        grid = [F.interpolate(x, size=sides[0].shape[-2:]) for x in sides[1:]]
        features, whole = self.mix(sides[0] + sum(grid)), maps[-1].mean(dim=(2, 3))
        return Reading(
            features,
            self.heat(features)[:, 0],
            self.concept,
            self.colour,
            self.style(whole),
            self.background(whole),
            whole,
        )


@dataclass(frozen=True)
class Reading:
    """What the detector says of B images; its cells are asked one by one, they are many.

    features [B,F,h,w]; heat [B,h,w] before the sigmoid; style, background: logits [B,K];
    whole [B,F]: of the picture as a whole.
    """

    features: Tensor
    heat: Tensor
    concept: nn.Conv2d
    colour: nn.Conv2d
    style: Tensor
    background: Tensor
    whole: Tensor

    def at(self, image: Tensor, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the concept and of the colour [N,K] in N cells."""
        cells = self.features[image, :, row, column][..., None, None]
        return self.concept(cells)[..., 0, 0], self.colour(cells)[..., 0, 0]


@dataclass(frozen=True)
class Targets:
    """What there is in B scenes: cells [N,5], the image, row, column, concept and colour of things.

    heat [B,h,w] is 1 in these and falls off around them; style, background [B].
    """

    heat: Tensor
    cells: Tensor
    style: Tensor
    background: Tensor


@dataclass(frozen=True)
class Found:
    """A thing in a picture: its concepts, the likeliest first, its colour, its middle in px."""

    concepts: tuple[str, ...]
    colour: str
    x: float
    y: float


@dataclass(frozen=True)
class Seen:
    """A picture as the judge sees it; features [F] of the whole."""

    things: tuple[Found, ...]
    style: str
    background: str
    features: Tensor


@dataclass(frozen=True)
class Judge:
    """The detector and the concepts it knows, in the order of its outputs."""

    model: nn.Module
    concepts: tuple[str, ...]

    @torch.no_grad()
    def look(self, image: Tensor, batch: int = 32) -> list[Seen]:
        """What each of the images [B,3,128,128] shows."""
        return [seen for part in image.split(batch) for seen in self._look(part)]

    def _look(self, image: Tensor) -> Iterator[Seen]:
        reading = self.model(halve(image))
        heat = reading.heat.float().sigmoid()
        peaks = (F.max_pool2d(heat[:, None], 3, 1, 1)[:, 0] == heat) & (heat > THRESHOLD)
        best = heat.flatten(1).argmax(1)
        for b in range(len(image)):
            places = peaks[b].nonzero()
            if not len(places):  # the likeliest cell, so that there is always an answer
                places = torch.stack([best[b] // heat.shape[2], best[b] % heat.shape[2]])[None]
            rows, columns = places.T
            concept, colour = reading.at(torch.full_like(rows, b), rows, columns)
            things = [
                Found(
                    tuple(self.concepts[i] for i in concept[k].topk(5).indices),
                    COLOUR_NAMES[int(colour[k].argmax())],
                    (int(columns[k]) + 0.5) * CELL,
                    (int(rows[k]) + 0.5) * CELL,
                )
                for k in heat[b, rows, columns].argsort(descending=True)
            ]
            style = STYLE_NAMES[int(reading.style[b].argmax())]
            background = BACKGROUND_NAMES[int(reading.background[b].argmax())]
            yield Seen(tuple(things), style, background, reading.whole[b])

    def save(self, path: Path) -> None:
        """Writes the detector in half precision, with its concepts, as safetensors."""
        from safetensors.torch import save_file

        weights = {
            name: (x.half() if x.is_floating_point() else x).contiguous()
            for name, x in self.model.state_dict().items()
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, path, {"concepts": json.dumps(self.concepts)})

    @classmethod
    def load(cls, path: Path) -> "Judge":
        """The judge in a file. Raises FileNotFoundError if there is none."""
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            concepts = tuple(json.loads(file.metadata()["concepts"]))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model = Detector(len(concepts))
        model.load_state_dict(weights)  # copied into its float32
        return cls(model.eval(), concepts)


def scenes(icon_set: IconSet, concepts, *, seed: int, batch: int) -> Iterator:
    """Endless (halved images [batch,3,64,64], Targets): half single icons, half scenes."""
    composer, rng = Composer(icon_set), np.random.default_rng(seed)
    number = {concept: k for k, concept in enumerate(concepts)}
    while True:
        drawn = [
            composer.icon(rng, int(rng.integers(len(icon_set.icons))))
            if rng.random() < 0.5
            else composer.scene(rng)
            for _ in range(batch)
        ]
        image = halve(to_images([scene.picture for scene in drawn]))
        yield _disturb(image), targets(drawn, number)


def targets(drawn: list[Scene], number: dict[str, int]) -> Targets:
    """What the detector should say of these scenes. number: of each concept."""
    side = SIZE // CELL
    heat, cells = torch.zeros(len(drawn), side, side), []
    ys, xs = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    for b, scene in enumerate(drawn):
        for thing in scene.things:
            colour = COLOUR_NAMES.index(thing.colour) if thing.colour else UNKNOWN
            for left, top, right, bottom in thing.boxes:
                y, x = ((top + bottom) / 2 / CELL, (left + right) / 2 / CELL)
                row, column = min(int(y), side - 1), min(int(x), side - 1)
                reach = max(right - left, bottom - top) / CELL / 6
                away = (ys - row).square() + (xs - column).square()
                heat[b] = torch.maximum(heat[b], (-away / (2 * max(reach, 0.5) ** 2)).exp())
                cells.append((b, row, column, number[thing.concept], colour))
    return Targets(
        heat,
        torch.tensor(cells),
        torch.tensor([STYLE_NAMES.index(scene.style) for scene in drawn]),
        torch.tensor([BACKGROUND_NAMES.index(scene.background) for scene in drawn]),
    )


def loss(model: nn.Module, batch) -> tuple[Tensor, dict[str, float], int]:
    """The loss of a batch, its parts, and the batch size."""
    image, wanted = batch
    with fast_maths(image.device):
        reading = model(image)
        concept, colour = reading.at(*wanted.cells[:, :3].T)
    names, colours = wanted.cells[:, 3], wanted.cells[:, 4]
    known = colours != UNKNOWN
    parts = {
        "heat": focal(reading.heat.float(), wanted.heat),
        "concept": F.cross_entropy(concept.float(), names, label_smoothing=0.1),
        "style": F.cross_entropy(reading.style.float(), wanted.style),
        "background": F.cross_entropy(reading.background.float(), wanted.background),
    }
    if known.any():
        parts["colour"] = F.cross_entropy(colour.float()[known], colours[known])
    hit = (concept.argmax(1) == names).float().mean().item()
    return sum(parts.values()), {"hit": hit, "heat": parts["heat"].item()}, len(image)


def focal(logits: Tensor, heat: Tensor) -> Tensor:
    """The focal loss of the middles, over their number (CornerNet, Law & Deng 2018, eq. 1)."""
    p, middle = logits.sigmoid(), heat == 1
    missed = (1 - p).square() * F.logsigmoid(logits)
    wrong = p.square() * F.logsigmoid(-logits) * (1 - heat) ** 4
    return -torch.where(middle, missed, wrong).sum() / middle.sum().clamp_min(1)


def halve(image: Tensor) -> Tensor:
    """Images [B,3,H,W] at half their size, the mean of 2x2 pixels."""
    return F.avg_pool2d(image, 2).contiguous(memory_format=torch.channels_last)


def _disturb(image: Tensor) -> Tensor:
    """Images with a little noise, as a decoder's have; colours and places stay."""
    return image + 0.05 * torch.rand(()) * torch.randn_like(image)
