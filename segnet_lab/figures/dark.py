"""Figures on a dark page: neutral colours change, colours that mean something stay."""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jupyter_core.paths import jupyter_config_dir
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from segnet_lab._support.progress import headless
from segnet_lab._support.settings import JUPYTERLAB_SETTINGS_DIR, VSCODE_PID
from segnet_lab.figures.style import BLUE, INK, LINE, ORANGE, PAPER, SKY, SOFT

if TYPE_CHECKING:  # not in every matplotlib
    from matplotlib.typing import ColorType

WHITE = "#ffffff"
NEUTRAL = {WHITE: "#16191e", INK: "#eceff3", SOFT: "#a4adb9", LINE: "#414a55", PAPER: "#22272e"}  # as in pixel_view.css
LETTERS = NEUTRAL | {"#000000": NEUTRAL[INK], BLUE: SKY, ORANGE: "#ee8a2c"}  # thin things need more contrast
_COLOURS = {  # what holds colours -> the names of its colours; the first kind that fits
    Line2D: ("color", "markeredgecolor", "markerfacecolor"),
    Patch: ("facecolor", "edgecolor"),
    Collection: ("facecolor", "edgecolor"),
}


@contextmanager
def on_paper(figure: Figure, dark: bool) -> Iterator[Figure]:
    """The figure in colours for a dark page while the block runs; afterwards, or if `dark` is false, as it was drawn.

    Paper, ink, lines and empty cells change. Images, bars and curves keep their colours, and so do letters on them.

    Examples
    --------
    >>> from segnet_lab.figures.charts import bars_beside_paper
    >>> import pandas as pd
    >>> table = pd.DataFrame({("ours", "BF"): [30.0], ("paper", "BF"): [35.8]}, index=["segnet_basic"])
    >>> figure = bars_beside_paper(table, ("BF",))
    >>> with on_paper(figure, dark=True):
    ...     to_hex(figure.get_facecolor())
    '#16191e'
    >>> to_hex(figure.get_facecolor())
    '#ffffff'
    """
    if not dark:
        yield figure
        return
    behind, undo = _what_lies_behind(figure), []
    keys = {patch for legend in figure.findobj(Legend) for patch in legend.get_patches()}
    for artist in figure.findobj(lambda artist: artist.get_visible()):
        if artist in keys and to_hex(artist.get_facecolor()) == PAPER:
            continue  # stands for cells of an image
        if isinstance(artist, Text):
            if behind(artist):
                undo.append(_recolour(artist, "color", LETTERS))
            for part in (artist.get_bbox_patch(), getattr(artist, "arrow_patch", None)):
                undo += [_recolour(part, name, NEUTRAL) for name in _COLOURS[Patch] if part is not None]
        for kind, names in _COLOURS.items():
            if isinstance(artist, kind):
                undo += [_recolour(artist, name, NEUTRAL) for name in names]
    try:
        yield figure
    finally:
        for take_back in reversed(undo):
            take_back()


def _recolour(artist: Artist, name: str, colours: dict[str, str]) -> Callable[[], None]:
    """Give an artist's colour, or each of them, its counterpart; what takes that back."""
    old, put = getattr(artist, f"get_{name}")(), getattr(artist, f"set_{name}")

    def new(colour: "ColorType") -> tuple[float, float, float, float]:
        rgba = to_rgba(colour)
        return to_rgba(colours.get(to_hex(rgba), rgba), rgba[3])

    if isinstance(old, str) and old in ("none", "auto"):
        return lambda: None
    put([new(colour) for colour in to_rgba_array(old)] if isinstance(artist, Collection) else new(old))
    return lambda: put(old)


def _what_lies_behind(figure: Figure) -> Callable[[Text], bool]:
    """A test that says of a text whether it lies on paper, or on another colour that changes with it."""
    drawn = BytesIO()
    figure.savefig(drawn, format="rgba", dpi=figure.dpi)
    width, height = figure.canvas.get_width_height()
    pixels = np.frombuffer(drawn.getvalue(), np.uint8).reshape(height, width, 4)[::-1, :, :3]  # row 0 at the bottom
    changing = {tuple(round(255 * part) for part in to_rgba(colour)[:3]) for colour in (WHITE, PAPER, LINE)}

    def on_paper(text: Text) -> bool:
        if not text.get_text().strip():
            return False
        left, bottom, right, top = np.round(text.get_window_extent().padded(1).extents).astype(int)
        middle = (left + right) / 2, (bottom + top) / 2
        if text.axes and any(image.get_window_extent().contains(*middle) for image in text.axes.images):
            return False
        seen = pixels[max(bottom, 0) : top + 1, max(left, 0) : right + 1]
        if not seen.size:
            return True
        border = np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]])
        return Counter(map(tuple, border.tolist())).most_common(1)[0][0] in changing

    return on_paper


def html(figure: Figure) -> str | None:
    """The figure as HTML that follows a dark theme of JupyterLab or VS Code; None where the usual PNG will do.

    That is in batch runs, and where nothing says that the theme may be dark, as a second picture takes its time.
    Where styles are not trusted, or not known, the light one is seen.
    """
    if headless() or not may_be_dark():
        return None
    light, dark = (_png(figure, paper) for paper in (False, True))
    name = f"segnet-figure-{abs(hash(light)):x}"
    rule = f":is([data-jp-theme-light=false], .vscode-dark) .{name} {{ content: url({dark}); }}"
    return f'<style>{rule}</style><img class="{name}" src="{light}" alt="">'


def may_be_dark() -> bool:
    """Whether JupyterLab's settings name a dark theme, or one that follows the system; VS Code's are not known."""
    if VSCODE_PID.get():
        return True
    settings = Path(JUPYTERLAB_SETTINGS_DIR.get() or Path(jupyter_config_dir(), "lab", "user-settings"))
    theme = settings / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
    if not theme.is_file():
        return False
    chosen = theme.read_text(encoding="utf-8")  # JSON with comments
    return re.search(r'^\s*"theme"\s*:\s*".*dark|^\s*"adaptive-theme"\s*:\s*true', chosen, re.I | re.M) is not None


def _png(figure: Figure, dark: bool) -> str:
    """The address of a picture that holds it."""
    file = BytesIO()
    with on_paper(figure, dark):
        figure.savefig(file, format="png", bbox_inches="tight")  # as the notebook shows it
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
