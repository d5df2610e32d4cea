"""`check` opens every file, stops at none, and its table says what is wrong."""

import numpy as np
import pytest

from segnet_lab.data.checking import check


def test_a_whole_set(trees):
    root = trees.folder()
    trees.text("card.yaml", (root / "card.yaml").read_text() + "splits: {train: 2}\n")
    for name in "ab":
        trees.photo(f"images/{name}.jpg")
        trees.png(f"labels/{name}.png", np.zeros((6, 8)))
    report = check("folder", root)
    assert report.complete
    assert str(report).splitlines()[-1].split() == ["train", "2", "2", "0", "0", "whole"]


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


def test_the_real_camvid_is_the_one_that_was_measured(camvid):
    report = check("camvid", camvid("train").root)
    assert [split.verdict for split in report.splits[:2]] == ["whole, labels as measured"] * 2
