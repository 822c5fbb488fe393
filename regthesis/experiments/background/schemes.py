"""Scheme of chapter 2: the three ways to train a network that registers."""

import matplotlib.pyplot as plt

from regthesis.book.show.schemes import Arrow, Node, draw_scheme
from regthesis.book.show.style import WIDTH

__all__ = ["learning"]


def learning():
    """Figures 2.2 and 2.3: what goes into the loss of a supervised and of an unsupervised network."""
    network = {
        "F": Node(0.8, 1.7, "fixed $F$", "image"),
        "M": Node(0.8, 0.3, "moving $M$", "image"),
        "f": Node(3.0, 1.0, "network $f_\\omega$", "network"),
        "phi": Node(5.0, 1.0, "$\\varphi$", "motion", 0.7),
    }
    used = [Arrow("F", "f"), Arrow("M", "f"), Arrow("f", "phi")]
    supervised = {
        "truth": Node(6.7, -0.2, "true $\\varphi_{GT}$", "motion"),
        "D": Node(8.8, 1.0, "$\\mathcal{D}(\\varphi, \\varphi_{GT})$", "loss", 1.8),
    }
    unsupervised = {
        "warp": Node(6.8, 0.6, "warp $M\\circ\\varphi$", "image"),
        "D": Node(8.9, 1.7, "$\\mathcal{D}(F, M\\circ\\varphi)$", "loss", 1.8),
        "R": Node(8.9, -0.3, "$\\mathcal{R}(\\varphi)$", "loss", 1.8),
    }
    ways = {
        "supervised, Eq. 2.4": (supervised, [("phi", "D"), ("truth", "D"), ("D", "f", 0.3)]),
        "unsupervised, Eq. 2.5": (
            unsupervised,
            [("F", "D"), ("phi", "warp"), ("warp", "D"), ("M", "warp", 0.12), ("phi", "R", 0.25)]
            + [("D", "f", 0.15), ("R", "f", -0.3)],
        ),
    }
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 4.6))
    for ax, (title, (nodes, ends)) in zip(axes, ways.items(), strict=True):
        training = [Arrow(*end)._replace(training=True) for end in ends]
        draw_scheme(ax, network | nodes, used + training, title)
    return figure
