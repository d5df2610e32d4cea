"""Where training images lie: on a device as bytes, if they are bytes and fit; the same images to the last bit."""

import pytest
import torch

from segnet_lab.data.augmentation import Augmented
from segnet_lab.data.base import Sample
from segnet_lab.training import samples
from segnet_lab.training.batches import batches
from segnet_lab.training.samples import OnDevice, on_device, readers
from tests.helpers import Squares
from tests.training.small import as_accelerator, scenes

CPU = torch.device("cpu")


def test_every_byte_comes_back_as_it_was():
    pixels = torch.arange(256).reshape(1, 16, 16).expand(3, 16, 16)
    sample = Sample(pixels.to(torch.float32) / 255, torch.arange(256).reshape(16, 16))
    stored = OnDevice(CPU)
    assert stored.add(sample)
    assert torch.equal(stored[0].image, sample.image)
    assert torch.equal(stored[0].label, sample.label)
    assert [t.dtype for t in stored[0]] == [torch.float32, torch.int64]


@pytest.mark.parametrize(
    "sample",
    [
        Sample(torch.full((3, 2, 2), 0.5), torch.zeros(2, 2, dtype=torch.int64)),  # 127.5 / 255
        Sample(torch.full((3, 2, 2), torch.nan), torch.zeros(2, 2, dtype=torch.int64)),
        Sample(torch.full((3, 2, 2), 2.0), torch.zeros(2, 2, dtype=torch.int64)),
        Sample(torch.zeros(3, 2, 2), torch.full((2, 2), -1)),
        Sample(torch.zeros(3, 2, 2), torch.full((2, 2), 256)),
    ],
)
def test_what_is_no_byte_is_not_stored(sample):
    stored = OnDevice(CPU)
    assert not stored.add(sample)
    assert len(stored) == 0


def test_a_set_on_a_device_gives_the_same_batches_to_the_last_bit(monkeypatch):
    data, order = scenes(images=5), torch.tensor([3, 0, 4, 1, 2])
    expected = list(batches(data, 2, CPU, order))
    as_accelerator(monkeypatch)
    stored = on_device(data, CPU)
    assert isinstance(stored, OnDevice)
    for (images, labels), (same, too) in zip(batches(stored, 2, CPU, order), expected, strict=True):
        assert torch.equal(images, same)
        assert torch.equal(labels, too)
        assert images.stride() == same.stride()


def test_images_of_several_sizes_are_stored_too(monkeypatch):
    as_accelerator(monkeypatch)
    cut = [sample._replace(image=sample.image[:, i:], label=sample.label[i:]) for i, sample in enumerate(scenes())]
    stored = on_device(cut, CPU)
    assert isinstance(stored, OnDevice)
    assert [images.shape[2] for images, _ in batches(stored, 1, CPU)] == [32, 31, 30, 29, 28, 27]


def test_a_set_that_is_too_large_is_read_no_further_and_stays_where_it_is(monkeypatch):
    read = []

    class Noted(Squares):
        def __getitem__(self, i):
            read.append(i)
            return Sample(torch.zeros(3, 32, 32), torch.zeros(32, 32, dtype=torch.int64))

    data, size = Noted(40), 4 * 32 * 32  # bytes of an image with its labels
    as_accelerator(monkeypatch, free=int(40 * size / samples.SHARE) - 4)
    assert on_device(data, CPU) is data
    assert len(read) <= 3
    as_accelerator(monkeypatch, free=int(40 * size / samples.SHARE))
    assert isinstance(on_device(data, CPU), OnDevice)


def test_what_is_no_bytes_and_what_is_for_a_cpu_stays_where_it_is(monkeypatch):
    data = scenes()
    assert on_device(data, CPU) is data
    as_accelerator(monkeypatch)
    noisy = Squares(3)
    assert on_device(noisy, CPU) is noisy


def test_only_sets_that_are_known_to_bear_it_are_read_by_several_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    assert readers(scenes()) == readers(scenes().part([1, 2])) == samples.READERS
    assert readers(Augmented(scenes(), ("flip",), 0, 1)) == samples.READERS
    assert readers(Squares(3)) == readers(Augmented(Squares(3), ("flip",), 0, 1)) == 1
    assert readers(OnDevice(CPU)) == readers(Augmented(OnDevice(CPU), ("flip",), 0, 1)) == 0
