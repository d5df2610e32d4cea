"""The optimizer and the learning-rate schedule that a recipe names, from torch."""

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from segnet_lab._support.errors import InvalidInput
from segnet_lab.runs.recipe import SPANS_ALL_EPOCHS, Recipe, parse_schedule

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


def make_optimizer(parameters: Iterable[nn.Parameter], recipe: Recipe) -> Optimizer:
    """What turns gradients into steps.

    >>> make_optimizer([nn.Parameter(torch.zeros(1))], Recipe(learning_rate=0.01)).defaults["momentum"]
    0.9
    """
    momentum = {"momentum": recipe.momentum} if recipe.optimizer in ("sgd", "rmsprop") else {}
    return OPTIMIZERS[recipe.optimizer](
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, **momentum
    )


def make_scheduler(optimizer: Optimizer, recipe: Recipe) -> LRScheduler | None:
    """What changes the learning rate after every epoch; None for a constant rate.

    Raises
    ------
    ValueError
        Torch refuses the schedule's options.
    """
    name, options = parse_schedule(recipe.schedule)
    if name == "constant":
        return None
    if name in SPANS_ALL_EPOCHS:
        options = {SPANS_ALL_EPOCHS[name]: recipe.epochs, **options}
    kind: type[LRScheduler] = getattr(lr_scheduler, name)
    try:
        return kind(optimizer, **options)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"schedule={recipe.schedule!r}: {error}") from None


def step_scheduler(scheduler: LRScheduler | None, loss: float) -> None:
    """Once after every epoch, with its mean loss."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(loss)
    elif scheduler is not None:
        scheduler.step()
