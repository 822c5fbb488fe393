"""The generative motion model of chapter 5: a whole cine in a motion matrix, one column of numbers a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from regthesis import kernels
from regthesis.kernels.shapes import Float, Int, Number, Tensor
from regthesis.models.frames import FrameDecoder, FrameEncoder, TemporalConvolutions
from regthesis.models.kl import kl_of_each
from regthesis.models.temporal_prior import TemporalPrior

__all__ = ["LENGTH", "Motion", "MotionModel", "MotionModelWithoutGP", "MotionPosterior", "places_of", "smoothed"]

LENGTH = 35  # frames, T in section 5.3.2: the longest cine of the thesis's training
STEPS = 6  # squarings of the exponential, N in section 5.3.2
KERNEL = 15  # voxels, the length of the Gaussian layer's kernel, as in chapter 4
GAIN = 8  # of a frame's difference from frame 0 as the encoder sees it: frames of a cine are much alike
SCALE = 30  # of the means that come out of it: untrained they say too little for a decoder to notice
NOISE = {2: 0.0045, 3: 0.00021}  # variance of well registered intensities in [0, 1], sigma_L by number of axes


class MotionPosterior(NamedTuple):
    """q(z | I): row d of the motion matrix is N(mu_d, sigma_d² K) over the T - 1 time steps."""

    mu: Float[Tensor, "b z t"]
    sigma: Float[Tensor, "b z"]


class Motion(NamedTuple):
    """What a model says of cines: their motion matrices, the nats that these cost, and a velocity for every step."""

    z: Float[Tensor, "b z t"]
    kl: Float[Tensor, ""]
    velocities: Float[Tensor, "b t d *space"]


class MotionModel(nn.Module):
    """q(z | I_0..T) and v = f(z_t, I_0): a cine in a matrix of `latent` rows, and its decoding on a moving image.

    Each fixed frame is encoded beside frame 0 on its own, as its difference from it (`FrameEncoder`). The features of
    the frames that are there are placed at their times among `length` - 1 steps, with zeros where there is no frame;
    `TemporalConvolutions` mix them, and give mean and spread of the motion matrix, whose rows have a Gaussian process
    as their prior (`TemporalPrior`). The mean goes through the root of the prior's covariance, so that it is as easy to
    learn as a white one. A decoder shared by all steps gives a velocity for each column (`FrameDecoder`), which a
    Gaussian smooths by `sigma` mm in space and `sigma_time` steps in time. So every step has a motion, also those
    without a frame (sections 5.2.1 and 5.2.2).

    In training a frame's features are replaced by zeros with probability `dropout`, while its image still counts in the
    loss (Eq. 5.7): the model learns to say what it has not seen. `noise` is the variance of intensities in [0, 1]
    between registered images, None the thesis's for the number of axes. `neck` is the number of maps on either side of
    the fully connected layers. Of a cine with more than `frames` fixed frames each training step takes so many at
    random (section 5.2.2); this saves memory and time.

    `shape` and `spacing` (mm) describe the grid in array order, 2-D or 3-D. 188 k parameters at 128 x 128, where the
    thesis had 210 k, and 466 k at 18 x 128 x 128, where it had 456 k.

    Raises ValueError for a grid with an axis of fewer than 8 voxels, a wrong spacing, a length below 2, a dropout
    outside [0, 1], or what `TemporalPrior` refuses.
    """

    steps = STEPS

    def __init__(
        self,
        shape: Sequence[int],
        spacing: Sequence[Number],
        length: int = LENGTH,
        latent: int = 32,
        covariance: str = "cauchy",
        sigma: Number = 3.0,
        sigma_time: Number = 1.5,
        dropout: Number = 0.5,
        noise: Number | None = None,
        neck: int = 4,
        frames: int | None = None,
    ):
        super().__init__()
        rank = len(shape)
        if rank not in (2, 3) or min(shape) < 8:
            raise ValueError(f"shape: expected 2 or 3 sizes of 8 or more, got {tuple(shape)}; pad the images")
        if len(spacing) != rank or min(spacing) <= 0:
            raise ValueError(f"spacing: expected {rank} positive numbers of mm, got {tuple(spacing)}")
        if frames is not None and frames < 1:
            raise ValueError(f"frames: expected 1 or more, got {frames}")
        if length < 2 or not 0 <= dropout <= 1:
            raise ValueError(f"length and dropout: expected 2 or more and a share, got {length} and {dropout}")
        self.arguments = dict(
            shape=list(shape),
            spacing=list(spacing),
            length=length,
            latent=latent,
            covariance=covariance,
            sigma=sigma,
            sigma_time=sigma_time,
            dropout=dropout,
            noise=noise,
            neck=neck,
            frames=frames,
        )  # fmt: skip  (enough to build the network again)
        self.shape, self.spacing, self.length, self.latent = tuple(shape), tuple(spacing), length, latent
        self.sigma, self.sigma_time, self.dropout = sigma, sigma_time, dropout
        self.frames = min(frames or length - 1, length - 1)
        self.noise = NOISE[rank] if noise is None else noise
        self.prior = TemporalPrior(range(1, length), covariance)
        self.encoder = FrameEncoder(self.shape, 2 * latent, neck)
        self.mixing = TemporalConvolutions(2 * latent, 2 * latent)
        nn.init.constant_(self.mixing.last.bias[latent:], -4.0)  # the posterior starts narrower than the prior
        self.decoder = FrameDecoder(self.shape, latent, neck)

    def regularised(self) -> list[nn.Parameter]:
        """The weights that L2 decay acts on: all but those of the last layers of mixing and decoder (section 5.3.2)."""
        last = {id(self.mixing.last.weight), id(self.decoder.head.weight)}
        return [weight for weight in self.parameters() if weight.ndim > 1 and id(weight) not in last]

    def encode(self, images: Float[Tensor, "b frames 1 *space"], places: Int[Tensor, "b n"]) -> MotionPosterior:
        """The posterior of the motion matrix of cines, whose frame k + 1 lies at time step `places[k]`, from 0 on.

        One frame alone, the moving image, and no place at all is a cine of which nothing is known: a simulation.

        Raises ValueError for images of another grid, or places that are not one for each fixed frame, not distinct, or
        beyond the model's length.
        """
        self._check(images, places)
        gamma = self._features(images)  # (b, n, 2 z)
        if self.training:
            gamma = gamma * self._seen(gamma)
        else:  # with more frames than training ever shows at once, less of each, as with any dropout
            gamma = gamma * min(1.0, (1 - self.dropout) * self.frames / max(places.shape[1], 1))
        nothing = gamma.new_zeros(len(images), self.length - 1, gamma.shape[-1])
        white, log_sigma = self.mixing(placed(gamma, places, nothing).mT).float().chunk(2, 1)
        return MotionPosterior(SCALE * white @ self.prior.root, log_sigma.mean(-1).exp())

    def decode(
        self, z: Float[Tensor, "b z t"], moving: Float[Tensor, "b 1 *space"], places: Int[Tensor, "n"] | None = None
    ) -> Float[Tensor, "b n d *space"]:
        """Velocities in voxels that motion matrices mean for moving images: of the same cines, or of any other.

        Without `places` those of all time steps. With some the others are not computed, and the Gaussian in time
        reaches over the gaps between them: this saves memory, and is a coarser smoothing where they are far apart.
        """
        at = torch.arange(self.length - 1, device=z.device) if places is None else places
        v = self.decoder(z[..., at], moving)  # (b, n, d, *space)
        with torch.autocast(v.device.type, enabled=False):
            return smoothed(v.float(), at, self.spacing, self.sigma, self.sigma_time)

    def sample(
        self, moving: Float[Tensor, "b 1 *space"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b t d *space"]:
        """The velocities of a motion drawn from the prior, for each moving image."""
        still = torch.zeros(len(moving), self.latent, self.length - 1, device=moving.device)
        return self.decode(self.prior.draw(still, torch.ones_like(still[..., 0]), generator), moving)

    def code(
        self, images: Float[Tensor, "b frames 1 *space"], places: Int[Tensor, "b n"]
    ) -> tuple[Float[Tensor, "b z t"], Float[Tensor, ""]]:
        """Motion matrices and what they cost in nats; in training drawn from the posterior, else its mean."""
        posterior = self.encode(images, places)
        return self.prior.draw(*posterior) if self.training else posterior.mu, self.prior.kl(*posterior)

    def forward(self, images: Float[Tensor, "b frames 1 *space"], places: Int[Tensor, "b n"]) -> Motion:
        """Motion matrices, and the velocities of all time steps."""
        z, kl = self.code(images, places)
        return Motion(z, kl, self.decode(z, images[:, 0]))

    def loss(
        self, images: Float[Tensor, "b frames 1 *space"], places: Int[Tensor, "b n"], every: int = 1
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The negative of the bound of Eq. 5.5, and its parts: `kl` in nats, and `mse` between registered images.

        The mean over the batch. Intensities are to lie in [0, 1], as `noise` does. With `every` one in so many time
        steps, from a random one on, is decoded, and its frames stand for all: neighbours say nearly the same. Where a
        cine has more than `frames`, those that are drawn stand for all, and the other steps are not decoded.
        """
        steps, count = torch.arange(self.length - 1, device=places.device), places.numel()
        if places.shape[1] > self.frames:
            drawn = torch.randperm(places.shape[1], device=places.device)[: self.frames].sort().values
            images, places = torch.cat([images[:, :1], images[:, drawn + 1]], 1), places[:, drawn]
            steps = places.unique()
        z, kl = self.code(images, places)
        first = int(places.flatten()[torch.randint(places.numel(), ())]) % every
        steps, compared = steps[steps % every == first], places % every == first
        v = self.decode(z, images[:, 0], steps)
        cine = compared.nonzero()[:, 0]
        with torch.autocast(images.device.type, enabled=False):
            v = v[cine, torch.searchsorted(steps, places[compared])]
            squares = (images[:, 1:][compared] - kernels.warp(images[cine, 0], kernels.exp(v, self.steps))).square()
        mismatch = 0.5 * squares.sum() / self.noise / len(images) * (count / len(cine))
        return mismatch + kl, {"kl": kl, "mse": squares.mean()}

    def _features(self, images: Float[Tensor, "b frames 1 *space"]) -> Float[Tensor, "b n f"]:
        """What the encoder says of each fixed frame beside frame 0."""
        moving = images[:, :1].expand_as(images[:, 1:])
        pairs = torch.cat([moving, GAIN * (images[:, 1:] - moving)], 2)  # (b, n, 2, *space)
        return self.encoder(pairs.flatten(0, 1)).unflatten(0, pairs.shape[:2])

    def _seen(self, codes: Float[Tensor, "b n f"]) -> Tensor:
        """Which frames are seen, `(b, n, 1)`: all of them, but in training each is left out with some probability."""
        share = self.dropout if self.training else 0.0
        return torch.rand(codes.shape[:2], device=codes.device)[..., None] >= share

    def _check(self, images: Tensor, places: Tensor) -> None:
        if images.shape[2:] != (1, *self.shape):
            raise ValueError(
                f"images: expected shape (b, t, 1, {', '.join(map(str, self.shape))}), the model's grid, "
                f"got {tuple(images.shape)}"
            )
        if places.shape != (len(images), images.shape[1] - 1):
            raise ValueError(f"places: expected one for each fixed frame, got {tuple(places.shape)}")
        if places.numel() and (places.min() < 0 or places.max() > self.length - 2 or (places.diff() <= 0).any()):
            raise ValueError(f"places: expected increasing numbers from 0 to {self.length - 2}, got {places.tolist()}")


class MotionModelWithoutGP(MotionModel):
    """The version without a Gaussian process (Krebs et al. 2020; sections 6.2.1 and 6.5.2), for comparison.

    Each frame has a code of its own, z~_t, with N(0, I) as its prior. The mixing turns these codes, and as one more
    channel the time from 0 to 1, into the motion matrix. Where there is no frame, and in training where one is dropped,
    the code is drawn from the prior (temporal dropout sampling); after training it is the prior's mean, zero.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mixing = TemporalConvolutions(self.latent + 1, self.latent)

    def encode(
        self, images: Float[Tensor, "b frames 1 *space"], places: Int[Tensor, "b n"]
    ) -> tuple[Float[Tensor, "b n z"], Float[Tensor, "b n z"]]:
        """Mean and log variance of q(z~_t | I_0, I_t) of each fixed frame. Raises ValueError as the other model."""
        self._check(images, places)
        mu, log_variance = self._features(images).float().chunk(2, -1)
        return SCALE * mu, log_variance

    def code(
        self, images: Float[Tensor, "b frames 1 *space"], places: Int[Tensor, "b n"]
    ) -> tuple[Float[Tensor, "b z t"], Float[Tensor, ""]]:
        """Motion matrices, and the nats that the codes of all frames cost together (Eq. 6.6)."""
        mu, log_variance = self.encode(images, places)
        kl = kl_of_each(mu, log_variance).sum((1, 2)).mean()
        prior = mu.new_zeros(len(images), self.length - 1, self.latent)
        own = mu
        if self.training:
            prior = torch.randn_like(prior)
            drawn = mu + torch.randn_like(mu) * (0.5 * log_variance).exp()
            own = torch.where(self._seen(mu), drawn, torch.randn_like(mu))
        time = torch.linspace(0, 1, self.length - 1, device=mu.device).expand(len(images), 1, -1)
        return self.mixing(torch.cat([placed(own, places, prior).mT, time], 1)).float(), kl


def smoothed(
    v: Float[Tensor, "b n d *space"],
    at: Int[Tensor, "n"],
    spacing: Sequence[Number],
    sigma: Number,
    sigma_time: Number,
    size: int | None = KERNEL,
) -> Float[Tensor, "b n d *space"]:
    """Fields at the time steps `at` after a Gaussian of `sigma` mm in space, in kernels of `size`, and one in time.

    That in time has `sigma_time` steps; `size` is as in `kernels.smooth`.
    """
    smooth = kernels.smooth(v.flatten(0, 1), sigma, spacing, size).view(v.shape)
    weight = (-0.5 * ((at[:, None] - at) / sigma_time).square()).exp().to(smooth)
    return torch.einsum("st,bt...->bs...", weight / weight.sum(1, keepdim=True), smooth)


def placed(
    codes: Float[Tensor, "b n f"], places: Int[Tensor, "b n"], elsewhere: Float[Tensor, "b t f"]
) -> Float[Tensor, "b t f"]:
    """The codes of frames at their time steps, and what stands at the others (Fig. 5.3b)."""
    return elsewhere.scatter(1, places[..., None].expand_as(codes), codes)


def places_of(times: Sequence[Number], length: int = LENGTH) -> Int[Tensor, "n"]:
    """The time steps of a model of `length` frames at which the fixed frames of a cine lie, evenly from 0 to the last.

    `times` are those of all its frames; that of frame 0 is where the model's time begins, that of the last where it
    ends. Each frame takes the step that is nearest to its time, or the next one that is free.

    Raises ValueError for times that do not increase, one frame alone, or more frames than `length`.
    """
    t = torch.as_tensor(times, dtype=torch.float64)
    if not 2 <= len(t) <= length:
        raise ValueError(f"times: expected 2 to {length} frames, got {len(t)}; leave some out")
    if not t.isfinite().all() or (t.diff() <= 0).any():
        raise ValueError("times: expected numbers that increase from frame to frame")
    wanted = ((t[1:] - t[0]) / (t[-1] - t[0]) * (length - 1)).round().long() - 1
    step, found = -1, []
    for k, at in enumerate(wanted.clamp(min=0).tolist()):
        left = len(wanted) - 1 - k  # frames that still need a step after this one
        step = min(max(at, step + 1), length - 2 - left)
        found.append(step)
    return torch.tensor(found)
