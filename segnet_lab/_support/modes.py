"""Training and evaluation mode, put back as they were."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; afterwards every module is in the mode that it was in.

    `model.train(was_training)` would not do: whoever froze a batch norm, or left dropout on, has modules of both modes.

    Parameters
    ----------
    model : Module

    Examples
    --------
    >>> model = nn.Sequential(nn.BatchNorm2d(3).eval(), nn.Dropout())  # a frozen batch norm in a network that trains
    >>> with evaluating(model):
    ...     print([module.training for module in model])
    [False, False]
    >>> [module.training for module in model]
    [False, True]
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
