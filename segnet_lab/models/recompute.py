"""Maps that the backward pass makes again instead of keeping them: less memory, the same gradients to the last bit.

Training keeps of every operation what its gradient will need. In SegNet much of that follows, at little cost, from
something smaller or from something that is kept anyway: a sparse map from its values and codes; a map behind batch
normalisation and ReLU from the map before them. Whoever makes such a map leaves a `Maker` with it, and whoever
computes with it keeps that in place of the map (`keeping_how`).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

_computed_again = ContextVar("computed again", default=False)


@contextmanager
def computed_again() -> Iterator[None]:
    """In here is what `torch.utils.checkpoint` computes again as a whole, so no map made in it is to be kept."""
    before = _computed_again.set(True)
    try:
        yield
    finally:
        _computed_again.reset(before)


def backward_may_follow() -> bool:
    """Whether it can matter what operations keep; a compiler decides that by itself."""
    return torch.is_grad_enabled() and not torch.compiler.is_compiling()


def from_kept_maps() -> bool:
    """Whether a map may be made again from one that was made just before it."""
    return backward_may_follow() and not _computed_again.get()


class Maker:
    """How a map is made again, to the last bit: for the first operation that needs it; with the last one it goes."""

    def __init__(self, make: Callable[[], Tensor]):
        self.make = make
        self.made = None
        self.users = self.served = 0

    def makes(self, x: Tensor) -> Tensor:
        """x, which from now on has this maker."""
        x.maker = self
        return x

    def replaces(self, x: Tensor | None = None) -> saved_tensors_hooks:
        """Operations in here keep the maker where they would keep x; None: whatever they would keep."""
        same = None if x is None else (x.data_ptr(), x.shape)
        return saved_tensors_hooks(
            lambda saved: self.one_more() if same in (None, (saved.data_ptr(), saved.shape)) else saved,
            lambda kept: kept() if isinstance(kept, Maker) else kept,
        )

    def one_more(self) -> "Maker":
        self.users += 1
        return self

    def __call__(self) -> Tensor:
        made = self.make() if self.made is None else self.made
        self.served += 1
        self.made = made if self.served % self.users else None
        return made


def keeping_how(x: Tensor) -> AbstractContextManager:
    """Operations in here keep how x is made where they would keep x, if it has a maker."""
    maker = getattr(x, "maker", None)
    return nullcontext() if maker is None else maker.replaces(x)


def how(x: Tensor) -> Callable[[], Tensor]:
    """What gives x in the backward pass: its maker, else x itself."""
    maker = getattr(x, "maker", None)
    return (lambda: x) if maker is None else maker.one_more()
