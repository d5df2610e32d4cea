"""Compiled kernels: matching against trying everything; pooling to the last bit as torch does it."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab import pooling, pooling_fast
from segnet_lab._support import compiled
from segnet_lab.metrics import bipartite

needs_numba = pytest.mark.skipif(not compiled.available(), reason="numba is not installed or switched off")
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def test_the_switch(monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_NUMBA", "0")
    assert not compiled.available()
    monkeypatch.setenv("SEGNET_LAB_NUMBA", "1")
    monkeypatch.setattr(compiled, "_installed", lambda: False)
    assert not compiled.available()


def best_by_trying(graph, n_right):
    """Size of a maximum matching: every way to give each left node one of its partners or none."""
    choices = [[*partners, None] for partners in graph]
    taken = ([j for j in way if j is not None] for way in itertools.product(*choices))
    return max(len(way) for way in taken if len(set(way)) == len(way))


@needs_numba
def test_maximum_matching_of_small_graphs():
    rng = np.random.default_rng(0)
    for _ in range(300):
        n_left, n_right = rng.integers(1, 6, 2)
        graph = [np.flatnonzero(rng.random(n_right) < 0.4) for _ in range(n_left)]
        start = np.cumsum([0, *map(len, graph)]).astype(np.int32)
        mate = bipartite.maximum_matching(start, np.concatenate(graph).astype(np.int32), n_right)
        pairs = [(i, j) for i, j in enumerate(mate) if j >= 0]
        assert all(j in graph[i] for i, j in pairs)
        assert len({j for _, j in pairs}) == len(pairs) == best_by_trying(graph, n_right)


@needs_numba
def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch):
    import numba

    def refuse(*args, cache=False, **kwargs):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*args, **kwargs)

    njit = numba.njit
    monkeypatch.setattr(numba, "njit", refuse)
    double = compiled.kernel(_double)
    assert double(21) == 42


def _double(x):
    return 2 * x


# ---------------------------------------------------------------------------- pooling


@pytest.fixture
def every_map(monkeypatch):
    """Kernels also for maps too small to be worth loading numba for."""
    monkeypatch.setattr(pooling, "KERNELS_FROM", 0)


def bits(x):
    return x.view({1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()])


def same(a, b):
    return a.dtype == b.dtype and torch.equal(bits(a), bits(b))


@needs_numba
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 17), st.integers(1, 17), st.integers(0, 2**31)),
    st.sampled_from(DTYPES),
    st.sampled_from(LAYOUTS),
    st.sampled_from(["ties", "normal", "infinite", "nan"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=200)
def test_same_bits_as_torch(shape_and_seed, dtype, layout, kind, relu):
    *shape, seed = shape_and_seed
    generator = torch.Generator().manual_seed(seed)
    x = (
        torch.randn(shape, generator=generator)
        if kind == "normal"
        else torch.randint(-2, 3, shape, generator=generator)
    )
    x = x.to(dtype)
    if kind == "infinite":
        x[torch.rand(shape, generator=generator) < 0.4] *= torch.inf  # both signs, and 0 * inf = nan
    if kind == "nan":
        x[torch.rand(shape, generator=generator) < 0.3] = torch.nan
    x = x.contiguous(memory_format=layout)
    size = tuple(x.shape[-2:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooling, "KERNELS_FROM", 0)
        values, codes = pooling._pool(x, relu)
        sparse = pooling._scatter(values, codes, size)
        picked = pooling._gather(x, codes)
    torch_values, torch_codes = pooling.pool_in_torch(x, relu)
    assert same(codes, torch_codes)
    assert torch.equal(values.nan_to_num(99), torch_values.nan_to_num(99))
    assert same(sparse, pooling.unpool_in_torch(values, codes, size))
    assert torch.equal(picked.nan_to_num(99), pooling.pick_in_torch(x, codes).nan_to_num(99))


@needs_numba
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_stays(every_map, layout):
    x = torch.randn(2, 3, 5, 7).contiguous(memory_format=layout)
    values, codes = pooling.max_pool_2x2(x)
    sparse = pooling.max_unpool_2x2(values, codes, (5, 7))
    assert values.is_contiguous(memory_format=layout)
    assert sparse.is_contiguous(memory_format=layout)


@needs_numba
def test_gradients_through_kernels(every_map):
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)

    def round_trip(x):
        values, codes = pooling.max_pool_2x2(x)
        return pooling.max_unpool_2x2(values, codes, x.shape[-2:])

    assert torch.autograd.gradcheck(round_trip, x)
    assert torch.autograd.gradgradcheck(round_trip, x)


@needs_numba
def test_large_maps_use_them_and_small_or_traced_ones_do_not(monkeypatch):
    called = []
    monkeypatch.setattr(pooling_fast, "pool", lambda *args: called.append(args))
    pooling.max_pool_2x2(torch.zeros(1, 4, 8, 8))
    torch.compile(pooling.max_pool_2x2, fullgraph=True, backend="aot_eager")(torch.zeros(1, 16, 256, 256))
    pooling.max_pool_2x2(torch.zeros(1, 16, 256, 256, device="meta"))
    assert not called
    monkeypatch.setenv("SEGNET_LAB_NUMBA", "0")
    pooling.max_pool_2x2(torch.zeros(1, 16, 256, 256))
    assert not called
    monkeypatch.setenv("SEGNET_LAB_NUMBA", "1")
    pooling.max_pool_2x2(torch.zeros(1, 16, 256, 256))
    assert len(called) == 1


def test_importing_the_kit_does_not_load_numba():
    code = "import sys, segnet_lab.pooling, segnet_lab._support.compiled; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
