"""Class by class: what each scores, and how large it is (Tables 2 to 5)."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from segnet_lab.figures.charts import name_points
from segnet_lab.figures.style import BLUE, COLOURS, FIGURE_WIDTH, INK, LINE, ORANGE, SOFT, plain_numbers, styled

MARKERS = "os^Dv<>"


@styled
def class_dots(panels: Mapping[str, pd.DataFrame], unit: str = "class accuracy, percent") -> Figure:
    """One line per class, one dot per method, one panel per set of numbers that must not be mixed.

    Parameters
    ----------
    panels : dict, title -> DataFrame
        A row a class, the same classes in every panel; a column a method; nan leaves the dot out.
    unit : str

    Returns
    -------
    Figure
    """
    rows = next(iter(panels.values())).index
    most = max(len(table.columns) for table in panels.values())
    figure, grid = plt.subplots(
        1, len(panels), figsize=(FIGURE_WIDTH, 1.0 + 0.3 * len(rows) + 0.2 * most), sharey=True, squeeze=False
    )
    for axes, (title, table) in zip(grid.flat, panels.items(), strict=True):
        _dots(axes, table.reindex(rows))
        axes.set(title=title, xlabel=unit, xlim=(-3, 103))
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.6 / (0.3 * len(rows))), borderaxespad=0, labelspacing=0.3)
    return figure


@styled
def against_share(panels: Mapping[str, pd.DataFrame], unit: str, zero: bool = False) -> Figure:
    """A point a class: how much of the pictures it fills across (logarithmic), some score upwards.

    Parameters
    ----------
    panels : dict, title -> DataFrame
        Indexed by class; columns "share" (fraction of the labelled pixels) and "value". Rows with a nan, or that
        never occur, are left out.
    unit : str
        What the values are.
    zero : bool
        Draw the line of no change.

    Returns
    -------
    Figure
    """
    figure, grid = plt.subplots(1, len(panels), figsize=(FIGURE_WIDTH, 4.6), sharey=True, squeeze=False)
    for axes, (title, table) in zip(grid.flat, panels.items(), strict=True):
        table = table[table["share"] > 0].dropna(subset=["share", "value"])
        axes.scatter(100 * table["share"], table["value"], s=34, color=BLUE, zorder=3)
        axes.set(title=title, xlabel="share of the pixels, percent", xscale="log")
        plain_numbers(axes.xaxis)
        axes.margins(0.12, 0.08)
        if zero:
            axes.axhline(0, color=SOFT, linewidth=1)
        axes.grid()
    grid[0, 0].set_ylabel(unit)
    figure.canvas.draw()  # places are known only now
    for axes, table in zip(grid.flat, panels.values(), strict=True):
        table = table[table["share"] > 0].dropna(subset=["share", "value"])
        name_points(axes, 100 * table["share"], table["value"])
    return figure


@styled
def bars_by_size(panels: Mapping[str, pd.DataFrame], unit: str = "class accuracy, percent") -> Figure:
    """A bar a class, large ones on top; a panel each for numbers that must not be mixed, such as ours and the paper's.

    Grey bars to the left are the sizes, on a logarithmic axis that begins below the smallest.

    Parameters
    ----------
    panels : dict, title -> DataFrame
        Indexed by class, in any order; columns "size" (> 0, in any unit; 0 or nan: the class does not occur and comes
        last) and "value" (0..100; nan leaves the bar out).
    unit : str
        What the values are.

    Returns
    -------
    Figure
    """
    rows = max(len(table) for table in panels.values())
    figure, grid = plt.subplots(
        1, 2 * len(panels), figsize=(FIGURE_WIDTH, 0.9 + 0.2 * rows), squeeze=False,
        width_ratios=[1, 3] * len(panels),
    )  # fmt: skip
    pairs = zip(grid[0, ::2], grid[0, 1::2], strict=True)
    for (left, right), (title, table), colour in zip(pairs, panels.items(), (BLUE, ORANGE), strict=False):
        table = table.assign(size=table["size"].where(table["size"] > 0))
        table = table.sort_values("size", ascending=False, kind="stable")
        at = np.arange(len(table))
        logs = np.log10(table["size"] / table["size"].min()) + 0.15
        left.barh(at, logs.fillna(0), 0.75, color=LINE)
        left.set(xlim=(1.02 * logs.max(), 0), title="size, log")
        left.set_yticks(at, table.index)
        right.barh(at, table["value"].fillna(0), 0.75, color=colour)
        for y, value in zip(at, table["value"], strict=True):
            text = "does not occur" if np.isnan(value) else f"{value:.0f}"
            right.text(np.nan_to_num(value), y, f" {text}", va="center", fontsize=9, color=SOFT)
        right.set(xlim=(0, 112), title=title, xlabel=unit, yticks=[])
        right.axvline(0, color=LINE)
        for axes in (left, right):
            axes.set(xticks=[], ylim=(rows - 0.4, -0.6))
            axes.spines[:].set_visible(False)
            axes.tick_params(left=False)
    return figure


@styled
def dots_by_class(table: pd.DataFrame, title: str, log: bool = False) -> Figure:
    """One line per class, one dot per column: weights, frequencies, accuracies side by side.

    Parameters
    ----------
    table : DataFrame
        A row a class, a column a series; nan leaves the dot out.
    title : str
    log : bool
        Logarithmic axis, for values that span several powers of ten.

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(FIGURE_WIDTH, 1.0 + 0.3 * len(table)))
    _dots(axes, table)
    if log:
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
    axes.set_title(title)
    figure.legend(loc="outside upper right", ncols=len(table.columns))
    return figure


@styled
def stacked_shares(table: pd.DataFrame, palette: ArrayLike, title: str = "") -> Figure:
    """How a whole is divided among the classes: a bar a row, each as long as the others.

    Parameters
    ----------
    table : DataFrame
        A row a bar, a column a class; divided by the sum of its row.
    palette : array, (K, 3) uint8
    title : str

    Returns
    -------
    Figure
    """
    shares = table.div(table.sum(axis=1), axis=0)
    figure, axes = plt.subplots(figsize=(FIGURE_WIDTH, 0.7 + len(table)))
    left = np.zeros(len(shares))
    rows = range(len(shares))
    for column, colour in zip(map(str, shares), np.asarray(palette) / 255, strict=True):
        axes.barh(rows, shares[column], 0.8, left=left, color=colour, edgecolor="white", linewidth=0.8)
        ink = "white" if colour @ (0.3, 0.59, 0.11) < 0.5 else INK
        for row, share in zip(rows, shares[column], strict=True):
            if share > 0.02:
                upright = share < 0.0085 * len(column)  # of 9-point letters
                text = column if upright else f"{column}\n{100 * share:.0f} %"
                axes.text(
                    left[row] + share / 2, row, text, ha="center", va="center", color=ink,
                    fontsize=9, rotation=90 if upright else 0,
                )  # fmt: skip
        left += shares[column].to_numpy()
    axes.set_yticks(rows, shares.index)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xticks=[], title=title)
    axes.spines[:].set_visible(False)
    axes.tick_params(left=False)
    return figure


def _dots(axes: Axes, table: pd.DataFrame) -> None:
    """A thin line per class from the lowest to the highest value, and a dot per column; classes from the top down."""
    axes.hlines(range(len(table)), table.min(axis=1), table.max(axis=1), color=LINE, zorder=1)
    columns = len(table.columns)
    values = table.rename_axis(index="class", columns="series").reset_index().melt("class")
    sns.scatterplot(
        values, x="value", y="class", hue="series", style="series", ax=axes,
        palette=[*COLOURS, SOFT][:columns], markers=list(MARKERS[:columns]), s=60, alpha=0.9, linewidth=0, zorder=2,
    )  # fmt: skip
    axes.set(xlabel="", ylabel="", ylim=(len(table) - 0.5, -0.5))
    if (key := axes.get_legend()) is not None:  # the callers have a place for it
        key.remove()
    axes.grid(axis="x")
