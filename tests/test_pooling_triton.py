"""Where Triton is taken, that it is left alone where it cannot work, and how often something is started on a device."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from segnet_lab import pooling_triton
from segnet_lab.pooling_triton import DTYPES, ELEMENTS, TRITON, available

HERE = torch.device("cpu")  # none of these tests gets as far as to run a kernel


@pytest.fixture(autouse=True)
def not_tried_yet():
    caches = [pooling_triton._works, pooling_triton._warn, pooling_triton._kernels]
    for function in caches:
        function.cache_clear()
    yield
    for function in caches:
        function.cache_clear()


def a_map(shape=(2, 8, 5, 7), dtype=torch.float32, device="cuda:0", strides=None):
    """What `available` asks of a tensor; it lies on a device that is not here."""
    x = torch.empty(shape, dtype=dtype, device="meta")
    return SimpleNamespace(
        shape=x.shape, dtype=dtype, device=torch.device(device), stride=lambda: strides or x.stride()
    )


def test_where_it_is_taken(monkeypatch):
    monkeypatch.setattr(pooling_triton, "_works", lambda device, dtype: True)
    assert all(available(a_map(dtype=dtype), 560) for dtype in DTYPES)
    assert not available(a_map(dtype=torch.float8_e5m2), 560)
    assert not any(available(a_map(device=device), 560) for device in ("cpu", "mps", "xpu", "meta"))


def test_addresses_have_32_bits(monkeypatch):
    monkeypatch.setattr(pooling_triton, "_works", lambda device, dtype: True)
    half = (2, 2**15, 2**7, 2**7)  # a pooled map of 2^30 elements: the full-size one has more than 2^31
    assert available(a_map(half), ELEMENTS - 1)
    assert not available(a_map(half), ELEMENTS)
    assert not available(a_map((2, 1, 2, 2), strides=(2**31, 4, 2, 1)), 8)  # parts of a large one
    assert available(a_map((1, 1, 2, 2), strides=(2**31, 4, 2, 1)), 4)  # of which only one image is there


class Launches:
    """In the place of the kernels: notes each launch, or fails."""

    def __init__(self, error=None):
        self.seen, self.runs, self.error = [], [], error

    def __getattr__(self, operation):
        return {(1,): lambda *args, **constants: self.launch(operation, constants)}

    def launch(self, operation, constants):
        if self.error:
            raise self.error
        self.seen.append(operation)
        self.runs.append(constants["RUN"])


def refused(match):
    """Every dtype is refused, with one warning for all; asked again, nothing is tried again."""
    with pytest.warns(UserWarning, match=match) as warned:
        assert not any(pooling_triton._works(HERE, dtype) for dtype in DTYPES * 2)
    assert len(warned) == 1
    return str(warned[0].message)


def test_without_triton(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    assert "with the same results" in refused("not installed .*: pip install triton")


def test_triton_is_too_old(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__="3.1.0+git5fe38ffd73"))
    refused("version 3.1.0.* is too old: install 3.2 or newer")


def test_a_kernel_that_fails(monkeypatch):
    monkeypatch.setattr(pooling_triton, "_kernels", lambda: Launches(RuntimeError("no C compiler")))
    refused("RuntimeError: no C compiler")


def test_it_is_tried_once(monkeypatch):
    kernels = Launches()
    monkeypatch.setattr(pooling_triton, "_kernels", lambda: kernels)
    assert all(pooling_triton._works(HERE, torch.float32) for _ in range(3))
    assert kernels.seen == ["pool", "unpool", "pick"]


def test_one_launch_each_and_nothing_else_but_memory(monkeypatch):
    class Operations(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            seen.append(operation.overloadpacket)
            return operation(*args, **(kwargs or {}))

    kernels, seen, empty = Launches(), [], torch.ops.aten.empty
    monkeypatch.setattr(pooling_triton, "_kernels", lambda: kernels)
    x = torch.zeros(2, 8, 5, 7).contiguous(memory_format=torch.channels_last)
    with Operations():
        values, codes = TRITON.pool(x, True)
        assert (kernels.seen, seen) == (["pool"], [empty, empty])
        TRITON.unpool(values, codes, (5, 7))
        assert (kernels.seen, seen) == (["pool", "unpool"], [empty] * 3)
        TRITON.pick(x, codes)
        assert (kernels.seen, seen) == (["pool", "unpool", "pick"], [empty] * 4)


def test_two_bytes_of_codes_at_once_only_from_an_even_address(monkeypatch):
    """Elsewhere a device refuses such an access."""
    kernels = Launches()
    monkeypatch.setattr(pooling_triton, "_kernels", lambda: kernels)
    values, codes = torch.zeros(1, 8, 2, 2, dtype=torch.bfloat16), torch.zeros(10, dtype=torch.uint8)
    for start in (0, 1, 2):
        TRITON.unpool(values, codes[start : start + 8], (4, 4))
    assert kernels.runs == [8, 4, 8]


def test_importing_the_kit_does_not_load_triton():
    code = "import sys, segnet_lab.pooling, segnet_lab.pooling_triton; assert 'triton' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
