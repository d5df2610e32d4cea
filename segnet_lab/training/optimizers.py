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


FUSED = ("sgd", "adam", "adamw")  # those that torch also has as one kernel, which can skip a step by itself


def make_optimizer(parameters: Iterable[nn.Parameter], recipe: Recipe, scaled: bool = False) -> Optimizer:
    """What turns gradients into steps.

    Parameters
    ----------
    parameters : iterable of Parameter
    recipe : Recipe
    scaled : bool
        Whether a gradient scaler decides about each step, as in float16. The kernel of a fused optimizer then does, so
        that nobody has to wait for the decision; for "rmsprop", which torch has not fused, the scaler reads one number
        a step.

    Examples
    --------
    >>> make_optimizer([nn.Parameter(torch.zeros(1))], Recipe(learning_rate=0.01)).defaults["momentum"]
    0.9
    """
    options: dict[str, object] = {"momentum": recipe.momentum} if recipe.optimizer in ("sgd", "rmsprop") else {}
    if scaled and recipe.optimizer in FUSED:
        options["fused"] = True
    make = OPTIMIZERS[recipe.optimizer]
    optimizer = make(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, **options)
    if scaled and recipe.optimizer == "sgd" and recipe.momentum:
        for group in optimizer.param_groups:
            for parameter in group["params"]:  # torch leaves them unset where the first step of all is skipped
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


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
