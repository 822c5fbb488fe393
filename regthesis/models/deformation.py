"""The probabilistic multi-scale registration network of chapter 4: a conditional variational autoencoder."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import leaky_relu

from regthesis import kernels
from regthesis.kernels.shapes import Float, Number, Tensor
from regthesis.models.code_updates import WEIGHT, updated
from regthesis.models.grids import AlignedCorners, AlignedFeatures
from regthesis.models.kl import kl_to_prior, kl_with_free_bits

STEPS = 4  # squarings of the exponential, N in section 4.3
KERNEL = 15  # voxels, the length of the Gaussian layer's kernel in section 4.3
REACH = 1 / 3  # the tanh's share of half the grid's extent: the most that one scale adds to the velocity
MOST_FEATURES = 14  # of the moving image: beside them and the image itself, one channel of 16 is left to the decoder
SLOPE = 0.2  # of the leaky ReLUs for negative values; the thesis does not print its own


class Prediction(NamedTuple):
    """What the network says of a pair: the posterior of z, and the velocities in voxels, finest scale first."""

    mu: Float[Tensor, "b z"]
    log_variance: Float[Tensor, "b z"]
    velocities: list[Tensor]


class DeformationCVAE(nn.Module):
    """q(z | F, M) and v = f(z, M): a pair's deformation in `latent` numbers, and its decoding on a moving image.

    Four convolutions with strides (2, 2, 2, 1) lead to mu and log sigma^2; three deconvolutions lead back, the
    moving image being one channel of each scale. A head at each of the `scales` finest scales predicts a velocity:
    two convolutions, tanh, Gaussian smoothing by `sigma` mm (section 4.2.3; Krebs et al. 2019). Each scale adds its
    own to the velocity of the coarser ones: learned in fewer steps, and smoother, than three that start anew.

    `shape` and `spacing` (mm) describe the grid in array order, 2-D or 3-D, every size divisible by 8. `neck` is the
    number of channels on either side of the fully connected layers. 425 k parameters at 32 x 128 x 128; the thesis
    had 420 k.

    Five options go beyond the thesis. With `aligned` the image and the velocity of each scale lie where the features
    of that scale do (`AlignedFeatures`), else the corners of all scales lie on each other (`AlignedCorners`). With
    `moving_features` the decoder sees as many features of the moving image at each size, beside the image: a small
    encoder makes them of that image alone. One more convolution a scale fuses them with the decoder's own, which are
    fewer then. With 8 there are 437 k parameters. The velocity is f(z, M) still. With `smooth_whole` the Gaussian acts
    on the whole velocity of a scale (Eq. 4.11 as printed), else on what the scale adds: then the kinks remain that
    linear interpolation leaves in the velocity of the coarser ones. Two change nothing in training. With `updates` the
    encoder's answer is only where the code starts: so many steps down the loss follow (see `encode`). With
    `sigma_in_use` the Gaussian has so many mm in evaluation mode, also while the code takes its steps.

    Raises ValueError for a grid that three halvings do not fit, a wrong spacing, scales other than 1, 2 or 3, more
    than 14 features of the moving image, a negative number of updates, or a `sigma_in_use` that is not positive.
    """

    steps = STEPS

    def __init__(
        self,
        shape: Sequence[int],
        spacing: Sequence[Number],
        latent: int = 32,
        scales: int = 3,
        sigma: Number = 3.0,
        neck: int = 3,
        aligned: bool = False,
        moving_features: int = 0,
        smooth_whole: bool = False,
        updates: int = 0,
        sigma_in_use: Number | None = None,
    ):
        super().__init__()
        rank = len(shape)
        if rank not in (2, 3) or any(n < 8 or n % 8 for n in shape):
            raise ValueError(f"shape: expected 2 or 3 sizes divisible by 8, got {tuple(shape)}; crop or pad the images")
        if len(spacing) != rank or min(spacing) <= 0:
            raise ValueError(f"spacing: expected {rank} positive numbers of mm, got {tuple(spacing)}")
        if scales not in (1, 2, 3):
            raise ValueError(f"scales: expected 1, 2 or 3, got {scales}")
        if not 0 <= moving_features <= MOST_FEATURES:
            raise ValueError(f"moving_features: expected 0 to {MOST_FEATURES}, got {moving_features}")
        if updates < 0:
            raise ValueError(f"updates: expected 0 or more, got {updates}")
        if sigma_in_use is not None and not 0 < sigma_in_use < float("inf"):
            raise ValueError(f"sigma_in_use: expected a positive number of mm, got {sigma_in_use}")
        self.arguments = dict(
            shape=list(shape), spacing=list(spacing), latent=latent, scales=scales, sigma=sigma, neck=neck
        )  # enough to build the network again
        beyond = dict(aligned=aligned, moving_features=moving_features, smooth_whole=smooth_whole)
        beyond |= dict(updates=updates, sigma_in_use=sigma_in_use)
        self.arguments |= {name: value for name, value in beyond.items() if value}  # older cards have none of them
        self.smooth_whole, self.updates, self.sigma_in_use = smooth_whole, updates, sigma_in_use
        self.shape, self.spacing, self.latent, self.scales, self.sigma = tuple(shape), spacing, latent, scales, sigma
        self.grids = AlignedFeatures() if aligned else AlignedCorners()
        self.layout = torch.channels_last if rank == 2 else torch.channels_last_3d  # twice the speed on a CPU
        # PyTorch has a slow convolution for small batches on a CPU, and judges their size by all axes but the last:
        # inside the network the shortest axis comes last.
        self.order = sorted(range(rank), key=lambda axis: -shape[axis])
        conv = nn.Conv2d if rank == 2 else nn.Conv3d
        deconv = nn.ConvTranspose2d if rank == 2 else nn.ConvTranspose3d

        widths = [2, 16, 32, 32, neck]
        self.encoder = nn.ModuleList(
            conv(a, b, 3, stride, padding=1) for a, b, stride in zip(widths[:-1], widths[1:], (2, 2, 2, 1), strict=True)
        )
        self.waist = torch.Size([neck, *(shape[axis] // 8 for axis in self.order)])
        self.mu = nn.Linear(self.waist.numel(), latent)
        self.log_variance = nn.Linear(self.waist.numel(), latent)
        self.expand = nn.Linear(latent, self.waist.numel())

        given = 1 + moving_features  # channels that come from the moving image, among those of each size
        wide = 24 if moving_features else 32
        widths = [neck + given, wide, wide, 16]  # at 1/8, 1/4, 1/2 and all of the size
        self.decoder = nn.ModuleList(
            deconv(a, b - given, 3, stride=2, padding=1, output_padding=1)
            for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        self.heads = nn.ModuleList(
            nn.Sequential(conv(width, 16, 3, padding=1), nn.LeakyReLU(SLOPE), conv(16, rank, 3, padding=1))
            for width in widths[:0:-1][:scales]  # finest first
        )
        self.moving_encoder, self.fusion = nn.ModuleList(), nn.ModuleList()
        if moving_features:
            n = moving_features
            self.moving_encoder.extend(conv(a, n, 3, b, padding=1) for a, b in ((1, 1), (n, 2), (n, 2), (n, 2)))
            self.fusion.extend(conv(width, width, 3, padding=1) for width in widths[1:])
        self._initialise()
        self.to(memory_format=self.layout)

    def _initialise(self) -> None:
        """Training starts from velocities near zero, and from codes whose noise does not yet drown them."""
        for head in self.heads:
            nn.init.normal_(head[-1].weight, std=1e-2)
            nn.init.zeros_(head[-1].bias)
        nn.init.normal_(self.log_variance.weight, std=1e-3)
        nn.init.constant_(self.log_variance.bias, -5.0)

    def regularised(self) -> list[nn.Parameter]:
        """The weights that L2 decay acts on: those of all layers but the last of each scale (section 4.3)."""
        last = {id(head[-1].weight) for head in self.heads}
        return [weight for weight in self.parameters() if weight.ndim > 1 and id(weight) not in last]

    def encode(
        self, moving: Float[Tensor, "b 1 *space"], fixed: Float[Tensor, "b 1 *space"]
    ) -> tuple[Float[Tensor, "b z"], Float[Tensor, "b z"]]:
        """Mean and log variance of q(z | F, M).

        In evaluation mode the mean takes the network's `updates` (see `code_updates`).
        """
        self._check("moving", moving)
        self._check("fixed", fixed)
        h = self._inward(torch.cat([moving, fixed], 1))  # (b, 2, *space)
        for layer in self.encoder:
            h = leaky_relu(layer(h), SLOPE)  # 1/2, 1/4, 1/8, 1/8 of the size
        h = h.flatten(1)
        mu, log_variance = self.mu(h).float(), self.log_variance(h).float()
        if self.updates and not self.training:
            mu = updated(self, mu, log_variance, moving, fixed, self.updates)
        return mu, log_variance

    def decode(
        self, z: Float[Tensor, "#b z"], moving: Float[Tensor, "#b 1 *space"], blank: Collection[int] = ()
    ) -> Float[Tensor, "_b d *space"]:
        """The velocity in voxels that the code z means for a moving image: of the same pair, or of any other.

        One image serves any number of codes, and one code any number of images. `blank` is for experiments: at 1 / 2^s
        of the size, for each s in it from 0 to 3, the decoder sees zeros instead of the image and its features.

        Raises ValueError for images of another grid, codes of another length, and numbers of them that differ.
        """
        several = {*z.shape[:1], len(moving)} - {1}
        if z.ndim != 2 or z.shape[1] != self.latent or len(several) > 1 or 0 in several:
            raise ValueError(
                f"z: expected codes (b, {self.latent}), as many as moving images or one of either, "
                f"got {tuple(z.shape)} for {len(moving)}"
            )
        pyramid = self.pyramid(moving)
        for size in blank:
            pyramid[size] = torch.zeros_like(pyramid[size])
        return self.velocities(z, pyramid)[0]

    def sample(
        self, moving: Float[Tensor, "b 1 *space"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b d *space"]:
        """The velocity of a deformation drawn from the prior, z ~ N(0, I), for each moving image."""
        z = torch.randn(len(moving), self.latent, generator=generator)  # on the CPU: the same on every device
        return self.decode(z.to(moving.device), moving)

    def forward(self, moving: Float[Tensor, "b 1 *space"], fixed: Float[Tensor, "b 1 *space"]) -> Prediction:
        """Posterior and velocities of a pair; in training z is drawn from the posterior, else it is its mean."""
        mu, log_variance = self.encode(moving, fixed)
        z = mu + torch.randn_like(mu) * (0.5 * log_variance).exp() if self.training else mu
        return Prediction(mu, log_variance, self.velocities(z, self.pyramid(moving)))

    def loss(
        self,
        moving: Float[Tensor, "b 1 *space"],
        fixed: Float[Tensor, "b 1 *space"],
        weight: Number = WEIGHT,
        scale_weights: Sequence[Number] | None = None,
        free_bits: Number = 0.0,
        window: int = 9,
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Eq. 4.14, KL - λ Σ_s w_s D_LCC with λ = `weight`, and its parts: `kl` in nats, `lcc` of each scale in [0, 1].

        The mean over the batch. A perfect match whose posterior is the prior has loss 0. `scale_weights` are the w_s,
        finest first; None gives each scale 1, as in the thesis. With `free_bits` no number of z costs less than so many
        nats (see `kl_with_free_bits`); the part `kl` is the divergence itself. `window` of the correlation is in voxels
        of each scale: on a grid of 3 mm, 5 are about as wide as the thesis's 9 of 1.5 mm.

        Raises ValueError for weights that are negative, or not one for each scale, and an even window.
        """
        weights = [1.0] * self.scales if scale_weights is None else scale_weights
        if len(weights) != self.scales or not all(w >= 0 for w in weights):
            raise ValueError(f"scale_weights: expected {self.scales} numbers >= 0, finest first, got {tuple(weights)}")
        mu, log_variance, velocities = self(moving, fixed)
        kl = kl_to_prior(mu, log_variance)
        with torch.autocast(moving.device.type, enabled=False):  # half precision blurs windows and squarings
            lcc = [self.match(moving, fixed, v, window) for v in velocities]
        price = kl_with_free_bits(mu, log_variance, free_bits) if free_bits else kl
        loss = price + weight * sum(w * (1 - match) for w, match in zip(weights, lcc, strict=True))
        return loss, {"kl": kl} | {f"lcc{scale}": match for scale, match in enumerate(lcc, 1)}

    def match(
        self, moving: Float[Tensor, "b 1 *space"], fixed: Float[Tensor, "b 1 *space"], v: Tensor, window: int = 9
    ) -> Float[Tensor, ""]:
        """The symmetric correlation of Eq. 4.7 on the grid of a velocity of any scale."""
        fixed, moving = (self.grids.coarser(image, v.shape[2:]) for image in (fixed, moving))
        return kernels.symmetric_lcc(fixed, moving, v, window, steps=self.steps)

    def velocities(self, z: Float[Tensor, "#b z"], pyramid: Sequence[Tensor], finest: int = 0) -> list[Tensor]:
        """The velocities that codes mean beside a `pyramid`: finest scale first, each on its own grid, in its voxels.

        Those of scale `finest`, 0 being the finest of all, and of the coarser ones; the others are not computed.
        """
        z = z.expand(max(len(z), len(pyramid[0])), -1)
        h = leaky_relu(self.expand(z), SLOPE).view(-1, *self.waist).contiguous(memory_format=self.layout)
        h = self._beside(h, pyramid[3])
        finished: list[Tensor] = []
        for size, layer in list(zip((2, 1, 0), self.decoder, strict=True))[: 3 - finest]:
            h = self._beside(leaky_relu(layer(h), SLOPE), pyramid[size])
            if self.fusion:
                h = leaky_relu(self.fusion[2 - size](h), SLOPE)
            if size < self.scales:
                finished.append(self._velocity(self.heads[size](h), *finished[-1:]))
        return finished[::-1]

    def pyramid(self, moving: Float[Tensor, "b 1 *space"]) -> list[Tensor]:
        """What the decoder sees of moving images at 1, 1/2, 1/4 and 1/8 of the size, as the convolutions take it.

        Raises ValueError for images of another grid.
        """
        self._check("moving", moving)
        images = [self._inward(self.grids.coarser(moving, [n // 2**s for n in self.shape])) for s in range(4)]
        if not self.moving_encoder:
            return images
        h, found = images[0], []
        for image, layer in zip(images, self.moving_encoder, strict=True):
            h = leaky_relu(layer(h), SLOPE)
            found.append(self._beside(h, image))
        return found

    def _inward(self, x: Tensor) -> Tensor:
        """Images as the convolutions take them."""
        return x.permute(0, 1, *(2 + axis for axis in self.order)).contiguous(memory_format=self.layout)

    def _outward(self, x: Tensor) -> Tensor:
        """What convolutions gave, as images are."""
        return x.permute(0, 1, *(2 + self.order.index(axis) for axis in range(len(self.shape)))).contiguous()

    def _beside(self, h: Tensor, given: Tensor) -> Tensor:
        """Features, and as more channels what comes from the moving images at their size, from one or from as many."""
        given = given.to(h.dtype).expand(len(h), *given.shape[1:])
        return torch.cat([h, given], 1).contiguous(memory_format=self.layout)

    def _velocity(self, raw: Tensor, coarser: Tensor | None = None) -> Float[Tensor, "b d *space"]:
        """A head's output, bounded by tanh, added to the velocity of the coarser scale and smoothed by sigma mm."""
        with torch.autocast(raw.device.type, enabled=False):
            raw = self._outward(raw.to(torch.promote_types(raw.dtype, torch.float32)))
            space = raw.shape[2:]
            reach = raw.new_tensor([REACH * (n - 1) / 2 for n in space])
            v = raw.tanh() * reach.view(-1, *[1] * len(space))
            spacing = self.grids.spacing(self.spacing, self.shape, space)
            sigma = self.sigma if self.training else self.sigma_in_use or self.sigma
            smooth = lambda v: kernels.smooth(v, sigma, spacing, KERNEL)  # noqa: E731  (Eq. 4.11)
            if coarser is None:
                return smooth(v)
            coarser = self.grids.finer(coarser, space)
            return smooth(v + coarser) if self.smooth_whole else smooth(v) + coarser

    def _check(self, name: str, image: Tensor) -> None:
        if image.shape[1:] != (1, *self.shape):
            raise ValueError(
                f"{name}: expected shape (b, 1, {', '.join(map(str, self.shape))}), the network's grid, "
                f"got {tuple(image.shape)}"
            )
