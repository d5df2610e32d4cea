"""Widgets to explore with. Each of them is thin: the drawing and the arithmetic live elsewhere and work without it."""

from importlib import import_module

_HOME = {  # name -> module, imported when it is first asked for
    "Playground": "playground",
    "write_playground_html": "playground",
    "explore_boundary_f1": "explorers",
    "explore_class_balance": "explorers",
    "explore_decoders": "explorers",
    "explore_own_image": "explorers",
    "explore_predictions": "explorers",
    "explore_receptive_field": "explorers",
    "explore_sparse_maps": "explorers",
    "explore_uncertainty": "explorers",
    "interact": "interactive",
    "PixelView": "pixel_view",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
