"""Fused kernels as PyTorch operators, differentiable and opaque to `torch.compile`.

PyTorch's dispatcher picks the path: the functions of `compiled` for tensors on the CPU, those of `triton` for tensors
on CUDA. Where neither serves, the public functions run `plain`, which the other two are tested against.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)
LARGEST = 2**31  # voxels in a channel that 32-bit offsets can count


@lru_cache
def _installed(package: str) -> bool:
    return find_spec(package) is not None


def supported(*tensors: Tensor) -> bool:
    """Whether the fused kernels take these tensors, a field (if any) last: on the CPU float32 or float64 throughout,
    on CUDA a float32 field and images of float32 or half precision.
    """
    field = tensors[-1]
    if field[0, 0].numel() >= LARGEST:
        return False
    if field.device.type == "cpu":
        return _installed("numba") and field.dtype in (torch.float32, torch.float64) and _alike(tensors)
    return field.is_cuda and _installed("triton") and field.dtype == torch.float32


def _alike(tensors: tuple[Tensor, ...]) -> bool:
    return all(tensor.dtype == tensors[0].dtype for tensor in tensors)


def operator(name: str, module: str, results: Callable) -> torch.library.CustomOpDef:
    """The operator `regthesis::name`, computed by the functions `name` of `compiled.module` and `triton.module`.

    `results` is what PyTorch runs in their place where it wants shapes and dtypes alone, as `torch.compile` does: it
    takes the operator's arguments, and returns uninitialised tensors like the operator's results. Its annotations are
    the operator's signature. The kernels are imported at their first call, so that importing this costs neither.
    """

    def kernel(backend: str) -> Callable:
        return lambda *args: getattr(import_module(f"regthesis.kernels.{backend}.{module}"), name)(*args)

    schema = torch.library.infer_schema(results, mutates_args=())
    defined = torch.library.custom_op(
        f"regthesis::{name}", kernel("compiled"), mutates_args=(), device_types="cpu", schema=schema
    )
    defined.register_kernel("cuda", kernel("triton"))
    defined.register_fake(results)
    return defined
