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


def serves(*tensors: Tensor) -> bool:
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


def operator(outputs: Callable) -> torch.library.CustomOpDef:
    """The operator `regthesis::name` with name, signature and output shapes of `outputs`.

    Its kernels are the functions of that name in the modules of that name in `compiled` and `triton`, imported at the
    first call, so that importing the kernels costs neither.
    """
    name, room = outputs.__name__, outputs.__module__.rpartition(".")[2]

    def kernel(backend: str) -> Callable:
        return lambda *args: getattr(import_module(f"regthesis.kernels.{backend}.{room}"), name)(*args)

    schema = torch.library.infer_schema(outputs, mutates_args=())
    defined = torch.library.custom_op(
        f"regthesis::{name}", kernel("compiled"), mutates_args=(), device_types="cpu", schema=schema
    )
    defined.register_kernel("cuda", kernel("triton"))
    defined.register_fake(outputs)
    return defined
