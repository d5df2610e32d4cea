"""The kernels against torch's own operations, in Triton's interpreter: they run as Python, on tensors of the CPU.

Whether they compile for a device is seen without one; what they read and write is counted.
"""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab import pooling_triton
from segnet_lab.pooling import max_pool_2x2, max_unpool_2x2, pack, packed_bytes, relu_max_pool_2x2
from segnet_lab.pooling_triton import TRITON

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Triton has packages for Linux only")
BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.fixture(scope="module")
def interpreter():
    """`TRITON` with a copy of its kernels that Triton's interpreter runs; yields the interpreter's loads and stores."""
    from triton import language
    from triton.runtime import interpreter

    spec = importlib.util.find_spec("segnet_lab.pooling_kernels")
    kernels = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")  # asked when a kernel is defined, and when it runs
        spec.loader.exec_module(kernels)
        patch.setattr(pooling_triton, "_kernels", lambda: kernels)
        patch.setattr(
            language.standard, "_sum_combine", kernels._sum
        )  # a sum that it takes from numpy: 20 times faster
        options = dataclasses.replace(interpreter.interpreter_builder.options, sanitize_overflow=False)
        patch.setattr(interpreter.interpreter_builder, "options", options)  # one third faster
        yield interpreter._interpreter


@pytest.fixture
def large_programs(monkeypatch):
    """The interpreter takes as long for a program of 512 words as for one of 128."""
    monkeypatch.setattr(pooling_triton, "WORDS", 512)


def same(a, b):
    """To the last bit, but for the bits of a nan, which carry nothing."""
    a, b = (x.masked_fill(x.isnan(), 99) for x in (a, b))
    return a.dtype == b.dtype and torch.equal(*(x.contiguous().view(BITS[x.element_size()]) for x in (a, b)))


def of_torch(x):
    """Indices and codes of torch's own pooling: its indices count through an image, row by row."""
    _, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    rows, columns = indices // x.shape[-1], indices % x.shape[-1]
    return indices, pack((2 * (rows % 2) + columns % 2).to(torch.uint8))


def check(x, relu):
    """All operations on a map, each against torch's own, and against what the kit says of the same map on a CPU."""
    size = x.shape[-2:]
    indices, expected_codes = of_torch(x.relu() if relu else x)
    largest = F.max_pool2d(x, 2, ceil_mode=True)
    expected = largest.masked_fill(largest < 0, 0) if relu else largest
    values, codes = TRITON.pool(x, relu)
    assert same(values, expected)
    assert torch.equal(codes, expected_codes)
    assert torch.equal(codes, (relu_max_pool_2x2 if relu else max_pool_2x2)(x)[1])
    sparse = TRITON.unpool(values, codes, size)
    assert same(sparse, F.max_unpool2d(expected, indices, 2, output_size=size))
    assert same(sparse, max_unpool_2x2(values, codes, size))
    assert same(TRITON.pick(x, codes), x.flatten(2).gather(2, indices.flatten(2)).view(values.shape))


CHANNELS = [1, 2, 3, 4, 5, 7, 8, 11, 12, 16, 24, 32, 37, 64, 70]


@st.composite
def maps(draw, dtype):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    b, h, w = (draw(st.integers(1, most)) for most in (2, 5, 5))
    c, kind = draw(st.sampled_from(CHANNELS)), draw(st.sampled_from(["ties", "normal", "infinite", "nan", "zero"]))
    x = torch.randn(b, c, h, w, generator=generator).to(dtype)
    if kind != "normal":
        x = x.round()  # ties, and both zeros
    if kind == "infinite":
        x[torch.rand(x.shape, generator=generator) < 0.6] = -torch.inf
    if kind == "nan":
        x[torch.rand(x.shape, generator=generator) < 0.3] = torch.nan
    if kind == "zero":
        x = torch.copysign(torch.zeros((), dtype=dtype), x)
    layout = draw(st.sampled_from(["contiguous", "channels_last", "a part", "turned"]))
    if layout == "a part":
        whole = torch.zeros(b + 1, 2 * c, h + 1, w + 2, dtype=dtype)
        whole[1:, ::2, 1:, 1:-1] = x
        return whole[1:, ::2, 1:, 1:-1]
    if layout == "turned":
        return x.transpose(2, 3).contiguous().transpose(2, 3)
    return x.contiguous(memory_format=LAYOUTS[layout == "channels_last"])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_bits_of_torch(interpreter, large_programs, dtype):
    settings(deadline=None, max_examples=50)(given(maps(dtype), st.booleans())(check))()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("dtype", "channels"), [(torch.bfloat16, 64), (torch.float32, 12), (torch.float16, 11)])
def test_a_map_of_many_programs(interpreter, dtype, channels, layout):
    """Eight windows a thread, or four, or four that cross positions; the last program is not full."""
    check(torch.randn(2, channels, 13, 18).round().to(dtype).contiguous(memory_format=layout), relu=False)


@pytest.mark.parametrize("shape", [(0, 8, 4, 4), (2, 0, 4, 4)])
def test_an_empty_batch(shape):
    x = torch.zeros(shape)
    values, codes = TRITON.pool(x, True)
    assert values.shape == (*shape[:2], 2, 2)
    assert codes.numel() == 0
    assert (
        TRITON.unpool(values, codes, (4, 4)).shape == TRITON.unpool(TRITON.pick(x, codes), codes, (4, 4)).shape == shape
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_memory_format_stays(interpreter, layout):
    x = torch.randn(2, 4, 5, 7).contiguous(memory_format=layout)
    values, codes = TRITON.pool(x, False)
    for result in (values, TRITON.unpool(values, codes, (5, 7)), TRITON.pick(x, codes)):
        assert result.is_contiguous(memory_format=layout)


def test_codes_at_any_place_in_memory(interpreter):
    """At an odd address, and with other bytes between them."""
    values = torch.randn(1, 8, 2, 2, dtype=torch.bfloat16)
    codes = torch.randint(0, 256, (8,), dtype=torch.uint8)
    expected = max_unpool_2x2(values, codes, (4, 4))
    moved, spread = torch.zeros(9, dtype=torch.uint8), torch.zeros(16, dtype=torch.uint8)
    moved[1:], spread[::2] = codes, codes
    assert torch.equal(TRITON.unpool(values, moved[1:], (4, 4)), expected)
    assert torch.equal(TRITON.unpool(values, spread[::2], (4, 4)), expected)


def test_a_code_beyond_an_odd_edge_reads_nothing(interpreter):
    codes = pack(torch.full((1, 4, 1, 1), 3, dtype=torch.uint8))
    assert torch.equal(TRITON.pick(torch.ones(1, 4, 1, 1), codes), torch.zeros(1, 4, 1, 1))


# --------------------------------------------------------------------------------------------------
# Without the interpreter: what is compiled

BUILD = """
import json, sys
import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import JITFunction, driver

from segnet_lab.pooling_triton import TRITON

class Pretended:  # a device that cannot run anything
    def get_current_target(self):
        return GPUTarget(*json.loads(sys.argv[1]))
    def get_current_device(self):
        return 0
    def get_current_stream(self, device):
        return 0

def only_build(self, *args, warmup, **options):
    kernel = run(self, *args, warmup=True, **options)
    text = kernel.asm.get("ptx") or kernel.asm["amdgcn"]
    binary = kernel.asm.get("cubin") or kernel.asm["hsaco"]
    print(json.dumps({"name": self.__name__, "layout": layout, "text": text, "bytes": len(binary)}))

driver.set_active(Pretended())
run, JITFunction.run = JITFunction.run, only_build
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    for layout in ("contiguous", "channels_last"):
        x = torch.zeros(1, 64, 6, 10, dtype=dtype)
        x = x.contiguous(memory_format=torch.channels_last) if layout == "channels_last" else x
        values, codes = TRITON.pool(x, True)
        TRITON.unpool(values, codes, (6, 10))
        TRITON.pick(x, codes)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "target", [("cuda", 75, 32), ("cuda", 80, 32), ("cuda", 90, 32), ("hip", "gfx942", 64)], ids=lambda t: str(t[1])
)
def test_every_kernel_compiles(target):
    """For devices that are not here: Turing (no bfloat16), Ampere, Hopper, MI300. What they would run is text here."""
    environment = os.environ | {"TRITON_INTERPRET": "0"}
    command = [sys.executable, "-c", BUILD, json.dumps(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr
    built = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(built) == 3 * 2 * 3  # operations, layouts, dtypes
    assert all(kernel["bytes"] for kernel in built)
    if target[0] == "cuda":
        assert all(f".target sm_{target[1]}" in kernel["text"] for kernel in built)
        for kernel in built:  # 64 channels side by side: 16 bytes are one access, wherever a whole column is moved
            wide = kernel["text"].count(".v4.b32")
            if kernel["layout"] == "channels_last":
                assert wide == {"pool": 4 + 1, "unpool": 1 + 4, "pick": 1}[kernel["name"]]


# --------------------------------------------------------------------------------------------------
# Bytes


@pytest.fixture
def moved(interpreter, monkeypatch):
    """Bytes read and written so far: of each access what its mask lets through."""
    count, load, store = {"read": 0, "written": 0}, interpreter.load, interpreter.store

    def counting_load(addresses, mask, other, dtype):
        count["read"] += int(np.count_nonzero(mask)) * np.dtype(dtype).itemsize
        return load(addresses, mask, other, dtype)

    def counting_store(addresses, value, mask):
        count["written"] += int(np.count_nonzero(mask)) * value.dtype.itemsize
        return store(addresses, value, mask)

    monkeypatch.setattr(interpreter, "load", counting_load)
    monkeypatch.setattr(interpreter, "store", counting_store)
    return count


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(2, 64, 6, 10), (1, 11, 5, 9)])
def test_every_byte_is_read_or_written_once(moved, large_programs, shape, layout):
    """A bfloat16 window: four values of 2 bytes on one side, one and two bits on the other, 10.25 bytes. Pick reads one
    of the four: 4.25. At odd edges windows are smaller."""
    x = torch.randn(shape).to(torch.bfloat16).contiguous(memory_format=layout)

    def bytes_of(operation, *args):
        moved.update(read=0, written=0)
        return operation(*args), dict(moved)

    for relu in (False, True):
        (values, codes), count = bytes_of(TRITON.pool, x, relu)
        assert count == {"read": x.nbytes, "written": values.nbytes + codes.nbytes}
    windows, even = values.numel(), not (shape[2] % 2 or shape[3] % 2)
    assert sum(count.values()) == 10.25 * windows or not even
    _, count = bytes_of(TRITON.unpool, values, codes, shape[2:])
    assert count == {"read": values.nbytes + codes.nbytes, "written": x.nbytes}
    _, count = bytes_of(TRITON.pick, x, max_pool_2x2(x)[1])
    assert count == {"read": values.nbytes + packed_bytes(windows), "written": values.nbytes}
