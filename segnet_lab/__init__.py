"""segnet_lab: a kit for teaching and analysing pooling-index decoding (SegNet, PAMI 2017).

    import segnet_lab as sl

    model = sl.create_model("segnet_basic", num_classes=11)
    data = sl.load_dataset("roadscenes", split="train")
    history = sl.train(model, data, sl.Recipe(epochs=2), run_dir="runs/first")

Names are imported when they are first used, so that `import segnet_lab` is quick.
"""

from importlib import import_module

__version__ = "0.1.0"

_FROM = {
    "create_model": "models",
    "list_models": "models",
    "list_weights": "models.weights",
    "start_from": "models.weights",
    "load_dataset": "data",
    "Recipe": "recipe",
    "train": "training",
    "evaluate": "evaluation",
    "load_run": "runs",
    "predict": "inference",
    "optimize": "optimization",
    "predict_with_uncertainty": "uncertainty",
    "load_imagenet": "models.imagenet",
    "costs": "costing",
    "compare_costs": "costing",
}
_MODULES = ("pooling", "models", "data", "losses", "metrics", "figures", "widgets", "paper", "probe", "results")

__all__ = ["__version__", *_FROM, *_MODULES]


def __getattr__(name: str):
    if name in _FROM:
        return getattr(import_module(f"segnet_lab.{_FROM[name]}"), name)
    if name in _MODULES:
        return import_module(f"segnet_lab.{name}")
    raise AttributeError(f"segnet_lab has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
