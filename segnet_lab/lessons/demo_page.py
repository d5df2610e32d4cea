"""The page that `make demo` ends in: the playground, and under it what the networks that were just trained make of it.

One HTML file without any other; all numbers come from the runs.
"""

import os
import sys
import webbrowser
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from torch import nn

from segnet_lab import paper, results
from segnet_lab._support.errors import InvalidInput
from segnet_lab._support.progress import headless
from segnet_lab._support.settings import DISPLAY, SSH_CONNECTION, SSH_TTY, WAYLAND_DISPLAY
from segnet_lab.figures.scene import classes, photo
from segnet_lab.figures.style import megabytes
from segnet_lab.models import EncoderDecoder
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.provenance import TrainedOn, in_words
from segnet_lab.widgets.playground import playground_page
from segnet_lab.widgets.trained_networks import Networks

STYLE = Path(__file__).with_suffix(".css")
FIRST = "segnet_basic"  # the scene that is shown lies in the middle by its BF


def write_demo_page(name: str, path: Path, notebooks: Iterable[Path] = (), command: str = "") -> Path:
    """Write what came out of a set of runs as a page.

    Parameters
    ----------
    name : str
        The set of runs; its networks have been trained on the same images.
    path : Path
        Where to; a file that is there is replaced.
    notebooks : paths
        Executed ones, linked as they lie from the page.
    command : str
        What opens them.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        No such set of runs, none of it came with weights, or none is finished.
    """
    networks, table = Networks(name), results.scores_table(name)
    table = table.loc[[run for run in networks.models if run in table.index]]
    if table.empty:
        raise InvalidInput(f"no run of {name} has been trained to its end, so there is nothing to show")
    below = {
        "One scene": _scene(networks),
        "Edges": _boundaries(table),
        "Scores": _scores(networks, table, name),
        "Notebooks": _further(path, notebooks, command),
    }
    ways = " · ".join(f'<a href="#{heading.split()[-1]}">{heading}</a>' for heading, text in below.items() if text)
    page = playground_page(
        title="What must an encoder remember?",
        line=f"Paint on the input. Below, what networks trained on this machine make of it: {ways}",
        below="\n".join(f'<section id="{h.split()[-1]}">{text}</section>' for h, text in below.items() if text),
        css=STYLE.read_text(encoding="utf-8"),
    )
    path.write_text(page, encoding="utf-8")
    return path


def show(path: Path) -> bool:
    """Open a page in the user's browser; False where there is none to be seen."""
    return somebody_looks() and webbrowser.open(path.resolve().as_uri())


def somebody_looks() -> bool:
    """Whether this machine has a screen that a user sits at: no batch run, no terminal from afar."""
    if headless():
        return False
    if sys.platform in ("win32", "darwin"):
        return not (SSH_CONNECTION.get() or SSH_TTY.get())
    return bool(DISPLAY.get() or WAYLAND_DISPLAY.get())


# ------------------------------------------------------------------------------------------------------- sections


def _scene(networks: Networks) -> str:
    """Image, truth and what each network says, of the scene in the middle by the first network's BF."""
    data, first = networks.data, FIRST if FIRST in networks.models else next(iter(networks.models))
    ranked = networks.worst_first(first, "BF", len(data))
    number = ranked[len(ranked) // 2]
    image, truth = data[number]
    shown = [
        _figure("image", "", photo("", image).rgb, f"Image {number} of {data.name} {data.split}"),
        _figure("truth", "", classes("", truth, data).rgb, "The class of every pixel, as it should be"),
    ]
    for run, (label, scores) in networks.all_judged(number).items():
        said = ", ".join(f"{score} {100 * scores[score]:.0f}" for score in ("BF", "mIoU"))
        picture = classes("", label, data).rgb
        shown.append(_figure(_spoken(run), said, picture, f"The class of every pixel, as {_spoken(run)} says: {said}"))
    present = sorted({*np.unique(truth)} - {data.ignore_index})
    keys = [(data.class_names[c], data.palette[c]) for c in present] + [("void", (0, 0, 0))]
    legend = "".join(f'<span><b style="background:rgb{tuple(map(int, c))}"></b>{escape(n)}</span>' for n, c in keys)
    title = getattr(data, "title", data.name)
    return f"""<h2>One scene, {len(networks.models)} ways of decoding</h2>
<p>{escape(title)}, {data.split}: image {number} of {len(data)}, in the middle when they are sorted by the BF of
{_spoken(first)}. The encoder is the same; look at poles and edges.</p>
<div class="scene">{"".join(shown)}</div>
<p class="legend">{legend}</p>"""


def _boundaries(table: pd.DataFrame) -> str:
    """BF of each network beside the paper's."""
    printed = paper.table(1).assign(variant=lambda t: t["variant"].map(paper.NAMES)).set_index("variant")
    theirs = printed["median_test_BF"].reindex(table.index)
    most = max(table["BF"].max(), theirs.max(), 1e-9)
    rows = []
    for run in table.sort_values("BF", ascending=False).index:
        bars = _bar("ours", table["BF"][run], most) + _bar("paper", theirs[run], most)
        rows.append(f'<tr><th scope="row">{_spoken(run)}</th><td>{bars}</td></tr>')
    return f"""<h2>Boundary F1: ours beside the paper's</h2>
<p>{_gain(table["BF"], theirs)}</p>
<p class="legend"><span><b class="ours"></b>ours</span>
<span><b class="paper"></b>the paper's, Table 1: CamVid test images, 360×480, all channels</span></p>
<table class="bars">{"".join(rows)}</table>
<p class="soft">Other images, another size and fewer channels: compare order and distances, not heights.</p>"""


def _gain(ours: pd.Series, theirs: pd.Series) -> str:
    """What pooling indices buy, in points of BF."""
    pair = ["segnet_basic", "bilinear_interpolation"]
    if not set(pair) <= set(ours.index):
        return "In percent; higher is better."
    here, there = (bf[pair[0]] - bf[pair[1]] for bf in (ours, theirs))
    gain = f"<b>{here:+.1f} points of BF</b> (in the paper {there:+.1f})"
    return f"Decoding with pooling indices instead of interpolation: {gain}."


def _scores(networks: Networks, table: pd.DataFrame, name: str) -> str:
    """All scores, what they were measured on, and what was trained."""
    runs = results.list_runs(name)
    on = {in_words(RunDirectory(runs[run]).scores()["val"]["on"]) for run in table.index}
    h, w = networks.size() or networks.data[0].label.shape
    head = "".join(
        f'<th scope="col">{text}</th>'
        for text in ("network", *results.SCORES, "remembers of an image", "parameters", "epoch kept", "trained for")
    )
    rows = []
    for run in map(str, table.index):
        row, model = table.loc[run], networks.models[run]
        cells = [
            *(f"{row[score]:.1f}" for score in results.SCORES),
            _remembered(model, h, w),
            f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M",
            f"{row['epoch']} of {row['epochs']}",
            f"{row['minutes']:.1f} minutes",
        ]
        rows.append(f'<tr><th scope="row">{_spoken(run)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    trained = TrainedOn.of_run(RunDirectory(runs[str(table.index[0])]).about()["data"])
    width = ", ".join(sorted({f"{width:g}" for width in table["width"]}))
    balancing = ", ".join(sorted(set(table["balancing"]))).replace("_", " ")
    return f"""<h2>Scores in percent</h2>
<p>{escape("; ".join(sorted(on)))}.</p>
<div class="wide"><table class="scores"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>
<p class="soft">Trained on {trained.images} images of {escape(trained.title)} ({escape(trained.split)}),
{_size(trained.size)}, with {width} of the paper's channels, loss balanced by {escape(balancing)}. G: share of the
pixels that are right; C: mean of that over classes; mIoU: mean intersection over union; BF: how well edges lie.</p>"""


def _further(path: Path, notebooks: Iterable[Path], command: str) -> str:
    """What lies beside the page."""
    links = "".join(
        f'<li><a href="{escape(os.path.relpath(book, path.parent).replace(os.sep, "/"))}">{escape(book.stem)}</a></li>'
        for book in notebooks
    )
    if not links:
        return ""
    opened = (
        f"<p>They were run for this page, and open in JupyterLab: <code>{escape(command)}</code></p>" if command else ""
    )
    return f"<h2>The notebooks behind it</h2>{opened}<ul>{links}</ul>"


# ---------------------------------------------------------------------------------------------------------- parts


def _spoken(run: str) -> str:
    return escape(run.replace("_", " "))


def _remembered(model: nn.Module, height: int, width: int) -> str:
    kept = model.memory(height, width) if isinstance(model, EncoderDecoder) else []
    return megabytes(sum(each.bytes for each in kept)) if kept else "nothing"


def _size(size: tuple[int, int] | None) -> str:
    return "each of its own size" if size is None else "{}×{}".format(*size)


def _figure(title: str, note: str, pixels: np.ndarray, alt: str) -> str:
    picture = f'<img src="{_address(pixels)}" alt="{escape(alt)}">'
    return f"<figure><figcaption>{title}</figcaption>{picture}<p>{note}</p></figure>"


def _bar(side: str, value: float, most: float) -> str:
    if np.isnan(value):
        return ""
    return f'<div class="{side}"><i style="width:{85 * value / most:.1f}%"></i> {value:.1f}</div>'


def _address(pixels: np.ndarray) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
