"""A picture that a run starts from, instead of pure noise: image-to-image and inpainting.

Image-to-image is SDEdit (Meng et al. 2022): the picture's latent, noised to a timestep in the
middle of the schedule, is denoised from there. Inpainting also puts the picture, noised to the
level of the moment, back after every step wherever it must not change (Lugmayr et al. 2022, eq. 8).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .sampling import Update


@dataclass(frozen=True, eq=False)
class Source:
    """The picture's latent [1, C, h, w], and where it may change: mask [1, 1, h, w] in 0 ... 1.

    Without a mask it may change everywhere. Raises ValueError for other shapes or numbers.
    """

    latent: Tensor
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        shape = self.latent.shape
        if len(shape) != 4 or shape[0] != 1 or not self.latent.isfinite().all():
            raise ValueError(f"expected a latent [1, C, h, w] of numbers, got {list(shape)}")
        if self.mask is None:
            return
        if self.mask.shape != (1, 1, *shape[2:]):
            found, wanted = list(self.mask.shape), [1, 1, *shape[2:]]
            raise ValueError(f"expected a mask {wanted} for this latent, got {found}")
        if not ((self.mask >= 0) & (self.mask <= 1)).all():
            raise ValueError("the mask must hold numbers from 0 to 1")

    def tensors(self) -> dict[str, Tensor]:
        """Returns what there is, by name."""
        return {name: tensor for name, tensor in vars(self).items() if tensor is not None}

    def to(self, device: torch.device) -> "Source":
        """Returns the source with its tensors on the device, in float32."""
        return Source(**{name: x.to(device, torch.float32) for name, x in self.tensors().items()})

    def protect(self, x0: Tensor) -> Tensor:
        """Returns x0 [1, C, h, w] with the picture where the mask is 0."""
        return x0 if self.mask is None else torch.lerp(self.latent.to(x0), x0, self.mask.to(x0))

    def hold(self, update: Update, eps: Tensor) -> Update:
        """Returns the rule that puts the picture back where the mask is 0, noised with eps."""
        if self.mask is None:
            return update

        def held(schedule, now, t_prev, last, noise) -> Tensor:
            x_prev = update(schedule, now, t_prev, last, noise)
            x0 = self.latent
            kept = schedule.add_noise(x0, eps, t_prev) if t_prev >= 0 else x0
            return torch.lerp(kept, x_prev, self.mask)

        return held
