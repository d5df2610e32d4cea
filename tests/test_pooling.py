"""Pooling codes: worked by hand, then against torch's int64 indices, the only place where those are used."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.pooling import max_pool_2x2, max_unpool_2x2, packed_bytes, relu_max_pool_2x2, unpack

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def round_trip(x):
    values, codes = max_pool_2x2(x)
    return max_unpool_2x2(values, codes, x.shape[-2:])


def torch_round_trip(x):
    values, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    return F.max_unpool2d(values, indices, 2, output_size=x.shape[-2:])


def same_bits(a, b):
    """Equal, with zeros of the same sign and nan in the same places."""
    if a.dtype != b.dtype or a.shape != b.shape or not torch.equal(a.isnan(), b.isnan()):
        return False
    a, b = a.double().nan_to_num(7, torch.inf, -torch.inf), b.double().nan_to_num(7, torch.inf, -torch.inf)
    return torch.equal(a.view(torch.int64), b.view(torch.int64))


def test_by_hand():
    x = torch.tensor(
        [
            [1.0, 5.0, 0.0, 0.0, -1.0],
            [2.0, 3.0, 0.0, 7.0, -2.0],
            [4.0, 4.0, 9.0, 1.0, 8.0],
        ]
    )[None, None]
    values, codes = max_pool_2x2(x)
    # windows, row by row: {1 5 2 3} {0 0 0 7} {-1 . -2 .} / {4 4} {9 1} {8}
    assert values.tolist() == [[[[5, 7, -1], [4, 9, 8]]]]
    assert unpack(codes, values.shape).tolist() == [[[[1, 3, 0], [0, 0, 0]]]]
    assert codes.tolist() == [1 + 3 * 4, 0]  # six codes: the first four fill a byte, two are left
    assert max_unpool_2x2(values, codes, (3, 5)).tolist() == [[[[0, 5, 0, 0, -1], [0, 0, 0, 7, 0], [4, 0, 9, 0, 8]]]]


def test_channels_run_fastest():
    # two channels, one window each side by side: codes 1, 2 for the left window, 3, 0 for the right one
    x = torch.zeros(1, 2, 2, 4)
    x[0, 0, 0, 1] = x[0, 1, 1, 0] = x[0, 0, 1, 3] = x[0, 1, 0, 2] = 1
    _, codes = max_pool_2x2(x)
    assert codes.tolist() == [1 + 2 * 4 + 3 * 16 + 0 * 64]


def test_two_bits_a_window_as_in_the_first_stage_of_segnet_basic():
    # 64 * 180 * 240 windows * 2 bit = 0.691 MB; the paper prints 0.17
    _, codes = max_pool_2x2(torch.zeros(1, 64, 360, 480, dtype=torch.bfloat16))
    assert codes.nbytes == packed_bytes(64 * 180 * 240) == 691_200
    assert codes.nbytes * 32 == 64 * 180 * 240 * 8  # torch keeps 8 bytes a window


maps = st.tuples(st.integers(1, 2), st.integers(1, 5), st.integers(1, 65), st.integers(1, 65), st.integers(0, 2**31))


@given(maps, st.sampled_from(LAYOUTS), st.sampled_from(["ties", "zeros", "normal", "infinite", "nan"]))
@settings(deadline=None, max_examples=150)
def test_bit_identical_to_torch(shape_and_seed, layout, kind):
    *shape, seed = shape_and_seed
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(-2, 3, shape, generator=generator).float()
    if kind == "normal":
        x = torch.randn(shape, generator=generator)
    elif kind == "zeros":
        x = 0 * x  # of both signs
    elif kind in ("infinite", "nan"):
        x[torch.rand(shape, generator=generator) < 0.3] = -torch.inf if kind == "infinite" else torch.nan
    x = x.contiguous(memory_format=layout)
    values, codes = max_pool_2x2(x)
    assert same_bits(values, F.max_pool2d(x, 2, ceil_mode=True))
    assert codes.dtype == torch.uint8
    assert codes.numel() == packed_bytes(values.numel())
    assert same_bits(max_unpool_2x2(values, codes, x.shape[-2:]), torch_round_trip(x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_dtype_and_layout(dtype, layout):
    x = torch.randn(2, 5, 13, 18).to(dtype).contiguous(memory_format=layout)
    sparse = round_trip(x)
    assert same_bits(sparse, torch_round_trip(x))
    assert sparse.is_contiguous(memory_format=layout)


@given(maps)
@settings(deadline=None, max_examples=50)
def test_relu_commutes_with_pooling(shape_and_seed):
    *shape, seed = shape_and_seed
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(-3, 2, shape, generator=generator).double().requires_grad_()
    values, codes = max_pool_2x2(x.relu())
    fused, fused_codes = relu_max_pool_2x2(x)
    weight = torch.randn(values.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((values * weight).sum(), x)
    (fused_gradient,) = torch.autograd.grad((fused * weight).sum(), x)
    assert torch.equal(values, fused)
    assert torch.equal(codes, fused_codes)
    assert torch.equal(gradient, fused_gradient)


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (1, 1), (1, 6)])
def test_gradients(size):
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(round_trip, x)
    assert torch.autograd.gradgradcheck(round_trip, x)


def test_gradient_of_unpooling_other_values():
    # in SegNet the values that come back are not those that were pooled
    x = torch.randn(1, 2, 5, 4, dtype=torch.float64)
    values, codes = max_pool_2x2(x)
    other = torch.randn_like(values, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: max_unpool_2x2(v, codes, (5, 4)), other)


def test_the_graph_holds_no_indices():
    saved = []
    x = torch.randn(1, 4, 8, 8, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        round_trip(x)
    assert saved, "pooling must save its codes"
    assert {t.dtype for t in saved} == {torch.uint8}
    assert all(t.numel() == packed_bytes(4 * 4 * 4) for t in saved)


def test_deterministic():
    x = torch.randint(0, 3, (2, 8, 33, 47)).float().requires_grad_()
    torch.use_deterministic_algorithms(True)  # torch's own max_unpool2d raises under it
    try:
        first, second = round_trip(x), round_trip(x)
        first.sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(first, second)


def test_compiled_equals_eager():
    compiled = torch.compile(round_trip, fullgraph=True, backend="aot_eager")
    x = torch.randn(2, 3, 9, 14, requires_grad=True)
    (gradient,) = torch.autograd.grad(round_trip(x).square().sum(), x)
    (compiled_gradient,) = torch.autograd.grad(compiled(x).square().sum(), x)
    assert torch.equal(compiled(x), round_trip(x))
    assert torch.equal(gradient, compiled_gradient)


class RoundTrip(torch.nn.Module):
    def forward(self, x):
        return round_trip(x)


@pytest.mark.parametrize("size", [(6, 10), (5, 7)])  # of 3 channels: 45 and 36 windows an image
def test_exported_with_a_free_batch(size):
    batch = torch.export.Dim("batch", min=1, max=9)
    program = torch.export.export(RoundTrip(), (torch.randn(2, 3, *size),), dynamic_shapes={"x": {0: batch}})
    for images in (1, 3, 4, 9):
        x = torch.randn(images, 3, *size)
        assert torch.equal(program.module()(x), round_trip(x))


def test_exported_with_a_free_size():
    half_height, half_width = torch.export.Dim("h", min=2, max=50), torch.export.Dim("w", min=2, max=50)
    free = {0: torch.export.Dim("batch", min=1, max=9), 2: 2 * half_height, 3: 2 * half_width}
    program = torch.export.export(RoundTrip(), (torch.randn(2, 4, 6, 10),), dynamic_shapes={"x": free})
    for images, height, width in [(1, 6, 10), (3, 4, 100), (9, 38, 12)]:
        x = torch.randn(images, 4, height, width)
        assert torch.equal(program.module()(x), round_trip(x))


@pytest.mark.parametrize("traced", [lambda x: max_pool_2x2(x)[0], lambda x: relu_max_pool_2x2(x)[0], round_trip])
def test_tracing_names_what_to_use_instead(traced):
    with (
        warnings.catch_warnings(action="ignore", category=DeprecationWarning),
        pytest.raises(RuntimeError, match=r"torch.jit cannot trace pooling codes.*use torch.export.export"),
    ):
        torch.jit.trace(traced, torch.randn(1, 1, 4, 4))


def test_under_autocast():
    x = torch.randn(1, 3, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(round_trip(x), torch_round_trip(x))


def test_no_image_and_no_channel():
    for shape in [(0, 3, 4, 4), (2, 0, 4, 4)]:
        values, codes = max_pool_2x2(torch.zeros(shape))
        assert codes.numel() == 0
        assert max_unpool_2x2(values, codes, (4, 4)).shape == shape


@pytest.mark.parametrize("x", [torch.zeros(4, 4), torch.zeros(1, 1, 0, 4), torch.zeros(1, 1, 4, 4, dtype=torch.int64)])
def test_refuses_what_is_no_map(x):
    with pytest.raises(ValueError, match=r"expected a float map \(B, C, H, W\)"):
        max_pool_2x2(x)


def test_refuses_a_size_that_does_not_belong():
    values, codes = max_pool_2x2(torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match=r"a map of size \(7, 4\) pools to \(4, 2\)"):
        max_unpool_2x2(values, codes, (7, 4))


def test_refuses_codes_of_another_map():
    values, codes = max_pool_2x2(torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match="need 4 bytes of uint8 codes"):
        max_unpool_2x2(values.expand(1, 4, 2, 2), codes, (4, 4))
    with pytest.raises(ValueError, match="pass the codes that max_pool_2x2 returned"):
        max_unpool_2x2(values, codes.long(), (4, 4))
