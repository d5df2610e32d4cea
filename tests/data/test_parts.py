"""Parts and folds of a data set, what tells two data sets apart, and what is taken for a data set."""

import re
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Subset, random_split

from segnet_lab.data import load_dataset
from segnet_lab.data.base import as_dataset, collate
from segnet_lab.models import create_model
from segnet_lab.training.evaluation import evaluate

CARD = """title: Tiny
classes: [{Ground: [9, 9, 9]}, {Cat: [255, 128, 0]}]
void: {index: 255, colour: [0, 0, 0]}
"""


def scenes(n=7, **options):
    return load_dataset("roadscenes", images=n, size=(16, 16), **options)


@pytest.fixture
def folder(tmp_path):
    """Six images of one class each, on disk."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for i in range(6):
        Image.fromarray(np.full((8, 10, 3), 40 * i, np.uint8)).save(tmp_path / "images" / f"a{i}.png")
        Image.fromarray(np.full((8, 10), i % 2, np.uint8)).save(tmp_path / "labels" / f"a{i}.png")
    (tmp_path / "card.yaml").write_text(CARD)
    return tmp_path


def test_a_part_of_a_part_is_a_part_of_the_whole():
    data = scenes()
    part = data.part([1, 3, 5, 6]).part([3, 0])
    assert part.options["part"] == [6, 1]
    assert part.part_name == "2 of 7"
    assert torch.equal(part[0].image, data[6].image)
    assert part.file_name(1) == data.file_name(1)
    with pytest.raises(IndexError, match="image 4 of roadscenes 'train', which has 4"):
        data.part([1, 3, 5, 6]).part([4])


def test_the_options_of_a_part_make_it_again(folder):
    for whole in (scenes(), load_dataset("folder", root=folder)):
        part = whole.part([4, 0, 2])
        again = load_dataset(part.name, part.split, **part.options)
        assert len(again) == 3
        assert [again.file_name(i) for i in range(3)] == [part.file_name(i) for i in range(3)]
        assert all(torch.equal(again[i].image, part[i].image) for i in range(3))
        assert again.fingerprint() == part.fingerprint()


def test_another_split_of_a_part_is_the_whole_split():
    assert len(scenes().part([0]).with_split("val")) == 7


@given(n=st.integers(2, 12), k=st.integers(2, 12), seed=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_folds_cover_all_images_once_and_never_mix(n, k, seed):
    data = scenes(12).part(range(n))
    if k > n:
        with pytest.raises(ValueError, match=rf"folds\({k}\): give a number of folds from 2 to the {n} images"):
            data.folds(k, seed)
        return
    folds = data.folds(k, seed)
    held_out = [fold.val.options["part"] for fold in folds]
    assert sorted(chain(*held_out)) == list(range(n))
    assert max(map(len, held_out)) - min(map(len, held_out)) <= 1
    for fold in folds:
        assert sorted(fold.train.options["part"] + fold.val.options["part"]) == list(range(n))
    assert [f.val.options["part"] for f in data.folds(k, seed)] == held_out


def test_folds_of_another_seed_are_others():
    assert scenes().folds(2, 0)[0].val.options != scenes().folds(2, 1)[0].val.options


def test_the_fingerprint_sees_names_and_labels_not_the_size_or_the_place(folder, tmp_path_factory):
    data = load_dataset("folder", root=folder)
    same = data.fingerprint()
    assert load_dataset("folder", root=folder, size=(4, 5)).fingerprint() == same
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    folder.rename(elsewhere)
    data = load_dataset("folder", root=elsewhere)
    assert data.fingerprint() == same
    assert data.part([1, 0]).fingerprint() == data.part([0, 1]).fingerprint()
    assert data.part([1, 0]).fingerprint(ordered=True) != data.part([0, 1]).fingerprint(ordered=True)
    assert data.part([0, 1]).fingerprint() != data.part([0, 3]).fingerprint()  # equal labels, other names
    Image.fromarray(np.ones((8, 10), np.uint8)).save(elsewhere / "labels" / "a0.png")
    assert load_dataset("folder", root=elsewhere).fingerprint() != same


def test_the_fingerprint_sees_what_labels_mean_not_how_they_are_stored(folder):
    def fingerprint():
        return load_dataset("folder", root=folder).fingerprint()

    same = fingerprint()
    for i in range(6):
        label = Image.open(folder / "labels" / f"a{i}.png")
        image = Image.open(folder / "images" / f"a{i}.png")
        colours = Image.fromarray(np.array([[9, 9, 9], [255, 128, 0]], np.uint8)[np.asarray(label)])
        colours.save(folder / "labels" / f"a{i}.png")  # the same classes, in colour
        image.save(folder / "images" / f"a{i}.webp", lossless=True)
        (folder / "images" / f"a{i}.png").unlink()
    assert fingerprint() == same
    exchanged = "classes: [{Ground: [255, 128, 0]}, {Cat: [9, 9, 9]}]"
    (folder / "card.yaml").write_text(re.sub("classes: .*", exchanged, CARD))
    assert fingerprint() != same  # of the same files


def test_numbers_that_mean_other_classes_are_other_labels(folder):
    same = load_dataset("folder", root=folder).fingerprint()
    with (folder / "card.yaml").open("a") as card:
        card.write("ids: {0: Cat, 1: Ground}\n")
    assert load_dataset("folder", root=folder).fingerprint() != same


def test_images_are_told_apart_by_name_and_label(folder):
    data = load_dataset("folder", root=folder)
    assert data.part([0, 1, 2]).shared_with(data.part([2, 1, 5])) == 2
    Image.fromarray(np.full((8, 10), 1, np.uint8)).save(folder / "labels" / "a2.png")
    assert load_dataset("folder", root=folder).part([2]).shared_with(data.part([3])) == 0
    assert scenes().shared_with(scenes(seed=1)) == 0


def test_pictures_of_one_name_in_two_folders_are_two(tmp_path):
    for name in ("images/x", "images/y", "labels/x", "labels/y"):
        (tmp_path / name).mkdir(parents=True)
    for i in range(3):
        for town in "xy":
            Image.fromarray(np.full((8, 10, 3), ord(town), np.uint8)).save(tmp_path / "images" / town / f"{i}.png")
            Image.fromarray(np.zeros((8, 10), np.uint8)).save(tmp_path / "labels" / town / f"{i}.png")
    (tmp_path / "card.yaml").write_text(CARD)
    (tmp_path / "train.txt").write_text("x/0\nx/1\nx/2\n")
    (tmp_path / "val.txt").write_text("y/0\ny/1\ny/2\n")
    train, val = (load_dataset("folder", split, root=tmp_path) for split in ("train", "val"))
    assert train.shared_with(val) == 0
    assert train.fingerprint() != val.fingerprint()


def test_what_tells_a_set_from_others_of_its_name(folder):
    assert load_dataset("folder", root=folder).called == f"folder {folder.name}"
    assert scenes().called == "roadscenes"
    assert scenes(3, seed=2, lighting="dusk").part([0]).called == "roadscenes (seed 2, lighting dusk)"


def test_the_fingerprint_reads_each_label_once(folder, monkeypatch):
    data = load_dataset("folder", root=folder)
    read, real = [], data.label_bytes
    monkeypatch.setattr(data, "label_bytes", lambda i: read.append(i) or real(i))
    assert data.fingerprint() == data.fingerprint()
    assert read == list(range(6))
    assert data.part([0, 1]).fingerprint() != data.fingerprint()


def test_scenes_of_another_seed_or_clutter_are_others():
    prints = {scenes(**options).fingerprint() for options in ({}, {"seed": 1}, {"clutter": 0.9}, {"lighting": "dusk"})}
    assert len(prints) == 4
    assert scenes().fingerprint() == scenes().fingerprint() != scenes(6).fingerprint()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (5, r"part\(5\): give a list of image numbers, as in part\(\[0, 5\]\) or part\(range\(10\)\)"),
        ([1.5], r"image 1\.5 of roadscenes: give a whole number"),
        ("12", "image '1' of roadscenes: give a whole number"),
        ([True, False, True], "image True of roadscenes: give a whole number"),  # a mask
        (np.array([True, False]), "image np.True_ of roadscenes: give a whole number"),
        ([None], "image None of roadscenes: give a whole number"),
        ([slice(2)], "give a whole number; several images are part"),
    ],
)
def test_numbers_that_are_none(numbers, message):
    with pytest.raises(ValueError, match=message):
        scenes().part(numbers)


def test_numbers_of_numpy_and_torch_are_numbers():
    data = scenes()
    assert data.part(np.array([2, 5])).options["part"] == data.part(torch.tensor([2, 5])).options["part"] == [2, 5]
    with pytest.raises(ValueError, match=r"slice\(0, 2, None\) of roadscenes: .* several images are part\(\[0, 5\]\)"):
        data[0:2]


@pytest.mark.parametrize("seed", ["x", None, -1, 0.5, True])
def test_a_seed_of_folds_that_is_none(seed):
    with pytest.raises(ValueError, match=rf"seed={seed!r}: give a whole number, 0 or more"):
        scenes().folds(2, seed=seed)


@pytest.mark.parametrize("k", ["2", 2.0, True, None, 1, 8])
def test_a_number_of_folds_that_is_none(k):
    with pytest.raises(ValueError, match=rf"folds\({k!r}\): give a number of folds from 2 to the 7 images"):
        scenes().folds(k)


def test_an_empty_part_cannot_be_scored_or_batched():
    empty = scenes().part([])
    assert (len(empty), list(empty), empty.part_name) == (0, [], "0 of 7")
    with pytest.raises(ValueError, match="a batch of no images cannot be made: the data set is empty"):
        collate(list(empty))
    with pytest.raises(ValueError, match=r"roadscenes \(train\) holds no images, so there is nothing to score"):
        evaluate(create_model("segnet_basic", num_classes=11, width=8), empty)


def test_a_subset_of_torch_is_a_part():
    data = scenes()
    first, second = random_split(data, [4, 3], torch.Generator().manual_seed(0))
    assert as_dataset(first).options["part"] == first.indices
    assert sorted(as_dataset(first).numbers + as_dataset(second).numbers) == list(range(7))
    nested = as_dataset(Subset(Subset(data, [2, 4, 6]), [2, 0]))
    assert nested.options["part"] == [6, 2]


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (lambda d: DataLoader(d, 2), "give the data set itself instead of a DataLoader"),
        (lambda d: ConcatDataset([d, d]), r"joined with \+ have no classes"),
        (lambda d: "roadscenes", r"'roadscenes' is a name: give the data set, load_dataset\('roadscenes'\)"),
        (lambda d: list(d), "list is no segmentation data set: it lacks name, split, num_classes"),
        (lambda d: [d[0].image, d[0].label], "data.part"),
        (lambda d: None, "NoneType is no segmentation data set"),
        (lambda d: Subset([1, 2, 3], [0]), "list is no segmentation data set"),
    ],
)
def test_what_else_torch_users_have_at_hand_is_told_the_way(thing, message):
    with pytest.raises(ValueError, match=message):
        as_dataset(thing(scenes(2)))
