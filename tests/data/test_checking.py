"""`check` opens every file, stops at none, and its table says what is wrong."""

import numpy as np
import pytest
import torch
from PIL import Image

from segnet_lab.data import load_dataset
from segnet_lab.data.cards import load_card
from segnet_lab.data.checking import check, hurts
from segnet_lab.data.class_counts import ClassCounts, count_classes


def test_a_whole_set(trees):
    root = trees.folder()
    trees.text("card.yaml", (root / "card.yaml").read_text() + "splits: {train: 2}\n")
    for name in "ab":
        trees.photo(f"images/{name}.jpg", (2, 3), seed=ord(name))
        trees.png(f"labels/{name}.png", [[0, 0, 1], [0, 255, 255]])
    report = check("folder", root)
    assert report.complete
    assert report.warnings == ()
    assert str(report).splitlines()[2:] == [
        "split    expected  listed  missing  broken  verdict",
        "train           2       2        0       0  whole",
        "",
        "% of labelled   train",
        "Road            75.00",  # 6 of 8 labelled pixels
        "Car             25.00",
        "void, of all    33.33",  # 4 of 12
    ]


def test_every_kind_of_trouble_is_in_the_table(trees):
    root = trees.camvid({"train": 7})
    (root / "train" / "train_00.png").unlink()
    whole = (root / "train" / "train_01.png").read_bytes()
    (root / "train" / "train_01.png").write_bytes(whole[: len(whole) // 2])
    trees.png("trainannot/train_02.png", np.full((6, 8), 12))
    trees.png("trainannot/train_03.png", np.zeros((3, 4)))
    (root / "trainannot" / "train_04.png").write_bytes(b"")
    report = check("camvid", root)
    train, val, test = report.splits
    assert (train.expected, train.listed, len(train.missing), len(train.broken)) == (367, 7, 1, 4)
    assert [text for text in train.missing if "train_00.png" in text]
    reasons = ("train_01.png is damaged", "label value 12", "labels of 3x4 but an image of 6x8", "04.png is damaged")
    for broken, reason in zip(train.broken, reasons, strict=True):
        assert reason in broken
    assert not report.complete
    assert (train.verdict, val.verdict, test.verdict) == ("NOT WHOLE", "not here", "not here")
    text = str(report)
    assert all(line in text for line in (*train.missing, *train.broken, "there is no test.txt"))


def test_too_few_images_are_not_whole(trees):
    report = check("camvid", trees.camvid({"train": 1, "val": 1, "test": 1}))
    assert not report.complete
    assert report.splits[0].verdict == "NOT WHOLE, labels differ from those measured"


def test_a_folder_of_ones_own(trees):
    root = trees.folder()
    trees.photo("images/a.jpg")
    trees.png("labels/a.png", np.zeros((6, 8)))
    report = check("folder", root)
    assert report.complete
    assert [split.listed for split in report.splits] == [1, 0, 0]


def test_check_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="unknown data set 'camvit'"):
        check("camvit")
    with pytest.raises(FileNotFoundError, match="CamVid is not here"):
        check("camvid", tmp_path)


# ---- what will hurt


@pytest.fixture
def own(trees):
    """Writes a folder set, one picture after another: label of the pixels given, in the splits named."""
    return Own(trees)


class Own:
    def __init__(self, trees):
        self.trees, self.root, self.lists = (
            trees,
            trees.folder("- Road: [10, 0, 0]\n- Car: [0, 20, 0]\n- Sky: [0, 0, 30]"),
            {},
        )

    def add(self, name, pixels=((0, 1, 2),), *splits, seed=None, size=None):
        self.trees.photo(f"images/{name}.png", size or np.shape(pixels), seed=len(self.lists) if seed is None else seed)
        self.trees.png(f"labels/{name}.png", pixels)
        self.lists[name] = splits or ("train",)
        for split in self.lists[name]:
            self.trees.text(f"{split}.txt", "".join(f"{n}\n" for n, where in self.lists.items() if split in where))

    def said(self):
        report = check("folder", self.root)
        assert all(f"warning: {warning}" in str(report).splitlines() for warning in report.warnings)
        return list(report.warnings)


def test_nothing_to_say(own):
    own.add("a")
    own.add("b", ((2, 1, 0),), "val")
    assert own.said() == []


def test_a_class_that_never_occurs(own):
    own.add("a", ((0, 0, 1),))
    own.add("b", ((0, 1, 2),), "val")
    assert own.said() == ["train: class Sky never occurs"]


def test_masks_of_0_and_255(trees):
    root = trees.folder()
    for name, split in (("a", "train"), ("b", "val")):
        trees.photo(f"images/{name}.png", (1, 4), seed=ord(name))
        trees.png(f"labels/{name}.png", [[0, 0, 0, 255]])
        trees.text(f"{split}.txt", name)
    assert list(check("folder", root).warnings) == [
        "train: class Car never occurs",
        "train: class Road is the only one that occurs, so there is nothing to tell apart",
        "val: class Car never occurs",
        "val: class Road is the only one that occurs, so there is nothing to tell apart",
        "train: 25.00 % of the pixels are void; if 255 in the label files is a class, say so in card.yaml, "
        "`ids: {0: Road, 255: Car}`, and give void another index",
    ]
    card = (root / "card.yaml").read_text().replace("index: 255", "index: 254")
    trees.text("card.yaml", f"{card}ids: {{0: Road, 255: Car}}\n")  # as it says
    assert check("folder", root).warnings == ()
    assert check("folder", root).splits[0].counts.pixels.tolist() == [3, 1]


def test_nothing_but_void(own):
    own.add("a", ((255, 255, 255),))
    own.add("b", ((0, 1, 2),), "val")
    all_void, way_out = own.said()
    assert all_void == "train: all labels are void, so there is nothing to learn"
    assert way_out.startswith("train: 100.00 % of the pixels are void; if 255 ")
    assert "`ids: {0: Road, ..., 255: Sky}`" in way_out


def test_a_single_class(trees):
    root = trees.folder("- Road: [10, 0, 0]")
    trees.photo("images/a.png", (1, 2))
    trees.png("labels/a.png", [[0, 255]])
    assert check("folder", root).warnings == ("train: Road is the only class, so there is nothing to tell apart",)


@pytest.mark.parametrize("as_file", ["same list entry", "copy", "another format", "another name and folder"])
def test_a_picture_in_two_splits(own, as_file):
    own.add("a", ((0, 1, 2),), "train")
    own.add("b", ((0, 1, 2),), "val")
    first = own.root / "images" / "a.png"
    if as_file == "same list entry":
        own.add("c", ((0, 1, 2),), "train", "val")
        shared = "c.png"
    elif as_file == "copy":
        own.add("c", ((0, 1, 2),), "val")
        (own.root / "images" / "c.png").write_bytes(first.read_bytes())
        shared = "a.png = c.png"
    elif as_file == "another format":
        own.add("c", ((0, 1, 2),), "val")
        (own.root / "images" / "c.png").unlink()
        Image.open(first).save(own.root / "images" / "c.bmp")
        shared = "a.png = c.bmp"
    else:
        own.add("more/a", ((0, 1, 2),), "val", seed=0)
        own.trees.text("val.txt", "b\nmore/a\n")
        shared = "a.png"
    assert own.said() == [f"1 image in train and in val: {shared}"]
    assert check("folder", own.root).complete


def test_every_picture_in_both_splits(own):
    for i in range(9):
        own.add(f"a{i}", ((0, 1, 2),), "train", "val")
    names = ", ".join(f"a{i}.png" for i in range(6))
    assert own.said() == [f"9 images in train and in val: {names} and 3 more"]


def test_a_picture_twice_in_one_split(own):
    own.add("a", seed=5)
    own.add("b", seed=5)
    own.add("c", seed=6)
    assert own.said() == ["train: 1 image more than once: a.png = b.png"]


def test_pictures_of_equal_bytes_and_another_shape_are_not_the_same(own):
    for name, size in (("a", (2, 6)), ("b", (3, 4))):
        own.add(name, np.tile((0, 1, 2), 4).reshape(size))
        own.trees.png(f"images/{name}.png", np.zeros((*size, 3)))
    assert own.said() == ["images of 2 sizes, 2x6 (1), 3x4 (1): train with --size H W, or with --batch-size 1"]


def test_a_line_twice_is_a_broken_list(own):
    own.add("a")
    own.add("b", ((0, 1, 2),), "val")
    own.trees.text("train.txt", "a\n\na.png\n")
    report = check("folder", own.root)
    assert not report.complete
    assert [split.verdict for split in report.splits] == ["NOT WHOLE", "whole", "not here"]
    assert f"broken: {own.root / 'train.txt'}, line 3: 'a.png' is the image of line 1 again" in str(report)
    assert report.warnings == ()  # nothing is said to belong to no split, as nobody knows


def test_a_list_of_nothing_that_is_there(own):
    own.add("a")
    own.trees.text("train.txt", "zz\n")
    report = check("folder", own.root)
    assert not report.complete
    assert "train.txt, line 1: unknown image of" in report.splits[0].broken[0]


def test_a_faulty_card_is_said_once(own):
    own.add("a")
    own.trees.text("card.yaml", (own.root / "card.yaml").read_text() + "layout: {imgs: x}\n")
    assert str(check("folder", own.root)).count("unknown key under `layout` 'imgs'") == 1


def test_labels_of_another_size(own):
    own.add("a")
    own.add("b", ((0, 1, 2),) * 2, size=(3, 4))
    report = check("folder", own.root)
    assert "labels of 2x3 but an image of 3x4" in report.splits[0].broken[0]
    assert not report.complete


def test_files_of_no_split(own):
    own.add("a")
    own.trees.photo("images/town/d.png", seed=8)
    own.trees.photo("images/e.png", seed=9)
    own.trees.png("labels/f.png", [[0, 1, 2]])
    own.trees.text("images/notes.txt", "")
    assert own.said() == [
        f"images in {own.root / 'images'} that belong to no split: 2 (e.png, d.png)",
        f"labels in {own.root / 'labels'} that belong to no split: 1 (f.png)",
    ]


def test_labels_below_images_are_not_counted_twice(trees):
    root = trees.folder()
    trees.text("card.yaml", (root / "card.yaml").read_text() + "layout: {images: ., labels: masks}\n")
    trees.photo("a.png", (1, 2))
    trees.png("masks/a.png", [[0, 1]])
    trees.png("masks/b.png", [[0, 1]])
    assert check("folder", root).warnings == (f"labels in {root / 'masks'} that belong to no split: 1 (b.png)",)


def test_litter_is_named(own):
    own.add("a")
    for name in (
        "images/._a.png",
        "images/.DS_Store",
        "labels/Thumbs.db",
        "__MACOSX/images/._a.png",
        ".git/x",
        "images/.x",
    ):
        own.trees.text(name, "")
    assert own.said() == [
        "left out as hidden or left behind by macOS or Windows: .DS_Store, ._a.png, Thumbs.db, __MACOSX",
    ]


def test_images_without_a_label_are_missing_files(own):
    own.add("a")
    own.add("b")
    (own.root / "train.txt").unlink()
    (own.root / "labels" / "b.png").unlink()
    report = check("folder", own.root)
    assert report.splits[0].missing == (str(own.root / "labels" / "b.png"),)


def test_shares_are_those_of_count_classes(trees):
    root = trees.camvid({"train": 5, "val": 2})
    for split in check("camvid", root).splits[:2]:
        counted = count_classes(load_dataset("camvid", split.split, root=root))
        assert torch.equal(split.counts.pixels, counted.pixels)
        assert torch.equal(split.counts.pixels_where_present, counted.pixels_where_present)
        assert split.void + int(counted.pixels.sum()) == split.listed * 6 * 8


def test_37_classes_fit_the_screen(trees):
    names = load_card("sunrgbd").class_names
    for i in range(2):
        trees.photo(f"SUNRGBD-train_images/img-{i + 1:06d}.jpg", (1, 38), seed=i)
        trees.png(f"sunrgbd_train_test_labels/img-{5051 + i:06d}.png", [list(range(38))])
    lines = str(check("sunrgbd", trees.root)).splitlines()
    table = lines[lines.index(next(line for line in lines if line.startswith("% of labelled"))) :][:20]
    assert max(map(len, table)) < 80
    assert [name for name in names if sum(name in line for line in table) < 1] == []
    assert table[1].split()[1] == "2.70"  # 1 of 37
    assert "void, of all" in table[19]


@pytest.mark.parametrize(
    ("pixels", "lines"),
    [
        ((5, 1, 2), []),
        ((5, 0, 2), ["class b never occurs"]),
        (
            (0, 0, 2),
            ["classes a, b never occur", "class c is the only one that occurs, so there is nothing to tell apart"],
        ),
        ((0, 0, 0), ["all labels are void, so there is nothing to learn"]),
        ((0,), ["all labels are void, so there is nothing to learn"]),
        ((7,), ["a is the only class, so there is nothing to tell apart"]),
    ],
)
def test_hurts(pixels, lines):
    counts = ClassCounts(torch.tensor(pixels), torch.tensor(pixels))
    assert hurts(counts, "abc"[: len(pixels)]) == lines


# ---- the real one


def test_the_real_camvid_is_the_one_that_was_measured(camvid):
    report = check("camvid", camvid("train").root)
    assert [split.verdict for split in report.splits[:2]] == ["whole, labels as measured"] * 2
    train = report.splits[0].counts
    assert 100 * float(train.share[report.class_names.index("Road")]) == pytest.approx(
        32.96, abs=0.01
    )  # as the card says
    assert report.warnings == ()
