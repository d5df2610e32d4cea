import itertools

import numpy as np
import pytest

from segnet_lab import kernels


def test_the_switch(monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_NUMBA", "0")
    assert not kernels.available()
    monkeypatch.setenv("SEGNET_LAB_NUMBA", "1")
    monkeypatch.setattr(kernels.importlib.util, "find_spec", lambda name: None)
    assert not kernels.available()


def best_by_trying(graph, n_right):
    """Size of a maximum matching: every way to give each left node one of its partners or none."""
    choices = [[*partners, None] for partners in graph]
    taken = ([j for j in way if j is not None] for way in itertools.product(*choices))
    return max(len(way) for way in taken if len(set(way)) == len(way))


@pytest.mark.skipif(not kernels.available(), reason="numba is not installed or switched off")
def test_maximum_matching_of_small_graphs():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n_left, n_right = rng.integers(1, 6, 2)
        graph = [np.flatnonzero(rng.random(n_right) < 0.4) for _ in range(n_left)]
        start = np.cumsum([0, *map(len, graph)]).astype(np.int32)
        mate = kernels.maximum_matching(start, np.concatenate(graph).astype(np.int32), n_right)
        pairs = [(i, j) for i, j in enumerate(mate) if j >= 0]
        assert all(j in graph[i] for i, j in pairs)
        assert len({j for _, j in pairs}) == len(pairs) == best_by_trying(graph, n_right)


@pytest.mark.skipif(not kernels.available(), reason="numba is not installed or switched off")
def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch):
    import numba

    def refuse(*args, cache=False, **kwargs):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*args, **kwargs)

    njit = numba.njit
    monkeypatch.setattr(numba, "njit", refuse)
    double = kernels.kernel(_double)
    assert double(21) == 42


def _double(x):
    return 2 * x
