"""How many pixels each class of a data set has, and in how many images it occurs (Section 3.2)."""

from typing import NamedTuple

import torch
from torch import Tensor

from segnet_lab.data.base import DataSet, as_dataset


class ClassCounts(NamedTuple):
    """Pixels of a data set, by class; counted once, divided last."""

    pixels: Tensor  # (K,) int64: pixels of class c
    pixels_where_present: Tensor  # (K,) int64: all pixels, void too, of the images in which c occurs

    @property
    def share(self) -> Tensor:
        """(K,) float64: share of each class in all labelled pixels; nan if there are none."""
        return self.pixels / self.pixels.sum().double()


def count_classes(data: DataSet) -> ClassCounts:
    """Go through the labels of a data set and count.

    Parameters
    ----------
    data : DataSet
        Only its labels, `num_classes` and `ignore_index` are asked for.

    Returns
    -------
    ClassCounts
        Void is no class; its pixels count only towards the size of an image.

    Raises
    ------
    ValueError
        Not a data set.
    """
    data = as_dataset(data, ("num_classes", "ignore_index"))
    k = data.num_classes
    pixels, present = torch.zeros(k, dtype=torch.int64), torch.zeros(k, dtype=torch.int64)
    for i in range(len(data)):
        label = data[i].label
        counts = torch.bincount(label[label != data.ignore_index], minlength=k)
        pixels += counts
        present += label.numel() * (counts > 0)
    return ClassCounts(pixels, present)
