"""The record of `make bench` as tables and a plot: times, memory, bandwidth, growth with size and window."""

import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from regthesis.book.look import PALETTE, WIDTH
from regthesis.errors import UserError

__all__ = ["COLOURS", "Record", "read"]

OURS = "regthesis"
COLOURS = {
    OURS: PALETTE["red"],
    "MONAI": PALETTE["green"],
    "VoxelMorph": PALETTE["blue"],
    "FireANTs": PALETTE["purple"],
}
"""The colour of a library, the same in every plot."""
MARKERS = dict(zip(COLOURS, "osD^", strict=True))


def read(folder: Path | str) -> "Record":
    """The record in a folder.

    Raises:
        UserError: none is there.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / "run.json").read_text("utf-8"))
        return Record(pd.read_csv(folder / "results.csv"), about)
    except OSError:
        raise UserError(f"{folder}: no record of a benchmark; `make bench` makes one") from None


@dataclass(frozen=True)
class Record:
    """`rows`: one a cell and library (results.csv); `about`: what produced them (run.json)."""

    rows: pd.DataFrame
    about: dict

    def machine(self) -> pd.DataFrame:
        """What was measured where."""
        about = self.about
        lines = about["machine"] | {"threads": about["threads"], "copy of a large array (GB/s)": about["copy GB/s"]}
        lines |= {"gpu": about["machine"].get("gpu", "not measured"), "date": about["date"], "commit": about["commit"]}
        lines |= about["versions"] | about["absent"]
        return pd.DataFrame({"recorded": lines.values()}, pd.Index(lines, name="")).astype(str)

    def sizes(self) -> list[str]:
        return list(self._part("sizes")["size"].unique())

    def times(self, size: str) -> pd.DataFrame:
        """Median milliseconds by operation and direction; last the ratio of the fastest peer to ours."""
        rows = self._part("sizes")
        rows = rows[rows["size"] == size]
        table = self._wide(rows, "ms").map(_three_digits)
        peers = rows[rows["library"] != OURS].groupby(["operation", "direction"], sort=False)["ratio"].min()
        table["fastest peer / ours"] = [f"{peers[at]:.1f}" if at in peers.index else "–" for at in table.index]
        return _one_index(table)

    def memory(self, size: str) -> pd.DataFrame:
        """Peak memory in MB, forward and backward where there is a backward."""
        rows = self._part("sizes")
        rows = rows[(rows["size"] == size) & ((rows["direction"] != "forward") | (rows["operation"] == "warp labels"))]
        return _one_index(self._wide(rows, "memory_mb").map(_three_digits))

    def bandwidth(self, size: str) -> pd.DataFrame:
        """Share of the floor that is reached: bytes that must move over the time, against the copy, in per cent."""
        rows = self._part("sizes")
        rows = rows[(rows["size"] == size) & rows["floor_bytes"].notna()]
        share = rows["floor_bytes"] / rows["ms"] / self.about["copy GB/s"] / 1e4
        return _one_index(self._wide(rows.assign(share=share), "share").map(lambda x: f"{x:.0f} %"))

    def windows(self) -> pd.DataFrame:
        """Milliseconds by window of the local correlation, both ways; last the widest over the narrowest."""
        rows = self._part("windows")
        table = rows.pivot(index="operation", columns="library", values="ms")
        table = table.loc[rows["operation"].unique(), self._libraries(rows)]
        shown = table.map(_three_digits)
        shown.loc["last / first"] = [f"{ratio:.2f}" for ratio in table.iloc[-1] / table.iloc[0]]
        return shown.rename_axis(index=None, columns=None)

    def agreement(self) -> pd.DataFrame:
        """Largest relative difference from ours over all sizes, values and gradients."""
        rows = self.rows[(self.rows["library"] != OURS) & self.rows["difference"].notna()]
        table = rows.pivot_table(index="operation", columns="library", values="difference", aggfunc="max", sort=False)
        table = table[self._libraries(rows)].map(lambda x: f"{x:.0e}" if x else "0")
        return table.rename_axis(index=None, columns=None)

    def slopes(self) -> pd.Series:
        """Slope of log time against log voxels on cubes, by operation and library."""
        grouped = self._part("cubes").groupby(["operation", "library"], sort=False)
        return pd.Series({at: np.polyfit(np.log(g["voxels"]), np.log(g["ms"]), 1)[0] for at, g in grouped})

    def growth(self):
        """Time against voxels, a panel an operation, with our slope in the title."""
        rows, slopes = self._part("cubes"), self.slopes()
        names = rows["operation"].unique()
        figure, axes = plt.subplots(1, len(names), figsize=(WIDTH, 2.7), sharey=True, squeeze=False)
        for ax, name in zip(axes[0], names, strict=True):
            for library in self._libraries(rows):
                cell = rows[(rows["operation"] == name) & (rows["library"] == library)]
                look = {"color": COLOURS[library], "marker": MARKERS[library], "markersize": 4}
                ax.loglog(cell["voxels"], cell["ms"], label=library, zorder=3 if library == OURS else 2, **look)
            ax.set(title=f"{name}\nslope {slopes[name, OURS]:.2f}", xlabel="voxels")
            ax.grid(color="#DDDDDD", linewidth=0.6)
        axes[0, 0].set_ylabel("forward + backward (ms)")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), ncols=len(COLOURS), loc="outside lower center")
        return figure

    def _part(self, name: str) -> pd.DataFrame:
        return self.rows[self.rows["part"] == name]

    def _libraries(self, rows: pd.DataFrame) -> list[str]:
        return [name for name in COLOURS if name in set(rows["library"])]

    def _wide(self, rows: pd.DataFrame, values: str) -> pd.DataFrame:
        """Operations and directions down, libraries across, both in the order of measuring."""
        table = rows.pivot(index=["operation", "direction"], columns="library", values=values)
        order = list(dict.fromkeys(zip(rows["operation"], rows["direction"], strict=True)))
        return table.loc[order, self._libraries(rows)]


def _three_digits(value: float) -> str:
    """0.123, 1.23, 12.3, 123, 1234; a dash where nothing was measured."""
    if np.isnan(value):
        return "–"
    digits = 2 - int(np.floor(np.log10(value))) if value > 0 else 0
    return f"{value:.{min(max(digits, 0), 3)}f}"


def _one_index(table: pd.DataFrame) -> pd.DataFrame:
    """Operation and direction as one label."""
    short = {"forward": "forward", "forward+backward": "both ways", "step": ""}
    labels = [f"{name}, {short[direction]}".rstrip(", ") for name, direction in table.index]
    return table.set_axis(pd.Index(labels), axis=0).rename_axis(columns=None)
