"""The device of these tests. They skip where there is no accelerator; on a CPU their bodies can be rehearsed:

SEGNET_LAB_TEST_DEVICE=cpu pytest -m gpu tests/gpu
"""

import os

import pytest
import torch

# What deterministic matrix products need, before CUDA starts
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@pytest.fixture(scope="session")
def device():
    """The accelerator, or the device that SEGNET_LAB_TEST_DEVICE names."""
    if name := os.environ.get("SEGNET_LAB_TEST_DEVICE"):
        return torch.device(name)
    if not torch.accelerator.is_available():
        pytest.skip("no accelerator on this machine; SEGNET_LAB_TEST_DEVICE=cpu rehearses these tests")
    return torch.accelerator.current_accelerator()


@pytest.fixture(autouse=True)
def whole_float32(monkeypatch):
    """Convolutions in all the digits of float32, not TF32's ten bits; products have them by default."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def deterministic():
    """Operations that give the same bits every time; one that cannot is an error."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def compiler():
    """torch.compile without what it compiled before: of one function it keeps eight versions at most."""
    torch.compiler.reset()
    yield torch.compile
    torch.compiler.reset()
