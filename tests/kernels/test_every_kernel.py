"""What holds for every public kernel, in the plane and in space, plain and compiled: its gradient is that of its value,
autocast and switched-off gradients change nothing, and channels and batches that do not belong together are refused.
"""

import inspect

import pytest
import torch

from regthesis import kernels
from regthesis.kernels import ops

WITHOUT_GRADIENT = {
    "identity_grid": "takes no tensor",
    "warp_labels": "integers go in and come out",
}
CALLS = {  # the tensors that each is called with, and its other arguments
    "bending": [("field", dict(spacing="spacing"))],
    "bspline": [("large", dict(shape="shape", grid_spacing="spacing"))],
    "compose": [("field field", {})],
    "diffusion": [("field", dict(spacing="spacing"))],
    "exp": [("field", dict(steps=2)), ("field", {}), ("field", dict(steps=2, recompute=True))],
    "gradient": [("image", dict(spacing="spacing"))],
    "inverse": [("field", {})],
    "jacobian": [("field", dict(spacing="spacing"))],
    "jacobian_matrix": [("field", dict(spacing="spacing"))],
    "lcc": [("image image", dict(window=3)), ("image image", dict(window=3, centred=True, tau=1e-3))],
    "local_cc": [("image image", dict(window=3)), ("image image", dict(window=3, tau=1e-2))],
    "log": [("field", dict(steps=2))],
    "mutual_information": [("image image", dict(bins=8))],
    "ncc": [("image image", {})],
    "regrid": [
        (kind, dict(spacing="spacing", shape="other shape", new_spacing="other spacing", field=kind == "field"))
        for kind in ("image", "field")
    ],
    "resize": [(kind, dict(shape="other shape", field=kind == "field")) for kind in ("image", "field")],
    "sad": [("image image", {})],
    "smooth": [  # tap by tap where the kernel is short, else by a matrix
        ("large", dict(sigma=0.6, size=3)),
        ("image", dict(sigma=3.0, spacing="spacing")),
    ],
    "ssd": [("image image", {})],
    "symmetric_lcc": [("image image field", dict(window=3, steps=2, tau=1e-2))],
    "warp": [("image field", {}), ("image field", dict(mode="nearest"))],
    "zscore": [("image", {})],
}
SHAPES = {2: (5, 4), 3: (3, 4, 3)}
EVERY = [pytest.param(name, *call, id=f"{name}-{i}") for name in CALLS for i, call in enumerate(CALLS[name])]
every_call = pytest.mark.parametrize("name, kinds, options", EVERY)
ranks = pytest.mark.parametrize("rank", [2, 3])
backends = pytest.mark.parametrize("backend", ["plain", "compiled"])


@pytest.fixture
def use(monkeypatch):
    """Chooses the backend."""

    def choose(backend):
        if backend == "plain":
            monkeypatch.setattr(ops, "_installed", lambda package: False)
        elif not ops.supported(torch.zeros(1, 2, 3, 3)):
            pytest.skip("Numba is not installed")

    return choose


def arguments(rank, kinds, options, dtype=torch.float64):
    """Rough images; vectors of 0.1 to 0.3 voxels, so that no sample is on a voxel, where its gradient jumps."""
    torch.manual_seed(0)
    shape = SHAPES[rank]
    values = {
        "spacing": (1.5, 1.0, 0.7)[:rank],
        "other spacing": (1.1, 1.2, 0.9)[:rank],
        "shape": shape,
        "other shape": (4, 6, 5)[:rank],
    }
    tensors = []
    for kind in kinds.split():
        if kind == "field":
            x = torch.empty(2, rank, *shape, dtype=torch.float64).uniform_(0.1, 0.3)
            tensors.append(x * (torch.rand(x.shape) < 0.5).double().mul(2).sub(1))
        else:
            tensors.append(
                torch.rand(2, 2, *(shape if kind == "image" else [n + 5 for n in shape]), dtype=torch.float64)
            )
    options = {key: values.get(value, value) if isinstance(value, str) else value for key, value in options.items()}
    return [x.to(dtype) for x in tensors], options


def test_none_is_left_out():
    assert CALLS.keys() | WITHOUT_GRADIENT.keys() == set(kernels.__all__)
    assert not CALLS.keys() & WITHOUT_GRADIENT.keys()


@backends
@ranks
@every_call
def test_the_gradient_is_that_of_the_value(name, kinds, options, rank, backend, use):
    use(backend)
    tensors, options = arguments(rank, kinds, options)
    kernel = getattr(kernels, name)
    tensors = [x.requires_grad_() for x in tensors]
    assert torch.autograd.gradcheck(lambda *x: kernel(*x, **options), tensors, fast_mode=True)
    if options.get("mode") != "nearest":
        assert all(g.any() for g in torch.autograd.grad(kernel(*tensors, **options).square().sum(), tensors))


def value_and_gradients(kernel, tensors, options):
    tensors = [x.clone().requires_grad_() for x in tensors]
    value = kernel(*tensors, **options)
    return value.detach(), *torch.autograd.grad(value.square().sum(), tensors)


@backends
@ranks
@every_call
def test_autocast_changes_nothing(name, kinds, options, rank, backend, use):
    use(backend)
    tensors, options = arguments(rank, kinds, options, torch.float32)
    expected = value_and_gradients(getattr(kernels, name), tensors, options)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = value_and_gradients(getattr(kernels, name), tensors, options)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == torch.float32 and torch.equal(ours, theirs)


@backends
@ranks
@every_call
def test_values_are_the_same_where_gradients_are_switched_off(name, kinds, options, rank, backend, use):
    use(backend)
    tensors, options = arguments(rank, kinds, options)
    kernel = getattr(kernels, name)
    expected = kernel(*tensors, **options)
    with torch.no_grad():
        assert torch.equal(kernel(*tensors, **options), expected)
    with torch.inference_mode():
        assert torch.equal(kernel(*(x.clone() for x in tensors), **options), expected)
    assert all(g.any() for g in value_and_gradients(kernel, tensors, options)) or options.get("mode") == "nearest"


@ranks
@every_call
def test_channels_and_batches_that_do_not_belong_together_are_refused(name, kinds, options, rank):
    tensors, options = arguments(rank, kinds, options)
    kernel, kinds = inspect.unwrap(getattr(kernels, name)), kinds.split()  # past the tests' own shape checks
    for i, kind in enumerate(kinds):
        others = []
        if kind == "field":
            others += [tensors[i][:, :1], tensors[i].repeat(1, 2, *[1] * rank)]
        elif kinds.count(kind) > 1:
            others.append(tensors[i][:, :1])
        if len(kinds) > 1:
            others += [tensors[i].repeat(2, *[1] * (rank + 1))[:3], tensors[i][..., :-1]]
        for other in others:
            with pytest.raises(ValueError):
                kernel(*tensors[:i], other, *tensors[i + 1 :], **options)
