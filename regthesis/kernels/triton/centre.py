"""Image pairs made ready for comparison: centred, and eps, which is added to the products of their variances.

Bytes a voxel and image in float32: 12 forward (read for the mean; read, centred and written, the squares summed), 12
backward. Sums go chunk by chunk, then over the chunks in float64: no atomics, equal bits on every run.
"""

import torch
import triton
import triton.language as tl

from regthesis.kernels.plain.centre import centred_backward, eps_of, eps_slopes
from regthesis.kernels.shapes import Float, Number, Tensor
from regthesis.kernels.triton.launch import index_type, kernel, launch

__all__ = ["centred", "centred_backward"]

CHUNK = 8192  # voxels a program adds up


@kernel
def _sums(x, sums, n, CHUNK: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr):
    """Sum over each chunk of a channel less the channel's first voxel."""
    program = tl.program_id(0).to(INDEX)
    chunks = tl.cdiv(n, CHUNK)
    x += program // chunks * n
    first = tl.load(x).to(tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    for block in range(0, CHUNK, BLOCK):
        i = program % chunks * CHUNK + block + tl.arange(0, BLOCK)
        total += tl.where(i < n, tl.load(x + i, mask=i < n, other=0.0).to(tl.float32) - first, 0.0)
    tl.store(sums + program, tl.sum(total, 0))


@kernel
def _centre(x, means, out, squares, n, CHUNK: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr):
    """Each channel less its first voxel, less `means`, and the sum of squares over each chunk of the result."""
    program = tl.program_id(0).to(INDEX)
    chunks = tl.cdiv(n, CHUNK)
    channel = program // chunks
    x += channel * n
    out += channel * n
    first = tl.load(x).to(tl.float32)
    mean = tl.load(means + channel)
    total = tl.zeros([BLOCK], tl.float32)
    for block in range(0, CHUNK, BLOCK):
        i = program % chunks * CHUNK + block + tl.arange(0, BLOCK)
        value = (tl.load(x + i, mask=i < n, other=0.0).to(tl.float32) - first) - mean
        tl.store(out + i, value, mask=i < n)
        total += tl.where(i < n, value * value, 0.0)
    tl.store(squares + program, tl.sum(total, 0))


def _centred(x: Float[Tensor, "b c *space"]) -> tuple[Tensor, Tensor]:
    """x less the mean of each channel, and the mean squares of the result, (b, c, 1, ...) in float32.

    One voxel's value goes first: it takes a large offset away without rounding, and leaves a constant channel at
    exactly zero, which subtracting a rounded mean alone does not.
    """
    x = x.contiguous()
    channels, n = x.shape[0] * x.shape[1], x.shape[2:].numel()
    chunks = triton.cdiv(n, CHUNK)
    sums = x.new_empty(channels, chunks, dtype=torch.float32)
    squares, out = torch.empty_like(sums), torch.empty_like(x)
    sizes = {"CHUNK": CHUNK, "INDEX": index_type(x)}
    launch(_sums, channels * chunks, x, sums, n, **sizes)
    means = (sums.sum(1, dtype=torch.float64) / n).float()
    launch(_centre, channels * chunks, x, means, out, squares, n, **sizes)
    power = (squares.sum(1, dtype=torch.float64) / n).float()
    return out, power.view(*x.shape[:2], *[1] * (x.ndim - 2))


def centred(
    a: Float[Tensor, "b c *space"], b: Float[Tensor, "b c *space"], tau: Number
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """a and b less their means, their eps (b, c, 1, ...), and its `eps_slopes`."""
    a, a_power = _centred(a)
    b, b_power = _centred(b)
    eps, slopes = eps_of(a_power, b_power, tau), eps_slopes(a_power, b_power, tau, a[0, 0].numel())
    return a, b, eps.to(a.dtype), slopes.to(a.dtype)
