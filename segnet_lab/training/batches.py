"""Minibatches of a data set, on a device."""

from collections.abc import Iterator
from itertools import groupby
from typing import Protocol

import torch
from torch import Tensor

from segnet_lab.data.base import Sample, collate


class Samples(Protocol):
    """Images with label maps, by number: a data set, or changed copies of one."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Sample: ...


def batches(
    data: Samples, size: int, device: torch.device, order: Tensor | None = None, *, one_size: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (B, 3, H, W) and labels (B, H, W) on a device, in that order; the last batch may be short.

    Images of different sizes in one batch are an error; with `one_size`, a batch ends where the size changes.
    """
    indices = torch.arange(len(data)) if order is None else order
    for chosen in indices.split(size):
        samples = [data[int(i)] for i in chosen]
        groups = [list(group) for _, group in groupby(samples, _size)] if one_size else [samples]
        for group in groups:
            images, labels = collate(group)
            yield images.to(device, memory_format=torch.channels_last), labels.to(device)


def _size(sample: Sample) -> torch.Size:
    return sample.image.shape
