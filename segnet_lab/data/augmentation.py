"""Changed copies of training images: mirrored, larger or smaller, in other colours. The paper trains without any.

The seed, the epoch and the number of the image determine everything, so that an interrupted training sees the same
copies again, in whatever order they are asked for.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segnet_lab.data.base import Sample

SCALES = 0.75, 1.5  # of "scale": from a wider view to a closer one
BRIGHTNESS, CONTRAST, SATURATION = 0.3, 0.3, 0.4  # of "colour": by how much at most, as a share


def augment(sample: Sample, names: tuple[str, ...], ignore_index: int, seed: int) -> Sample:
    """A changed copy of an image and its labels.

    Parameters
    ----------
    sample : Sample
        Image (3, H, W) of 0..1, label (H, W).
    names : tuple of str
        Of `recipe.AUGMENTATIONS`: "flip" mirrors left and right half of the time; "scale" enlarges or shrinks by 0.75
        to 1.5 and crops, or pads with void, to the same size at random; "colour" changes brightness, contrast and
        saturation. They are applied in this order, however they are listed.
    ignore_index : int
        Label of what lies outside the image.
    seed : int

    Returns
    -------
    Sample
        Of the same size and dtypes; the given one is left as it is.

    Examples
    --------
    >>> sample = Sample(torch.tensor([[[0.0, 0.5, 1.0]]]).expand(3, 1, 3), torch.tensor([[0, 1, 2]]))
    >>> [augment(sample, ("flip",), 255, seed).label.tolist() for seed in (0, 1, 2)]
    [[[2, 1, 0]], [[0, 1, 2]], [[0, 1, 2]]]
    """
    generator = torch.Generator().manual_seed(seed)
    for name, change in _CHANGES.items():
        # Drawn whether used or not, so that leaving one name out does not change the others.
        draws: list[float] = torch.rand(4, generator=generator).tolist()
        if name in names:
            sample = change(sample, draws, ignore_index)
    return sample


def seed_of(seed: int, epoch: int, image: int) -> int:
    """A seed for one image in one epoch of a training; two of them are never equal in practice.

    >>> seed_of(0, 1, 5) != seed_of(0, 5, 1)
    True
    """
    return int(np.random.SeedSequence([seed % 2**64, epoch, image]).generate_state(1, np.uint64)[0] >> 1)


class Changeable(Protocol):
    """Images with label maps, by number, and the label of what lies outside: a data set, for example."""

    @property
    def ignore_index(self) -> int:
        """Label of void pixels."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Sample: ...


class Augmented:
    """The samples of a training set, changed in another way each epoch, on the device where they lie."""

    def __init__(self, data: Changeable, names: tuple[str, ...], seed: int, epoch: int) -> None:
        self.data, self.names, self.seed, self.epoch = data, names, seed, epoch

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> Sample:
        return augment(self.data[i], self.names, self.data.ignore_index, seed_of(self.seed, self.epoch, i))


def _flip(sample: Sample, draws: list[float], ignore_index: int) -> Sample:
    return Sample(sample.image.flip(-1), sample.label.flip(-1)) if draws[0] < 0.5 else sample


def _scale(sample: Sample, draws: list[float], ignore_index: int) -> Sample:
    h, w = sample.label.shape
    low, high = SCALES
    factor = low * (high / low) ** draws[0]  # as often twice as large as half as large
    size = max(1, round(h * factor)), max(1, round(w * factor))
    image = F.interpolate(sample.image[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)
    label = F.interpolate(sample.label[None, None].double(), size, mode="nearest-exact")[0, 0].long()
    return Sample(
        _window(image, (h, w), draws[1:3], float(sample.image.mean())), _window(label, (h, w), draws[1:3], ignore_index)
    )


def _window(x: Tensor, size: tuple[int, int], place: list[float], outside: float) -> Tensor:
    """A window of that size, somewhere in a larger map, or around a smaller one."""
    pads: list[int] = []
    for length, wanted, share in zip(x.shape[-2:], size, place, strict=True):
        before = round(share * (wanted - length))  # negative: cut off
        pads = [before, wanted - length - before, *pads]
    return F.pad(x, pads, value=outside)


def _colour(sample: Sample, draws: list[float], ignore_index: int) -> Sample:
    brightness, contrast, saturation = (
        1 + most * (2 * draw - 1) for draw, most in zip(draws, (BRIGHTNESS, CONTRAST, SATURATION), strict=False)
    )
    image = sample.image * brightness
    image = image.mean() + contrast * (image - image.mean())
    grey = image.mean(0, keepdim=True)
    return Sample((grey + saturation * (image - grey)).clamp(0, 1), sample.label)


_CHANGES: dict[str, Callable[[Sample, list[float], int], Sample]] = {"flip": _flip, "scale": _scale, "colour": _colour}
