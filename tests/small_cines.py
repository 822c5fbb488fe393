"""A data set of two small cines, made of numbers that say which slice and frame they are."""

import torch

from regthesis.case import Case
from regthesis.datasets.dataset import CommonGrid, Dataset
from regthesis.geometry import Grid

THICK = 8.0


class Beats(Dataset):
    """Two cines of five slices and four frames; the structure is there at ED in slices 1 to 3, at ES in 2 and 3."""

    name, structures, contains = "beats", {"LV": (1,)}, {"masks"}
    reads = 0

    @classmethod
    def lies_at(cls, root):
        return False

    def ids(self):
        return ["a", "b"]

    def group(self, id):
        return {"a": "NOR", "b": "DCM"}[id]

    def identity(self, id):
        return frozenset({f"image {id}"})

    def stack(self, id, plane):
        return CommonGrid((5, *plane.shape), (THICK, *plane.spacing))

    def read(self, id, grid="full", sequence=False):
        self.reads += 1
        frames = 4 if sequence else 2
        z = torch.arange(5.0).view(1, 1, 5, 1, 1)
        images = z + 10 * torch.arange(frames).view(-1, 1, 1, 1, 1).expand(-1, 1, 5, *grid.shape[1:])
        masks = [torch.zeros(1, 1, *grid.shape, dtype=torch.long) for _ in range(2)]
        masks[0][:, :, 1:4, 2:5, 2:5], masks[1][:, :, 2:4, 2:4, 2:4] = 1, 1
        last = 2 if sequence else 1
        times = (0.0, 0.25, 0.5, 0.75) if sequence else None
        return Case(id, images, Grid(grid.shape, grid.spacing), {0: masks[0], last: masks[1]}, self.group(id),
                    structures=self.structures, dataset="beats", identity=self.identity(id), times=times)  # fmt: skip


class TenBeats(Beats):
    """Ten patients in two groups."""

    def ids(self):
        return [f"p{k}" for k in range(10)]

    def group(self, id):
        return "NOR" if int(id[1:]) < 5 else "DCM"
