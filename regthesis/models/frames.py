"""Networks that motion models share: one for every frame, one along time, and one back to a velocity a frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import leaky_relu

from regthesis import kernels
from regthesis.kernels.shapes import Float, Tensor

__all__ = ["FrameDecoder", "FrameEncoder", "TemporalConvolutions"]

REACH = 1 / 3  # the tanh's share of half the grid's extent, as in chapter 4
SLOPE = 0.2  # of the leaky ReLUs for negative values


def halved(shape: Sequence[int]) -> list[int]:
    """The sizes that a convolution with stride 2 leaves."""
    return [(n + 1) // 2 for n in shape]


class FrameEncoder(nn.Module):
    """Two images, as channels, to `features` numbers: convolutions with strides 2, 2, 2, 1 (section 5.3.2).

    The last has `neck` maps, 4 in the thesis.
    """

    def __init__(self, shape: Sequence[int], features: int, neck: int = 4):
        super().__init__()
        conv = nn.Conv2d if len(shape) == 2 else nn.Conv3d
        self.layout = torch.channels_last if len(shape) == 2 else torch.channels_last_3d
        widths = [2, 16, 32, 32, neck]
        self.layers = nn.ModuleList(
            conv(a, b, 3, stride, padding=1) for a, b, stride in zip(widths[:-1], widths[1:], (2, 2, 2, 1), strict=True)
        )
        waist = torch.Size(halved(halved(halved(shape))))
        self.last = nn.Linear(neck * waist.numel(), features)
        self.to(memory_format=self.layout)

    def forward(self, pairs: Float[Tensor, "n 2 *space"]) -> Float[Tensor, "n f"]:
        h = pairs.contiguous(memory_format=self.layout)
        for layer in self.layers:
            h = leaky_relu(layer(h), SLOPE)  # 1/2, 1/4, 1/8, 1/8 of the size
        return self.last(h.flatten(1))


class TemporalConvolutions(nn.Module):
    """Features along time, mixed by four convolutions of dilation 1, 2, 4, 8 with skip connections (Fig. 5.3a).

    They see past and future, and zeros beyond both ends (Bai et al. 2018 see the past alone). The last one is linear.
    """

    def __init__(self, features: int, out: int):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(features, features, 3, padding=dilation, dilation=dilation) for dilation in (1, 2, 4)
        )
        self.last = nn.Conv1d(features, out, 3, padding=8, dilation=8)
        nn.init.zeros_(self.last.bias)

    def forward(self, features: Float[Tensor, "b f t"]) -> Float[Tensor, "b o t"]:
        h = features
        for layer in self.layers:
            h = h + leaky_relu(layer(h), SLOPE)
        return self.last(h)


class FrameDecoder(nn.Module):
    """Codes of frames and the moving image to velocities: three deconvolutions, a convolution, (32, 32, 32, 16) maps.

    The moving image is one channel at each size. The tanh bounds a velocity to a third of half the grid's extent.
    """

    def __init__(self, shape: Sequence[int], latent: int, neck: int = 4):
        super().__init__()
        rank = len(shape)
        conv = nn.Conv2d if rank == 2 else nn.Conv3d
        deconv = nn.ConvTranspose2d if rank == 2 else nn.ConvTranspose3d
        self.layout = torch.channels_last if rank == 2 else torch.channels_last_3d
        self.sizes = [tuple(shape)]
        for _ in range(3):
            self.sizes.insert(0, tuple(halved(self.sizes[0])))  # 1/8, 1/4, 1/2 and all of the size
        self.neck = neck
        self.expand = nn.Linear(latent, neck * torch.Size(self.sizes[0]).numel())
        self.layers = nn.ModuleList(
            deconv(a + 1, b, 3, stride=2, padding=1) for a, b in ((neck, 31), (31, 31), (31, 31))
        )
        self.fusion = conv(32, 16, 3, padding=1)
        self.head = conv(16, rank, 3, padding=1)
        nn.init.normal_(self.head.weight, std=1e-2)
        nn.init.zeros_(self.head.bias)
        self.to(memory_format=self.layout)

    def forward(self, z: Float[Tensor, "b z n"], moving: Float[Tensor, "b 1 *space"]) -> Float[Tensor, "b n d *space"]:
        """Velocities in voxels, rough still."""
        b, _, n = z.shape
        h = self.expand(z.mT.flatten(0, 1)).view(b * n, self.neck, *self.sizes[0])
        for layer, small, size in zip(self.layers, self.sizes, self.sizes[1:], strict=False):
            h = leaky_relu(layer(self._beside(h, moving, small, n), output_size=size), SLOPE)
        h = leaky_relu(self.fusion(self._beside(h, moving, self.sizes[-1], n)), SLOPE)
        v = self.head(h)
        reach = v.new_tensor([REACH * (size - 1) / 2 for size in self.sizes[-1]])
        return (v.tanh() * reach.view(-1, *[1] * len(reach))).unflatten(0, (b, n)).contiguous()

    def _beside(self, h: Tensor, moving: Tensor, size: tuple[int, ...], n: int) -> Tensor:
        """Features, and the moving image of their size as one more channel, the same for the n frames of a cine."""
        image = kernels.resize(moving, size).to(h.dtype).repeat_interleave(n, 0)
        return torch.cat([h, image], 1).contiguous(memory_format=self.layout)
