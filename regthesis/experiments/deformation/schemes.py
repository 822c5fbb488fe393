"""Schemes of the chapters: boxes and circles under their names, arrows between names."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from regthesis import kernels
from regthesis.book.show.schemes import Arrow, Node, draw_scheme
from regthesis.book.show.slices import draw, draw_grid
from regthesis.book.show.style import WIDTH
from regthesis.case import Case
from regthesis.methods.transport import Rungs

__all__ = ["deformation_model", "pole_ladder"]


def deformation_model():
    """Figures 4.2 and 4.1: the network in training; its decoder alone; and the graphs of what it stands for."""
    decoder = {
        "z": Node(4.0, 1.5, "$z$", "motion", 0.6, 0),
        "up": Node(5.7, 1.5, "deconvolutions\n2, 2, 2", "network", 2.0, 0.8),
        "head": Node(8.2, 1.5, "per scale: 2 conv.,\ntanh, $G_{\\sigma}$, sum", "network", 2.3, 0.8),
        "v": Node(10.1, 1.5, "$\\hat v^s$", "motion", 0.7),
        "phi": Node(11.4, 1.5, "$\\varphi^s$", "motion", 0.7),
        "M": Node(5.7, 0.0, "$M$, all sizes", "image", 2.0),
        "warp": Node(11.4, 0.0, "$M^s\\circ\\varphi^s$", "image", 1.4),
    }
    training = {
        "pair": Node(0.7, 0.0, "$F$, $M$", "image", 1.2),
        "down": Node(0.7, 1.5, "convolutions\n2, 2, 2, 1", "network", 1.8, 0.8),
        "q": Node(2.6, 1.5, "$\\mu, \\sigma$", "motion", 0.9),
        "kl": Node(2.6, 3.0, "KL", "loss", 0.9),
        "lcc": Node(8.0, 3.0, "$-\\lambda \\mathcal{D}_{LCC}(F^s, M^s, \\hat v^s)$", "loss", 3.0),
    }
    used = [("z", "up"), ("M", "up"), ("up", "head"), ("head", "v"), ("v", "phi"), ("phi", "warp"), ("M", "warp")]
    used = [Arrow(*ends) for ends in [*used, ("M", "head")]]
    taught = [Arrow(*ends) for ends in (("pair", "down"), ("down", "q"), ("q", "z"), ("pair", "M"))]
    taught += [Arrow("q", "kl", training=True), Arrow("v", "lcc", training=True)]
    figure, axes = plt.subplot_mosaic("aa;bb;cd", figsize=(WIDTH, 7.2), height_ratios=(1.25, 1, 1))
    draw_scheme(axes["a"], training | decoder, used + taught, "(a) training")
    alone = decoder | {"prior": Node(1.9, 1.5, "$\\mathcal{N}(0, I)$, or\nanother patient's", "motion", 2.3, 0.8)}
    alone["M"] = decoder["M"]._replace(text="any $M$, all sizes")
    draw_scheme(axes["b"], alone, [*used, Arrow("prior", "z")], "(b) sampling and transport")
    for name in "ab":
        axes[name].set_xlim(-0.3, 12.3)
    _generative_processes((axes["c"], axes["d"]))
    return figure


def _generative_processes(axes: Sequence[Axes]) -> None:
    """Figure 4.1: how a code and a moving image lead to a fixed image, without and with a regular velocity."""
    given = {"z": Node(0, 1.8, "$z$", "", 0.7, 0), "M": Node(0, 0, "$M$", "seen", 0.7, 0)}
    plain = given | {
        "F": Node(2.6, 0.9, "$F$", "seen", 0.7, 0),
        "theta": Node(2.6, 2.3, "$\\theta$", "", 0.5, 0.5),
        "omega": Node(-1.6, 1.8, "$\\omega$", "", 0.5, 0.5),
    }
    regular = given | {
        "v": Node(1.5, 1.8, "$v$", "", 0.7, 0),
        "v*": Node(3.0, 1.8, "$v^\\star$", "", 0.7, 0),
        "F": Node(4.2, 0.9, "$F$", "seen", 0.7, 0),
        "theta": Node(1.5, 3.1, "$\\theta$", "", 0.5, 0.5),
    }
    draw_scheme(
        axes[0],
        plain,
        [Arrow("z", "F"), Arrow("M", "F"), Arrow("theta", "F"), Arrow("omega", "z")],
        "(c) generative process",
    )
    ways = [("z", "v"), ("M", "v"), ("theta", "v"), ("v", "v*"), ("v*", "F"), ("M", "F")]
    draw_scheme(axes[1], regular, [Arrow(*way) for way in ways], "(d) the same with a prior on $v^\\star$")
    for ax in axes:
        ax.set_aspect("equal")


def pole_ladder(patient: Case, healthy: Case, rungs: Rungs):
    """Figure 4.14: a patient's motion, seen from a healthy heart, over a registration of the two, step by step."""
    z = healthy.middle
    moved, carried = rungs.carried.warp(healthy.moving)[:, :, z], rungs.carried.u
    pictures = {
        "ed": (0.8, 2.6, "patient, end diastole", patient.moving[:, :, patient.middle]),
        "es": (0.8, 0.0, "patient, end systole", patient.fixed[:1, :, patient.middle]),
        "aligned": (3.9, 2.6, "aligned", rungs.aligned[:, :, z]),
        "u": (3.9, 0.0, "motion $u$, aligned", kernels.exp(rungs.motion)[:, 1:, z]),
        "healthy": (7.0, 2.6, "healthy", healthy.moving[:, :, z]),
        "v": (7.0, 0.0, "way $v$ between the two", kernels.exp(rungs.between)[:, 1:, z]),
        "moved": (10.1, 2.6, "healthy, moved", moved),
        "ladder": (10.1, 0.0, "$e^{-v/2} \\circ e^{u} \\circ e^{v/2}$", carried[:, 1:, z]),
    }
    nodes = {name: Node(x, y, "", "", 1.7, 1.7) for name, (x, y, *_) in pictures.items()}
    ways = [("ed", "aligned"), ("ed", "u"), ("es", "u"), ("aligned", "v"), ("healthy", "v"), ("v", "ladder")]
    ways += [("u", "ladder", 0.6), ("ladder", "moved"), ("healthy", "moved")]
    figure, ax = plt.subplots(figsize=(WIDTH, 3.9))
    draw_scheme(ax, nodes, [Arrow(*way) for way in ways])
    ax.set(ylim=(-2.1, 3.9), aspect="equal")
    for x, y, title, picture in pictures.values():
        inset = ax.inset_axes((x - 0.85, y - 0.85, 1.7, 1.7), transform=ax.transData)
        (draw_grid if picture.shape[1] == 2 else draw)(inset, picture)
        inset.set_title(title, y=1.0 if y else -0.22)
    return figure
