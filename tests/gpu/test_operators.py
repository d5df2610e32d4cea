"""Pooling and unpooling on the device: torch's own results to the bit, the CPU's codes, two bits a window."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.profiler import ProfilerActivity, profile

from segnet_lab import pooling_triton
from segnet_lab.pooling import OPERATORS, max_pool_2x2, max_unpool_2x2, packed_bytes, relu_max_pool_2x2

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")]  # torch's own

MAPS, PARTS = 200, 8
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
LAYOUTS = (torch.contiguous_format, torch.channels_last)


def some_map(number):
    """One of the maps, and gradients for its round trip: sizes from 1 to 66, a third with ties, a tenth with nan."""
    generator = torch.Generator().manual_seed(number)
    b, c, h, w = (int(torch.randint(1, most, (), generator=generator)) for most in (4, 70, 67, 67))
    x = torch.randn(b, c, h, w, generator=generator)
    if number % 3 == 0:
        x = x.round()
    if number % 10 == 0:
        x[torch.rand(x.shape, generator=generator) < 0.05] = torch.nan
    dtype, layout = DTYPES[number % 3], LAYOUTS[number % 2]
    grad = torch.randn(x.shape, generator=generator)
    return tuple(t.to(dtype).contiguous(memory_format=layout) for t in (x, grad))


def ours(x):
    values, codes = max_pool_2x2(x)
    return values, max_unpool_2x2(values, codes, x.shape[-2:])


def of_torch(x):
    values, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    return values, F.max_unpool2d(values, indices, 2, output_size=x.shape[-2:])


def gradient(round_trip, x, grad):
    x = x.detach().requires_grad_()
    round_trip(x)[1].backward(grad)
    return x.grad


def assert_same(actual, expected):
    """Equal, nan in the same places; of a tie of 0 and -0 either may come."""
    torch.testing.assert_close(actual, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("part", range(PARTS))
def test_torchs_own_results_and_the_cpus_codes(device, part):
    for number in range(part, MAPS, PARTS):
        here, grad = some_map(number)
        x, grad = here.to(device), grad.to(device)
        for actual, expected in zip(ours(x), of_torch(x), strict=True):
            assert_same(actual, expected)
        assert_same(gradient(ours, x, grad), gradient(of_torch, x, grad))
        assert torch.equal(max_pool_2x2(x)[1].cpu(), max_pool_2x2(here)[1])


@pytest.mark.parametrize("part", range(PARTS))
def test_the_relu_within_is_the_relu_before(device, part):
    for number in range(part, MAPS, PARTS):
        x = some_map(number)[0].to(device)
        for actual, expected in zip(relu_max_pool_2x2(x), max_pool_2x2(x.relu()), strict=True):
            assert_same(actual, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_bits_every_time(device, dtype, layout):
    x = torch.randn(2, 64, 90, 121).to(device, dtype).contiguous(memory_format=layout)
    first = *ours(x), gradient(ours, x, x)
    for _ in range(4):
        assert all(map(torch.equal, (*ours(x), gradient(ours, x, x)), first))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_kernel_each(device, dtype, layout):
    """Of Triton, which does not fall back; torch's profiler sees what the device is given."""
    if device.type != "cuda":
        pytest.skip("kernels are Triton's, which needs CUDA or ROCm")
    x = torch.randn(2, 64, 90, 121).to(device, dtype).contiguous(memory_format=layout)
    assert pooling_triton.available(x, x.numel())
    values, codes = OPERATORS.pool(x, False)
    calls = [lambda: OPERATORS.pool(x, True), lambda: OPERATORS.unpool(values, codes, (90, 121))]
    for call in [*calls, lambda: OPERATORS.pick(x, codes)]:
        call()  # compiles
        with profile(activities=[ProfilerActivity.CUDA]) as seen:
            call()
            torch.cuda.synchronize()
        launched = [event.name for event in seen.events() if event.device_type == torch.autograd.DeviceType.CUDA]
        assert len(launched) == 1, launched


@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
def test_two_bits_a_window_are_kept(device, compiler, backend):
    """Of pooling, a convolution and unpooling: 3 x 8 x 23 x 31 windows of two bits, ceil(17112 / 4) bytes."""

    def decode(x):
        values, codes = max_pool_2x2(x)
        return max_unpool_2x2(conv(values), codes, x.shape[-2:])

    conv, saved = nn.Conv2d(8, 8, 3, padding=1).to(device), {}

    def note(tensor):
        if tensor.dtype == torch.uint8:
            saved[tensor.data_ptr()] = tensor.nbytes
        return tensor

    x = torch.randn(3, 8, 45, 61, device=device, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        compiler(decode, backend=backend, fullgraph=True)(x).sum().backward()
    assert sum(saved.values()) == packed_bytes(3 * 8 * 23 * 31) == 4278
