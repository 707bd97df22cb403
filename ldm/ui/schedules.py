"""The noise schedules that are compared: their numbers, what they mean, and their curves."""

import io
import math
from typing import Any

NAMES = {
    "constant": "constant: the same at every step",
    "linear": "linear (DDPM)",
    "scaled_linear": "scaled linear (Stable Diffusion)",
    "cosine": "cosine",
    "sigmoid": "sigmoid",
    "zero": "zero terminal SNR",
    "own": "this model's own",
}
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012}
SPAN = (0.14, 0.97)  # of a plot's width, from the first timestep to the last
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
INK, LINE = "#010203", "#040506"  # stand for the page's colours, which change with its theme


def list_schedules(own: Any) -> tuple[dict[str, Any], str]:
    """Returns the schedules by their keys, all as long as the model's own, and the key of that."""
    from ldm.schedule import NoiseSchedule

    T, v = own.T, "v_prediction"
    found = {
        name: NoiseSchedule.named(name, T, prediction=v)
        for name in ("constant", "linear", "cosine", "sigmoid")
    }
    found["scaled_linear"] = NoiseSchedule.named(
        "scaled_linear", T, prediction=v, **STABLE_DIFFUSION
    )
    found["zero"] = found["scaled_linear"].rescale_zero_terminal_snr()
    found = {key: found[key] for key in NAMES if key in found}
    for key, schedule in found.items():
        if (schedule.alphas_cumprod - own.alphas_cumprod).abs().max() < 1e-6:
            return found, key
    return found | {"own": own}, "own"


def describe_schedule(schedule: Any) -> str:
    """Returns when half of the signal is gone, and how much is left at the end, in words."""
    from ldm.forward import half_life

    T, t = schedule.T, half_life(schedule)
    last = schedule.alphas_cumprod[-1].item()
    if t < T:
        half = f"Half of the signal is gone at t = {t}, after {share((t + 1) / T)} of the steps."
    else:
        half = "Half of the signal is never gone."
    if last == 0:
        return f"{half} At the last step, t = {T - 1}, nothing of it is left: pure noise."
    left = f"At the last step, t = {T - 1}, {share(last)} of its variance is left"
    left += f", {share(last**0.5)} of its size"
    if last < 1e-3:
        return f"{half} {left}: noise, for all that an eye can tell."
    return (
        f"{half} {left}: this never quite reaches pure noise, which is what a run starts from. "
        "The network has seen a trace of the picture's brightness at every t, and expects one."
    )


def share(x: float) -> str:
    """Returns a share as a percentage with two digits that count."""
    if 0 < x < 1e-6:
        return "less than 0.0001 %"
    return f"{100 * x:.{0 if x >= 0.0995 else 1 if x >= 0.00995 else 2 if x > 1e-4 else 4}f} %"


def draw_curves(schedules: dict[str, Any]) -> dict[str, str]:
    """Returns three plots as SVG, of all schedules over t: beta, signal and snr.

    Each curve is a group with the id "<plot>-<key>", which the browser shows or hides.
    """
    rows = {
        "beta": {key: s.betas for key, s in schedules.items()},
        "signal": {key: s.alphas_cumprod for key, s in schedules.items()},
        "snr": {key: s.snr(range_of(s)) for key, s in schedules.items()},
    }
    limits = {"beta": (1e-5, 1.5), "signal": (0, 1.02), "snr": (1e-6, 1e5)}
    return {name: draw_plot(name, curves, limits[name]) for name, curves in rows.items()}


def range_of(schedule: Any) -> Any:
    import torch

    return torch.arange(schedule.T)


def label(y: float) -> str:
    """Returns a number for an axis; powers of ten with many zeros as such."""
    if y and not 1e-3 <= abs(y) <= 1e3:
        return "10" + str(round(math.log10(y))).translate(RAISED)
    return f"{y:g}"


def draw_plot(name: str, curves: dict[str, Any], limits: tuple[float, float]) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 2.1))
    axes = figure.add_axes((SPAN[0], 0.14, SPAN[1] - SPAN[0], 0.82))
    T = len(next(iter(curves.values())))
    for key, values in curves.items():
        points = values.clamp(min=limits[0] / 100).tolist() if name != "signal" else values.tolist()
        (line,) = axes.plot(range(T), points, color=LINE, linewidth=1.8)
        line.set_gid(f"{name}-{key}")
    axes.set(xlim=(0, T - 1), ylim=limits, yscale="linear" if name == "signal" else "log")
    axes.set_xticks([0, T // 4, T // 2, 3 * T // 4, T - 1])
    axes.yaxis.set_major_formatter(lambda y, _: label(y))
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK, labelsize=8.5, length=3)
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "currentColor").replace(LINE, "var(--curve)")
