"""Image pairs made ready for comparison: centred, and eps, which is added to the products of their variances."""

import math

import numpy as np
import torch
from torch import Tensor

from regthesis.kernels.compiled.memory import empty, flat
from regthesis.kernels.compiled.threads import Offset, compiled, spread
from regthesis.kernels.plain.centre import eps_of, eps_slopes

CHUNK = 2**15  # voxels: sums over chunks, added in their order, do not depend on the number of threads
LANES = 64  # partial sums side by side, for the vector instructions


@compiled
def _bounds(chunk, n):
    """Channel of a chunk, and where the chunk begins and ends."""
    chunks = (n + CHUNK - 1) // CHUNK
    channel, first = chunk // chunks, chunk % chunks * CHUNK
    return channel, Offset(channel * n + first), Offset(channel * n + min(first + CHUNK, n))


@compiled
def _sums(x, totals, n, start, stop):
    """Sums of the chunks start to stop of x less its channel's first voxel, in float64."""
    for chunk in range(start, stop):
        channel, begin, end = _bounds(chunk, n)
        first, lanes = np.float64(x[channel * n]), np.zeros(LANES)
        whole = begin + (end - begin) // Offset(LANES) * Offset(LANES)
        for i in range(begin, whole, Offset(LANES)):
            for lane in range(Offset(LANES)):
                lanes[lane] += x[i + lane] - first
        for i in range(whole, end):
            lanes[0] += x[i] - first
        totals[chunk] = lanes.sum()


@compiled
def _centre(out, squares, x, means, n, start, stop):
    """The chunks start to stop of x less first voxel and mean, and the sums of their squares."""
    for chunk in range(start, stop):
        channel, begin, end = _bounds(chunk, n)
        first, mean, lanes = np.float64(x[channel * n]), means[channel], np.zeros(LANES)
        for i in range(begin, end):
            out[i] = (x[i] - first) - mean
        whole = begin + (end - begin) // Offset(LANES) * Offset(LANES)
        for i in range(begin, whole, Offset(LANES)):
            for lane in range(Offset(LANES)):
                lanes[lane] += np.float64(out[i + lane]) * out[i + lane]
        for i in range(whole, end):
            lanes[0] += np.float64(out[i]) * out[i]
        squares[chunk] = lanes.sum()


@compiled
def _add_scaled(out, grad, x, factors, n, start, stop):
    """The chunks start to stop of `grad` plus the channel's factor times x."""
    for chunk in range(start, stop):
        channel, begin, end = _bounds(chunk, n)
        for i in range(begin, end):
            out[i] = grad[i] + factors[channel] * x[i]


def _chunks(x: Tensor) -> tuple[int, int]:
    """How many chunks there are, and the voxels in a channel."""
    n = math.prod(x.shape[2:])
    return x.shape[0] * x.shape[1] * math.ceil(n / CHUNK), n


def _centred(x: Tensor) -> tuple[Tensor, Tensor]:
    """x less the mean of each channel, and the mean squares.

    One voxel's value goes first: it takes a large offset away without rounding, and leaves a constant channel at
    exactly zero, which subtracting a rounded mean alone does not.
    """
    (chunks, n), out, values = _chunks(x), empty(x.shape, x), flat(x)
    totals = np.empty((*x.shape[:2], *[1] * (x.ndim - 3), math.ceil(n / CHUNK)))
    spread(_sums, chunks, values, totals.reshape(-1), n)
    spread(_centre, chunks, flat(out), totals.reshape(-1), values, totals.sum(-1).reshape(-1) / n, n)
    return out, torch.from_numpy(totals.sum(-1, keepdims=True) / n).to(x.dtype)


def centred(a: Tensor, b: Tensor, tau: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As in `plain`: a and b centred, their eps, and its slopes."""
    (a, a_power), (b, b_power) = _centred(a), _centred(b)
    return a, b, eps_of(a_power, b_power, tau), eps_slopes(a_power, b_power, tau, a[0, 0].numel())


def centred_backward(grad: Tensor, eps_grad: Tensor, x: Tensor, slope: Tensor) -> Tensor:
    """As in `plain`: gradient by an image out of those by the centred image x and by eps."""
    (chunks, n), out, factors = _chunks(x), empty(x.shape, x), eps_grad * slope
    spread(_add_scaled, chunks, flat(out), flat(grad), flat(x), flat(factors), n)
    return out
