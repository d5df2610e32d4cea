"""How to train: one frozen dataclass, the paper's values beside it."""

import ast
import math
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, fields
from numbers import Integral, Real
from typing import Any

from segnet_lab._support.errors import InvalidInput, unknown

BALANCINGS = ("median_frequency", "median_frequency_whole_set", "published", "natural")  # see `training.losses`
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop")
AUGMENTATIONS = ("flip", "scale", "colour")  # see data.augmentation
SCHEDULES = (  # of torch.optim.lr_scheduler, stepped after every epoch
    "StepLR",
    "MultiStepLR",
    "ExponentialLR",
    "LinearLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ReduceLROnPlateau",
)
SPANS_ALL_EPOCHS = {"PolynomialLR": "total_iters", "CosineAnnealingLR": "T_max"}  # what defaults to `epochs`


@dataclass(frozen=True)
class Recipe:
    """The recipe of Section 3.2: stochastic gradient descent at a fixed rate, every image once an epoch.

    Raises
    ------
    ValueError
        A setting of another type or out of range: names it, its value and what it takes.

    Examples
    --------
    >>> Recipe(epochs=3, learning_rate=0.01).learning_rate
    0.01
    >>> Recipe(schedule="PolynomialLR(power=0.9)", augmentation="flip,scale", balancing=[1, 2.5, 4]).balancing
    (1.0, 2.5, 4.0)
    >>> Recipe(epochs=2.5)
    Traceback (most recent call last):
    ...
    segnet_lab...InvalidInput: epochs=2.5: give a whole number
    """

    epochs: int = 12  # the paper: "until the training loss converges", some hundreds on CamVid
    learning_rate: float = 0.1  # Section 3.2 for the Basic networks; 1e-3 for the VGG16 ones (Section 4)
    momentum: float = 0.9  # of sgd and rmsprop
    weight_decay: float = 5e-4  # the authors' solver files; the paper is silent
    batch_size: int = 12  # Table 1; 5 for roads and 4 for indoor scenes in Section 4. 1 takes images of any size
    balancing: str | tuple[float, ...] = "median_frequency"  # "natural" in Tables 3 and 4; or own weights
    seed: int = 0  # of the shuffling and the dropout; create_model has its own for the weights
    evaluate_every: int = 1  # epochs; the paper: 1000 iterations, 33 epochs of CamVid
    precision: str = "auto"  # what the device multiplies fast: bfloat16, else float16, else float32
    checkpointing: bool = False  # recompute activations in the backward pass: less memory, more time
    optimizer: str = "sgd"  # the paper's; or "adam", "adamw", "rmsprop" of torch, with their own defaults
    schedule: str = "constant"  # the paper's; or a scheduler of torch, as in "StepLR(step_size=30, gamma=0.1)"
    augmentation: str = "none"  # the paper's; or any of "flip,scale,colour"
    patience: int = 0  # stop after this many evaluations without a higher G; 0: train all epochs
    compile: bool = False  # the network by torch.compile: slow to start; whether it pays depends on the device

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _typed(field, getattr(self, field.name)))
        for name in ("epochs", "batch_size", "evaluate_every"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name}={getattr(self, name)}: give at least 1")
        for name in ("learning_rate", "momentum", "weight_decay", "patience"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise InvalidInput(f"{name}={value:g}: give a number >= 0")
        if isinstance(self.balancing, str) and self.balancing not in BALANCINGS:
            raise InvalidInput(
                unknown("balancing", self.balancing, BALANCINGS) + "; or one weight per class, as in 1,2.5,4"
            )
        if self.precision not in PRECISIONS:
            raise InvalidInput(unknown("precision", self.precision, PRECISIONS))
        if self.optimizer not in OPTIMIZERS:
            raise InvalidInput(unknown("optimizer", self.optimizer, OPTIMIZERS))
        for name in self.augmentations:
            if name not in AUGMENTATIONS:
                raise InvalidInput(unknown("augmentation", name, ["none", *AUGMENTATIONS]))
        parse_schedule(self.schedule)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """Names of the changes made to training images, () for none."""
        return () if self.augmentation == "none" else tuple(n.strip() for n in self.augmentation.split(","))

    @property
    def can_grow(self) -> bool:
        """Whether a run may be given more epochs: not where the learning rate depends on how many there will be."""
        name, options = parse_schedule(self.schedule)
        return SPANS_ALL_EPOCHS.get(name, "nothing") in {"nothing", *options}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "Recipe":
        """A recipe from a saved run; a setting this version does not know is refused by name."""
        names = [f.name for f in fields(cls)]
        for name in settings:
            if name not in names:
                raise InvalidInput(unknown("recipe setting", name, names))
        return cls(**settings)


def parse_schedule(text: str) -> tuple[str, dict[str, Any]]:
    """Name and options of a schedule; nothing of it is executed.

    >>> parse_schedule("StepLR(step_size=30, gamma=0.1)"), parse_schedule("constant")
    (('StepLR', {'step_size': 30, 'gamma': 0.1}), ('constant', {}))
    """
    if text == "constant":
        return text, {}
    wrong = InvalidInput(
        f"schedule={text!r}: give 'constant', or one of {', '.join(SCHEDULES)} with its options as in torch, such as "
        "'StepLR(step_size=30, gamma=0.1)'"
    )
    try:
        call = ast.parse(text, mode="eval").body
        if isinstance(call, ast.Name):
            name, options = call.id, {}
        elif isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args:
            name, options = call.func.id, {str(k.arg): ast.literal_eval(k.value) for k in call.keywords if k.arg}
            if len(options) < len(call.keywords):  # **options
                raise wrong
        else:
            raise wrong
    except (SyntaxError, ValueError, TypeError):
        raise wrong from None
    if name not in SCHEDULES:
        raise wrong
    return name, options


WANTED: dict[object, str] = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}


def _typed(field: "Field[Any]", value: object) -> object:
    """The value in the type of its field; one of another type is refused."""
    if field.name == "balancing":
        return _balancing(value)
    if isinstance(value, bool):  # which Python takes for 1 and 0
        if field.type is bool:
            return value
    elif field.type is int and isinstance(value, Integral):
        return int(value)
    elif field.type is float and isinstance(value, Real):
        return float(value)
    elif field.type is str and isinstance(value, str):
        return value
    raise InvalidInput(f"{field.name}={value!r}: give {WANTED[field.type]}")


def _balancing(value: object) -> str | tuple[float, ...]:
    """A name, or weights as a list or as text, "1,2.5,4"."""
    if isinstance(value, str) and not any(c.isdigit() for c in value):
        return value
    parts = value.split(",") if isinstance(value, str) else value
    try:
        weights = tuple(float(part) for part in parts) if isinstance(parts, Iterable) else ()
    except (TypeError, ValueError):
        weights = ()
    if not weights or not all(w >= 0 and math.isfinite(w) for w in weights) or not any(weights):
        raise InvalidInput(
            f"balancing={value!r}: give one of {', '.join(BALANCINGS)}, or one weight per class: finite numbers >= 0, "
            "not all 0"
        )
    return weights
