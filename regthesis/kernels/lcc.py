"""Local cross-correlation: Eq. 2.2 and the symmetric, squared form of Eq. 4.7."""

import torch

from regthesis.kernels.checks import check_at_least, check_field, check_pair, check_space, check_window
from regthesis.kernels.exp import exp
from regthesis.kernels.intensity import centre
from regthesis.kernels.ops import HALF, supported
from regthesis.kernels.ops import centre as fused_centre
from regthesis.kernels.ops import lcc as fused
from regthesis.kernels.plain import lcc as plain
from regthesis.kernels.plain.box import box_count, box_sum
from regthesis.kernels.plain.centre import centred, eps_of, power
from regthesis.kernels.shapes import Float, Number, Tensor
from regthesis.kernels.warp import warp


def local_cc(
    a: Float[Tensor, "b c *space"], b: Float[Tensor, "b c *space"], window: int = 9, tau: Number = 1e-6
) -> Float[Tensor, "b c *space"]:
    """Squared correlation coefficient of a and b in the window round each voxel, in [0, 1]: the summand of Eq. 4.7.

    The window is `window` voxels wide along every axis and clipped at the border, means and variances being those of
    the voxels inside. `tau` is relative: with local variances s and global variances S the value is
    cross² / (s_a s_b + tau S_a S_b), so that scaling or shifting either image changes nothing and regions flatter
    than about tau^(1/4) = 3 % of the image's standard deviation count as flat and fade to 0.
    (The thesis adds an absolute 1e-15, which leaves such regions to the noise.)
    A window is flat, and gives 0 with gradient 0, where either variance is at most 2^-26 of the mean square about the
    image's mean: a contrast of 1/8192 of the distance from that mean, below which float32 keeps too few digits. That
    rule, and sums in float64, are those of every backend and dtype, so that each tau >= 0 means the same everywhere,
    as long as tau S_a S_b and S_a S_b are numbers of float32: standard deviations between 1e-7 and 1e9 at the default
    tau, from 1e-5 on at 1e-15.
    First derivatives only. Half precision is compared, and the result returned, in float32.

    Raises ValueError for shapes that differ, an even window, or a negative tau.
    """
    check_pair("b", b, "a", a)
    check_window("window", window)
    check_at_least("tau", tau, 0)
    if a.dtype in HALF:
        a, b = a.float(), b.float()
    if supported(a, b):
        a, b, eps, _ = fused_centre.centred(a, b, tau)
        return fused.local_cc(a, b, eps, window)[0]
    a, b, eps, _ = centred(a, b, tau)
    return plain.local_cc(a, b, eps, window)


def symmetric_lcc(
    fixed: Float[Tensor, "b c *space"],
    moving: Float[Tensor, "b c *space"],
    v: Float[Tensor, "b d *space"],
    window: int = 9,
    tau: Number = 1e-6,
    steps: int | None = None,
) -> Float[Tensor, ""]:
    """Mean of `local_cc` of M∘exp(v/2) and F∘exp(-v/2) (Eq. 4.7), in [0, 1]: 1 is a perfect match; maximise it.

    `v` is in voxels, `steps` as in `exp`. Unchanged when the images are swapped and v is negated.
    The D_LCC printed in Eq. 4.7 is this minus one, in [-1, 0] and 0 for a perfect match. The loss of Eq. 4.14 has
    -λ D and is right for that D; the likelihood exp(-λ D) of Eq. 4.6 would favour bad matches and needs the other sign.

    Raises ValueError for shapes that do not belong together, an even window, or a negative tau.
    """
    check_pair("moving", moving, "fixed", fixed)
    check_field("v", v)
    check_space("v", v, "fixed", fixed)
    if len(v) != len(fixed):
        raise ValueError(f"v: expected a batch of {len(fixed)} as fixed, got {len(v)}")
    halfway = exp(torch.cat([v, -v]) / 2, steps)
    m, f = warp(torch.cat([moving, fixed]), halfway).chunk(2)
    return local_cc(f, m, window, tau).mean()


def lcc(
    fixed: Float[Tensor, "b c *space"],
    moving: Float[Tensor, "b c *space"],
    window: int = 9,
    centred: bool = False,
    tau: Number = 1e-6,
) -> Float[Tensor, ""]:
    """Local cross-correlation of Eq. 2.2 (Lorenzi et al. 2013), averaged over the voxels: 1 is a perfect match.

    With a bar for the mean over the window: bar(F M) / (sqrt bar(F²) sqrt bar(M²)). As printed nothing subtracts the
    local mean, so an offset changes the value, and images that are nowhere negative give [0, 1].
    `centred=True` subtracts it, which makes this the signed correlation coefficient in [-1, 1], free of offsets;
    `local_cc` is its square. `tau` as in `local_cc`, relative to the global mean squares (variances if centred).

    Raises ValueError for shapes that differ, an even window, or a negative tau.
    """
    check_pair("moving", moving, "fixed", fixed)
    check_window("window", window)
    check_at_least("tau", tau, 0)
    if centred:
        f, m = centre(fixed), centre(moving)
        _, _, f_power, m_power, cross, _ = plain.window_moments(f, m, window)
    else:
        f, m = fixed, moving
        count = box_count(tuple(f.shape[2:]), window, f.dtype, f.device)
        f_power, m_power, cross = (box_sum(torch.cat([f * f, m * m, f * m], 1), window) / count).chunk(3, 1)
    return (cross / (f_power * m_power + eps_of(power(f), power(m), tau)).sqrt()).mean()
