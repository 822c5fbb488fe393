"""One look for all pictures: Okabe and Ito's colours, one a method on every page, and sizes readable on a page."""

__all__ = ["COLOURS", "LABELS", "OTHER", "PALETTE", "STYLE", "WIDTH"]

PALETTE = {  # Okabe and Ito: told apart by colour-blind readers too
    "orange": "#E69F00", "sky": "#56B4E9", "green": "#009E73", "yellow": "#F0E442",
    "blue": "#0072B2", "red": "#D55E00", "purple": "#CC79A7", "black": "#000000", "grey": "#8C8C8C",
    "brown": "#6B2A00", "tan": "#B58B6A", "navy": "#1B1B6B",  # told apart from those by their lightness
    "pink": "#E8A0C8", "pale brown": "#B59580",
    "wine": "#882255", "dark wine": "#40001F", "mauve": "#AA4499", "dark green": "#117733",  # Tol's, for chapter 5
    "sand": "#DDCC77",
}  # fmt: skip
COLOURS = {
    "identity": PALETTE["grey"],
    "demons": PALETTE["blue"],
    "syn": PALETTE["orange"],
    "elastix8": PALETTE["green"],
    "elastix16": PALETTE["sky"],
    "voxelmorph": PALETTE["pink"],
    "s1": PALETTE["tan"],
    "s3": PALETTE["brown"],
    "s3-plain": PALETTE["pale brown"],
    "s3-refined": PALETTE["navy"],
    "motion": PALETTE["wine"],
    "motion-no-gp": PALETTE["mauve"],
    "motion-refined": PALETTE["dark wine"],
    "elastix4d": PALETTE["dark green"],
    "lpr": PALETTE["sand"],
    "truth": PALETTE["black"],
    "supervised": PALETTE["purple"],
    "unsupervised": PALETTE["red"],
    "weakly supervised": PALETTE["yellow"],
}
"""The colour of a method, the same on every page; `OTHER` is that of any other method."""
OTHER = PALETTE["black"]

LABELS = [PALETTE[name] for name in ("sky", "orange", "yellow", "purple", "green", "red", "blue", "pink")]
"""The colours of labels 1, 2, 3 and so on; after the last the first again."""

STYLE = {
    "figure.dpi": 144, "figure.facecolor": "white", "figure.constrained_layout.use": True,
    "font.size": 9, "axes.titlesize": 9.5, "axes.labelsize": 9, "legend.fontsize": 9,
    "xtick.labelsize": 9, "ytick.labelsize": 9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": False, "legend.frameon": False, "lines.linewidth": 1.6,
}  # fmt: skip
WIDTH = 7.2  # inches; about the 720 pixels of a page's text
