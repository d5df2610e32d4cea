"""The widgets' JavaScript and CSS: plain files without a build step, read one after the other."""

from pathlib import Path

HERE = Path(__file__).parent


def script(*names: str) -> str:
    """The text of a module that is made of several files, the shared one first.

    Examples
    --------
    >>> script("picker.js").startswith("// What our widgets have in common")
    True
    """
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("shared.js", *names))


def style(name: str | Path) -> str:
    """The text of a style sheet, here or elsewhere, after the theme that all share.

    Examples
    --------
    >>> style("pixel_view.css").startswith("/* The colours of everything we show.")
    True
    """
    return "\n".join((HERE / sheet).read_text(encoding="utf-8") for sheet in ("theme.css", name))
