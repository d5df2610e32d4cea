"""What a class touches. Every widget is thin: the drawing and the arithmetic live elsewhere and work without it."""

from importlib import import_module

_HOME = {"Playground": "playground", "write_playground_html": "playground"}  # name -> module, imported when asked for

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return __all__
