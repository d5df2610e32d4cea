"""Minibatches of a data set, on a device."""

from collections.abc import Iterator
from functools import partial
from itertools import groupby

import torch
from torch import Tensor

from segnet_lab._support.ahead import ahead
from segnet_lab._support.devices import queues
from segnet_lab.data.base import Sample, collate
from segnet_lab.training.samples import Samples, readers

Batch = tuple[Tensor, Tensor]  # images (B, 3, H, W), labels (B, H, W)


def batches(
    data: Samples, size: int, device: torch.device, order: Tensor | None = None, *, one_size: bool = False
) -> Iterator[Batch]:
    """Images (B, 3, H, W) and labels (B, H, W) on a device, in that order; the last batch may be short.

    Images of different sizes in one batch are an error; with `one_size`, a batch ends where the size changes. For an
    accelerator, threads read ahead, so that it need not wait; on a CPU every core has its work already.
    """
    for images, labels in read_batches(data, size, device, order, one_size=one_size):
        yield to_device(images, device), labels.to(device, non_blocking=True)


def to_device(images: Tensor, device: torch.device) -> Tensor:
    """Images as convolutions want them, channels last; from pinned memory, without waiting for what is queued there."""
    return images.to(device, memory_format=torch.channels_last, non_blocking=True)


def read_batches(
    data: Samples, size: int, device: torch.device, order: Tensor | None = None, *, one_size: bool = False
) -> Iterator[Batch]:
    """As `batches`, where they were read; meant for a device."""
    indices = torch.arange(len(data)) if order is None else order
    chunks = [chosen.tolist() for chosen in indices.split(size)]
    read = partial(_read, data, one_size, device.type == "cuda")
    threads = readers(data) if queues(device) else 0
    for groups in ahead(read, chunks, threads) if threads else map(read, chunks):
        yield from groups


def _read(data: Samples, one_size: bool, pinned: bool, chosen: list[int]) -> list[Batch]:
    """The batch of those numbers; several, if its images are to be of one size and are not."""
    samples = [data[i] for i in chosen]
    groups = [list(group) for _, group in groupby(samples, _size)] if one_size else [samples]
    read: list[Batch] = [collate(group) for group in groups]
    if not pinned or read[0][0].device.type != "cpu":
        return read
    layout = torch.channels_last
    return [(images.contiguous(memory_format=layout).pin_memory(), labels.pin_memory()) for images, labels in read]


def _size(sample: Sample) -> torch.Size:
    return sample.image.shape
