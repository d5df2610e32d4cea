"""Every faster way to pool with codes gives the bits of plain torch, and each is taken where it pays."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab import pooling, pooling_fast, pooling_operators
from segnet_lab._support import compiled
from segnet_lab.pooling import PLAIN
from segnet_lab.pooling_fast import COMPILED, in_bands

needs_numba = pytest.mark.skipif(not compiled.available(), reason="numba is not installed or switched off")
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
LAYOUTS = [torch.contiguous_format, torch.channels_last]
BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def same(a, b):
    """To the last bit, but for the bits of a nan, which carry nothing."""
    a, b = (x.masked_fill(x.isnan(), 99) for x in (a, b))
    return a.dtype == b.dtype and torch.equal(*(x.view(BITS[x.element_size()]) for x in (a, b)))


def operations(backend, x, relu):
    values, codes = backend.pool(x, relu)
    return values, codes, backend.unpool(values, codes, tuple(x.shape[-2:])), backend.pick(x, codes)


@st.composite
def maps(draw):
    shape = [draw(st.integers(1, most)) for most in (3, 9, 17, 17)]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    kind = draw(st.sampled_from(["ties", "normal", "infinite", "nan"]))
    x = torch.randint(-2, 3, shape, generator=generator).to(draw(st.sampled_from(DTYPES)))
    if kind == "normal":
        x = torch.randn(shape, generator=generator).to(x.dtype)
    if kind == "infinite":
        x[torch.rand(shape, generator=generator) < 0.4] *= torch.inf  # both signs, and 0 * inf = nan
    if kind == "nan":
        x[torch.rand(shape, generator=generator) < 0.3] = torch.nan
    return x.contiguous(memory_format=draw(st.sampled_from(LAYOUTS)))


@needs_numba
@given(maps(), st.booleans())
@settings(deadline=None, max_examples=200)
def test_compiled_loops_give_the_bits_of_plain_torch(x, relu):
    assert all(map(same, operations(COMPILED, x, relu), operations(PLAIN, x, relu)))


@given(maps(), st.booleans(), st.sampled_from([16, 64, 600]))
@settings(deadline=None, max_examples=100)
def test_in_bands_as_in_one_piece(x, relu, band):
    """Parts of images, whole images, or several at a time: the same values and bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooling_fast, "BAND", band)
        parts = operations(in_bands(PLAIN), x, relu)
    assert all(map(same, parts, operations(PLAIN, x, relu)))


def test_a_band_is_a_part_of_an_image_or_several_images(monkeypatch):
    monkeypatch.setattr(pooling_fast, "BAND", 128)
    two_images = pooling_fast._bands(
        (3, 2, 8, 4), (4, 2)
    )  # 16 windows an image: 4 bytes of codes; four rows of windows
    assert two_images == [(slice(0, 2), slice(0, 4), slice(0, 8)), (slice(2, 4), slice(0, 4), slice(8, 12))]
    monkeypatch.setattr(pooling_fast, "BAND", 64)
    four_rows = pooling_fast._bands((1, 2, 20, 4), (10, 2))
    rows = [slice(0, 4), slice(4, 8), slice(8, 10)]
    packed = [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert four_rows == [(slice(0, 1), r, p) for r, p in zip(rows, packed, strict=True)]
    assert pooling_fast._bands((2, 1, 6, 6), (3, 3)) == []  # 9 windows an image do not fill whole bytes


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("backend", [PLAIN, in_bands(PLAIN), pytest.param(COMPILED, marks=needs_numba)])
def test_the_memory_format_stays(backend, layout, monkeypatch):
    monkeypatch.setattr(pooling_fast, "BAND", 64)
    x = torch.randn(2, 4, 5, 7).contiguous(memory_format=layout)
    values, _, sparse, _ = operations(backend, x, relu=False)
    assert values.is_contiguous(memory_format=layout)
    assert sparse.is_contiguous(memory_format=layout)


@needs_numba
def test_gradients_through_compiled_loops(monkeypatch):
    monkeypatch.setattr(pooling_operators, "COMPILED_FROM", 0)
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)

    def round_trip(x):
        values, codes = pooling.max_pool_2x2(x)
        return pooling.max_unpool_2x2(values, codes, x.shape[-2:])

    assert torch.autograd.gradcheck(round_trip, x)
    assert torch.autograd.gradgradcheck(round_trip, x)
