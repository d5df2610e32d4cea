"""CamVid in both layouts, made here; and the real one, where it lies beside the checkout."""

import numpy as np
import pytest
import torch

from segnet_lab.data import load_dataset, ondisk
from segnet_lab.data.cards import load_card
from segnet_lab.losses import count_classes, median_frequency_weights


def test_the_authors_layout(trees):
    data = load_dataset("camvid", "train", root=trees.camvid({"train": 3, "val": 1}))
    assert len(data) == 3
    assert [data.file_name(i) for i in range(3)] == ["train_00.png", "train_01.png", "train_02.png"]
    assert [int(data[i].label[0, 0]) for i in range(3)] == [0, 1, 2]
    assert len(data.with_split("val")) == 1
    image, label = data.raw(1)
    assert (image.shape, label.shape, label.dtype) == ((6, 8, 3), (6, 8), np.uint8)
    assert torch.equal(data[1].image, torch.from_numpy(image).permute(2, 0, 1) / 255)


def test_options_make_it_again(trees):
    data = load_dataset("camvid", "val", root=trees.camvid({"val": 2}), size=(3, 4))
    again = load_dataset(data.name, data.split, **data.options)
    assert torch.equal(again[1].image, data[1].image)


@pytest.mark.parametrize(
    "line",
    [
        "/SegNet/CamVid/val/val_00.png /SegNet/CamVid/valannot/val_00.png",
        "val/val_00.png valannot/val_00.png",
        r"C:\My data\CamVid\val\val_00.png C:\My data\CamVid\valannot\val_00.png",
        "/my data/val/val_00.png\t/my data/valannot/val_00.png  ",
    ],
)
def test_only_the_last_two_parts_of_a_path_matter(trees, line):
    root = trees.camvid({"val": 1})
    trees.text("val.txt", f"{line}\n\n")
    assert len(load_dataset("camvid", "val", root=root)) == 1


def test_a_line_that_is_no_pair_is_named(trees):
    root = trees.camvid({"val": 1})
    trees.text("val.txt", "val/val_00.png\n")
    with pytest.raises(ValueError, match=r"val\.txt, line 1: expected an image and a label.*got 'val/val_00\.png'"):
        load_dataset("camvid", "val", root=root)


def test_a_missing_split_names_the_folder_and_the_way_out(trees):
    root = trees.camvid({"train": 1, "val": 1})
    with pytest.raises(FileNotFoundError) as caught:
        load_dataset("camvid", "test", root=root)
    message = str(caught.value)
    assert f"CamVid has no split 'test' in {root}: there is no test.txt. Present: train, val." in message
    assert "segnet-lab data get camvid" in message


def test_missing_files_are_counted_and_the_first_is_named(trees):
    root = trees.camvid({"train": 3})
    (root / "train" / "train_01.png").unlink()
    (root / "trainannot" / "train_02.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2 of 6 files of split 'train' are missing, first .*train_01\.png"):
        load_dataset("camvid", "train", root=root)


def test_an_empty_split_is_an_error(trees):
    root = trees.camvid({"train": 1})
    trees.text("train.txt", "\n")
    with pytest.raises(FileNotFoundError, match=r"CamVid: split 'train' in .* names no image"):
        load_dataset("camvid", root=root)


def test_a_bad_label_is_found_when_read(trees):
    root = trees.camvid({"train": 1})
    trees.png("trainannot/train_00.png", np.full((6, 8), 12))
    with pytest.raises(ValueError, match=r"train_00\.png: label value 12"):
        load_dataset("camvid", root=root)[0]


def test_labels_of_another_size_are_an_error_unless_both_are_resized(trees):
    root = trees.camvid({"train": 1}, size=(6, 8))
    trees.photo("train/train_00.png", (12, 16))
    with pytest.raises(ValueError, match=r"labels of 6x8 but an image of 12x16: resize one, or pass size=\(6, 8\)"):
        load_dataset("camvid", root=root)[0]
    assert load_dataset("camvid", root=root, size=(6, 8))[0].image.shape == (3, 6, 8)


# ---- where it is looked for


def test_it_is_found_through_the_environment(trees, monkeypatch):
    trees.camvid({"train": 2}, below="camvid/")
    monkeypatch.setenv("SEGNET_LAB_DATA", str(trees.root))
    assert len(load_dataset("camvid")) == 2
    monkeypatch.setenv("SEGNET_LAB_DATA", str(trees.root / "camvid"))  # the folder itself
    assert len(load_dataset("camvid")) == 2


def test_an_installed_kit_looks_below_where_one_stands(trees, monkeypatch):
    monkeypatch.setattr(ondisk, "shipped", lambda name: trees.root / "wheel" / name)  # no checkout around it
    monkeypatch.chdir(trees.root)
    trees.camvid({"train": 2}, below="datasets/camvid/")
    assert len(load_dataset("camvid")) == 2
    assert ondisk.places("camvid") == [trees.root / "datasets" / "camvid"]


def test_nothing_there_says_where_it_looked(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"CamVid is not here: none of train\.txt, .* in .*Get it with"
    ) as caught:
        load_dataset("camvid", root=tmp_path)
    assert str(tmp_path) in str(caught.value)


# ---- the original download


def original(trees, rows):
    """One frame whose label has these colours, and the authors' listing."""
    trees.photo("701_StillsRaw_full/0001TP_006690.png", np.shape(rows)[:2])
    trees.png("LabeledApproved_full/0001TP_006690_L.png", rows)
    trees.text("train.txt", "/SegNet/CamVid/train/0001TP_006690.png /SegNet/CamVid/trainannot/0001TP_006690.png\n")
    return trees.root


def test_camvid32_colours_become_the_eleven_classes(trees):
    # LaneMkgsDriv -> Road 3, Child -> Pedestrian 9, Void -> 11; Wall -> Building 1, Animal -> Pedestrian 9, Sky 0
    rows = [[[128, 0, 192], [192, 128, 64], [0, 0, 0]], [[64, 192, 0], [64, 128, 64], [128, 128, 128]]]
    data = load_dataset("camvid", "train", root=original(trees, rows))
    assert data[0].label.tolist() == [[3, 9, 11], [1, 9, 0]]
    assert data.file_name(0) == "0001TP_006690.png"


def test_every_colour_of_the_table_is_read(trees):
    table = load_card("camvid").table("camvid32")
    data = load_dataset("camvid", "train", root=original(trees, [list(table)]))
    assert data[0].label[0].tolist() == list(table.values())


def test_an_unknown_colour_is_an_error_never_a_class(trees):
    root = original(trees, [[[128, 0, 192], [1, 2, 3]]])
    with pytest.raises(ValueError, match=r"0001TP_006690_L\.png: colour \(1, 2, 3\) at row 0, column 1"):
        load_dataset("camvid", "train", root=root)[0]


def test_grey_labels_in_the_original_layout_are_refused(trees):
    root = original(trees, [[3, 3]])
    with pytest.raises(ValueError, match=r"_L\.png is grey, but .* are in colour"):
        load_dataset("camvid", "train", root=root)[0]


def test_the_original_download_has_no_splits_and_says_so(trees):
    root = original(trees, [[[0, 0, 0]]])
    (root / "train.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"original download, which has no splits: put the authors' train\.txt"):
        load_dataset("camvid", "train", root=root)


# ---- the real one

# Section 4 of the facts: counted with another program on the same 367 label maps.
EIGEN = [0.2793, 0.2017, 4.7865, 0.1490, 1.0000, 0.4217, 3.8467, 1.9736, 0.7889, 6.3747, 8.8587]
WHOLE = [0.2663, 0.1929, 4.5640, 0.1417, 1.0000, 0.4614, 3.8248, 3.9814, 0.7648, 7.0182, 15.3816]


@pytest.fixture(scope="module")
def counted(camvid):
    data = camvid("train")
    return data, count_classes(data)


def test_real_splits(camvid):
    for split, images in (("train", 367), ("val", 101)):
        data = camvid(split)
        assert len(data) == images
        assert data.raw(0)[0].shape == (360, 480, 3)


def test_real_labels_are_all_valid_and_have_the_known_shares(counted):
    data, counts = counted
    shares = dict(zip(data.class_names, (100 * counts.share).tolist(), strict=True))
    assert shares["Road"] == pytest.approx(32.96, abs=0.01)  # as the card says
    assert shares["Building"] == pytest.approx(24.21, abs=0.01)
    assert shares["Bicyclist"] == pytest.approx(0.30, abs=0.01)
    assert int(counts.pixels.sum()) == 367 * 360 * 480 - 2503995  # the rest is void


@pytest.mark.parametrize(("whole_set", "weights"), [(False, EIGEN), (True, WHOLE)])
def test_real_class_weights_are_those_derived_elsewhere(counted, whole_set, weights):
    got = median_frequency_weights(counted[1], whole_set=whole_set).tolist()
    assert got == pytest.approx(weights, rel=6e-3)
