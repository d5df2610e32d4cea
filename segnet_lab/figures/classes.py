"""Classes from large to small, and what each of them scores (Table 5)."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from segnet_lab.figures.style import BLUE, FIGURE_WIDTH, LINE, ORANGE, SOFT, styled


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
