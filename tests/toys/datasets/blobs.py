"""A toy data set: a blob a case, which moves by two voxels. The file `blobs.txt` in the folder names the cases."""

import torch

from regthesis.case import Case
from regthesis.datasets import CommonGrid, Dataset
from regthesis.geometry import Grid
from regthesis.kernels import identity_grid


class Blobs(Dataset):
    name = "blobs"
    labels = {0: "background", 5: "the blob"}
    structures = {"blob": (5,)}
    grids = {"full": CommonGrid((6, 24, 24), (2.0, 1.0, 1.0))}
    contains = ("masks",)

    @classmethod
    def lies_at(cls, root):
        return (root / "blobs.txt").is_file()

    def ids(self):
        return (self.root / "blobs.txt").read_text().split()

    def group(self, id):
        return "even" if self.ids().index(id) % 2 else "odd"

    def identity(self, id):
        return frozenset({f"blob {id}"})

    def read(self, id, grid="full", sequence=False):
        common = self.common_grid(grid) if isinstance(grid, str) else grid
        row, (z, y, x) = 9.0 + self.ids().index(id), identity_grid(common.shape)
        distances = [((y - row) ** 2 + (x - column) ** 2 + 4 * (z - 2.5) ** 2) for column in (12.0, 14.0)]
        images = torch.stack([(-distance / 30).exp() for distance in distances])[:, None]
        masks = {t: 5 * (distance < 20).long()[None, None] for t, distance in enumerate(distances)}
        place = Grid(common.shape, common.spacing)
        return Case(id, images, place, masks, self.group(id), structures=self.structures, dataset=self.name)


DATASETS = {"blobs": Blobs}
