"""The network inside what `torch.compile` or a data-parallel wrapper made."""

import os
from collections.abc import Iterator
from typing import Literal, overload

from torch import nn

from segnet_lab._support.errors import InvalidInput
from segnet_lab.models.network import EncoderDecoder
from segnet_lab.models.variants import NETWORKS
from segnet_lab.runs.places import find, is_run

DATA_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


@overload
def unwrap(model: nn.Module, required: Literal[True]) -> EncoderDecoder: ...
@overload
def unwrap(model: nn.Module, required: bool = False) -> nn.Module: ...
def unwrap(model: nn.Module, required: bool = False) -> nn.Module:
    """The network inside what `torch.compile` or a data-parallel wrapper made; any other module as it is.

    Parameters
    ----------
    model : Module
    required : bool
        Refuse everything but a network of the kit, alone or compiled.

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
    if not required:
        *_, network = _opened(model)
        return network
    network = unwrap_to_train(model)
    if not isinstance(network, EncoderDecoder):
        raise InvalidInput(_no_network(network))
    return network


def unwrap_to_train(model: nn.Module) -> nn.Module:
    """The module whose weights a training saves: what `torch.compile` was given, or the module itself.

    Raises
    ------
    ValueError
        No module, or one in a data-parallel wrapper.
    """
    *wrappers, network = _opened(model)
    for wrapper in wrappers:
        if isinstance(wrapper, DATA_PARALLEL):
            raise InvalidInput(f"{type(wrapper).__name__} hides the network inside it: give that network, model.module")
    return network


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
    return f"expected a network from create_model or load_run, got {type(given).__name__}{inside}"


def _opened(model: nn.Module) -> Iterator[nn.Module]:
    """A module, what it was made from, and so on: the network itself is the last."""
    if not isinstance(model, nn.Module):
        raise InvalidInput(_no_network(model))
    inside: nn.Module | None = model
    while inside is not None:
        yield inside
        inside = inside.module if isinstance(inside, DATA_PARALLEL) else getattr(inside, "_orig_mod", None)
