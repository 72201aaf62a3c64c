"""The pictures of one job, as tensors."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stylize_core.engine.colour import luma, matched_colours, matched_luminance, with_luminance
from stylize_core.engine.scales import resized
from stylize_core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The tensors of one job; all (3, h, w) float32 sRGB in [0, 1] on the CPU.

    Attributes:
        settings: of the job.
        content: at the size of the target.
        style: at its own size.
        style_key: identifies the style as the job uses it; equal keys share targets.
        init: the start image if `start` is `image`.
    """

    settings: Settings
    content: Tensor
    style: Tensor
    style_key: str
    init: Tensor | None = None

    def at(self, height: int, width: int) -> "Pair":
        """Returns the pair for a target of another size, with everything resized by the same factor."""
        if self.content.shape[1:] == (height, width):
            return self
        factor = max(height, width) / max(self.content.shape[1:])
        style = (max(1, round(edge * factor)) for edge in self.style.shape[1:])
        return replace(
            self,
            content=resized(self.content, height, width),
            style=resized(self.style, *style),
            init=None if self.init is None else resized(self.init, height, width),
        )

    def toned(self) -> "Pair":
        """Returns the pair in the colours used for the optimisation; see setting `colour`."""
        if self.settings.colour == "match":
            return replace(self, style=matched_colours(self.style, self.content))
        if self.settings.colour == "content":
            grey = matched_luminance(self.style, self.content)
            init = None if self.init is None else luma(self.init).expand_as(self.init)
            return replace(
                self,
                content=luma(self.content).expand_as(self.content).contiguous(),
                style=grey.expand_as(self.style).contiguous(),
                init=init,
            )
        return self

    def coloured(self, image: Tensor) -> Tensor:
        """Returns an image that was optimised for the toned pair, (3, H, W) uint8, in its final colours."""
        if self.settings.colour != "content":
            return image
        mixed = with_luminance(self.content, luma(image.float() / 255))
        return mixed.mul(255).round().to(torch.uint8)
