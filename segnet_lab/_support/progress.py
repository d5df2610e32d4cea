"""One progress bar, or plain lines where nobody watches."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm.auto import tqdm

from segnet_lab._support.settings import CI, HEADLESS

T = TypeVar("T")


def headless() -> bool:
    """True in batch runs (SEGNET_LAB_HEADLESS=1, set by our runner) and in CI: no bars, no live widgets."""
    return HEADLESS.get() == "1" or bool(CI.get())


def bar(
    iterable: Iterable[T] | None = None, *, total: int | None = None, description: str = "", show: bool = True
) -> "tqdm[T]":
    """A tqdm bar that leaves nothing behind; silent when headless.

    The notebook's bars ignore TQDM_DISABLE, so the switch has to be passed by hand.
    """
    items: Iterable[T] = () if iterable is None else iterable
    return tqdm(items, total=total, desc=description, leave=False, disable=not show or headless())
