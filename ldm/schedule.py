"""The forward process: how much of x0 is left, and how much noise is in it, at timestep t.

    x_t = sqrt(a_t) x0 + sqrt(1 - a_t) eps        (DDPM, Ho et al. 2020, eq. 4)

a_t = alphas_cumprod[t] falls from almost 1 at t = 0 to almost 0 at t = T - 1, and the variance
stays 1 if that of x0 is 1 ("variance preserving"). A network may predict any of three things,
each of which gives the other two: eps, x0, or v = sqrt(a_t) eps - sqrt(1 - a_t) x0 (Salimans &
Ho 2022, appendix D).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import torch
from torch import Tensor

Kind = Literal["epsilon", "v_prediction", "sample"]
Spacing = Literal["leading", "trailing", "linspace"]

# How diffusers' scheduler_config.json names what is read here ...
FIELDS = {
    "prediction_type": "prediction",
    "timestep_spacing": "spacing",
    "steps_offset": "steps_offset",
    "set_alpha_to_one": "set_alpha_to_one",
}
BETAS = {"num_train_timesteps": "T", "beta_start": "beta_start", "beta_end": "beta_end"}
NAMES = {name: name for name in ("linear", "scaled_linear", "sigmoid")}
NAMES["squaredcos_cap_v2"] = "cosine"
READ = {*FIELDS, *BETAS, "beta_schedule", "trained_betas", "rescale_betas_zero_snr"}
# ... what it assumes where a config is silent and this module would assume something else ...
LINSPACE = {"timestep_spacing": "linspace"}
STABLE = LINSPACE | {"beta_start": 0.00085, "beta_end": 0.012}
SILENT = {
    "DDIMScheduler": {"clip_sample": True},
    "DDPMScheduler": {"clip_sample": True},
    "PNDMScheduler": {"set_alpha_to_one": False},
    "EulerDiscreteScheduler": LINSPACE,
    "EulerAncestralDiscreteScheduler": LINSPACE,
    "DPMSolverMultistepScheduler": LINSPACE,
    "DPMSolverSinglestepScheduler": LINSPACE,
    "LMSDiscreteScheduler": LINSPACE,
    "DEISMultistepScheduler": LINSPACE,
    "UniPCMultistepScheduler": LINSPACE,
    "HeunDiscreteScheduler": STABLE,
    "KDPM2DiscreteScheduler": STABLE,
    "KDPM2AncestralDiscreteScheduler": STABLE,
}
# ... the keys that are fine at the value that stands for what is done here anyway ...
FIXED = {
    "clip_sample": (False,),
    "thresholding": (False,),
    "use_karras_sigmas": (False, None),
    "use_exponential_sigmas": (False, None),
    "use_beta_sigmas": (False, None),
    "use_lu_lambdas": (False, None),
    "use_flow_sigmas": (False, None),
    "use_dynamic_shifting": (False, None),
    "variance_type": ("fixed_small", None),
    "interpolation_type": ("linear",),
    "timestep_type": ("discrete",),
    "final_sigmas_type": ("zero",),
    "sigma_min": (None,),
    "sigma_max": (None,),
    "shift_terminal": (None,),
    "lambda_min_clipped": (-math.inf,),
}
# ... and the keys without effect: details of what is off, and of solvers the caller chooses.
INERT = {"clip_sample_range", "dynamic_thresholding_ratio", "sample_max_value", "flow_shift"}
INERT |= {"time_shift_type", "lower_order_final", "euler_at_final", "skip_prk_steps"}
INERT |= {"algorithm_type", "solver_order", "solver_type", "solver_p"}
INERT |= {"predict_x0", "disable_corrector"}


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The noise level of every timestep, and what the network predicts there.

    alphas_cumprod: [T] float64 on the CPU, falling; only the last may be 0 ("zero terminal SNR").
    prediction: what the network's output means.
    spacing, steps_offset: which n of the T timesteps a run visits (Lin et al. 2024, table 2).
    set_alpha_to_one: whether DDIM's last step ends at a = 1 or at alphas_cumprod[0].

    Raises ValueError for levels outside [0, 1) or not falling, for an unknown prediction or
    spacing, and for epsilon with zero terminal SNR, where eps says nothing about x0.
    """

    alphas_cumprod: Tensor
    prediction: Kind = "epsilon"
    spacing: Spacing = "leading"
    steps_offset: int = 0
    set_alpha_to_one: bool = True

    def __post_init__(self) -> None:
        a = self.alphas_cumprod.detach().to("cpu", torch.float64)
        object.__setattr__(self, "alphas_cumprod", a)
        if a.ndim != 1 or not len(a) or not (a[0] < 1 and a[-1] >= 0 and (a.diff() < 0).all()):
            raise ValueError("alphas_cumprod must be one row of numbers in [0, 1) that falls.")
        for value, kinds in ((self.prediction, Kind), (self.spacing, Spacing)):
            if value not in get_args(kinds):
                raise ValueError(f"{value!r} is not one of {', '.join(get_args(kinds))}.")
        if self.prediction == "epsilon" and a[-1] == 0:
            raise ValueError(
                "epsilon prediction does not work with zero terminal SNR, "
                "where the latent is all noise: use v_prediction or sample."
            )

    @classmethod
    def from_betas(cls, betas: Tensor, **fields) -> Self:
        """Returns the schedule whose step t adds noise of variance betas[t] (DDPM eq. 2)."""
        return cls(torch.cumprod(1 - torch.as_tensor(betas, dtype=torch.float64), dim=0), **fields)

    @classmethod
    def named(
        cls, name: str, T: int = 1000, beta_start: float = 1e-4, beta_end: float = 0.02, **fields
    ) -> Self:
        """Returns one of the schedules of the literature, by name.

        constant: the mean of beta_start and beta_end, in all about as much noise as linear.
        linear: DDPM, section 4. scaled_linear: linear in sqrt(beta), Rombach et al. 2022.
        cosine: Nichol & Dhariwal 2021, eq. 17, betas capped at 0.999; has no start and end.
        sigmoid: GeoDiff, Xu et al. 2022.
        """
        ramp = torch.linspace(0, 1, T, dtype=torch.float64)
        if name == "constant":
            betas = torch.full_like(ramp, (beta_start + beta_end) / 2)
        elif name == "linear":
            betas = beta_start + (beta_end - beta_start) * ramp
        elif name == "scaled_linear":
            betas = (beta_start**0.5 + (beta_end**0.5 - beta_start**0.5) * ramp) ** 2
        elif name == "cosine":
            s = torch.arange(T + 1, dtype=torch.float64) / T
            level = torch.cos((s + 0.008) / 1.008 * math.pi / 2) ** 2
            betas = (1 - level[1:] / level[:-1]).clamp(max=0.999)
        elif name == "sigmoid":
            betas = beta_start + (beta_end - beta_start) * torch.sigmoid(12 * ramp - 6)
        else:
            raise ValueError(
                f"{name!r} is not one of constant, linear, scaled_linear, cosine, sigmoid."
            )
        return cls.from_betas(betas, **fields)

    @classmethod
    def from_config(cls, config: Mapping) -> Self:
        """Returns the schedule that a diffusers scheduler_config.json describes.

        Raises ValueError for a key, or a value of one, that is not honoured, and names it. Keys
        that begin with "_" are metadata. `_class_name` tells what a missing key means.
        """
        config = SILENT.get(config.get("_class_name"), {}) | dict(config)
        for key, value in config.items():
            known = key.startswith("_") or key in READ or key in INERT
            if not known and value not in FIXED.get(key, ()):
                raise ValueError(f"The scheduler setting {key} = {value!r} is not supported.")
        fields = {ours: config[key] for key, ours in FIELDS.items() if key in config}
        name = config.get("beta_schedule", "linear")
        if config.get("trained_betas") is not None:
            schedule = cls.from_betas(config["trained_betas"], **fields)
        elif name in NAMES:
            numbers = {ours: config[key] for key, ours in BETAS.items() if key in config}
            schedule = cls.named(NAMES[name], **numbers, **fields)
        else:
            raise ValueError(f"beta_schedule = {name!r} is not one of {', '.join(NAMES)}.")
        rescale = config.get("rescale_betas_zero_snr", False)
        return schedule.rescale_zero_terminal_snr() if rescale else schedule

    def rescale_zero_terminal_snr(self) -> Self:
        """Returns the schedule stretched until nothing of x0 is left at T - 1.

        Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps are Flawed",
        algorithm 1. Raises ValueError for epsilon prediction.
        """
        signal = self.alphas_cumprod.sqrt()
        signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
        return replace(self, alphas_cumprod=signal**2)

    def shifted(self, factor: float) -> Self:
        """Returns the schedule with the signal-to-noise ratio at every t divided by factor^2.

        Hoogeboom et al. 2023, "simple diffusion", section 3.1: the more alike neighbouring cells
        are, the more noise it takes to hide what a picture shows, and the sooner a schedule made
        for independent ones has decided it. Raises ValueError unless factor > 0.
        """
        if not factor > 0:
            raise ValueError(f"The schedule can be shifted by a factor above 0, not {factor}.")
        a = self.alphas_cumprod
        return replace(self, alphas_cumprod=a / (a + factor**2 * (1 - a)))

    @property
    def T(self) -> int:
        """The number of timesteps the network was trained on."""
        return len(self.alphas_cumprod)

    @property
    def betas(self) -> Tensor:
        """[T] float64: the variance of the noise that step t adds (DDPM eq. 2)."""
        a = self.alphas_cumprod
        return 1 - a / torch.cat([a.new_ones(1), a[:-1]])

    def timesteps(self, n: int) -> list[int]:
        """Returns the n timesteps of a run, most noise first, as diffusers' DDIM chooses them.

        Raises ValueError if n is not in 1 ... T, or if steps_offset leads out of 0 ... T - 1.
        """
        T = self.T
        if not 1 <= n <= T:
            raise ValueError(f"{n} steps were asked for; this schedule allows 1 to {T}.")
        if self.spacing == "linspace":
            gap = (T - 1) / max(n - 1, 1)
            return [round(i * gap) for i in reversed(range(n))]
        if self.spacing == "trailing":
            gap = T - (T - T / n)  # rounded as numpy.arange does, where round() meets halves
            return [round(T - i * gap) - 1 for i in range(n)]
        steps = [i * (T // n) + self.steps_offset for i in reversed(range(n))]
        if not 0 <= steps[-1] <= steps[0] < T:
            raise ValueError(f"{n} steps with offset {self.steps_offset} leave t = 0 to {T - 1}.")
        return steps

    def alpha_bar(self, t: int | Tensor) -> Tensor:
        """Returns the level a_t, float64 on the CPU, in the shape of t; t < 0 is the run's end."""
        t = torch.as_tensor(t).cpu()
        end = 1.0 if self.set_alpha_to_one else self.alphas_cumprod[0]
        return torch.where(t < 0, end, self.alphas_cumprod[t.clamp(min=0)])

    def snr(self, t: int | Tensor) -> Tensor:
        """Returns the signal-to-noise ratio a_t / (1 - a_t), as `alpha_bar` does."""
        a_t = self.alpha_bar(t)
        return a_t / (1 - a_t)

    def add_noise(self, x0: Tensor, eps: Tensor, t: int | Tensor) -> Tensor:
        """Returns x_t [B, ...] from x0, eps [B, ...] and t, one int or LongTensor [B]."""
        signal, noise = self._scales(t, x0)
        return signal * x0 + noise * eps

    def target(self, x0: Tensor, eps: Tensor, t: int | Tensor) -> Tensor:
        """Returns what a perfect network answers to add_noise(x0, eps, t), [B, ...]."""
        if self.prediction == "v_prediction":
            signal, noise = self._scales(t, x0)
            return signal * eps - noise * x0
        return eps if self.prediction == "epsilon" else x0

    def split(self, x_t: Tensor, output: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """Returns (x0_hat, eps_hat), each [B, ...]: what the network takes x_t to be made of.

        add_noise(*split(x_t, output, t), t) is x_t. Raises ValueError if the shapes differ.
        """
        if output.shape != x_t.shape:
            raise ValueError(
                f"The network answered {tuple(output.shape)} to a latent {tuple(x_t.shape)}."
            )
        signal, noise = self._scales(t, x_t)
        if self.prediction == "epsilon":
            return (x_t - noise * output) / signal, output
        if self.prediction == "sample":
            return output, (x_t - signal * output) / noise
        return signal * x_t - noise * output, signal * output + noise * x_t

    def _scales(self, t: int | Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns sqrt(a_t) and sqrt(1 - a_t), broadcasting over x [B, ...]."""
        a_t = self.alpha_bar(t).reshape(-1, *[1] * (x.ndim - 1))
        return a_t.sqrt().to(x), (1 - a_t).sqrt().to(x)
