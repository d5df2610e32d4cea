"""segnet_lab: a kit for teaching and analysing pooling-index decoding (SegNet, PAMI 2017).

    import segnet_lab as sl

    model = sl.create_model("segnet_basic", num_classes=11)
    data = sl.load_dataset("roadscenes", split="train")
    history = sl.train(model, data, sl.Recipe(epochs=2), run_dir="runs/first")

Names are imported when they are first used, so that `import segnet_lab` is quick; `__init__.pyi` tells them to editors.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_FROM = {  # name -> the module that it is in
    "SegNetLabError": "_support.errors",
    "create_model": "models.create",
    "list_models": "models.create",
    "register_model": "models.create",
    "list_weights": "models.from_runs",
    "load_run": "models.from_runs",
    "start_from": "models.start",
    "load_imagenet": "models.imagenet",
    "load_dataset": "data",
    "Recipe": "runs.recipe",
    "train": "training.loop",
    "evaluate": "training.evaluation",
    "predict": "inference.predict",
    "optimize": "inference.fast",
    "predict_with_uncertainty": "inference.mc_dropout",
    "costs": "probe.costs",
    "compare_costs": "probe.costs",
}
_MODULES = {  # name -> where it stands
    "pooling": "pooling",
    "models": "models",
    "data": "data",
    "losses": "training.losses",
    "metrics": "metrics",
    "figures": "figures",
    "widgets": "widgets",
    "paper": "paper",
    "probe": "probe",
    "results": "results",
}

__all__ = ["__version__", *_FROM, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _FROM:
        return getattr(import_module(f"segnet_lab.{_FROM[name]}"), name)
    if name in _MODULES:
        return import_module(f"segnet_lab.{_MODULES[name]}")
    raise AttributeError(f"segnet_lab has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
