"""What the toy's page asks the server for, beside the trainings themselves."""

from collections.abc import Callable
from typing import Any

from ldm.ui.messages import Message
from ldm.ui.noising import to_floats
from ldm.ui.request import MAX_GUIDANCE, is_number, whole
from ldm.ui.toy import Toy, Toys, make_toy, to_levels

POINTS, FLOW_STEPS = 500, 30
OFF = 0.35  # root mean square difference of a cell; one cell turned from paper to ink is 0.4
REACH, GRID = 3.2, 33  # of the slice: from -REACH to REACH on both axes, GRID cells each way


def list_answers(toys: Toys) -> list[Callable[[Any], Any]]:
    """Returns the functions that the page can call by their names."""

    def begin(asked: Any) -> Message:
        return describe_toy(make_toy(asked.get("own", [])))

    def decode(asked: Any) -> Message:
        return decode_code(toys.find(asked), asked)

    def swap(asked: Any) -> Message:
        return swap_decoders(toys.find(asked), asked)

    def flow(asked: Any) -> Message:
        return let_flow(toys.find(asked), asked)

    return [begin, decode, swap, flow, toys.stop]


def describe_toy(toy: Toy) -> Message:
    """Returns the pictures, and their codes in a space that nobody has trained."""
    from ldm.toy import Autoencoder

    space = Autoencoder(0)
    space.scale(toy.pictures)
    return {
        "pictures": to_levels(toy.pictures),
        "families": toy.families.tolist(),
        "names": toy.names,
        "codes": to_floats(space.encode(toy.pictures)),
    }


def decode_code(toy: Toy, asked: Any) -> Message:
    """Returns the picture at a code, how strange it is, and a slice of the space there."""
    import torch

    from ldm.toy import strangeness

    space, code = toy.space(asked), asked["code"]
    if not isinstance(code, list) or len(code) != 3 or not all(map(is_number, code)):
        raise ValueError("A code is three numbers.")
    if not all(abs(x) <= 100 for x in code):
        raise ValueError("A code's numbers are from -100 to 100.")
    here = torch.tensor([code], dtype=torch.float32)
    decoded = space.decode(here)
    strange = strangeness(decoded, toy.pictures).item()
    answer = {"picture": to_levels(decoded), "strange": strange, "off": strange > OFF}
    if asked.get("slice"):
        side = torch.linspace(-REACH, REACH, GRID)
        rows, columns = torch.meshgrid(side.flip(0), side, indexing="ij")
        plane = torch.stack([columns, rows, torch.full_like(rows, code[2])], dim=-1).reshape(-1, 3)
        drawn = space.decode(plane)
        likest = torch.cdist(drawn.flatten(1), toy.pictures.flatten(1)).argmin(1)
        family = toy.families[likest].masked_fill(strangeness(drawn, toy.pictures) > OFF, -1)
        answer["slice"] = family.tolist()
    return answer


def swap_decoders(toy: Toy, asked: Any) -> Message:
    """Returns a picture decoded by the other space's decoder, both ways, and the mean errors."""
    index = whole("The picture", asked["index"], 0, len(toy.pictures) - 1)
    spaces = [toy.space({"which": which}) for which in (0, 1)]
    codes = [space.encode(toy.pictures) for space in spaces]
    answer = {}
    for name, coder, decoder in (("own", 0, 0), ("0 by 1", 0, 1), ("1 by 0", 1, 0)):
        decoded = spaces[decoder].decode(codes[coder])
        error = (decoded - toy.pictures).square().mean().item()
        answer[name] = {"picture": to_levels(decoded[index : index + 1]), "error": error}
    return answer


def let_flow(toy: Toy, asked: Any) -> Message:
    """Returns 500 points on their way from data to noise, and back by a denoiser.

    film: base64 of (2 n + 1) x 500 x 3 float32; t: the timestep of each of the first n + 1
    frames; families: of each point at its start, and where it lands.
    """
    import torch

    from ldm.sampling import sample
    from ldm.toy import SCHEDULE, exact, guide, strangeness

    none = len(toy.names)
    family = whole("The family", asked.get("family", none), 0, none)
    guidance = asked.get("guidance", 1)
    if not is_number(guidance) or not 1 <= guidance <= MAX_GUIDANCE:
        raise ValueError(f"Guidance must be a number from 1 to {MAX_GUIDANCE}.")
    space, by = toy.space({}), asked.get("by")
    codes = space.encode(toy.pictures)
    if by == "exact":
        predict = exact(SCHEDULE, codes, toy.families)
    elif by == "network" and toy.denoiser is not None:
        predict = toy.denoiser.predict
    else:
        raise ValueError("Train the denoiser first, or choose the exact one.")
    draw = torch.Generator().manual_seed(whole("Seed", asked.get("seed", 0), 0, 2**31))
    kept = (toy.families == family).nonzero()[:, 0] if family < none else torch.arange(len(codes))
    chosen = kept[torch.randint(len(kept), (POINTS,), generator=draw)]
    x0, eps = codes[chosen], torch.randn(POINTS, codes.shape[1], generator=draw)
    ts = SCHEDULE.timesteps(FLOW_STEPS)[::-1]
    noised = [x0, *(SCHEDULE.add_noise(x0, eps, t) for t in ts)]
    denoise = guide(predict, family, none, guidance)
    steps = [step.x_prev for step in sample(denoise, SCHEDULE, noised[-1], FLOW_STEPS)]
    away, likest = torch.cdist(steps[-1], codes).min(1)
    landed = toy.families[likest]
    strange = strangeness(space.decode(steps[-1]), toy.pictures)
    return {
        "film": to_floats(torch.stack([*noised, *steps])),
        "t": [0, *ts],
        "noise": [0, *(1 - SCHEDULE.alpha_bar(torch.tensor(ts))).tolist()],
        "families": [toy.families[chosen].tolist(), landed.tolist()],
        "right": (landed == family).float().mean().item() if family < none else None,
        "away": away.mean().item(),
        "off": (strange > OFF).float().mean().item(),
    }
