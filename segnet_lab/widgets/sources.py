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


def style(name: str) -> str:
    """The text of a style sheet."""
    return (HERE / name).read_text(encoding="utf-8")
