"""The images that a training reads: from a data set, or from an accelerator on which their bytes lie."""

from typing import Protocol, TypeVar

import torch
from torch import Tensor

from segnet_lab._support.ahead import ahead
from segnet_lab._support.devices import free_memory, queues
from segnet_lab.data.augmentation import Augmented
from segnet_lab.data.base import Sample, SegmentationDataset

SHARE = 0.25  # of a device's free memory that a data set may take; CamVid's training set takes 254 MB at 360x480
READERS = 8  # threads that read images at most; each has a batch in memory


class Samples(Protocol):
    """Images with label maps, by number: a data set, or changed copies of one."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Sample: ...


Set = TypeVar("Set", bound=Samples)


def readers(data: Samples) -> int:
    """How many threads read ahead: none from a device, one where it is not known that a data set bears more."""
    source = data.data if isinstance(data, Augmented) else data
    if isinstance(source, OnDevice):
        return 0
    return min(READERS, torch.get_num_threads()) if isinstance(source, SegmentationDataset) else 1


def on_device(data: Set, device: torch.device) -> "Set | OnDevice":
    """The training set where it is read fastest: on an accelerator, if it consists of bytes that fit there.

    Parameters
    ----------
    data : SegmentationDataset or any other
        Those of `load_dataset` consist of bytes. Each sample is read once, to be stored.
    device : torch.device
        That of the training.

    Returns
    -------
    samples
        `OnDevice`; or the data set as it is: on a CPU, or if it would take more than `SHARE` of the free memory.
    """
    if not queues(device):
        return data
    stored, limit = OnDevice(device, getattr(data, "ignore_index", -100)), SHARE * free_memory(device)
    for sample in ahead(data.__getitem__, range(len(data)), readers(data)):
        too_large = len(data) * (sample.image.numel() + sample.label.numel()) > limit  # if all were of this size
        if too_large or not stored.add(sample):
            return data
    return stored


class OnDevice:
    """Images and label maps as bytes on a device, given as the samples that they were made from, to the last bit.

    Parameters
    ----------
    device : torch.device
    ignore_index : int
        The label of void, for those who ask.

    Examples
    --------
    >>> sample = Sample(torch.tensor([0, 51, 255]).reshape(3, 1, 1) / 255, torch.tensor([[11]]))
    >>> stored = OnDevice(torch.device("cpu"))
    >>> stored.add(sample), len(stored), torch.equal(stored[0].image, sample.image), stored[0].label
    (True, 1, True, tensor([[11]]))
    """

    def __init__(self, device: torch.device, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index
        self._bytes: list[tuple[Tensor, Tensor]] = []
        self._white = torch.tensor(255.0, device=device)  # by a plain number, CUDA multiplies by its inverse instead

    def __len__(self) -> int:
        return len(self._bytes)

    def __getitem__(self, i: int) -> Sample:
        image, label = self._bytes[i]
        return Sample(image.to(torch.float32).div_(self._white), label.to(torch.int64))

    def add(self, sample: Sample) -> bool:
        """Take a sample if it consists of bytes, pixels n / 255 and labels 0..255; whether it did."""
        image, label = (sample.image * 255).round().to(torch.uint8), sample.label.to(torch.uint8)
        pixels = image.to(torch.float32).div_(255).to(sample.image.dtype)
        exact = torch.equal(pixels, sample.image) and torch.equal(label.to(sample.label.dtype), sample.label)
        if exact:
            self._bytes.append((image.to(self._white.device), label.to(self._white.device)))
        return exact
