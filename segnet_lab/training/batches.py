"""Minibatches of a data set, on a device."""

from collections.abc import Iterator
from itertools import groupby

import torch
from torch import Tensor

from segnet_lab.data.base import collate


def batches(
    data, size: int, device: torch.device, order: Tensor | None = None, *, one_size: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (B, 3, H, W) and labels (B, H, W) on a device, in that order; the last batch may be short.

    Images of different sizes in one batch are an error; with `one_size`, a batch ends where the size changes.
    """
    indices = torch.arange(len(data)) if order is None else order
    for chosen in indices.split(size):
        samples = [data[int(i)] for i in chosen]
        groups = groupby(samples, lambda sample: sample.image.shape) if one_size else [(None, samples)]
        for _, group in groups:
            images, labels = collate(list(group))
            yield images.to(device, memory_format=torch.channels_last), labels.to(device)
