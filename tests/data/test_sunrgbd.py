"""SUN RGB-D on a small tree in its real layout: which label belongs to which image, and what is refused."""

import re

import numpy as np
import pytest

from segnet_lab.data import load_dataset
from tests.data.conftest import Trees


def sun(trees, labels="sunrgbd_train_test_labels", size=(6, 8)):
    for split in ("train", "test"):
        for number in (1, 2):
            trees.photo(f"SUNRGBD-{split}_images/img-{number:06d}.jpg", size, seed=number)
    for number, value in ((1, 0), (2, 1), (5051, 37), (5052, 7)):
        trees.png(f"{labels}/img-{number:06d}.png", np.full(size, value))
    return trees.root


@pytest.mark.parametrize("labels", ["sunrgbd_train_test_labels", "sunrgbd_train_test_labels/any/depth"])
def test_files_1_to_5050_are_the_test_split(trees, labels):
    root = sun(trees, labels)
    test, train = (load_dataset("sunrgbd", split, root=root) for split in ("test", "train"))
    assert [int(test[i].label[0, 0]) for i in range(2)] == [37, 0]  # in the files 0 (void) and 1 (Wall)
    assert [int(train[i].label[0, 0]) for i in range(2)] == [36, 6]  # in the files 37 (Bag) and 7 (Table)
    assert (train.num_classes, train.class_names[36], train.class_names[6]) == (37, "Bag", "Table")
    assert train.file_name(1) == "img-000002.jpg"


def test_labels_with_38_classes(trees):
    root = sun(trees)
    trees.png("sunrgbd_train_test_labels/img-005051.png", [[38, 1]])
    trees.photo("SUNRGBD-train_images/img-000001.jpg", (1, 2))
    with pytest.raises(ValueError, match=r"img-005051\.png: label value 38 at row 0, .* knows 0 to 37 \(void: 0\)"):
        load_dataset("sunrgbd", root=root)[0]


def test_colour_labels(trees):
    root = sun(trees)
    trees.photo("sunrgbd_train_test_labels/img-005051.png")
    with pytest.raises(ValueError, match=r"img-005051\.png is in colour, but the labels of SUN RGB-D are grey"):
        load_dataset("sunrgbd", root=root)[0]


def test_has_no_validation_split(trees):
    with pytest.raises(ValueError, match=r"unknown split of sunrgbd 'val'\. Known: train, test"):
        load_dataset("sunrgbd", "val", root=sun(trees))


def test_a_split_or_labels_that_are_not_there(trees):
    root = sun(trees)
    (root / "SUNRGBD-test_images").rename(root / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"no split 'test' in .* no SUNRGBD-test_images\. Present: train"):
        load_dataset("sunrgbd", "test", root=root)
    (root / "sunrgbd_train_test_labels").rename(root / "labels")
    with pytest.raises(FileNotFoundError, match=r"2 of 4 files of split 'train' are missing, first .*img-005051\.png"):
        load_dataset("sunrgbd", root=root)


IMAGES, LABELS = "SUNRGBD-train_images", "sunrgbd_train_test_labels"


@pytest.mark.parametrize("litter", ["._img-000001.jpg", "__MACOSX/img-000001.jpg", ".ipynb_checkpoints/img-000001.jpg"])
def test_what_mac_leaves_is_no_image(trees, litter):
    root = sun(trees)
    trees.text(f"{IMAGES}/{litter}", "no image")
    trees.text(f"{IMAGES}/Thumbs.db", "no image")
    trees.text(f"{LABELS}/{litter.replace('img-000001.jpg', 'img-005051.png')}", "no image")
    data = load_dataset("sunrgbd", root=root)
    assert [(p.image.name, p.label.name) for p in data.files] == [
        ("img-000001.jpg", "img-005051.png"),
        ("img-000002.jpg", "img-005052.png"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        f"{IMAGES}/img-000002 (1).jpg",  # a browser's second copy
        f"{IMAGES}/img-000001 copy.jpg",
        f"{IMAGES}/Copy of img-000001.jpg",
        f"{IMAGES}/photo.jpg",
        f"{LABELS}/img-005051 (2).png",
        f"{LABELS}/test13/img13labels-005051.png",  # 13 classes
        f"{LABELS}/img-005051_mask.png",
    ],
)
def test_another_name_is_another_thing(trees, name):
    root = sun(trees)
    trees.photo(name)
    with pytest.raises(ValueError, match=rf"{re.escape(name)} is not named as .* 37 classes are, img-000001: move it"):
        load_dataset("sunrgbd", root=root)


@pytest.mark.parametrize(
    ("first", "second", "number"),
    [
        (f"{IMAGES}/img-000001.jpg", f"{IMAGES}/img-1.jpg", 1),
        (f"{IMAGES}/img-000001.jpg", f"{IMAGES}/sub/img-000001.JPG", 1),
        (f"{IMAGES}/img-000001.jpg", f"{IMAGES}/img-000001.jpeg", 1),
        (f"{LABELS}/img-005051.png", f"{LABELS}/train13/img-005051.png", 5051),
        (f"{LABELS}/img-005051.png", f"{LABELS}/img-5051.PNG", 5051),
    ],
)
def test_a_number_of_two_files_is_a_guess(trees, first, second, number):
    root = sun(trees)
    trees.png(second, np.zeros((6, 8)))
    with pytest.raises(ValueError, match=rf" are both {number}: remove or rename one") as caught:
        load_dataset("sunrgbd", root=root)
    assert all(name.rpartition("/")[2] in str(caught.value) for name in (first, second))


def test_upper_case(trees):
    root = sun(trees)
    for path in [*root.rglob("*.jpg"), *root.rglob("*.png")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    (root / IMAGES / "img-000002.JPG").rename(root / IMAGES / "IMG-000002.Jpg")
    (root / LABELS).rename(root / LABELS.upper())
    data = load_dataset("sunrgbd", root=root)
    assert [int(data[i].label[0, 0]) for i in range(2)] == [36, 6]


@pytest.mark.parametrize(("split", "number"), [("test", 5051), ("test", 0), ("train", 5286), ("train", 0)])
def test_a_number_of_another_split(trees, split, number):
    root = sun(trees)
    trees.photo(f"SUNRGBD-{split}_images/img-{number:06d}.jpg")
    with pytest.raises(ValueError, match=rf"img-{number:06d}\.jpg is not in split '{split}', .* from 1 to 5\d+$"):
        load_dataset("sunrgbd", split, root=root)


@pytest.mark.parametrize("below", ["SUNRGBD", "sunrgbd", "download/SUN"])
def test_one_level_down(trees, below):
    inner = trees.root / below
    sun(Trees(inner))
    data = load_dataset("sunrgbd", root=inner.parent)
    assert data.options["root"] == str(inner)
    assert data.label_bytes(0) == data.raw(0)[1].tobytes()
