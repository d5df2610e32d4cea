"""Charts of numbers: training curves, ours beside the paper's, accuracy against memory, class by class."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from segnet_lab.figures.style import BLUE, COLOURS, FIGURE_WIDTH, INK, LINE, ORANGE, SOFT, styled


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
        raise ValueError("a log without an epoch has no curve: train at least one")
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


@styled
def bars_beside_paper(table: pd.DataFrame, scores: tuple[str, ...] = ("G", "C", "mIoU", "BF")) -> Figure:
    """Our numbers and the paper's, a row a network, a panel a score.

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
def score_against_memory(panels: dict[str, pd.DataFrame], score: str, memory: str) -> Figure:
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
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
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
def dots_by_class(table: pd.DataFrame, title: str, log: bool = False) -> Figure:
    """A line a class, a dot a column: weights, frequencies, accuracies side by side.

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
    rows = np.arange(len(table))
    axes.hlines(rows, table.min(axis=1), table.max(axis=1), color=LINE, zorder=1)
    markers = "os^Dv<>"
    for (name, values), colour, marker in zip(table.items(), COLOURS, markers, strict=False):
        axes.scatter(values, rows, s=42, color=colour, marker=marker, label=name, zorder=2, alpha=0.9)
    axes.set_yticks(rows, table.index)
    axes.invert_yaxis()
    if log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_title(title)
    axes.grid(axis="x")
    figure.legend(loc="outside upper right", ncols=len(table.columns))
    return figure


@styled
def stacked_shares(table: pd.DataFrame, palette, title: str = "") -> Figure:
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
    rows = np.arange(len(shares))
    for column, colour in zip(shares, np.asarray(palette) / 255, strict=True):
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


@styled
def trade_off(arrows: dict[str, pd.DataFrame], title: str = "") -> Figure:
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
    groups = []  # of neighbours that touch: sum of their wishes for the first one's place, how many
    for value in values:
        groups.append([value, 1])
        while len(groups) > 1 and _place(groups[-2]) + gap * groups[-2][1] > _place(groups[-1]):
            wish, count = groups.pop()
            groups[-1][0] += wish - gap * groups[-1][1] * count
            groups[-1][1] += count
    return np.concatenate([_place(g) + gap * np.arange(g[1]) for g in groups]) if groups else np.zeros(0)


def _place(group: list) -> float:
    return group[0] / group[1]


def _label_ends(axes: Axes, ends: dict[str, tuple[float, float, str]], gap: float) -> None:
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
    handles = [
        plt.Line2D([], [], marker="s", linestyle="", color=colour, label=name) for name, colour in colours.items()
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(colours), handletextpad=0.2)
