"""Networks of chapter 4 that are small enough to be tried in every way, and pairs of images for them."""

import torch

from regthesis import kernels
from regthesis.models.deformation import DeformationCVAE

SPACING = {2: (1.5, 2.0), 3: (3.15, 1.5, 2.0)}
SHAPES = {2: (16, 24), 3: (8, 16, 24)}


def network(rank, seed=0, loud=0.3, **arguments):
    """An untrained network whose heads speak, with weights of standard deviation `loud`; with 0 they keep silent."""
    torch.manual_seed(seed)
    model = DeformationCVAE(SHAPES[rank], SPACING[rank], **{"latent": 5, **arguments})
    for head in model.heads if loud else ():
        torch.nn.init.normal_(head[-1].weight, std=loud)
    return model


def pair(rank, batch=1, seed=1, sigma=1.0):
    """Noise, smoothed by so many voxels: moving and fixed images."""
    images = torch.randn(2, batch, 1, *SHAPES[rank], generator=torch.Generator().manual_seed(seed))
    return kernels.smooth(images[0], sigma), kernels.smooth(images[1], sigma)
