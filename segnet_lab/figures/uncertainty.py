"""What a network does not know: samples of one pixel, maps of a whole image."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from segnet_lab.data.base import Labelled, Sample
from segnet_lab.figures.label_maps import name_what_occurs, show_image, show_label
from segnet_lab.figures.qualitative import error_map
from segnet_lab.figures.style import BLUE, FIGURE_WIDTH, INK, LINE, ORANGE, bare, styled
from segnet_lab.inference.mc_dropout import Uncertainty


@styled
def votes(samples: Mapping[str, ArrayLike], class_names: Sequence[str]) -> Figure:
    """The softmax of every sample of one pixel as thin bars, their mean as an outline.

    Parameters
    ----------
    samples : dict, title -> array (N, K)
        N softmaxes of a pixel; a panel each.
    class_names : K str

    Returns
    -------
    Figure
        Below each panel entropy (all uncertainty) and mutual information (what the samples disagree on), in nats.
    """
    figure, panels = plt.subplots(1, len(samples), figsize=(FIGURE_WIDTH, 3.0), sharey=True, squeeze=False)
    for axes, (title, drawn) in zip(panels.flat, samples.items(), strict=True):
        p = np.asarray(drawn, float)
        n, k = p.shape
        for i, sample in enumerate(p):
            axes.bar(np.arange(k) - 0.4 + 0.8 * (i + 0.5) / n, sample, 0.72 / n, color=BLUE, alpha=0.75)
        axes.bar(range(k), p.mean(0), 0.86, fill=False, edgecolor=ORANGE, linewidth=2)
        total, expected = entropy(p.mean(0)), np.mean([entropy(sample) for sample in p])
        text = f"entropy of the mean {total:.2f}\nmutual information {total - expected:.2f}"
        axes.text(0.98, 0.97, text, transform=axes.transAxes, ha="right", va="top", fontsize=9, color=INK)
        upright = k > 4
        axes.set_xticks(range(k), class_names, rotation=90 if upright else 0)
        axes.set(title=title, ylim=(0, 1.25), yticks=[0, 0.5, 1])
        axes.grid(axis="y")
    panels[0, 0].set_ylabel("probability")
    return figure


def entropy(p: ArrayLike) -> float:
    """-sum p ln p of one distribution, in nats.

    >>> round(entropy([0.5, 0.5]), 4), entropy([1.0, 0.0])
    (0.6931, 0.0)
    """
    p = np.asarray(p, float)
    p = p[p > 0]
    return float(abs((p * np.log(p)).sum()))


@styled
def uncertainty_maps(
    sample: Sample, found: Uncertainty, data: Labelled, show: str = "entropy", title: str = ""
) -> Figure:
    """Image, truth, prediction; where it is wrong; all uncertainty, and the part on which the samples disagree.

    Parameters
    ----------
    sample : Sample
        Image (3, H, W) and label (H, W).
    found : Uncertainty
        From `predict_with_uncertainty`.
    data : Labelled
    show : {"entropy", "variance"}
        The middle map of the lower row.
    title : str

    Returns
    -------
    Figure
    """
    height, width = found.label.shape
    figure, grid = plt.subplots(2, 3, figsize=(FIGURE_WIDTH, 2 * FIGURE_WIDTH / 3 * height / width + 1.3))
    show_image(grid[0, 0], sample.image, title or "image")
    show_label(grid[0, 1], sample.label, data, "truth")
    show_label(grid[0, 2], found.label, data, "prediction: largest mean probability")
    wrong = error_map(np.moveaxis(np.asarray(sample.image), 0, -1), sample.label, found.label, data.ignore_index)
    grid[1, 0].imshow(wrong)
    bare(grid[1, 0], "wrong pixels")
    names = {"entropy": "entropy, nats: all uncertainty", "variance": "variance over the samples"}
    shown = {names[show]: getattr(found, show), "mutual information, nats: disagreement": found.mutual_information}
    for axes, (name, values) in zip(grid[1, 1:], shown.items(), strict=True):
        values = np.asarray(values)
        drawn = axes.imshow(values, vmin=0, vmax=max(float(np.quantile(values, 0.995)), 1e-6), cmap="magma")
        bare(axes, name)
        bar = figure.colorbar(drawn, ax=axes, orientation="horizontal", shrink=0.7, aspect=40, pad=0.02)
        bar.outline.set_edgecolor(LINE)
    name_what_occurs(figure, data, [sample.label, found.label])
    return figure
