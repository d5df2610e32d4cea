"""Loops that numpy and torch have no operation for, compiled by numba where it is installed.

numba is an optional extra (`pip install segnet-lab[fast]`). It is loaded by the first kernel that is called, and never
by importing this module, because that takes time and memory. Whoever calls a kernel asks `available()` first and has
another way, with the same result, when there is none. `SEGNET_LAB_NUMBA=0` switches the kernels off.
"""

import functools
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from segnet_lab._support.settings import NUMBA

P = ParamSpec("P")
R = TypeVar("R")

_wanted = ContextVar("kernels wanted", default=True)


def available() -> bool:
    """Whether kernels may be called: numba is installed, and not switched off by us or by `SEGNET_LAB_NUMBA`."""
    return _wanted.get() and NUMBA.get() != "0" and _installed()


@contextmanager
def switched_off(when: bool = True) -> Iterator[None]:
    """Leave numba alone where little memory is promised: loading it takes about 130 MB."""
    before = _wanted.set(_wanted.get() and not when)
    try:
        yield
    finally:
        _wanted.reset(before)


@functools.cache
def _installed() -> bool:
    return importlib.util.find_spec("numba") is not None


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function when it is first called; keep the machine code beside the package or in the user's cache.

    A kernel may use numpy and plain arithmetic on its arguments, and no other function of ours.
    """

    @functools.cache
    def compiled() -> Callable[P, R]:
        import numba

        try:
            return numba.njit(cache=True, nogil=True)(function)
        except RuntimeError:  # no directory can be written to: compile anew in every process
            return numba.njit(nogil=True)(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return compiled()(*args, **kwargs)

    return call
