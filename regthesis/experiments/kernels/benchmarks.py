"""The record of `make bench` as tables and a plot: times, memory, bandwidth, growth with size and window."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import NullLocator

from regthesis.book.show.style import PALETTE, WIDTH
from regthesis.errors import UserError
from regthesis.files import read_json

__all__ = ["COLOURS", "Record", "read"]

OURS, NOTHING = "regthesis", "–"
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
        about = read_json(folder / "run.json")
        return Record(pd.read_csv(folder / "results.csv", float_precision="round_trip"), about)
    except OSError:
        raise UserError(f"{folder}: no record of a benchmark; `make bench` makes one") from None


@dataclass(frozen=True)
class Record:
    """`rows`: one a cell and library (results.csv); `about`: what produced them (run.json)."""

    rows: pd.DataFrame
    about: dict

    def machine(self) -> pd.DataFrame:
        """What was measured where."""
        about, here = self.about, self.about["machine"]
        lines = {
            "processor": f"{here['processor']}, {here['cores']} cores, {here['memory GB']} GB, {here['system']}",
            "GPU": here.get("gpu", "not measured"),
            "threads": about["threads"],
            "copy of a large array": f"{about['copy GB/s']} GB/s",
            "versions": ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
            "date, commit": f"{about['date']}, {about['commit']}",
            "command": f"`{about['command']}`",
        }
        lines |= about["absent"]
        return pd.DataFrame({"recorded": lines.values()}, pd.Index(lines, name="")).astype(str)

    def sizes(self) -> list[str]:
        return list(self._part("sizes")["size"].unique())

    def times(self, size: str) -> pd.DataFrame:
        """Median milliseconds, forward / both ways, by operation and library; last the fastest peer over ours."""
        rows = self._at(size)
        table = self._wide(rows, "ms", _three_digits)
        peers = rows[rows["library"] != OURS].groupby(["operation", "way"])["ratio"].min().unstack("way")
        table["fastest peer / ours"] = _both(peers.reindex(table.index), "{:.1f}".format)
        return table

    def memory(self, size: str) -> pd.DataFrame:
        """Peak memory in MB, forward / both ways."""
        return self._wide(self._at(size), "memory_mb", _three_digits)

    def bandwidth(self, size: str) -> pd.DataFrame:
        """Bytes that must move over the time, against the copy, in per cent, forward / both ways."""
        rows = self._at(size)
        rows = rows[rows["floor_bytes"].notna()]
        share = rows["floor_bytes"] / rows["ms"] / self.about["copy GB/s"] / 1e4
        return self._wide(rows.assign(share=share), "share", "{:.0f}".format)

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
        """Time against the side of a cube on logarithmic axes, a panel an operation, with our slope over voxels."""
        rows, slopes = self._part("cubes"), self.slopes()
        names = rows["operation"].unique()
        figure, axes = plt.subplots(-(-len(names) // 2), 2, figsize=(WIDTH, 5), sharey=True, sharex=True)
        sides = (rows["voxels"].drop_duplicates() ** (1 / 3)).round().astype(int)
        for ax, name in zip(axes.flat, names, strict=False):
            for library in self._libraries(rows):
                cell = rows[(rows["operation"] == name) & (rows["library"] == library)]
                look = {"color": COLOURS[library], "marker": MARKERS[library], "markersize": 4}
                ax.loglog(cell["voxels"], cell["ms"], label=library, zorder=3 if library == OURS else 2, **look)
            ax.set_title(f"{name}: slope {slopes[name, OURS]:.2f}")
            ax.set_xticks(sides**3, [f"{side}³" for side in sides])
            ax.xaxis.set_minor_locator(NullLocator())
            ax.grid(color="#DDDDDD", linewidth=0.6)
        figure.supxlabel("voxels", fontsize=9)
        figure.supylabel("forward + backward (ms)", fontsize=9)
        figure.legend(*axes.flat[0].get_legend_handles_labels(), ncols=len(COLOURS), loc="outside upper center")
        return figure

    def _part(self, name: str) -> pd.DataFrame:
        return self.rows[self.rows["part"] == name]

    def _libraries(self, rows: pd.DataFrame) -> list[str]:
        return [name for name in COLOURS if name in set(rows["library"])]

    def _at(self, size: str) -> pd.DataFrame:
        """The rows of a size, with the way they go: a training step goes both."""
        rows = self._part("sizes")
        rows = rows[rows["size"] == size]
        return rows.assign(way=np.where(rows["direction"] == "forward", "forward", "both"))

    def _wide(self, rows: pd.DataFrame, values: str, shown) -> pd.DataFrame:
        """Operations down in the order of measuring, libraries across, `shown` of both ways in each cell."""
        wide = rows.pivot(index=["operation", "library"], columns="way", values=values)
        cells = _both(wide, shown).unstack("library", fill_value=NOTHING)
        return cells.loc[rows["operation"].unique(), self._libraries(rows)].rename_axis(index=None, columns=None)


def _both(table: pd.DataFrame, shown) -> pd.Series:
    """`forward / both ways` of each row, a dash where there is nothing."""
    ways = table.reindex(columns=["forward", "both"]).map(lambda x: NOTHING if np.isnan(x) else shown(x))
    return ways["forward"] + " / " + ways["both"]


def _three_digits(value: float) -> str:
    """0.123, 1.23, 12.3, 123, 1234."""
    digits = 2 - int(np.floor(np.log10(value))) if value > 0 else 0
    return f"{value:.{min(max(digits, 0), 3)}f}"
