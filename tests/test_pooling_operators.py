"""Pooling with codes as operators of torch: its compiler takes them as they stand, and two bits a window are kept."""

import pytest
import torch
import torch.nn.functional as F
from torch import library
from torch.autograd.graph import saved_tensors_hooks

from segnet_lab import pooling_fast, pooling_operators, pooling_triton
from segnet_lab._support import compiled
from segnet_lab.pooling import OPERATORS, PLAIN, max_pool_2x2, max_unpool_2x2, packed_bytes, relu_max_pool_2x2
from segnet_lab.pooling_fast import COMPILED, in_bands
from segnet_lab.pooling_operators import fastest
from segnet_lab.pooling_triton import TRITON

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own compiler uses it
LAYOUTS = [torch.contiguous_format, torch.channels_last]
WINDOWS = 2 * 5 * 4 * 3  # of the maps below


def a_map(dtype=torch.float32, layout=torch.contiguous_format, requires_grad=True):
    x = torch.randn(2, 5, 7, 6, dtype=dtype).contiguous(memory_format=layout)
    return x.requires_grad_(requires_grad)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_torch_checks_the_operators(dtype, layout):
    """Schema, autograd, what a compiler is told of shapes, types and strides, also when sizes are free."""
    x = a_map(dtype, layout)
    values, codes = (t.detach() for t in OPERATORS.pool(x, True))
    library.opcheck(OPERATORS.pool, (x, False))
    library.opcheck(OPERATORS.pool, (x, True))
    library.opcheck(OPERATORS.unpool, (values.requires_grad_(), codes, (7, 6)))
    library.opcheck(OPERATORS.pick, (x, codes))


@pytest.mark.parametrize("relu", [False, True])
def test_gradients_of_each(relu):
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    values, codes = (t.detach() for t in OPERATORS.pool(x, False))
    for function, at in [
        (lambda x: OPERATORS.pool(x, relu)[0], x),
        (lambda v: OPERATORS.unpool(v, codes, (3, 4)), values.requires_grad_()),
        (lambda x: OPERATORS.pick(x, codes), x),
    ]:
        assert torch.autograd.gradcheck(function, at)
        assert torch.autograd.gradgradcheck(function, at)


def test_pick_is_the_transpose_of_unpool():
    x, values = a_map(torch.float64, requires_grad=False), torch.randn(2, 5, 4, 3, dtype=torch.float64)
    _, codes = max_pool_2x2(x)
    sparse, picked = max_unpool_2x2(values, codes, (7, 6)), OPERATORS.pick(x, codes)
    torch.testing.assert_close((x * sparse).sum(), (values * picked).sum())


def saved_by(function, *inputs):
    """Shapes and types of what is kept for the backward pass, tensor by tensor; the inputs are not counted."""
    saved = {}

    def note(t):
        saved[t.data_ptr()] = t
        return t

    with saved_tensors_hooks(note, lambda t: t):
        function(*inputs)
    known = {t.data_ptr() for t in inputs}
    return [t for pointer, t in saved.items() if pointer not in known]


def pool_filter_unpool(x, weight):
    values, codes = max_pool_2x2(x)
    return max_unpool_2x2(F.conv2d(values, weight), codes, x.shape[-2:])


@pytest.mark.parametrize("backend", [None, "aot_eager", "inductor"])
def test_two_bits_a_window_are_kept_eager_and_compiled(backend):
    function = torch.compile(pool_filter_unpool, backend=backend, fullgraph=True) if backend else pool_filter_unpool
    x, weight = a_map(), torch.randn(5, 5, 1, 1, requires_grad=True)
    saved = saved_by(function, x, weight)
    codes = [t for t in saved if not t.is_floating_point()]
    assert {(t.dtype, t.numel()) for t in codes} == {(torch.uint8, packed_bytes(WINDOWS))}
    assert {t.shape for t in saved if t.is_floating_point()} <= {(2, 5, 4, 3), weight.shape}  # the filter's input


def test_compiled_as_eager():
    x, weight = a_map(), torch.randn(5, 5, 1, 1, requires_grad=True)
    compiled = torch.compile(pool_filter_unpool, fullgraph=True)
    torch.testing.assert_close(compiled(x, weight), pool_filter_unpool(x, weight))
    for got, expected in zip(
        torch.autograd.grad(compiled(x, weight).square().sum(), (x, weight)),
        torch.autograd.grad(pool_filter_unpool(x, weight).square().sum(), (x, weight)),
        strict=True,
    ):
        torch.testing.assert_close(got, expected)


def test_what_is_exported_holds_nothing_of_ours():
    class Pool(torch.nn.Module):
        def forward(self, x):
            return relu_max_pool_2x2(x)

    graph = torch.export.export(Pool(), (a_map(),)).graph
    assert not [node for node in graph.nodes if "segnet_lab" in str(node.target)]


def test_shapes_without_values():
    values, codes = max_pool_2x2(torch.zeros(2, 4, 5, 7, device="meta"))
    assert values.shape == (2, 4, 3, 4)
    assert codes.shape == (24,)
    assert max_unpool_2x2(values, codes, (5, 7)).shape == (2, 4, 5, 7)


def test_the_fastest_way_is_taken_at_every_step(monkeypatch):
    chosen = []

    def note(plain, x, elements):
        chosen.append((tuple(x.shape), elements))
        return plain

    monkeypatch.setattr(pooling_operators, "fastest", note)
    x = torch.zeros(1, 2, 6, 8, requires_grad=True)
    values, codes = max_pool_2x2(x)
    max_unpool_2x2(values, codes, (6, 8)).sum().backward()
    # pool; unpool: the full-size map counts; its gradient picks from one, that of pooling unpools again
    assert chosen == [((1, 2, 6, 8), 96), ((1, 2, 3, 4), 96), ((1, 2, 6, 8), 96), ((1, 2, 3, 4), 96)]


def test_what_is_fastest(monkeypatch):
    monkeypatch.setattr(pooling_fast, "BAND", 2**17)
    x = torch.zeros(1)
    monkeypatch.setattr(compiled, "available", lambda: False)
    assert fastest(PLAIN, x, 2**17) is PLAIN
    assert fastest(PLAIN, x, 2**17 + 1) is fastest(PLAIN, x, 2**18) is in_bands(PLAIN)
    monkeypatch.setattr(compiled, "available", lambda: True)
    assert fastest(PLAIN, x, 2**18 - 1) is in_bands(PLAIN)
    assert fastest(PLAIN, x, 2**18) is COMPILED
    assert fastest(PLAIN, torch.nn.Parameter(x), 2**18) is in_bands(PLAIN)


@pytest.mark.parametrize(("serves", "way"), [(True, TRITON), (False, PLAIN)])
def test_what_is_fastest_on_another_device(serves, way, monkeypatch):
    monkeypatch.setattr(pooling_triton, "available", lambda x, elements: serves)
    assert fastest(PLAIN, torch.zeros(1, device="meta"), 2**18) is way
