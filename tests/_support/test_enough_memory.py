"""A full memory is said in words, and is not full any longer."""

import weakref

import pytest
import torch

from segnet_lab._support.enough_memory import enough_memory
from segnet_lab._support.errors import SegNetLabError

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("batch", "said"), [(12, "train on 12 images of 360x480 at once: do less"), (1, "1 image of 360x480")]
)
def test_names_the_batch_and_the_way_out(batch, said):
    with pytest.raises(SegNetLabError, match=said), enough_memory("to train on", (batch, 3, 360, 480), CPU, "do less"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


def test_the_memory_of_a_cpu_counts_too():
    with pytest.raises(SegNetLabError, match="the memory of cpu"), enough_memory("for", (1, 3, 2, 2), CPU, "wait"):
        torch.empty(2**50)


def test_other_errors_are_what_they_are():
    with pytest.raises(RuntimeError, match="sizes differ") as caught, enough_memory("for", (1, 3, 2, 2), CPU, "wait"):
        raise RuntimeError("sizes differ")
    assert not isinstance(caught.value, SegNetLabError)


def test_what_filled_it_is_free_while_the_error_is_looked_at():
    left = []

    def fill():
        large = torch.ones(1000)
        left.append(weakref.ref(large))
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(SegNetLabError) as caught, enough_memory("for", (1, 3, 2, 2), CPU, "wait"):
        fill()
    assert left[0]() is None, "the traceback keeps it"
    assert str(caught.value.__context__) == "out of memory"  # torch's own words are still there
