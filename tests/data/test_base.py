"""What all data sets share: samples, sizes, memory, batches."""

import collections
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, Subset

from segnet_lab.data import base
from segnet_lab.data.base import (
    NEEDED,
    DataSet,
    Labelled,
    Sample,
    SegmentationDataset,
    as_dataset,
    check_pair,
    collate,
    resize_image,
    resize_label,
)
from segnet_lab.data.cards import load_card
from segnet_lab.data.class_counts import count_classes
from segnet_lab.training.evaluation import evaluate


class Counted(SegmentationDataset):
    """Two images of given sizes that count how often they are read."""

    name = "counted"

    def __init__(self, split="train", sizes=((4, 6), (4, 6)), size=None, cache=True):
        super().__init__(load_card("camvid"), split, size, cache, {"sizes": sizes})
        self.sizes, self.reads = sizes, [0] * len(sizes)

    def __len__(self):
        return len(self.sizes)

    def read(self, i):
        self.reads[i] += 1
        return np.full((*self.sizes[i], 3), 51 * (i + 1) % 256, np.uint8), np.full(self.sizes[i], i, np.uint8)

    def file_name(self, i):
        return f"image_{i}"


def test_a_sample():
    image, label = Counted()[1]
    assert image.dtype == torch.float32
    assert label.dtype == torch.int64
    assert image.is_contiguous()
    assert torch.equal(image, torch.full((3, 4, 6), 102 / 255))
    assert torch.equal(label, torch.ones(4, 6, dtype=torch.int64))


def test_it_carries_what_its_card_says():
    data = Counted("val", size=(2, 3))
    assert (data.name, data.split, data.size, data.num_classes, data.ignore_index) == ("counted", "val", (2, 3), 11, 11)
    assert data.class_names[0] == "Sky"
    assert data.palette.shape == (11, 3)
    assert data.palette.dtype == np.uint8
    assert repr(data) == "<CamVid val: 2 images, 2x3, 11 classes>"


def test_numbers_run_from_either_end():
    data = Counted()
    assert torch.equal(data[-1].label, data[1].label)
    assert len(list(data)) == 2
    with pytest.raises(IndexError, match="image 2 of counted 'train', which has 2: 0 to 1"):
        data[2]


def test_memory_is_used_once_read_and_never_spoilt():
    data = Counted()
    first = data[0]
    first.image.zero_()
    first.label.fill_(9)
    assert data[0].image.max() == pytest.approx(0.2)
    assert data[0].label.max() == 0
    assert data.reads == [1, 0]


def test_without_memory_it_reads_anew():
    data = Counted(cache=False)
    data[0], data[0]
    assert data.reads == [2, 0]
    assert data.with_split("val")._cache.limit == 0


def test_memory_stops_at_its_budget(monkeypatch):
    monkeypatch.setattr(base, "CACHE_BYTES", 4 * 6 * 4)  # one image of 4 bytes a pixel, not two
    data = Counted()
    for _ in range(3):
        data[0], data[1]
    assert data.reads == [1, 3]
    assert data._cache.used == 96


def test_threads_may_read_together():
    data = Counted(sizes=((4, 6),) * 50)
    with ThreadPoolExecutor(8) as pool:
        labels = list(pool.map(lambda i: int(data[i % 50].label[0, 0]), range(400)))
    assert labels == [i % 50 for i in range(400)]
    assert data._cache.used == 50 * 96


def test_another_process_starts_with_empty_memory():
    data = Counted()
    data[0]
    copy = pickle.loads(pickle.dumps(data))
    assert copy._cache.used == 0
    assert torch.equal(copy[0].image, data[0].image)


def test_with_split_keeps_the_options():
    other = Counted(sizes=((2, 2),), size=(5, 5)).with_split("test")
    assert (other.split, other.sizes, other.size) == ("test", ((2, 2),), (5, 5))


def test_an_unknown_split_lists_the_known():
    with pytest.raises(ValueError, match=r"unknown split of counted 'trian'. Did you mean 'train'\? Known: train, val"):
        Counted("trian")


@pytest.mark.parametrize("size", [5, (0, 5), (5,), (5, 5, 5), ("a", "b"), (2.5, 3)])
def test_a_bad_size_is_named(size):
    with pytest.raises(ValueError, match=r"size=.*give \(H, W\) in pixels"):
        Counted(size=size)


# ---- resizing


def test_an_image_shrinks_by_area():
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 200  # every second column: grey in the mean, whatever column a nearest pixel would take
    small = resize_image(stripes, (2, 2))
    assert small.shape == (2, 2, 3)
    assert abs(small.astype(int) - 100).max() <= 13  # the filter is a triangle, so not exactly the mean


def test_a_label_keeps_its_values():
    label = np.kron([[1, 7], [11, 3]], np.ones((4, 4))).astype(np.uint8)
    assert resize_label(label, (2, 2)).tolist() == [[1, 7], [11, 3]]
    assert resize_label(label, (4, 2)).tolist() == [[1, 7], [1, 7], [11, 3], [11, 3]]


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_labels_never_invent_a_class(h, w, a, b):
    label = np.random.default_rng(0).choice(np.array([0, 5, 11], np.uint8), (h, w))
    small = resize_label(label, (a, b))
    assert small.shape == (a, b)
    assert set(np.unique(small)) <= set(np.unique(label))


def test_image_and_label_stay_aligned():
    label = np.zeros((48, 64), np.uint8)
    label[12:36, 16:40] = 1
    image = np.repeat(label[..., None] * 255, 3, axis=2)
    for size in ((24, 32), (12, 16), (96, 128)):
        small = resize_image(image, size)[..., 0] > 127
        assert np.array_equal(small, resize_label(label, size) == 1)


def test_image_and_label_of_different_size():
    image, label = np.zeros((720, 960, 3)), np.zeros((360, 480))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        check_pair(image, label, None, "CamVid", "0016E5_07959.png")
    assert str(caught.value) == (
        "CamVid image 0016E5_07959.png has labels of 360x480 but an image of 720x960: "
        "resize one, or pass size=(360, 480)."
    )
    check_pair(image, label, (90, 120), "CamVid", "a.png")  # resized both: the same view
    with pytest.raises(ValueError, match="labels of 480x360 but an image of 720x960: these labels belong to another"):
        check_pair(image, label.T, (90, 120), "CamVid", "a.png")


# ---- data sets of one's own


class Stripes(Dataset):
    """Not derived from anything of the kit's; `torch.arange(8) // (i + 1) % 2` are stripes of i + 1 pixels."""

    name, split, options = "stripes", "train", {}
    class_names, palette = ("dark", "light"), np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
    num_classes, ignore_index = 2, 255

    def __len__(self):
        return 3

    def __getitem__(self, i):
        label = (torch.arange(8) // (i + 1) % 2).repeat(8, 1)
        return Sample(label.float().repeat(3, 1, 1), label)


def test_a_torch_dataset_with_the_attributes_will_do():
    data = Stripes()
    assert as_dataset(data) is data
    counts = count_classes(data)  # rows of 8: stripes of 1 and 2 pixels are half light, of 3 pixels 3 of 8
    assert counts.pixels.tolist() == [8 * (4 + 4 + 5), 8 * (4 + 4 + 3)]
    scores = evaluate(torch.nn.Conv2d(3, 2, 1), data, boundary=False)
    assert scores["on"]["data"] == "stripes"


@pytest.mark.parametrize(
    "attribute", ["name", "split", "num_classes", "class_names", "palette", "ignore_index", "options"]
)
def test_an_attribute_that_it_lacks_is_named(attribute):
    without = type("Mine", (), {n: v for n, v in vars(Stripes).items() if n != attribute and n != "__dict__"})()
    with pytest.raises(ValueError, match=rf"Mine is no segmentation data set: it lacks {attribute}\."):
        as_dataset(without)


def test_a_subset_of_it_is_told_the_way():
    with pytest.raises(ValueError, match=r"a Subset of Stripes does not know its classes: derive Stripes from"):
        as_dataset(Subset(Stripes(), [0, 1]))


def test_all_that_a_protocol_asks_for_is_there():
    data = Counted()
    for protocol in (Labelled, DataSet):
        members = {name for name in vars(protocol) if not name.startswith("_")} | {"__len__", "__getitem__"}
        assert all(hasattr(data, name) for name in members)
    assert set(NEEDED) == {n for p in (Labelled, DataSet) for n in vars(p) if not n.startswith("_")}


# ---- batches


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_is_a_sample_too(workers):
    batch = next(iter(DataLoader(Counted(), batch_size=2, num_workers=workers)))
    assert type(batch).__name__ == "Sample"
    assert batch.image.shape == (2, 3, 4, 6)
    assert batch.label.shape == (2, 4, 6)


def test_other_types_and_other_ways_to_collate_are_left_alone():
    pair = collections.namedtuple("Pair", "a b")  # not ours, so torch's own way
    assert next(iter(DataLoader([pair(1, 2), pair(3, 4)], batch_size=2))).a.tolist() == [1, 3]
    mixed = Counted(sizes=((4, 6), (5, 6)))  # the user's own function pads, or whatever else
    assert next(iter(DataLoader(mixed, batch_size=2, collate_fn=len))) == 2


def test_mixed_sizes_say_what_to_pass():
    data = Counted(sizes=((4, 6), (5, 6)))
    with pytest.raises(ValueError, match=r"images of 4x6, 5x6 cannot be one batch: pass size=\(H, W\)"):
        next(iter(DataLoader(data, batch_size=2)))
    assert collate([data.with_split("val")[0]]).image.shape == (1, 3, 4, 6)
    assert next(iter(DataLoader(Counted(sizes=((4, 6), (5, 6)), size=(3, 3)), batch_size=2))).image.shape[-2:] == (3, 3)


def test_a_part_shares_what_was_read():
    data = Counted(sizes=((4, 6), (4, 6), (4, 6)))
    part = data.part([2, -3])
    assert [int(part[i].label[0, 0]) for i in (0, 1, -1)] == [2, 0, 0]
    assert data[2].label.equal(part[0].label)
    assert data.reads == [1, 0, 1]
    assert [part.file_name(i) for i in range(2)] == ["image_2", "image_0"]
    assert (part.name, part.num_classes, len(part), part.part([1]).file_name(0)) == ("counted", 11, 2, "image_0")
    assert part.raw(1)[1][0, 0] == 0
    assert len(part.with_split("val")) == 3  # the whole of another split
    with pytest.raises(IndexError, match="which has 2"):
        part[2]
    with pytest.raises(IndexError, match="which has 3"):
        data.part([3])
