"""Charts of numbers: curves, ours beside the paper's, accuracy against memory, statements as differences."""

from collections.abc import Hashable, Iterable, Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from segnet_lab.figures.style import BLUE, COLOURS, FIGURE_WIDTH, INK, LINE, ORANGE, SOFT, plain_numbers, styled
from segnet_lab.metrics.conventions import SCORES

MARKERS = "os^Dv<>"


@styled
def against(panels: Mapping[str, pd.DataFrame], across: str, up: str) -> Figure:
    """A point a network: one score across, another upwards.

    Parameters
    ----------
    panels : dict, title -> DataFrame
        Indexed by network; rows without one of the two scores are left out. Each panel has its own scales.
    across, up : str
        Columns; they also name the axes.

    Returns
    -------
    Figure
    """
    figure, grid = plt.subplots(1, len(panels), figsize=(FIGURE_WIDTH, 4.2), squeeze=False)
    for axes, (title, table) in zip(grid.flat, panels.items(), strict=True):
        axes.scatter(table[across], table[up], s=40, color=BLUE, zorder=3)
        axes.set(title=title, xlabel=across, ylabel=up)
        axes.margins(0.22, 0.1)
        axes.grid()
    figure.canvas.draw()  # places are known only now
    for axes, table in zip(grid.flat, panels.values(), strict=True):
        table = table.dropna(subset=[across, up]).rename(index=lambda name: str(name).replace("_", " "))
        name_points(axes, table[across], table[up])
    return figure


def name_points(axes: Axes, xs: pd.Series, ys: pd.Series) -> None:
    """A name beside each point, above or below it where another name stands already, never past the panel's end."""
    taken: list[tuple[float, float, float, float]] = []  # boxes of names, in points of the figure
    end = axes.get_window_extent().x1 * 72 / axes.figure.dpi
    for name, at in sorted(zip(xs.index, zip(xs, ys, strict=True), strict=True), key=lambda point: -point[1][0]):
        x, y = axes.transData.transform(at) * 72 / axes.figure.dpi
        wide = 5.0 * len(str(name))
        places = [(6, 0), (-6 - wide, 0), (6, 9), (6, -9), (-6 - wide, 9), (-6 - wide, -9), (6, 18), (6, -18)]
        for dx, dy in places:
            box = (x + dx, y + dy - 5, x + dx + wide, y + dy + 5)
            free = not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken)
            if free and box[2] < end:
                break
        taken += [box, (x - 3, y - 3, x + 3, y + 3)]
        axes.annotate(str(name), at, (dx, dy), textcoords="offset points", fontsize=9, va="center", color=INK)


@styled
def curves(panels: Mapping[str, pd.DataFrame], x: str, y: str = "", log: bool = False, same: bool = False) -> Figure:
    """Lines with their names at the end.

    Parameters
    ----------
    panels : dict, title -> DataFrame
        Index = x, a column a line; nan leaves a gap that is bridged. A name has the same colour in all panels.
    x, y : str
        What the axes show.
    log : bool
        Logarithmic x.
    same : bool
        One scale of y for all panels.

    Returns
    -------
    Figure
    """
    colours = colour_names(name for table in panels.values() for name in table)
    figure, grid = plt.subplots(1, len(panels), figsize=(FIGURE_WIDTH, 3.4), sharey=same, squeeze=False)
    for axes, (title, table) in zip(grid.flat, panels.items(), strict=True):
        for name, values in table.items():
            values = values.dropna()
            axes.plot(values.index, values, marker="o", markersize=4, color=colours[name])
        axes.set(title=title, xlabel=x)
        if log:
            axes.set_xscale("log")
            if len(table) <= 8:  # every place has its number, and none between
                axes.set_xticks(table.index, minor=False)
                axes.set_xticks([], minor=True)
            plain_numbers(axes.xaxis)
            axes.xaxis.set_minor_formatter("")
        axes.grid(axis="y")
    grid[0, 0].set_ylabel(y)
    figure.canvas.draw()
    for axes, table in zip(grid.flat, panels.values(), strict=True):
        _name_lines(axes, table, colours)
    return figure


def _name_lines(axes: Axes, table: pd.DataFrame, colours: Mapping[Hashable, str]) -> None:
    ends = table.ffill().iloc[-1:].T.iloc[:, 0].dropna().sort_values() if len(table) else pd.Series(dtype=float)
    low, high = axes.get_ylim()
    gap = (high - low) * 11 / (axes.get_window_extent().height * 72 / axes.figure.dpi)
    for (name, value), height in zip(ends.items(), spread(ends.to_numpy(float), gap), strict=True):
        last = table[name].dropna().index[-1]
        axes.annotate(
            str(name).replace("_", " "), (last, value), (1.03, height), xycoords="data",
            textcoords=axes.get_yaxis_transform(), fontsize=9, va="center", color=colours[name],
            arrowprops={"arrowstyle": "-", "color": colours[name], "lw": 0.5, "alpha": 0.5, "shrinkB": 3},
        )  # fmt: skip


@styled
def bars_beside_paper(table: pd.DataFrame, scores: tuple[str, ...] = SCORES) -> Figure:
    """Our numbers and the paper's, one row per network, one panel per score.

    Parameters
    ----------
    table : DataFrame
        From `results.beside_paper`: columns ("ours", score) and ("paper", score); nan leaves a bar out.
    scores : names of scores
        A panel each.

    Returns
    -------
    Figure
    """
    rows = np.arange(len(table))
    figure, panels = plt.subplots(
        1, len(scores), figsize=(FIGURE_WIDTH, 1.1 + 0.46 * len(table)), sharey=True, squeeze=False
    )
    for axes, score in zip(panels.flat, scores, strict=True):
        for side, offset, colour in (("ours", -0.2, BLUE), ("paper", 0.2, ORANGE)):
            values = table[side, score]
            axes.barh(rows + offset, values.fillna(0), 0.36, color=colour)
            for row, value in zip(rows, values, strict=True):
                text = "-" if np.isnan(value) else f"{value:.0f}"
                axes.text(np.nan_to_num(value), row + offset, f" {text}", va="center", fontsize=9, color=colour)
        axes.set(title=score, xlim=(0, 1.18 * np.nanmax([1, *table.xs(score, axis=1, level=1).max()])), xticks=[])
        axes.spines[:].set_visible(False)
        axes.axvline(0, color=LINE)
        axes.tick_params(left=False)
    panels[0, 0].set_yticks(rows, [str(name).replace("_", " ") for name in table.index])
    panels[0, 0].invert_yaxis()
    _key(figure, {"ours": BLUE, "the paper's": ORANGE})
    return figure


@styled
def score_against_memory(panels: Mapping[str, pd.DataFrame], score: str, memory: str) -> Figure:
    """Each network as a point: what it remembers for its decoder across, how well it does upwards.

    Parameters
    ----------
    panels : dict, title -> DataFrame
        Indexed by network; the columns `score` and `memory`. Rows without a score are left out.
    score, memory : str
        Columns; they also name the axes.

    Returns
    -------
    Figure
    """
    figure, grid = plt.subplots(1, len(panels), figsize=(FIGURE_WIDTH, 4.2), squeeze=False)
    for axes, (title, table) in zip(grid.flat, panels.items(), strict=True):
        table = table.dropna(subset=[score, memory]).sort_values(score)
        axes.scatter(table[memory], table[score], s=50, zorder=3)
        axes.margins(y=0.12)  # labels that were spread stay inside
        axes.set_xscale("symlog", linthresh=1, linscale=0.5)
        plain_numbers(axes.xaxis)
        low, high = axes.get_ylim()
        axes.set(title=title, xlabel=memory, ylabel=score, xlim=(-0.3, 4000), xticks=[0, 1, 10, 100])
        heights = spread(table[score].to_numpy(float), (high - low) / 16)
        for (name, row), y in zip(table.iterrows(), heights, strict=True):
            axes.annotate(
                str(name).replace("_", " "), (row[memory], row[score]), xytext=(1.35 * row[memory] + 0.25, y),
                fontsize=9, va="center", arrowprops={"arrowstyle": "-", "color": LINE},
            )  # fmt: skip
        axes.grid(axis="y")
    return figure


@styled
def trade_off(arrows: Mapping[str, pd.DataFrame], title: str = "") -> Figure:
    """Global accuracy G against class average C: where class balancing takes a network.

    Parameters
    ----------
    arrows : dict, title of a panel -> DataFrame
        Indexed by network (or setting); columns G and C where the arrow starts, "G to" and "C to" where it ends, in
        percent. With "G to" left out, the rows are the points of one curve, drawn in their order.
    title : str

    Returns
    -------
    Figure
    """
    figure, panels = plt.subplots(1, len(arrows), figsize=(FIGURE_WIDTH, 4), squeeze=False)
    for axes, (name, table) in zip(panels.flat, arrows.items(), strict=True):
        if "G to" in table:
            table = table.sort_values("C to")
            axes.update_datalim(np.vstack([table[["G", "C"]], table[["G to", "C to"]]]))
            axes.autoscale_view()
            low, high = axes.get_ylim()
            right = table[["G", "G to"]].max(axis=None)
            heights = spread(table["C to"].to_numpy(), (high - low) / 13)
            for (row, ends), height, colour in zip(table.iterrows(), heights, 2 * COLOURS, strict=False):
                tip, style = (ends["G to"], ends["C to"]), {"arrowstyle": "-|>", "color": colour, "lw": 1.6}
                axes.annotate("", tip, (ends["G"], ends["C"]), arrowprops=style | {"shrinkA": 0, "shrinkB": 0})
                axes.plot(ends["G"], ends["C"], "o", color=colour, markersize=4)
                leader = {"arrowstyle": "-", "color": colour, "lw": 0.5, "alpha": 0.6}
                where = (right + 0.04 * (right - table["G to"].min()), height)
                text = str(row).replace("_", " ")
                axes.annotate(text, tip, where, fontsize=9, color=colour, va="center", arrowprops=leader)
        else:
            axes.plot(table["G"], table["C"], marker="o", markersize=5, color=BLUE)
            for row, point in table.iterrows():
                axes.annotate(f"{row}", (point["G"], point["C"]), (7, 3), textcoords="offset points", fontsize=9)
        axes.set(title=name, xlabel="G, percent", ylabel="C, percent")
        axes.margins(0.12)
        axes.grid()
    figure.suptitle(title)
    return figure


@styled
def differences(table: pd.DataFrame, margin: float = 0.0, title: str = "") -> Figure:
    """Statements "A is better than B" as differences A - B: the paper's and ours on one line each.

    Parameters
    ----------
    table : DataFrame
        Indexed by the statement; columns "paper" and "ours", in points; nan where a run is missing.
    margin : float
        Differences below it are called a tie; the band is shaded.
    title : str

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(FIGURE_WIDTH, 1.0 + 0.36 * len(table)))
    rows = np.arange(len(table))
    axes.axvspan(-margin, margin, color=LINE, alpha=0.6, linewidth=0)
    axes.axvline(0, color=SOFT, linewidth=1)
    axes.hlines(rows, table.min(axis=1), table.max(axis=1), color=LINE, zorder=1)
    axes.scatter(table["paper"], rows, s=46, color=ORANGE, marker="D", zorder=2)
    axes.scatter(table["ours"], rows, s=46, color=BLUE, zorder=3)
    axes.set_yticks(rows, table.index)
    axes.invert_yaxis()
    axes.grid(axis="x")
    axes.set(title=title, xlabel="difference, points (right of zero: as stated)")
    _key(figure, {"ours": BLUE, "the paper's": ORANGE})
    return figure


# --------------------------------------------------------------------------------------------------


def colour_names(names: Iterable[Hashable]) -> dict[Hashable, str]:
    """A colour for each name, the same wherever it is drawn; after eight they begin again.

    >>> colour_names(["segnet", "fcn", "segnet"])
    {'segnet': '#0072b2', 'fcn': '#d55e00'}
    """
    return dict(zip(dict.fromkeys(names), cycle([*COLOURS, SOFT, INK]), strict=False))


def spread(values: np.ndarray, gap: float) -> np.ndarray:
    """Heights for labels, as near as may be to the values they belong to, but `gap` apart.

    Parameters
    ----------
    values : array, (n,), ascending
    gap : float

    Examples
    --------
    >>> spread(np.array([1.0, 1.0, 9.0]), gap=2).tolist()
    [0.0, 2.0, 9.0]
    """
    groups: list[list[float]] = []  # of neighbours that touch: sum of their wishes for the first one's place, how many
    for value in values:
        groups.append([value, 1])
        while len(groups) > 1 and _place(groups[-2]) + gap * groups[-2][1] > _place(groups[-1]):
            wish, count = groups.pop()
            groups[-1][0] += wish - gap * groups[-1][1] * count
            groups[-1][1] += count
    return np.concatenate([_place(g) + gap * np.arange(g[1]) for g in groups]) if groups else np.zeros(0)


def _place(group: list[float]) -> float:
    return group[0] / group[1]


def label_ends(axes: Axes, ends: dict[str, tuple[float, float, str]], gap: float) -> None:
    """Names at the right end of lines, instead of a legend."""
    ordered = sorted(ends.items(), key=lambda item: item[1][1])
    heights = spread(np.array([y for _, (_, y, _) in ordered]), gap)
    for (name, (x, y, colour)), height in zip(ordered, heights, strict=True):
        axes.annotate(
            f"{name} {y:.0f}", (x, y), (x + 0.03 * np.ptp(axes.get_xlim()), height), color=colour, va="center",
            annotation_clip=False,
        )  # fmt: skip
    axes.margins(x=0.02)


def _key(figure: Figure, colours: dict[str, str]) -> None:
    """Which colour is whose, at the top right."""
    handles = [Line2D([], [], marker="s", linestyle="", color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(colours), handletextpad=0.2)
