"""Whole networks compared: class by class, over the course of training, and by what they cost (Tables 2 to 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from torch import nn

from segnet_lab.figures.charts import spread
from segnet_lab.figures.style import BLUE, COLOURS, FIGURE_WIDTH, INK, LINE, MARK, ORANGE, SOFT, styled
from segnet_lab.models import EncoderDecoder, create_model
from segnet_lab.models.decoders import Bilinear
from segnet_lab.models.layers import Deconvolution

MARKERS = "os^Dv<>"


@styled
def class_dots(panels: Mapping[str, pd.DataFrame], unit: str = "class accuracy, percent") -> Figure:
    """A line a class, a dot a method; a panel each for numbers that must not be mixed, such as ours and the paper's.

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
        table = table.reindex(rows)
        at = np.arange(len(rows))
        axes.hlines(at, table.min(axis=1), table.max(axis=1), color=LINE, zorder=1)
        for (name, values), colour, marker in zip(table.items(), COLOURS, MARKERS, strict=False):
            axes.scatter(values, at, s=42, color=colour, marker=marker, label=name, zorder=2, alpha=0.9)
        axes.set(title=title, xlabel=unit, xlim=(-3, 103))
        axes.grid(axis="x")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.6 / (0.3 * len(rows))), borderaxespad=0, labelspacing=0.3)
    grid[0, 0].set_yticks(at, rows)
    grid[0, 0].invert_yaxis()
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
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.margins(0.12, 0.08)
        if zero:
            axes.axhline(0, color=SOFT, linewidth=1)
        axes.grid()
    grid[0, 0].set_ylabel(unit)
    figure.canvas.draw()  # places are known only now
    for axes, table in zip(grid.flat, panels.values(), strict=True):
        table = table[table["share"] > 0].dropna(subset=["share", "value"])
        _name_points(axes, 100 * table["share"], table["value"])
    return figure


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
        _name_points(axes, table[across], table[up])
    return figure


def _name_points(axes: Axes, xs: pd.Series, ys: pd.Series) -> None:
    """A name beside each point, above or below it where another name stands already, never past the panel's end."""
    taken, end = [], axes.get_window_extent().x1 * 72 / axes.figure.dpi  # boxes of names, in points of the figure
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
    names = list(dict.fromkeys(name for table in panels.values() for name in table))
    colours = dict(zip(names, cycle([*COLOURS, SOFT, INK]), strict=False))
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
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter("")
        axes.grid(axis="y")
    grid[0, 0].set_ylabel(y)
    figure.canvas.draw()
    for axes, table in zip(grid.flat, panels.values(), strict=True):
        _name_lines(axes, table, colours)
    return figure


def _name_lines(axes: Axes, table: pd.DataFrame, colours: Mapping) -> None:
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
def ratios(ours: pd.DataFrame, paper: pd.DataFrame, base: str, titles: Mapping[str, str] | None = None) -> Figure:
    """Costs as multiples of one network's, so that a CPU and a Titan, MB of today and of 2015 can be laid side by side.

    Parameters
    ----------
    ours, paper : DataFrame
        A row a network, the same columns; nan where nothing was measured or printed.
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
            raise ValueError(f"{side} have no row {base!r} to divide by: {', '.join(map(str, table.index))}")
    names = list(dict.fromkeys([*ours.index, *paper.index]))
    at = np.arange(len(names))
    figure, panels = plt.subplots(
        1, len(ours.columns), figsize=(FIGURE_WIDTH, 1.2 + 0.4 * len(names)), sharey=True, squeeze=False
    )
    for axes, column in zip(panels.flat, ours.columns, strict=True):
        axes.axvline(1, color=SOFT, linewidth=1)
        for table, colour, marker, up in ((ours, BLUE, "o", 0.12), (paper, ORANGE, "D", -0.12)):
            ratio = (table[column] / table.loc[base, column]).reindex(names)
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
        A row a network, a column a way of keeping it, in MB; 0 is written out.
    title : str

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(figsize=(FIGURE_WIDTH, 1.0 + 0.55 * len(table)))
    smallest = table[table > 0].min(axis=None)
    left = 10.0 ** np.floor(np.log10(smallest)) if smallest > 0 else 0.1
    height = 0.8 / len(table.columns)
    for k, ((name, values), colour) in enumerate(zip(table.items(), COLOURS, strict=False)):
        at = np.arange(len(table)) + (k - (len(table.columns) - 1) / 2) * height
        axes.barh(at, values.clip(lower=left) - left, 0.9 * height, left=left, color=colour, label=name)
        for y, value in zip(at, values, strict=True):
            text = f"{value:.3g}" if value else "nothing"
            axes.text(max(value, left), y, f" {text}", va="center", fontsize=9, color=colour)
    axes.set_yticks(range(len(table)), [str(name).replace("_", " ") for name in table.index])
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="MB", title=title, xlim=(left, 4 * table.max(axis=None)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="x")
    figure.legend(loc="outside lower center", ncols=len(table.columns))
    return figure


def alive(model: EncoderDecoder, height: int, width: int) -> pd.DataFrame:
    """What must be in memory at once while each layer works on one image, in float32.

    Parameters
    ----------
    model : EncoderDecoder
    height, width : int

    Returns
    -------
    DataFrame
        A row a convolution, deconvolution or interpolation in the order in which they run; columns "place" (str),
        "maps" (its input and output) and "remembered" (what the encoder has left for decoders that are not done
        yet), in MB of 10^6 bytes. Copies that batch normalisation, ReLU or a library make come on top.

    Examples
    --------
    >>> table = alive(create_model("bilinear_interpolation"), 360, 480)
    >>> float(table["maps"][1])  # conv2: 64 maps of 180x240 in, 64 out, 4 bytes a number
    22.1184
    """
    with torch.device("meta"):
        twin, image = create_model(**asdict(model.config)).eval(), torch.empty(1, 3, height, width)
    kept, rows = model.memory(height, width), []

    def note(place: str, inputs: tuple, output) -> None:
        where, _, number = place.partition(".")
        waits = {  # is what stage r.stage left still needed, or there already?
            "stages": lambda r: r.stage <= int(number),  # numbered from 0: the stages before
            "reduce": lambda r: r.stage < int(number),
            "neck": lambda r: True,
            "decoders": lambda r: r.stage <= int(number),
            "classifier": lambda r: False,
        }[where]
        maps = 4 * (inputs[0].numel() + output.numel()) / 1e6
        rows.append((place, maps, sum(r.bytes for r in kept if waits(r)) / 1e6))

    for name, module in twin.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | Deconvolution | Bilinear):
            parts = name.split(".")
            place = ".".join(parts[:2] if parts[0] in ("stages", "decoders") else parts[:1])
            if "reduce" in parts:  # belongs to a decoder, works while the encoder does
                place = f"reduce.{parts[1]}"
            module.register_forward_hook(lambda _, x, y, place=place: note(place, x, y))
    twin(image)
    return pd.DataFrame(rows, columns=["place", "maps", "remembered"])


@styled
def alive_while_running(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """How the memory of a pass rises and falls: a panel a network, a step a layer, what is remembered at the bottom.

    Parameters
    ----------
    tables : dict, name -> DataFrame
        From `alive`.

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
