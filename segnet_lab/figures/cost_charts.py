"""What networks cost: time and memory beside the paper's, and bytes while they run (Tables 4 and 6)."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from segnet_lab._support.errors import InvalidInput
from segnet_lab.figures.style import BLUE, COLOURS, FIGURE_WIDTH, MARK, ORANGE, SOFT, styled


@styled
def ratios(ours: pd.DataFrame, paper: pd.DataFrame, base: str, titles: Mapping[str, str] | None = None) -> Figure:
    """Costs as multiples of one network's, so that a CPU and a Titan, MB of today and of 2015 can be laid side by side.

    Parameters
    ----------
    ours, paper : DataFrame
        One row per network, the same columns; nan where nothing was measured or printed.
    base : str
        The row that is 1.
    titles : dict, column -> title of its panel, optional

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        `base` is no row of both.
    """
    for side, table in (("ours", ours), ("the paper's", paper)):
        if base not in table.index:
            raise InvalidInput(f"{side} have no row {base!r} to divide by: {', '.join(map(str, table.index))}")
    names = list(dict.fromkeys([*ours.index, *paper.index]))
    at = np.arange(len(names))
    figure, panels = plt.subplots(
        1, len(ours.columns), figsize=(FIGURE_WIDTH, 1.2 + 0.4 * len(names)), sharey=True, squeeze=False
    )
    for axes, column in zip(panels.flat, ours.columns, strict=True):
        axes.axvline(1, color=SOFT, linewidth=1)
        for table, colour, marker, up in ((ours, BLUE, "o", 0.12), (paper, ORANGE, "D", -0.12)):
            values = table[column].astype(float)
            ratio = (values / values[base]).reindex(names)
            axes.scatter(ratio, at - up, s=40, color=colour, marker=marker, zorder=3)
        axes.set(title=(titles or {}).get(column, column), xscale="log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter("")
        low, high = axes.get_xlim()
        axes.set(xlim=(min(low, 0.2), max(high, 9)), xticks=[0.25, 0.5, 1, 2, 4, 8])
        axes.grid(axis="x")
    panels[0, 0].set_yticks(at, [str(name).replace("_", " ") for name in names])
    panels[0, 0].set_ylim(len(names) - 0.5, -0.5)
    for colour, marker, text in ((BLUE, "o", "ours"), (ORANGE, "D", "the paper's")):
        panels[0, 0].scatter([], [], s=40, color=colour, marker=marker, label=text)
    figure.legend(loc="outside lower center", ncols=2)
    figure.suptitle(f"times {base.replace('_', ' ')}", x=0.01, ha="left", fontsize=10)
    return figure


@styled
def remembered(table: pd.DataFrame, title: str = "") -> Figure:
    """What each network keeps for its decoder, on a logarithmic axis.

    Parameters
    ----------
    table : DataFrame
        One row per network, one column per way of keeping it, in MB; 0 is written out.
    title : str

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(FIGURE_WIDTH, 1.0 + 0.55 * len(table)))
    numbers = table.to_numpy(float)
    left = 10.0 ** np.floor(np.log10(numbers[numbers > 0].min())) if (numbers > 0).any() else 0.1
    height = 0.8 / len(table.columns)
    for k, ((name, values), colour) in enumerate(zip(table.items(), COLOURS, strict=False)):
        at = np.arange(len(table)) + (k - (len(table.columns) - 1) / 2) * height
        axes.barh(at, values.clip(lower=left) - left, 0.9 * height, left=left, color=colour, label=name)
        for y, value in zip(at, values, strict=True):
            text = f"{value:.3g}" if value else "nothing"
            axes.text(max(value, left), y, f" {text}", va="center", fontsize=9, color=colour)
    axes.set_yticks(range(len(table)), [str(name).replace("_", " ") for name in table.index])
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="MB", title=title, xlim=(left, 4 * numbers.max()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="x")
    figure.legend(loc="outside lower center", ncols=len(table.columns))
    return figure


@styled
def alive_while_running(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """How the memory of a pass rises and falls: a panel a network, a step a layer, what is remembered at the bottom.

    Parameters
    ----------
    tables : dict, name -> DataFrame
        From `probe.alive.alive`.

    Returns
    -------
    Figure
    """
    figure, panels = plt.subplots(1, len(tables), figsize=(FIGURE_WIDTH, 3.2), sharey=True, squeeze=False)
    for axes, (name, table) in zip(panels.flat, tables.items(), strict=True):
        edges = np.arange(len(table) + 1)
        whole = table["remembered"] + table["maps"]
        axes.stairs(whole, edges, baseline=table["remembered"], fill=True, color=BLUE, alpha=0.85)
        axes.stairs(table["remembered"], edges, fill=True, color=MARK)
        peak = int(whole.argmax())
        inwards = {"ha": "left", "x": peak} if peak < len(table) / 2 else {"ha": "right", "x": peak + 1}
        axes.text(y=whole[peak], s=f"{whole[peak]:.0f} MB", va="bottom", fontsize=9, **inwards)
        turn = int((table["place"].str.startswith(("stages", "reduce"))).sum())
        axes.axvline(turn, color=SOFT, linestyle=":")
        axes.set(title=name.replace("_", " "), xticks=[turn / 2, (turn + len(table)) / 2], xlim=(0, len(table)))
        axes.set_xticklabels(["encoder", "decoder"])
        axes.tick_params(bottom=False)
        axes.grid(axis="y")
    panels[0, 0].set_ylabel("MB in use at once")
    panels[0, 0].set_ylim(0, 1.12 * max((t["maps"] + t["remembered"]).max() for t in tables.values()))
    for colour, text in ((BLUE, "input and output of the layer at work"), (MARK, "remembered for the decoder")):
        panels[0, 0].bar([0], [0], color=colour, label=text)
    figure.legend(loc="outside lower center", ncols=2)
    return figure
