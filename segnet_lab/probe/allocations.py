"""What torch's memory allocator still holds after a computation: the bytes behind a claim about memory."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch.profiler import ProfilerActivity, profile


class LeftBehind(NamedTuple):
    """What `left_behind` gives."""

    made: Any  # whatever the computation returned
    bytes: int  # handed out during the computation and not given back


def left_behind(make: Callable[[], Any]) -> LeftBehind:
    """Run a computation on the CPU and count the bytes that are still allocated after it.

    Parameters
    ----------
    make : callable without arguments
        What it returns is kept alive, so it counts; what it let go does not.

    Returns
    -------
    LeftBehind
        Only what is made during the computation counts: a view of an older tensor is free, and so is its end.

    Examples
    --------
    >>> import torch
    >>> left_behind(lambda: (torch.rand(1000, 1000) > 0.5).sum(0)).bytes  # a thousand int64; the rest is gone
    8000
    """
    with _kineto_is_silent(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        made = make()
    return LeftBehind(made, sum(event.self_cpu_memory_usage for event in seen.key_averages()))


@contextmanager
def _kineto_is_silent() -> Iterator[None]:
    """torch's profiler writes a line to stderr at every start and stop, past Python's sys.stderr."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
