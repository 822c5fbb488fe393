"""Squared local correlation in two kernels, its gradients in two more.

Forward, `sums_zx` gathers the sums of a, b, a², b² and ab over the window's extent along z and x, and `correlate`
over y, where it also finishes. Backward, `pulls_zx` and `gradients` do the same to the five maps by which the
gradient of a window reaches its voxels. A program owns a strip of lines and walks along it, in z in the first kernel of
a pair, in y in the second: one voxel enters the window and one leaves, at a cost that no window changes. Along x
- forward each row is summed tap by tap, 4 `window` reads a voxel out of the first-level cache;
- backward, where that does no harm, prefix sums are kept, restarted every few dozen voxels, and subtracted.

Volumes are worked through in slabs, for the five maps between the kernels of a pair to be small enough for the
second-level cache. Bytes a voxel in float32, both gradients wanted: forward 8 read and 24 written (the result, and
five maps that backward needs), backward 32 read and 8 written, 72 in all; the maps between take 120 more (forward
they are float64), which reach the memory where a slab exceeds the cache, as does what is read again on leaving the
window. No atomics: equal bits on every run.
"""

from collections.abc import Iterator

import torch
import triton

from regthesis.kernels.plain.lcc import FLAT
from regthesis.kernels.shapes import Float, Tensor
from regthesis.kernels.triton.launch import BLOCK, blocks, index_type, launch, volume
from regthesis.kernels.triton.lcc_backward import gradients, pulls_zx
from regthesis.kernels.triton.lcc_forward import correlate, sums_zx

SLAB = 2**20  # voxels: up to 40 MB of maps between, the second-level cache of a large device
STRIP = 32  # voxels a program walks, if the window is not longer


def _slabs(images: int, nz: int, plane: int) -> Iterator[tuple[slice, int, int]]:
    """Images, first plane and number of planes of each slab: several whole images, or some planes of one."""
    together = max(1, SLAB // (nz * plane))
    planes = nz if together > 1 else min(nz, max(1, SLAB // plane))
    for image in range(0, images, together):
        for first in range(0, nz, planes):
            yield slice(image, min(image + together, images)), first, min(planes, nz - first)


def _radii(shape: tuple[int, int, int], window: int) -> list[int]:
    """Along z, y and x; more than reaches across the grid changes nothing."""
    return [min(window // 2, n - 1) for n in shape]


def _flat(x: Tensor) -> Tensor:
    """Images, whatever their channel, with their planes: (b c, z, y, x)."""
    return x.contiguous().view(-1, *volume(x))


def local_cc(
    a: Float[Tensor, "b c *space"], b: Float[Tensor, "b c *space"], eps: Float[Tensor, "b c *one"], window: int
) -> tuple[Tensor, Tensor]:
    """The operator of `ops.lcc`: squared correlations of centred images, and their moments in float32."""
    shape = nz, ny, nx = volume(a)
    radii, strip = _radii(shape, window), max(STRIP, window)
    cc = torch.empty_like(a, memory_format=torch.contiguous_format)
    moments = a.new_empty(a.shape[0], 5 * a.shape[1], *a.shape[2:], dtype=torch.float32)
    p, q, result, kept, added = _flat(a), _flat(b), _flat(cc), moments.view(-1, 5, *shape), eps.reshape(-1)
    integers = index_type(moments)
    for images, first, planes in _slabs(len(p), nz, ny * nx):
        sums = kept.new_empty(len(p[images]), 5, planes, ny, nx, dtype=torch.float64)
        place = (first, planes, *shape)
        strips = len(sums) * triton.cdiv(planes, strip)
        launch(
            *(sums_zx, strips * blocks(ny * nx)),
            *(p[images], q[images], sums, *place, radii[0], radii[2], strip),
            INDEX=integers,
        )
        strips = len(sums) * triton.cdiv(ny, strip)
        launch(
            *(correlate, strips * blocks(planes * nx)),
            *(sums, added[images], result[images], kept[images], FLAT, *place, *radii, strip),
            INDEX=integers,
        )
    return cc, moments


def local_cc_backward(
    grad: Float[Tensor, "b c *space"],
    a: Float[Tensor, "b c *space"],
    b: Float[Tensor, "b c *space"],
    eps: Float[Tensor, "b c *one"],
    moments: Float[Tensor, "b 5*c *space"],
    window: int,
    a_wanted: bool,
    b_wanted: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `local_cc` by a, b (empty where not wanted) and eps, in their dtypes."""
    shape = nz, ny, nx = volume(a)
    radii, strip = _radii(shape, window), max(STRIP, window)
    segment = min(triton.next_power_of_2(nx), max(64, triton.next_power_of_2(2 * radii[2] + 1)))
    rows = max(1, BLOCK // segment)
    grad_a, grad_b = (
        torch.empty_like(x, memory_format=torch.contiguous_format) if wanted else x.new_empty(0)
        for x, wanted in ((a, a_wanted), (b, b_wanted))
    )
    grad_eps = torch.zeros_like(eps, dtype=torch.float32)
    g, p, q, kept = _flat(grad), _flat(a), _flat(b), moments.view(-1, 5, *shape)
    out = [_flat(x) if x.numel() else x for x in (grad_a, grad_b)]
    wanted = {"A": a_wanted, "B": b_wanted, "SEGMENT": segment, "INDEX": index_type(moments)}
    for images, first, planes in _slabs(len(p), nz, ny * nx):
        sums = kept.new_empty(len(p[images]), 5, planes, ny, nx)
        place = (first, planes, *shape)
        tiles = triton.cdiv(planes, strip) * triton.cdiv(nx, segment) * triton.cdiv(ny, rows)
        parts = kept.new_empty(len(sums), tiles)
        launch(
            *(pulls_zx, parts.numel()),
            *(g[images], kept[images], sums, parts, *place, *radii, strip),
            **wanted,
            ROWS=rows,
        )
        grad_eps.view(-1)[images] += parts.sum(1)
        strips = len(sums) * triton.cdiv(ny, strip)
        launch(
            *(gradients, strips * blocks(planes * nx)),
            *(sums, p[images], q[images], *(x[images] for x in out), *place, *radii[1:], strip),
            **wanted,
        )
    return grad_a, grad_b, grad_eps.to(eps.dtype)
