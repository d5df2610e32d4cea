"""The course of a training: loss and scores, epoch by epoch."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from segnet_lab._support.errors import InvalidInput
from segnet_lab.figures.charts import colour_names, label_ends
from segnet_lab.figures.style import BLUE, COLOURS, FIGURE_WIDTH, SOFT, styled


@styled
def training_course(sides: Mapping[str, Mapping[str, pd.DataFrame]], x: Sequence[str]) -> Figure:
    """Scores during training: the upper row ours, the lower row the paper's three columns, one panel per score.

    Parameters
    ----------
    sides : dict, side -> {score -> DataFrame}
        Index = how long it has been trained, one column per network.
    x : one str for each side
        What the index counts.

    Returns
    -------
    Figure
    """
    scores = list(next(iter(sides.values())))
    colours = colour_names(name for side in sides.values() for table in side.values() for name in table)
    figure, grid = plt.subplots(len(sides), len(scores), figsize=(FIGURE_WIDTH, 2.5 * len(sides) + 0.5), squeeze=False)
    for row, (side, tables), unit in zip(grid, sides.items(), x, strict=True):
        for axes, (score, table) in zip(row, tables.items(), strict=True):
            for name, values in table.items():
                values = values.dropna()
                axes.plot(values.index, values, marker="o", markersize=3, color=colours[name], label=name)
            axes.set(title=f"{score}, {side}", xlabel=unit)
            axes.grid(axis="y")
    lines = {str(line.get_label()): line for axes in grid.flat for line in axes.get_lines()}
    labels = [name.replace("_", " ") for name in lines]
    figure.legend(list(lines.values()), labels, loc="outside lower center", ncols=min(6, max(len(labels), 1)))
    return figure


@styled
def training_curves(log: pd.DataFrame, selected: int | None = None) -> Figure:
    """Loss and validation scores, epoch by epoch.

    Parameters
    ----------
    log : DataFrame
        What `train` returns and leaves in log.csv: epoch, loss and some of G, C, mIoU, BF (fractions of 1; nan in an
        epoch without evaluation). The logs of several seeds, one below the other (`pandas.concat`), are drawn as their
        mean, with a band of one standard deviation.
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
    _course(left, log, "loss", BLUE)
    left.set(title="training loss", ylim=(0, None))
    ends = {}
    for name, colour in zip(("G", "mIoU", "C", "BF"), COLOURS, strict=False):
        scored = log.assign(**{name: 100 * log[name]}).dropna(subset=[name]) if name in log else log[:0]
        if len(scored):
            _course(right, scored, name, colour)
            last = scored["epoch"].max()
            ends[name] = (last, scored.loc[scored["epoch"] == last, name].mean(), colour)
    right.set(title="validation scores, percent", ylim=(0, 100))
    label_ends(right, ends, gap=6)
    for axes in (left, right):
        axes.set(xlabel="epoch", ylabel="")
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if selected is not None:
            axes.axvline(selected, color=SOFT, linestyle=":")
    if selected is not None:
        left.text(selected, left.get_ylim()[1], " kept", color=SOFT, va="top", fontsize=9)
    return figure


def _course(axes: Axes, log: pd.DataFrame, name: str, colour: str) -> None:
    """One curve; of several seeds the mean, and a band of one standard deviation."""
    seeds = bool(log["epoch"].duplicated().any())
    sns.lineplot(
        log, x="epoch", y=name, errorbar="sd" if seeds else None, color=colour, ax=axes,
        marker="o", markersize=5, markeredgewidth=0,
    )  # fmt: skip
