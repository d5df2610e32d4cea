"""What every data set is: images and label maps by number, with the classes of its card."""

import operator
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torch.utils.data._utils.collate import default_collate_fn_map

from segnet_lab._messages import unknown
from segnet_lab.data.cards import Card

CACHE_BYTES = 2 * 2**30  # what one data set keeps in memory at most; CamVid's training split takes 254 MB at 360 x 480


class Sample(NamedTuple):
    """An image and what is in it."""

    image: Tensor  # float32, (3, H, W), 0..1
    label: Tensor  # int64, (H, W), 0..K-1 or the ignore_index


class SegmentationDataset(Dataset):
    """Images with label maps.

    A subclass says how many there are (`__len__`), reads one (`read`) and names it (`file_name`). Decoded and resized
    pictures are kept in memory as bytes, up to `CACHE_BYTES`, so that training waits for the disk only once; several
    threads may read at a time.

    Parameters
    ----------
    card : Card
    split : str
        One of `card.splits`.
    size : (H, W), optional
        Images are resized by area (antialiased bilinear), labels to the nearest pixel. None keeps each file's own size.
    cache : bool
        False decodes anew each time.
    options : dict
        The other arguments that made this data set.

    Attributes
    ----------
    name, title : str
        What `load_dataset` takes; what a person calls it.
    split : str
    size : (H, W) or None
    class_names : tuple of K str
    palette : array, (K, 3) uint8
    ignore_index : int
        Label of void pixels.
    num_classes : int
    card : Card
    options : dict
        Plain values: `load_dataset(data.name, data.split, **data.options)` makes the same data set again.
    """

    name: str

    def __init__(self, card: Card, split: str, size: tuple[int, int] | None, cache: bool, options: dict):
        if split not in card.splits:
            raise ValueError(unknown(f"split of {self.name}", split, card.splits))
        self.card, self.split, self.size = card, split, check_size(size)
        self.title = card.title
        self.class_names = card.class_names
        self.palette = card.palette
        self.ignore_index = card.void_index
        self.num_classes = card.num_classes
        self.options = {**options, "size": self.size and list(self.size)}
        self._cache = Cache(CACHE_BYTES if cache else 0)

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Image uint8 (H, W, 3) and label uint8 (H, W), before resizing, 0 <= i < len."""
        raise NotImplementedError

    def file_name(self, i: int) -> str:
        """A name by which a person finds image `i` again."""
        raise NotImplementedError

    def __getitem__(self, i: int) -> Sample:
        i = self._number(i)
        pair = self._cache.get(i)
        if pair is None:
            image, label = self.read(i)
            check_pair(image, label, self.size, self.title, self.file_name(i))
            image, label = resize_image(image, self.size), resize_label(label, self.size)
            pair = image.transpose(2, 0, 1).copy(), label  # (3, H, W), (H, W)
            self._cache.put(i, pair)
        image, label = (torch.from_numpy(array) for array in pair)
        return Sample(image.to(torch.float32).div_(255), label.to(torch.int64))

    def raw(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Image uint8 (H, W, 3) and label uint8 (H, W) at the data set's own size, before any resizing."""
        return self.read(self._number(i))

    def with_split(self, split: str) -> "SegmentationDataset":
        """The same data set with the same options, another split of it."""
        return type(self)(split=split, **self.options, cache=self._cache.limit > 0)

    def part(self, numbers) -> "SegmentationDataset":
        """Some of the images, as a data set of its own: to look at, or to score quickly.

        Parameters
        ----------
        numbers : iterable of int
            Which, in this order; a slice such as `range(0, len(data), 10)`.

        Raises
        ------
        IndexError
            There is no image of that number.
        """
        return Part(self, [self._number(i) for i in numbers])

    def __repr__(self):
        size = f", {self.size[0]}x{self.size[1]}" if self.size else ""
        return f"<{self.title} {self.split}: {len(self)} images{size}, {self.num_classes} classes>"

    def _number(self, i) -> int:
        n = len(self)
        i = operator.index(i)
        if not -n <= i < n:
            raise IndexError(f"image {i} of {self.name} {self.split!r}, which has {n}: 0 to {n - 1}")
        return i % n


class Part(SegmentationDataset):
    """Some images of another data set, see `SegmentationDataset.part`; decoded pictures are shared with it."""

    def __init__(self, data: SegmentationDataset, numbers: list[int]):
        self.__dict__.update(data.__dict__)
        self.name, self.data, self.numbers = data.name, data, numbers

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, i):
        return self.data[self.numbers[self._number(i)]]

    def read(self, i):
        return self.data.read(self.numbers[i])

    def file_name(self, i):
        return self.data.file_name(self.numbers[i])

    def with_split(self, split):
        return self.data.with_split(split)


class Cache:
    """Arrays by number, up to so many bytes; safe between threads, empty again in another process."""

    def __init__(self, limit: int):
        self.limit, self.used = limit, 0
        self._pairs, self._lock = {}, Lock()

    def get(self, i):
        return self._pairs.get(i)

    def put(self, i, pair):
        size = sum(array.nbytes for array in pair)
        with self._lock:
            if i not in self._pairs and self.used + size <= self.limit:
                self._pairs[i] = pair
                self.used += size

    def __reduce__(self):
        return Cache, (self.limit,)


def resize_image(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """(h, w, 3) uint8 to (H, W, 3): bilinear, over the area of the new pixel where that is larger."""
    if size is None or image.shape[:2] == size:
        return np.array(image)
    return np.array(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


def resize_label(label: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """(h, w) uint8 to (H, W): the label at each new pixel's centre, so no new ones arise."""
    if size is None or label.shape == size:
        return np.array(label)
    return np.array(Image.fromarray(label).resize(size[::-1], Image.Resampling.NEAREST))


def check_pair(image: np.ndarray, label: np.ndarray, size, title: str, file_name: str) -> None:
    """Image and label of one size; or, when both will be resized anyway, of one shape within 2 %.

    >>> check_pair(np.zeros((720, 960, 3)), np.zeros((360, 480)), None, "CamVid", "0016E5_07959.png")
    Traceback (most recent call last):
    ...
    ValueError: CamVid image 0016E5_07959.png has labels of 360x480 but an image of 720x960: resize one, or pass
    size=(360, 480).
    """
    (h, w), (a, b) = image.shape[:2], label.shape
    if (h, w) == (a, b):
        return
    same_shape = abs(h * b - w * a) <= 0.02 * w * a
    if size is None or not same_shape:
        way_out = f"resize one, or pass size=({a}, {b})." if same_shape else "these labels belong to another image."
        raise ValueError(f"{title} image {file_name} has labels of {a}x{b} but an image of {h}x{w}: {way_out}")


def check_size(size) -> tuple[int, int] | None:
    """None, or (H, W) as two whole numbers >= 1."""
    if size is None:
        return None
    try:
        h, w = (operator.index(n) for n in size)
    except (TypeError, ValueError):
        h = w = 0
    if min(h, w) < 1:
        raise ValueError(f"size={size!r}: give (H, W) in pixels, two whole numbers >= 1, as in size=(360, 480)")
    return h, w


def collate(samples: list[Sample], **_) -> Sample:
    """Stack samples to a batch: image (B, 3, H, W), label (B, H, W). What every DataLoader does with our samples.

    Raises
    ------
    ValueError
        Images of different sizes cannot be one batch.
    """
    sizes = sorted({tuple(sample.image.shape[-2:]) for sample in samples})
    if len(sizes) > 1:
        raise ValueError(
            f"images of {', '.join(f'{h}x{w}' for h, w in sizes)} cannot be one batch: "
            "pass size=(H, W) to load_dataset, or batch_size=1"
        )
    return Sample(*(torch.stack(parts) for parts in zip(*samples, strict=True)))


default_collate_fn_map[Sample] = collate  # torch's own place to teach DataLoader a new type


def stem(path: str | Path) -> str:
    """File name without folder and suffix; takes paths of any system.

    >>> stem("/SegNet/CamVid/train/0001TP_006690.png"), stem("train\\\\a.b.png")
    ('0001TP_006690', 'a.b')
    """
    return str(path).replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
