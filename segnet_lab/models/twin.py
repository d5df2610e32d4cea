"""A network without its numbers: what it would do to an image of any size, at no cost."""

import copy
from typing import TypeVar

from torch import nn

_Module = TypeVar("_Module", bound=nn.Module)


def meta_twin(model: _Module) -> _Module:
    """The same network on the "meta" device, where tensors have a shape and no values. Nothing of `model` is copied.

    Examples
    --------
    >>> import torch
    >>> from segnet_lab import create_model
    >>> meta_twin(create_model("segnet_basic"))(torch.empty(1, 3, 360, 480, device="meta")).shape
    torch.Size([1, 11, 360, 480])
    """
    empty = {
        **{id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in model.parameters()},
        **{id(b): b.to("meta") for b in model.buffers()},
    }
    return copy.deepcopy(model, empty)
