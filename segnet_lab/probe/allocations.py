"""What a computation leaves allocated: the bytes behind a claim about memory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Made = TypeVar("Made")


class StillAllocated(NamedTuple, Generic[Made]):
    """What `still_allocated` gives."""

    made: Made  # whatever the computation returned
    bytes: int  # allocated during the computation and not freed by its end


def still_allocated(make: Callable[[], Made]) -> StillAllocated[Made]:
    """Run a computation and count the bytes that torch allocated for it and that are still in use at its end.

    Parameters
    ----------
    make : callable without arguments
        What it returns is kept alive, so it counts, and so does what a gradient would need; what was freed does not.

    Returns
    -------
    StillAllocated
        Views of earlier tensors, and freeing them, are not counted.

    Notes
    -----
    Watches what every operation of this thread makes, on whichever device, as `torch.utils.flop_counter` does. Equals
    what torch's memory profiler counts, but for memory that no operation asked for, such as the few kB of a copy of
    the random generator's state, which checkpointing takes.

    Examples
    --------
    >>> still_allocated(lambda: (torch.rand(1000, 1000) > 0.5).sum(0)).bytes  # a thousand int64; the rest is gone
    8000
    """
    with _Storages() as storages:
        made = make()
    return StillAllocated(made, storages.bytes_in_use())


class _Storages(TorchDispatchMode):
    """The storages, which are what tensors and their views lie in, that operations made meanwhile."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.earlier: dict[int, StorageWeakRef] = {}  # by address, which a weak reference keeps from being reused
        self.made: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is not torch.ops.aten.lift_fresh.default:  # what torch.tensor(...) has just made
            for storage in _storages_of((args, kwargs)):
                if storage._cdata not in self.made:
                    self.earlier.setdefault(storage._cdata, StorageWeakRef(storage))
        out = func(*args, **kwargs)
        for storage in _storages_of(out):
            if storage._cdata not in self.earlier:
                self.made[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        return out

    def bytes_in_use(self) -> int:
        return sum(size for storage, size in self.made.values() if not storage.expired())


def _storages_of(tree: object) -> list[torch.UntypedStorage]:
    """Where the tensors among arguments or results lie; those of the meta device lie nowhere."""
    tensors = (leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor))
    return [tensor.untyped_storage() for tensor in tensors if not tensor.is_meta]
