"""Work done by other threads before anybody asks for it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`map(work, items)`, with some results already under way while one is used.

    Parameters
    ----------
    work : callable
        Called in other threads, in the context of the caller (its `ContextVar`s).
    items : iterable
        Read in the caller's thread, at most one item more than there are workers ahead of the results.
    workers : int
        How many threads; 1 for work that must not meet itself.

    Yields
    ------
    result
        In the order of the items. An error comes where its result would have; what was not begun by then is dropped.

    Examples
    --------
    >>> list(ahead(abs, [-3, 1, -2], workers=2))
    [3, 1, 2]
    """
    pool, waiting = ThreadPoolExecutor(workers, "ahead"), deque[Future[Result]]()
    try:
        for item in items:
            waiting.append(pool.submit(copy_context().run, work, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
