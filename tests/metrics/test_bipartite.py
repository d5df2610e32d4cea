"""Maximum matching against trying every way to pair."""

import itertools

import numpy as np
import pytest

from segnet_lab._support import compiled
from segnet_lab.metrics import bipartite

needs_numba = pytest.mark.skipif(not compiled.available(), reason="numba is not installed or switched off")
SOLVERS = [
    pytest.param(bipartite.hopcroft_karp, marks=needs_numba, id="compiled"),
    pytest.param(bipartite.hopcroft_karp.__wrapped__, id="Python"),
    pytest.param(bipartite.by_flow, id="scipy"),
]


def best_by_trying(graph, n_right):
    """Size of a maximum matching: every way to give each left node one of its partners or none."""
    choices = [[*partners, None] for partners in graph]
    taken = ([j for j in way if j is not None] for way in itertools.product(*choices))
    return max(len(way) for way in taken if len(set(way)) == len(way))


@pytest.mark.parametrize("solver", SOLVERS)
def test_maximum_matching_of_small_graphs(solver):
    rng = np.random.default_rng(0)
    for _ in range(300):
        n_left, n_right = rng.integers(1, 6, 2)
        graph = [np.flatnonzero(rng.random(n_right) < 0.4) for _ in range(n_left)]
        start = np.cumsum([0, *map(len, graph)]).astype(np.int32)
        mate = solver(start, np.concatenate(graph).astype(np.int32), int(n_right))
        assert mate.dtype == np.int32
        pairs = [(i, j) for i, j in enumerate(mate) if j >= 0]
        assert all(j in graph[i] for i, j in pairs)
        assert len({j for _, j in pairs}) == len(pairs) == best_by_trying(graph, n_right)


def test_the_solver_follows_the_switch(monkeypatch):
    graph = np.array([0, 1], np.int32), np.array([0], np.int32), 1
    for name in ("hopcroft_karp", "by_flow"):
        monkeypatch.setattr(bipartite, name, lambda *_, name=name: name)
    monkeypatch.setattr(compiled, "available", lambda: True)
    assert bipartite.maximum_matching(*graph) == "hopcroft_karp"
    monkeypatch.setattr(compiled, "available", lambda: False)
    assert bipartite.maximum_matching(*graph) == "by_flow"
