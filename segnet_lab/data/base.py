"""What every data set is: images and label maps by number, with the classes of its card."""

import hashlib
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset
from torch.utils.data._utils.collate import default_collate_fn_map

from segnet_lab._support.errors import InvalidInput, NoSuchImage, is_number, unknown
from segnet_lab.data.cards import Card, Pixels

CACHE_BYTES = 2 * 2**30  # what one data set keeps in memory at most; CamVid's training split takes 254 MB at 360 x 480


class Sample(NamedTuple):
    """An image and what is in it."""

    image: Tensor  # float32, (3, H, W), 0..1
    label: Tensor  # int64, (H, W), 0..K-1 or the ignore_index


class Labelled(Protocol):
    """What names and colours a label map: all that figures and explorers ask of a data set.

    Any object with these attributes will do, such as `SimpleNamespace(class_names=("sky", "road"), palette=..., ...)`.
    """

    @property
    def class_names(self) -> Sequence[str]:
        """K names; the position is the class index."""

    @property
    def palette(self) -> npt.NDArray[np.uint8]:
        """(K, 3): the colour of each class, R, G, B."""

    @property
    def ignore_index(self) -> int:
        """Label of void pixels."""


class DataSet(Labelled, Protocol):
    """What `train` and `evaluate` ask of a data set: samples by number, and what is known of them.

    To bring a data set of your own, give a torch `Dataset` these attributes; nothing has to be derived from the kit.
    `SegmentationDataset`, which all of the kit's own are, adds resizing, a cache, parts and folds.

    Notes
    -----
    `evaluate` asks for `name`, `split`, `num_classes` and `ignore_index` only. `title`, `called`, `size`, `part_name`
    and `fingerprint()` are taken where they are there, as `SegmentationDataset` documents them.

    Examples
    --------
    >>> class Stripes(Dataset):
    ...     name, split, options = "stripes", "train", {}
    ...     class_names, palette = ("dark", "light"), np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
    ...     num_classes, ignore_index = 2, 255
    ...
    ...     def __len__(self):
    ...         return 4
    ...
    ...     def __getitem__(self, i):
    ...         label = (torch.arange(8) // (i + 1) % 2).expand(8, 8)
    ...         return Sample(label.float().expand(3, 8, 8), label)
    >>> as_dataset(Stripes())[1].image.shape
    torch.Size([3, 8, 8])
    """

    @property
    def name(self) -> str:
        """What `load_dataset` takes, or any other name that tells it from the rest."""

    @property
    def split(self) -> str:
        """Such as "train" or "val"."""

    @property
    def num_classes(self) -> int:
        """K, the number of class names."""

    @property
    def options(self) -> Mapping[str, object]:
        """Plain values that a run notes down, so that the same images can be loaded again; empty if none are needed."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Sample: ...


class SegmentationDataset(Dataset[Sample]):
    """Images with label maps.

    A subclass says how many there are (`__len__`), reads one (`read`) and names it (`file_name`). Decoded and resized
    images are cached in memory as bytes, up to `CACHE_BYTES`, so that training waits for the disk only once; several
    threads may read at a time.

    Parameters
    ----------
    card : Card
    split : str
        One of `card.splits`.
    size : (H, W), optional
        Images are resized by area (antialiased bilinear), labels to the nearest pixel. None keeps each file's own size.
    cache : bool
        False decodes the files again each time.
    options : dict
        The other arguments that made this data set.

    Attributes
    ----------
    name, title : str
        What `load_dataset` takes; what a person calls it.
    called : str
        The name, and what tells these images from others of that name: "folder my_images", "roadscenes (seed 3)".
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
    part_name : str or None
        What a part is called beside its scores, see `part` and `folds`; None for a whole split.
    made_here : bool
        Whether the kit draws the images, so that labels cannot be wrong.
    """

    name: str
    part_name: str | None = None
    made_here: bool = False
    _digests: list[bytes] | None = None

    def __init__(
        self, card: Card, split: str, size: Sequence[int] | None, cache: bool, options: Mapping[str, object]
    ) -> None:
        if split not in card.splits:
            raise InvalidInput(unknown(f"split of {self.name}", split, card.splits))
        self.card, self.split, self.size = card, split, check_size(size)
        self.title = card.title
        self.class_names = card.class_names
        self.palette = card.palette
        self.ignore_index = card.void_index
        self.num_classes = card.num_classes
        self.options: dict[str, object] = {**options, "size": self.size and list(self.size)}
        self._cache = Cache(CACHE_BYTES if cache else 0)

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, i: int) -> tuple[Pixels, Pixels]:
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
        pixels, classes = (torch.from_numpy(array) for array in pair)
        return Sample(pixels.to(torch.float32).div_(255), classes.to(torch.int64))

    @property
    def called(self) -> str:
        """The name, and what tells these images from others of that name."""
        return self.name

    def label_bytes(self, i: int) -> bytes:
        """What `fingerprint` hashes of the label of image `i`: its class indices, row by row, before resizing."""
        return self.read(i)[1].tobytes()

    def identity(self, i: int) -> str:
        """The name of image `i` within the data set, wherever the files are and whatever their format."""
        return self.file_name(i)

    def fingerprint(self, ordered: bool = False) -> str:
        """SHA-256 over the names and labels of all images.

        Two data sets of equal size that hold different images, or the same ones with different labels, have different
        fingerprints. What counts is the class of each pixel, not how the label file stores it or which number the card
        gives it; neither the pixels of the images count nor the size to which they are resized. Labels are read once.

        Parameters
        ----------
        ordered : bool
            Whether the order of the images counts, too.
        """
        if self._digests is None:
            self._digests = [self._digest(i) for i in range(len(self))]
        return hashlib.sha256(b"".join(self._digests if ordered else sorted(self._digests))).hexdigest()

    def _digest(self, i: int) -> bytes:
        return hashlib.sha256(f"{self.identity(i)}\0".encode() + self.label_bytes(i)).digest()

    def shared_with(self, other: "SegmentationDataset") -> int:
        """How many of these images another data set also holds, by name and label.

        Examples
        --------
        >>> from segnet_lab.data import load_dataset
        >>> data = load_dataset("roadscenes", images=5, size=(24, 32))
        >>> data.part([0, 1, 2]).shared_with(data.part([2, 3])), data.shared_with(data.with_split("val"))
        (1, 0)
        """
        there = {other.identity(i): i for i in range(len(other))}
        found = ((i, there[name]) for i in range(len(self)) if (name := self.identity(i)) in there)
        return sum(self.label_bytes(i) == other.label_bytes(j) for i, j in found)

    def raw(self, i: int) -> tuple[Pixels, Pixels]:
        """Image uint8 (H, W, 3) and label uint8 (H, W) at the data set's own size, before any resizing."""
        return self.read(self._number(i))

    def with_split(self, split: str) -> "SegmentationDataset":
        """Another split of the same data set, with the same options."""
        make: Callable[..., SegmentationDataset] = type(self)
        return make(split=split, **self.options, cache=self._cache.limit > 0)

    def part(self, numbers: Iterable[int], name: str | None = None) -> "SegmentationDataset":
        """Some of the images, as a data set of its own: to look at, to score quickly, to train on.

        Parameters
        ----------
        numbers : iterable of int
            Which images, in this order, such as `range(0, len(data), 10)`.
        name : str, optional
            What to call the part beside its scores; by default, how many images of how many it has.

        Returns
        -------
        SegmentationDataset
            Its `options` hold the numbers, so that a run that was trained on it finds the same images again.

        Raises
        ------
        IndexError
            There is no image of that number.
        ValueError
            Not a list of whole numbers.

        Examples
        --------
        >>> from segnet_lab.data import load_dataset
        >>> data = load_dataset("roadscenes", images=8, size=(24, 32)).part([5, 2])
        >>> data, data.options["part"], data.part_name
        (<roadscenes train: 2 images, 24x32, 11 classes>, [5, 2], '2 of 8')
        """
        if not isinstance(numbers, Iterable):
            raise InvalidInput(
                f"part({numbers!r}): give a list of image numbers, as in part([0, 5]) or part(range(10))"
            )
        return Part(self, [self._number(i) for i in numbers], name)

    def folds(self, k: int, seed: int = 0) -> list["Fold"]:
        """Divide the images at random into k parts; each fold trains on all but one part and is scored on that one.

        Parameters
        ----------
        k : int
            2 to the number of images.
        seed : int, >= 0
            The same seed divides the images the same way.

        Returns
        -------
        list of k Fold
            `fold.train` and `fold.val`; the k `val` parts share no image, and together they are the whole set.

        Raises
        ------
        ValueError
            `k` or `seed` is out of range.

        Examples
        --------
        >>> from segnet_lab.data import load_dataset
        >>> for fold in load_dataset("roadscenes", images=5, size=(24, 32)).folds(2):
        ...     print(fold.val.part_name, fold.train.options["part"], fold.val.options["part"])
        fold 1 of 2 [0, 1] [2, 3, 4]
        fold 2 of 2 [2, 3, 4] [0, 1]
        """
        n = len(self)
        if not (is_number(k) and 2 <= k <= n):
            raise InvalidInput(f"folds({k!r}): give a number of folds from 2 to the {n} images of {self.name}")
        shuffled = np.random.default_rng(check_seed(seed)).permutation(n)
        folds = []
        for number, held_out in enumerate(np.array_split(shuffled, k), 1):
            name, rest = f"fold {number} of {k}", np.setdiff1d(shuffled, held_out)
            parts = self.part(rest.tolist(), f"all but {name}"), self.part(sorted(held_out.tolist()), name)
            folds.append(Fold(*parts))
        return folds

    def __repr__(self) -> str:
        size = f", {self.size[0]}x{self.size[1]}" if self.size else ""
        return f"<{self.title} {self.split}: {len(self)} images{size}, {self.num_classes} classes>"

    def _number(self, i: int) -> int:
        n = len(self)
        if isinstance(i, bool) or not hasattr(i, "__index__"):  # a mask of True and False would be images 1 and 0
            raise InvalidInput(f"image {i!r} of {self.name}: give a whole number; several images are part([0, 5])")
        number = operator.index(i)
        if not -n <= number < n:
            raise NoSuchImage(f"image {number} of {self.name} {self.split!r}, which has {n}: 0 to {n - 1}")
        return number % n


class Fold(NamedTuple):
    """What one fold of `SegmentationDataset.folds` trains on, and what it is scored on."""

    train: SegmentationDataset
    val: SegmentationDataset


class Part(SegmentationDataset):
    """Some images of another data set, see `SegmentationDataset.part`; the two share one cache."""

    data: SegmentationDataset
    numbers: list[int]

    def __init__(self, data: SegmentationDataset, numbers: list[int], name: str | None = None) -> None:
        if isinstance(data, Part):  # numbers of the whole set, so that `options` mean the same images
            numbers = [data.numbers[i] for i in numbers]
            data = data.data
        vars(self).update(vars(data))
        self.name, self.data, self.numbers, self.made_here = data.name, data, numbers, data.made_here
        self.options, self._digests = {**data.options, "part": numbers}, None
        self.part_name = name or f"{len(numbers)} of {len(data)}"

    @property
    def called(self) -> str:
        """What the whole is called."""
        return self.data.called

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, i: int) -> Sample:
        return self.data[self.numbers[self._number(i)]]

    def read(self, i: int) -> tuple[Pixels, Pixels]:
        """As the whole reads it."""
        return self.data.read(self.numbers[i])

    def label_bytes(self, i: int) -> bytes:
        """As the whole has them."""
        return self.data.label_bytes(self.numbers[i])

    def file_name(self, i: int) -> str:
        """As the whole names it."""
        return self.data.file_name(self.numbers[i])

    def identity(self, i: int) -> str:
        """As the whole names it."""
        return self.data.identity(self.numbers[i])

    def with_split(self, split: str) -> SegmentationDataset:
        """The whole of another split."""
        return self.data.with_split(split)


class Cache:
    """Arrays by number, up to a limit in bytes; safe between threads, empty again in another process."""

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0
        self._pairs: dict[int, tuple[Pixels, Pixels]] = {}
        self._lock = Lock()

    def get(self, i: int) -> tuple[Pixels, Pixels] | None:
        """What was put there; None if nothing was, or nothing more fitted in."""
        return self._pairs.get(i)

    def put(self, i: int, pair: tuple[Pixels, Pixels]) -> None:
        """Keep a pair of arrays if the limit allows it."""
        size = sum(array.nbytes for array in pair)
        with self._lock:
            if i not in self._pairs and self.used + size <= self.limit:
                self._pairs[i] = pair
                self.used += size

    def __reduce__(self) -> tuple[type["Cache"], tuple[int]]:
        return Cache, (self.limit,)


NEEDED = ("name", "split", "num_classes", "class_names", "palette", "ignore_index", "options")


def as_dataset(data: object, needed: tuple[str, ...] = NEEDED) -> DataSet:
    """A data set for training and scoring, from what torch users have at hand.

    Parameters
    ----------
    data : SegmentationDataset, torch Subset of one, or any `DataSet`
        A Subset (`random_split` makes them) becomes `data.part(...)` of the same images.
    needed : tuple of str
        Attributes that an object of another class must have.

    Raises
    ------
    ValueError
        Anything else: says what to pass instead.

    Examples
    --------
    >>> from torch.utils.data import random_split
    >>> from segnet_lab.data import load_dataset
    >>> first, second = random_split(load_dataset("roadscenes", images=6, size=(24, 32)), [4, 2])
    >>> as_dataset(first)
    <roadscenes train: 4 images, 24x32, 11 classes>
    """
    if isinstance(data, Subset):
        whole = as_dataset(data.dataset, needed)
        if not isinstance(whole, SegmentationDataset):
            raise InvalidInput(
                f"a Subset of {type(whole).__name__} does not know its classes: derive {type(whole).__name__} from "
                "segnet_lab.data.SegmentationDataset, or give the whole data set"
            )
        return whole.part(data.indices)
    if isinstance(data, DataLoader):
        raise InvalidInput("give the data set itself instead of a DataLoader: batches are made by batch_size")
    if isinstance(data, ConcatDataset):
        raise InvalidInput(
            "data sets that are joined with + have no classes of their own: put their files into one folder "
            "(data set 'folder'), or give one of them"
        )
    if isinstance(data, str | Path):
        raise InvalidInput(f"{str(data)!r} is a name: give the data set, load_dataset({str(data)!r})")
    missing = [name for name in needed if not hasattr(data, name)]
    if missing or not hasattr(data, "__getitem__"):
        raise InvalidInput(
            f"{type(data).__name__} is no segmentation data set: it lacks {', '.join(missing) or 'images by number'}. "
            "Take one from load_dataset (data set 'folder' reads your own files), some of its images with "
            "data.part(numbers), or give your own torch Dataset these attributes, see segnet_lab.data.DataSet"
        )
    return cast(DataSet, data)  # as far as attributes can tell


def resize_image(image: Pixels, size: tuple[int, int] | None) -> Pixels:
    """(h, w, 3) uint8 to (H, W, 3): bilinear, over the area of the new pixel where that is larger."""
    if size is None or image.shape[:2] == size:
        return np.array(image)
    return np.array(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


def resize_label(label: Pixels, size: tuple[int, int] | None) -> Pixels:
    """(h, w) uint8 to (H, W): the label at each new pixel's centre, so that no new values arise."""
    if size is None or label.shape == size:
        return np.array(label)
    return np.array(Image.fromarray(label).resize(size[::-1], Image.Resampling.NEAREST))


def check_pair(image: np.ndarray, label: np.ndarray, size: tuple[int, int] | None, title: str, file_name: str) -> None:
    """Refuse an image and a label of different sizes; of different aspect (by over 2 %) if both will be resized anyway.

    >>> check_pair(np.zeros((720, 960, 3)), np.zeros((360, 480)), None, "CamVid", "0016E5_07959.png")
    Traceback (most recent call last):
    ...
    segnet_lab...InvalidInput: CamVid image 0016E5_07959.png has labels of 360x480 but an image of 720x960: resize
    one, or pass size=(360, 480).
    """
    (h, w), (a, b) = image.shape[:2], label.shape
    if (h, w) == (a, b):
        return
    same_shape = abs(h * b - w * a) <= 0.02 * w * a
    if size is None or not same_shape:
        way_out = f"resize one, or pass size=({a}, {b})." if same_shape else "these labels belong to another image."
        raise InvalidInput(f"{title} image {file_name} has labels of {a}x{b} but an image of {h}x{w}: {way_out}")


def check_size(size: Sequence[int] | None) -> tuple[int, int] | None:
    """None, or (H, W) as two whole numbers >= 1."""
    if size is None:
        return None
    try:
        h, w = (operator.index(n) for n in size)
    except (TypeError, ValueError):
        h = w = 0
    if min(h, w) < 1:
        raise InvalidInput(f"size={size!r}: give (H, W) in pixels, two whole numbers >= 1, as in size=(360, 480)")
    return h, w


def check_seed(seed: int) -> int:
    """A whole number from 0."""
    if not is_number(seed) or seed < 0:
        raise InvalidInput(f"seed={seed!r}: give a whole number, 0 or more")
    return seed


def collate(samples: Sequence[Sample], **_: object) -> Sample:
    """Stack samples into a batch: image (B, 3, H, W), label (B, H, W). Every DataLoader does so with our samples.

    Raises
    ------
    ValueError
        There are no samples, or images of different sizes, which cannot be one batch.
    """
    if not samples:
        raise InvalidInput("a batch of no images cannot be made: the data set is empty")
    sizes = sorted({tuple(sample.image.shape[-2:]) for sample in samples})
    if len(sizes) > 1:
        raise InvalidInput(
            f"images of {', '.join(f'{h}x{w}' for h, w in sizes)} cannot be one batch: "
            "pass size=(H, W) to load_dataset, or batch_size=1"
        )
    return Sample(*(torch.stack(parts) for parts in zip(*samples, strict=True)))


# How torch documents teaching `default_collate` a type (see its docstring, option 2). The table is shared by the whole
# process, but the entry speaks of our own class only. Without it `DataLoader(data)` would stack as well, but say
# nothing helpful of images of different sizes; `__getitems__`, the other hook, would refuse them even where a
# `collate_fn` of the user's pads them.
default_collate_fn_map[Sample] = collate
