"""The Triton kernels as machine code for GPUs that need not be there: the interpreter accepts more than a compiler."""

import pytest
import torch

pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.runtime import driver  # noqa: E402
from triton.runtime.jit import JITFunction  # noqa: E402

from regthesis.kernels.triton import centre, exp, launch, lcc, smooth, warp  # noqa: E402


class Absent:
    """Stands in for the driver of a GPU of some compute capability."""

    def __init__(self, capability):
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_target(self):
        return self.target

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


@pytest.fixture
def compiled(monkeypatch, tmp_path, request):
    """Names of the kernels compiled for a compute capability in place of being launched, and their binaries."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(driver, "_active", Absent(request.param))
    run, binaries = JITFunction.run, {}

    def compile_only(self, *args, grid, warmup, **kwargs):
        kernel = run(self, *args, grid=grid, warmup=True, **kwargs)
        binaries[self.__name__] = kernel.asm["cubin"]

    monkeypatch.setattr(JITFunction, "run", compile_only)
    return binaries


@pytest.mark.slow
@pytest.mark.parametrize(
    "compiled, shape, dtype, int32",
    [(80, (5, 40, 33), torch.float16, launch.INT32), (90, (20, 16), torch.float32, 0)],
    indirect=["compiled"],
)
def test_every_kernel_compiles_for_a_gpu(compiled, shape, dtype, int32, monkeypatch):
    monkeypatch.setattr(launch, "INT32", int32)
    image, u = torch.zeros(2, 1, *shape, dtype=dtype), torch.zeros(2, len(shape), *shape)
    warp.warp(image, u)
    warp.warp_backward(image, image, u[:1], True, True)
    warp.warp_labels(torch.zeros(1, 1, *shape, dtype=torch.uint8), u)
    exp.exp(u, 2, False)
    exp.exp_backward(u, u, u.new_empty(0), 2)
    a, b, eps, _ = centre.centred(image, image, 1e-6)
    cc, moments = lcc.local_cc(a, b, eps, 9)
    lcc.local_cc_backward(cc, a, b, eps, moments, 9, True, True)
    for adjoint in (False, True):
        smooth.smooth(image, [1.0] * len(shape), [4] * len(shape), adjoint)
    kernels = {"_warp", "_warp_backward", "_warp_labels", "_square", "_square_backward", "_sums", "_centre"}
    assert compiled.keys() == kernels | {"sums_zx", "correlate", "pulls_zx", "gradients", "_smooth"}
    assert all(compiled.values())
