"""Loops that numpy and torch have no operation for, compiled by numba where it is installed.

numba is an optional extra (`pip install segnet-lab[fast]`). It is loaded by the first kernel that is called, and never
by importing this module, because that takes time and memory. Whoever calls a kernel asks `available()` first and has
another way, with the same result, when there is none. `SEGNET_LAB_NUMBA=0` switches the kernels off.
"""

import functools
import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

_wanted = ContextVar("kernels wanted", default=True)


def available() -> bool:
    """Whether kernels may be called: numba is installed, and not switched off by us or by `SEGNET_LAB_NUMBA`."""
    return _wanted.get() and os.environ.get("SEGNET_LAB_NUMBA", "1") != "0" and _installed()


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


def kernel(function: Callable) -> Callable:
    """Compile a function when it is first called; keep the machine code beside the package or in the user's cache.

    A kernel may use numpy and plain arithmetic on its arguments, and no other function of ours.
    """

    @functools.cache
    def compiled():
        import numba

        try:
            return numba.njit(cache=True, nogil=True)(function)
        except RuntimeError:  # no directory can be written to: compile anew in every process
            return numba.njit(nogil=True)(function)

    @functools.wraps(function)
    def call(*args):
        return compiled()(*args)

    return call


@kernel
def maximum_matching(start: np.ndarray, partners: np.ndarray, n_right: int) -> np.ndarray:
    """Pair as many left nodes as possible with right nodes of a bipartite graph, each node at most once.

    Hopcroft and Karp's algorithm: shortest augmenting paths, as many disjoint ones as there are in each phase. A node
    from which a phase has found no path is marked dead and not entered again; without the mark a phase takes
    exponential time on the layered graphs that parallel boundaries make.

    Parameters
    ----------
    start : array, int32, (n_left + 1,)
        Left node i may be paired with partners[start[i] : start[i + 1]] (the graph in CSR form).
    partners : array, int32, (n_edges,)
    n_right : int

    Returns
    -------
    mate : array, int32, (n_left,)
        The right node of each left node, -1 for none. The number of pairs is the greatest possible.
    """
    n_left = start.size - 1
    mate = np.full(n_left, -1, np.int32)
    mate_of_right = np.full(n_right, -1, np.int32)
    for i in range(n_left):  # greedy, in reading order: leaves one boundary pixel in fifty to the phases
        for e in range(start[i], start[i + 1]):
            if mate_of_right[partners[e]] < 0:
                mate[i] = partners[e]
                mate_of_right[partners[e]] = i
                break

    level = np.empty(n_left, np.int32)  # steps from a free left node; -1 not reached, -2 dead or used
    queue = np.empty(n_left, np.int32)
    path = np.empty(n_left, np.int32)
    edge = np.empty(n_left, np.int32)  # the next edge to try: each is tried once a phase
    while True:
        # Breadth first: levels, up to the first one that sees a free right node.
        filled = 0
        for i in range(n_left):
            level[i] = -1
            if mate[i] < 0:
                level[i] = 0
                queue[filled] = i
                filled += 1
        roots = filled
        deepest = n_left
        read = 0
        while read < filled and level[queue[read]] <= deepest:
            i = queue[read]
            read += 1
            for e in range(start[i], start[i + 1]):
                next_left = mate_of_right[partners[e]]
                if next_left < 0:
                    deepest = level[i]
                elif level[next_left] == -1:
                    level[next_left] = level[i] + 1
                    queue[filled] = next_left
                    filled += 1
        if deepest == n_left:
            return mate

        # Depth first: from each free left node one path down the levels, never twice over the same node.
        edge[:] = start[:-1]
        for root in queue[:roots]:
            path[0] = root
            depth = 0
            while depth >= 0:
                i = path[depth]
                if edge[i] == start[i + 1]:
                    level[i] = -2
                    depth -= 1
                    continue
                next_left = mate_of_right[partners[edge[i]]]
                edge[i] += 1
                if next_left >= 0:
                    if level[next_left] == level[i] + 1:
                        depth += 1
                        path[depth] = next_left
                    continue
                for i in path[: depth + 1]:  # a free right node: shift every pair of the path by one
                    level[i] = -2
                    mate[i] = partners[edge[i] - 1]
                    mate_of_right[mate[i]] = i
                break


# Pooling with codes, for segnet_lab.pooling. Floats come as the integers that their bits spell, so that one kernel
# serves every float type, also bfloat16, which numpy does not know. Such integers are in the order of the floats,
# except that negative ones run backwards (`lowest - bits` turns them round, and makes -0 equal to 0) and nan must win.


@kernel
def pool(x: np.ndarray, infinity: int, relu: bool, values: np.ndarray, codes: np.ndarray) -> None:
    """2x2 max pooling: the maximum of each window, and the packed codes of the corners where they were.

    Parameters
    ----------
    x : array, intN, (B, H, W, C)
        Bits of floats.
    infinity : int
        Bits of the float infinity.
    relu : bool
        A window whose maximum is not above 0 gets corner 0.
    values : array, intN, (B, ceil(H/2), ceil(W/2), C)
        Written.
    codes : array, uint8, (ceil(values.size/4),)
        Written.
    """
    lowest, largest = x.dtype.type(np.iinfo(x.dtype).min), x.dtype.type(np.iinfo(x.dtype).max)
    nan_above = x.dtype.type(infinity)  # narrow types throughout: more of them fit in a vector register
    corners = np.zeros(4 * codes.size, np.uint8)

    def beats(new, old):  # a tie is the first one's
        order_new, order_old = (new if new >= 0 else lowest - new), (old if old >= 0 else lowest - old)
        return ((new & largest) > nan_above) | ((order_new > order_old) & ((old & largest) <= nan_above))

    start = 0
    for b in range(values.shape[0]):
        for i in range(values.shape[1]):
            has_bottom = 2 * i + 1 < x.shape[1]
            top, bottom = x[b, 2 * i], x[b, 2 * i + has_bottom]
            for j in range(values.shape[2]):
                has_right = 2 * j + 1 < x.shape[2]
                x0, x1, x2, x3 = top[2 * j], top[2 * j + has_right], bottom[2 * j], bottom[2 * j + has_right]
                best, where = values[b, i, j], corners[start : start + values.shape[3]]
                start += values.shape[3]
                for c in range(best.size):
                    v, k = x0[c], np.uint8(0)
                    if has_right & beats(x1[c], v):
                        v, k = x1[c], np.uint8(1)
                    if has_bottom & beats(x2[c], v):
                        v, k = x2[c], np.uint8(2)
                    if has_right & has_bottom & beats(x3[c], v):
                        v, k = x3[c], np.uint8(3)
                    if relu & (v <= 0) & ((v & largest) <= nan_above):
                        k = np.uint8(0)
                    best[c], where[c] = v, k
    for n in range(codes.size):
        codes[n] = corners[4 * n] | corners[4 * n + 1] << 2 | corners[4 * n + 2] << 4 | corners[4 * n + 3] << 6


@kernel
def unpool(values: np.ndarray, codes: np.ndarray, x: np.ndarray) -> None:
    """Every value to the corner its code names, 0 to the others: arrays as in `pool`, x is written."""
    corners = np.empty(4 * codes.size, np.uint8)
    for n in range(codes.size):
        for k in range(4):
            corners[4 * n + k] = codes[n] >> 2 * k & 3
    corners = corners[: values.size].reshape(values.shape)
    for b in range(x.shape[0]):
        for row in range(x.shape[1]):
            for column in range(x.shape[2]):
                corner = np.uint8(2 * (row % 2) + column % 2)
                here = x[b, row, column]
                value, where = values[b, row // 2, column // 2], corners[b, row // 2, column // 2]
                for c in range(here.size):
                    here[c] = value[c] if where[c] == corner else x.dtype.type(0)


@kernel
def pick(x: np.ndarray, codes: np.ndarray, values: np.ndarray) -> None:
    """Read x at the corners that the codes name: arrays as in `pool`, values are written."""
    corners = np.empty(4 * codes.size, np.uint8)
    for n in range(codes.size):
        for k in range(4):
            corners[4 * n + k] = codes[n] >> 2 * k & 3
    corners = corners[: values.size].reshape(values.shape)
    for b in range(values.shape[0]):
        for i in range(values.shape[1]):
            bottom = min(2 * i + 1, x.shape[1] - 1)  # no code names a place beyond an odd edge
            for j in range(values.shape[2]):
                right = min(2 * j + 1, x.shape[2] - 1)
                value, where = values[b, i, j], corners[b, i, j]
                x0, x1, x2, x3 = x[b, 2 * i, 2 * j], x[b, 2 * i, right], x[b, bottom, 2 * j], x[b, bottom, right]
                for c in range(value.size):
                    k = where[c]
                    value[c] = (x0[c] if k == 0 else x1[c]) if k < 2 else (x2[c] if k == 2 else x3[c])
