"""Who is measured: each library called as its documentation tells a user to.

A method builds what a user would build once and returns the function that a user calls often. It takes and returns
tensors in the library's own layout, so that nobody pays for our conventions: `take` and `give` translate fields,
`take_gradient` and `give_gradient` what belongs to them in the backward pass. A method that returns None says that
the library has no such operation there. A library that is not installed raises ImportError where it is made.
"""

import contextlib
import logging
import os
import warnings

import torch
from operations import KERNEL, LABELS, SIGMA, SPACING


class Library:
    name: str
    packages: tuple[str, ...]  # whose versions are recorded
    modules: tuple[str, ...]  # imported once where many processes need them; what is not installed is passed over

    def __init__(self, shape: tuple[int, ...], device: str):
        self.shape, self.rank, self.device = shape, len(shape), device
        self.spacing = SPACING[-self.rank :]
        self.sigmas = [SIGMA / h for h in self.spacing]

    take = give = take_gradient = give_gradient = staticmethod(lambda x: x)

    def training_step(self):
        return None


class Regthesis(Library):
    name, packages = "regthesis", ("regthesis", "numba", "triton")
    modules = ("numba", "regthesis.kernels", "regthesis.models.deformation", "regthesis.train.step")

    def __init__(self, shape, device):
        super().__init__(shape, device)
        from regthesis import kernels

        self.kernels = kernels

    def warp(self):
        return self.kernels.warp

    def compose(self):
        return self.kernels.compose

    def exp(self, steps):
        return lambda v: self.kernels.exp(v, steps)

    def lcc(self, window):
        return lambda fixed, moving: self.kernels.local_cc(fixed, moving, window).mean()

    def symmetric_lcc(self, window, steps):
        return lambda fixed, moving, v: self.kernels.symmetric_lcc(fixed, moving, v, window, steps=steps)

    def smooth(self):
        return lambda x: self.kernels.smooth(x, SIGMA, self.spacing, KERNEL)

    def warp_labels(self):
        return self.kernels.warp_labels

    def training_step(self):
        """The network of chapter 4, three scales deep, with symmetric LCC on each."""
        from regthesis.models.deformation import DeformationCVAE
        from regthesis.train.step import adam, step

        network = DeformationCVAE(self.shape, self.spacing).to(self.device)
        optimiser = adam(network)
        zscore = self.kernels.zscore  # what the network is made for: raw intensities blow up its code
        return lambda fixed, moving: step(network.loss, optimiser, (zscore(moving), zscore(fixed)))


class Monai(Library):
    """Its layers for deformable registration. Symmetric LCC has to be put together from them."""

    name, packages = "MONAI", ("monai",)
    modules = ("monai.losses", "monai.networks.blocks", "monai.networks.layers")

    def __init__(self, shape, device):
        super().__init__(shape, device)
        from monai.losses import LocalNormalizedCrossCorrelationLoss
        from monai.networks import layers, utils
        from monai.networks.blocks import DVF2DDF, Warp

        warnings.filterwarnings("ignore", message=".*native grid_sample")
        self.layer, self.integrate, self.loss = Warp, DVF2DDF, LocalNormalizedCrossCorrelationLoss
        self.layers, self.utils = layers, utils

    def warp(self):
        return self.layer()

    def compose(self):
        layer = self.layer()
        return lambda u, w: w + layer(u, w)

    def exp(self, steps):
        return self.integrate(num_steps=steps)

    def lcc(self, window):
        loss = self.loss(spatial_dims=self.rank, kernel_size=window)
        return lambda fixed, moving: -loss(moving, fixed)

    def symmetric_lcc(self, window, steps):
        exp, warp, lcc = self.exp(steps), self.warp(), self.lcc(window)
        return lambda fixed, moving, v: lcc(warp(fixed, exp(-v / 2)), warp(moving, exp(v / 2)))

    def smooth(self):
        """One `truncated` for all axes: where voxels are thick, its kernel is shorter than ours."""
        return self.layers.GaussianFilter(self.rank, self.sigmas, KERNEL // 2 / max(self.sigmas), "sampled")

    def warp_labels(self):
        warp = self.layer()
        return lambda labels, u: warp(self.utils.one_hot(labels, LABELS), u).argmax(1, True).to(labels.dtype)


class VoxelMorph(Library):
    """VoxelMorph, and neurite for what it takes from there: correlation, smoothing, one-hot labels."""

    name, packages = "VoxelMorph", ("voxelmorph", "neurite")
    modules = ("voxelmorph",)

    def __init__(self, shape, device):
        super().__init__(shape, device)
        import neurite
        import voxelmorph

        self.vxm, self.ne = voxelmorph.nn, neurite.nn

    def warp(self):
        return self.vxm.modules.SpatialTransformer()

    def compose(self):
        return lambda u, w: self.vxm.functional.compose([u, w])

    def exp(self, steps):
        return self.vxm.modules.IntegrateVelocityField(steps=steps)

    def lcc(self, window):
        loss = self.ne.modules.NCC(window_size=window)
        return lambda fixed, moving: loss(fixed, moving).squeeze()

    def symmetric_lcc(self, window, steps):
        exp, warp, lcc = self.exp(steps), self.warp(), self.lcc(window)
        return lambda fixed, moving, v: lcc(warp(fixed, exp(-v / 2)), warp(moving, exp(v / 2)))

    def smooth(self):
        truncate = [KERNEL // 2 / sigma for sigma in self.sigmas]
        return self.ne.modules.GaussianBlur(self.sigmas, truncate, padding_mode="replicate", method="separable")

    def warp_labels(self):
        warp, one_hot = self.warp(), self.ne.functional.one_hot
        return lambda labels, u: warp(one_hot(labels, LABELS), u).argmax(1, True).to(labels.dtype)

    def training_step(self):
        """Its network as it comes, with the two losses of its papers."""
        network = self.vxm.models.VxmPairwise(self.rank, 1, 1, device=self.device).to(self.device)
        lcc, smoothness = self.lcc(9), self.ne.modules.SpatialGradient()

        optimiser = torch.optim.Adam(network.parameters(), 1e-4)

        def step(fixed, moving):
            u, moved = network(moving, fixed, return_warped_source=True)
            optimiser.zero_grad()
            (smoothness(u) - lcc(fixed, moved)).backward()
            optimiser.step()

        return step


class FireANTs(Library):
    """Its torch path, and on a GPU its fused kernels where they are built.

    Its fields are in the units of `grid_sample`, components last and x first.
    """

    name, packages = "FireANTs", ("fireants",)
    modules = ()  # it prints when it is imported

    def __init__(self, shape, device):
        super().__init__(shape, device)
        logging.disable(logging.WARNING)  # it tells at import that no fused kernels are built, in prints too
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            from fireants.interpolator import fireants_interpolator
            from fireants.losses import cc
            from fireants.utils.imageutils import scaling_and_squaring
        self.interpolator, self.cc, self.scaling_and_squaring = fireants_interpolator, cc, scaling_and_squaring
        logging.disable(logging.NOTSET)
        self.voxel = torch.tensor([2 / (n - 1) for n in reversed(shape)], device=device)

    def take(self, u):
        return (u.flip(1).movedim(1, -1) * self.voxel).contiguous()

    def give(self, u):
        return (u / self.voxel).movedim(-1, 1).flip(1)

    def take_gradient(self, g):
        return (g.flip(1).movedim(1, -1) / self.voxel).contiguous()

    def give_gradient(self, g):
        return (g * self.voxel).movedim(-1, 1).flip(1)

    def warp(self):
        return lambda image, u: self.interpolator(image, grid=u)

    def compose(self):
        return lambda u, w: w + self.interpolator.warp_composer(u, v=w)

    def exp(self, steps):
        eye = torch.eye(self.rank, self.rank + 1, device=self.device)[None]
        grid = torch.nn.functional.affine_grid(eye, [1, 1, *self.shape], align_corners=True)
        return lambda v: self.scaling_and_squaring(v, grid, steps)

    def lcc(self, window):
        loss = self._loss()(spatial_dims=self.rank, kernel_size=window)
        return lambda fixed, moving: -loss(moving, fixed)

    def _loss(self):
        if self.device == "cuda" and self.interpolator.use_ffo:
            from fireants.losses.fusedcc import FusedLocalNormalizedCrossCorrelationLoss

            return FusedLocalNormalizedCrossCorrelationLoss
        return self.cc.LocalNormalizedCrossCorrelationLoss

    def symmetric_lcc(self, window, steps):
        exp, warp, lcc = self.exp(steps), self.warp(), self.lcc(window)
        return lambda fixed, moving, v: lcc(warp(fixed, exp(-v / 2)), warp(moving, exp(v / 2)))

    def smooth(self):
        widths = [(torch.tensor(sigma, device=self.device), KERNEL // 2 / sigma) for sigma in self.sigmas]
        kernels = [self.cc.gaussian_1d(sigma, truncated, "sampled") for sigma, truncated in widths]
        return lambda x: self.cc.separable_filtering(x, kernels)

    def warp_labels(self):
        def call(labels, u):
            one_hot = torch.nn.functional.one_hot(labels[:, 0].long(), LABELS).movedim(-1, 1).float()
            return self.interpolator(one_hot, grid=u).argmax(1, True).to(labels.dtype)

        return call


LIBRARIES = {library.name: library for library in (Regthesis, Monai, VoxelMorph, FireANTs)}
