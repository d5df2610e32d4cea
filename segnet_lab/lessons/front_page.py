"""The classroom's front page: a tile for each widget and each lesson, with a picture and something to try."""

import re
from base64 import b64decode, b64encode
from html import escape
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import nbformat
from PIL import Image

from segnet_lab.widgets.gallery import Exhibit
from segnet_lab.widgets.sources import style

STYLE = Path(__file__).with_suffix(".css")
WIDEST = 400  # pixels of a lesson's picture


class Tile(NamedTuple):
    """What leads to an app; `text` and `foot` are Markdown, `picture` is the address of an image or empty."""

    file: str
    title: str
    text: str
    foot: str
    picture: str = ""


def tile_of_widget(file: str, exhibit: Exhibit) -> Tile:
    """A widget: what it shows, and what to try."""
    return Tile(file, exhibit.title, exhibit.shows, f"**Try:** {exhibit.tries}", _address(exhibit.picture.read_bytes()))


def tile_of_lesson(file: str, lesson: nbformat.NotebookNode) -> Tile:
    """A lesson: its question, what of the paper it is about, how long it takes, and the largest of its pictures."""
    head, _, rest = lesson.cells[0].source.partition("\n")
    about = re.search(r"^\*(.+?)\*$", rest, re.M | re.S)
    minutes = re.search(r"About (\d+ minutes)", rest)
    shown = [
        o.data["image/png"] for c in lesson.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})
    ]
    picture = _shrunk(b64decode(max(shown, key=len))) if shown else b""
    words = " ".join(about[1].split()) if about else ""
    return Tile(file, head.lstrip("# "), words, minutes[1] if minutes else "", _address(picture) if picture else "")


def front_page(sections: dict[str, list[Tile]]) -> str:
    """The page as a template for Voila's list of notebooks.

    Parameters
    ----------
    sections : dict, heading -> tiles

    Examples
    --------
    >>> page = front_page({"Lessons": [Tile("00.ipynb", "00 · Why {maps}?", "*Section 3*", "15 minutes")]})
    >>> '<a class="tile" href="{{ base_url }}voila/render/00.ipynb?{{ query }}">' in page
    True
    >>> "<h3>00 · Why &#123;maps&#125;?</h3>" in page, "<em>Section 3</em>" in page
    (True, True)
    """
    parts = [
        f"<section><h2>{_html(heading)}</h2><div>{''.join(map(_tile, tiles))}</div></section>"
        for heading, tiles in sections.items()
    ]
    return f"""<!doctype html>
<html lang="en" class="segnet-page">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SegNet classroom</title>
<link rel="icon" href="data:,">
<style>{style(STYLE)}</style>
<header>
<h1>SegNet classroom</h1>
<p>What must an encoder remember for its decoder? Each tile opens a page; its Python takes some seconds to start.</p>
</header>
{"".join(parts)}
</html>
"""


def _tile(tile: Tile) -> str:
    picture = f'<img src="{tile.picture}" alt="">' if tile.picture else ""
    return (
        f'<a class="tile" href="{{{{ base_url }}}}voila/render/{tile.file}?{{{{ query }}}}">{picture}'
        f"<h3>{_html(tile.title)}</h3><p>{_html(tile.text)}</p><p class=foot>{_html(tile.foot)}</p></a>"
    )


def _html(markdown: str) -> str:
    """The little Markdown that tiles use; braces would mean something to Voila's template."""
    text = escape(markdown).replace("{", "&#123;").replace("}", "&#125;")
    for pattern, tag in ((r"\*\*(.+?)\*\*", "b"), (r"\*(.+?)\*", "em"), (r"`(.+?)`", "code")):
        text = re.sub(pattern, rf"<{tag}>\1</{tag}>", text)
    return text


def _shrunk(png: bytes) -> bytes:
    with Image.open(BytesIO(png)) as picture:
        small = picture.convert("RGB")
    small.thumbnail((WIDEST, 10 * WIDEST), Image.Resampling.LANCZOS)
    file = BytesIO()
    small.save(file, "WEBP", quality=75)
    return file.getvalue()


def _address(picture: bytes) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "webp"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"
