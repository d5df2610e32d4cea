"""The network inside what `torch.compile` or a data-parallel wrapper made."""

import os

from torch import nn

from segnet_lab._support.errors import InvalidInput
from segnet_lab.models.network import EncoderDecoder
from segnet_lab.models.variants import NETWORKS
from segnet_lab.runs.places import find, is_run


def unwrap(model: nn.Module, required: bool = False) -> nn.Module:
    """The network inside what `torch.compile` or a data-parallel wrapper made; any other module as it is.

    Parameters
    ----------
    model : Module
    required : bool
        Refuse what cannot be trained and saved as one network of the kit.

    Raises
    ------
    ValueError
        No module: a name, for example. If `required`, no network of the kit either, or one in a data-parallel wrapper.
        Says what to give instead.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> model = create_model("segnet_basic", width=0.1)
    >>> unwrap(nn.DataParallel(model)) is model
    True
    """
    if not isinstance(model, nn.Module):
        raise InvalidInput(_no_network(model))
    while (inner := _inside(model)) is not None:
        if required and not hasattr(model, "_orig_mod"):
            raise InvalidInput(
                f"{type(model).__name__} keeps a network to itself: give the network in it, model.module"
            )
        model = inner
    if required and not isinstance(model, EncoderDecoder):
        raise InvalidInput(_no_network(model))
    return model


def _no_network(given: object) -> str:
    """What was given in a network's place, and the network that may have been meant."""
    if isinstance(given, str | os.PathLike):
        name, folder = os.fspath(given), find(given)
        if name in NETWORKS:
            way = f"create_model({name!r})"
        elif folder and not is_run(folder):
            way = f"create_model(network, weights={name!r})"
        else:
            way = f"load_run({name!r}).model"
        return f"{name!r} is a name: give the network, {way}"
    inside = ": give its model" if isinstance(getattr(given, "model", None), nn.Module) else ""
    return f"what is needed is a network from create_model or load_run, not {type(given).__name__}{inside}"


def _inside(model: nn.Module) -> nn.Module | None:
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return model.module
    return getattr(model, "_orig_mod", None)
