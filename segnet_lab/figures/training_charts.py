"""The course of a training: loss and scores, epoch by epoch."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from segnet_lab._support.errors import InvalidInput
from segnet_lab.figures.charts import _label_ends
from segnet_lab.figures.style import COLOURS, FIGURE_WIDTH, INK, SOFT, styled


@styled
def training_course(sides: Mapping[str, Mapping[str, pd.DataFrame]], x: Sequence[str]) -> Figure:
    """Scores on the way: the upper row ours, the lower row the paper's three columns, a panel a score.

    Parameters
    ----------
    sides : dict, side -> {score -> DataFrame}
        Index = place on the way, a column a network.
    x : a str a side
        What the index counts.

    Returns
    -------
    Figure
    """
    scores = list(next(iter(sides.values())))
    names = list(dict.fromkeys(name for side in sides.values() for table in side.values() for name in table))
    colours = dict(zip(names, cycle([*COLOURS, SOFT, INK]), strict=False))
    figure, grid = plt.subplots(len(sides), len(scores), figsize=(FIGURE_WIDTH, 2.5 * len(sides) + 0.5), squeeze=False)
    for row, (side, tables), unit in zip(grid, sides.items(), x, strict=True):
        for axes, (score, table) in zip(row, tables.items(), strict=True):
            for name, values in table.items():
                values = values.dropna()
                axes.plot(values.index, values, marker="o", markersize=3, color=colours[name], label=name)
            axes.set(title=f"{score}, {side}", xlabel=unit)
            axes.grid(axis="y")
    handles = {}
    for axes in grid.flat:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    labels = [str(name).replace("_", " ") for name in handles]
    figure.legend(handles.values(), labels, loc="outside lower center", ncols=min(6, max(len(labels), 1)))
    return figure


@styled
def training_curves(log: pd.DataFrame, selected: int | None = None) -> Figure:
    """Loss and validation scores, epoch by epoch.

    Parameters
    ----------
    log : DataFrame
        What `train` returns and leaves in log.csv: epoch, loss and some of G, C, mIoU, BF (fractions of 1; nan in an
        epoch without evaluation).
    selected : int, optional
        The epoch whose weights were kept; a line marks it.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        The log holds no epoch.
    """
    if log.empty:
        raise InvalidInput("a log without an epoch has no curve: train at least one")
    figure, (left, right) = plt.subplots(1, 2, figsize=(FIGURE_WIDTH, 3.2))
    left.plot(log["epoch"], log["loss"], marker="o", markersize=4)
    left.set(title="training loss", xlabel="epoch", ylim=(0, None))
    ends = {}
    for name, colour in zip(("G", "mIoU", "C", "BF"), COLOURS, strict=False):
        scored = log.dropna(subset=[name]) if name in log else log[:0]
        if len(scored):
            right.plot(scored["epoch"], 100 * scored[name], marker="o", markersize=4, color=colour)
            ends[name] = (scored["epoch"].iloc[-1], 100 * scored[name].iloc[-1], colour)
    right.set(title="validation scores, percent", xlabel="epoch", ylim=(0, 100))
    _label_ends(right, ends, gap=6)
    for axes in (left, right):
        axes.grid(axis="y")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if selected is not None:
            axes.axvline(selected, color=SOFT, linestyle=":")
    if selected is not None:
        left.text(selected, left.get_ylim()[1], " kept", color=SOFT, va="top", fontsize=9)
    return figure
