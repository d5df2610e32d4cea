"""Lists for a folder of one's own: random, the same again with one seed, and never over a list that is there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.data import load_dataset
from segnet_lab.data.checking import check
from segnet_lab.data.listings import read_listing
from segnet_lab.data.splitting import _divided, _shares, split_folder


@pytest.fixture
def own(trees):
    """Writes a folder set of the names given."""

    def write(*names):
        trees.folder()
        for i, name in enumerate(names):
            trees.photo(f"images/{name}", seed=i)
            trees.png(f"labels/{name.rpartition('.')[0]}.png", np.full((6, 8), i % 2))
        return trees.root

    return write


TWELVE = [f"a{i:02d}.png" for i in range(12)]


def listed(root, split):
    return [line.image for line in read_listing(root / f"{split}.txt")]


def test_twelve_images(own):
    root = own(*TWELVE)
    splits = split_folder(root)
    # a fifth of 12 is 2.4: 2 images
    assert {split: len(names) for split, names in splits.names.items()} == {"train": 10, "val": 2}
    assert str(splits) == f"{root / 'train.txt'}: 10 images\n{root / 'val.txt'}: 2 images"
    assert sorted(listed(root, "train") + listed(root, "val")) == TWELVE
    assert [len(load_dataset("folder", split, root=root)) for split in ("train", "val")] == [10, 2]
    assert not (root / "test.txt").exists()
    assert check("folder", root).complete
    assert check("folder", root).warnings == ()


def test_three_splits(own):
    root = own(*TWELVE)
    split_folder(root, val=0.25, test=1 / 6)
    lists = {split: listed(root, split) for split in ("train", "val", "test")}
    assert {split: len(names) for split, names in lists.items()} == {"train": 7, "val": 3, "test": 2}
    assert all(names == sorted(names) for names in lists.values())


def test_one_seed_one_division(own, trees, tmp_path_factory):
    root = own(*TWELVE)
    first = split_folder(root).names
    assert split_folder(root, force=True).names == first
    assert split_folder(root, seed=1, force=True).names != first
    other = type(trees)(tmp_path_factory.mktemp("other"))  # the same names, written in another order
    other.folder()
    for name in reversed(TWELVE):
        other.photo(f"images/{name}")
        other.png(f"labels/{name}", np.zeros((6, 8)))
    assert split_folder(other.root).names == first


def test_lists_that_are_there_stay(own, trees):
    root = own(*TWELVE)
    trees.text("val.txt", "a03\n")
    trees.text("test.txt", "a05\na06\n")
    with pytest.raises(FileExistsError, match=r"already holds val\.txt: force=True \(--force\) replaces"):
        split_folder(root)
    assert listed(root, "val") == ["a03"]
    assert not (root / "train.txt").exists()
    splits = split_folder(root, force=True)
    assert listed(root, "test") == ["a05", "a06"]
    assert not {"a05.png", "a06.png"} & {*listed(root, "train"), *listed(root, "val")}
    assert str(splits).endswith(f"{root / 'test.txt'} stays as it is: 2 images")
    with pytest.raises(FileExistsError, match=r"already holds train\.txt, val\.txt, test\.txt"):
        split_folder(root, test=0.1)


def test_images_without_a_label_are_left_out(own, trees):
    root = own("a.png", "b.png", "c.png")
    trees.photo("images/d.png")
    assert str(split_folder(root)).endswith("left out: 1 without a label")
    assert "d.png" not in listed(root, "train") + listed(root, "val")


@pytest.mark.parametrize(
    "name", ["my cat.png", "#1.png", "x.png copy.png", "town/müll.png", "a,b.png", " a.png", "b0.JPG"]
)
def test_names_are_read_back(own, name):
    root = own(name, "a0.png")
    split_folder(root, val=0.5)
    files = [load_dataset("folder", split, root=root).files[0].image for split in ("train", "val")]
    assert sorted(path.relative_to(root / "images").as_posix() for path in files) == sorted([name, "a0.png"])


def test_suffixes_and_lists_of_the_card(own, trees):
    root = own("a.png", "b.png")
    for name in "ab":
        (root / "labels" / f"{name}.png").rename(root / "labels" / f"{name}_mask.png")
    card = (root / "card.yaml").read_text()
    trees.text("card.yaml", card + "layout: {listing: 'lists/{split}.lst'}\n")
    assert [path.relative_to(root).as_posix() for path in split_folder(root).files.values()] == [
        "lists/train.lst",
        "lists/val.lst",
    ]
    assert len(load_dataset("folder", "val", root=root)) == 1
    trees.text("card.yaml", card + "layout: {listing: '../{split}.lst'}\n")
    with pytest.raises(ValueError, match=r"train\.lst is outside .*nothing is written there"):
        split_folder(root)


def test_frames_of_one_film_stay_together(own):
    root = own(*(f"{film}_{i}.png" for film in ("lane", "street", "yard") for i in range(4)))
    names = split_folder(root, by="prefix").names
    assert len(names["val"]) == 4
    assert len({name.split("_")[0] for name in names["val"]}) == 1
    with pytest.raises(ValueError, match=r"unknown way to split by 'film'. Known: image, prefix"):
        split_folder(root, by="film", force=True)
    one = own(*TWELVE)
    for name in (one / "images").glob("*_*.png"):
        name.unlink()
    with pytest.raises(ValueError, match=r"has 1 names that differ in more than the number at the end, too few for"):
        split_folder(one, by="prefix", force=True)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["a.png"], {}, r"has 1 labelled images, too few for train, val"),
        (["a.png", "b.png"], {"test": 0.2}, r"has 2 labelled images, too few for train, val, test"),
        (["a.png", "b.png"], {"val": 0}, r"val=0, test=0\.0: give shares"),
        (["a.png", "b.png"], {"val": 1.0}, r"val=1\.0, test=0\.0: give shares"),
        (["a.png", "b.png"], {"val": 0.5, "test": 0.5}, r"val=0\.5, test=0\.5"),
        (["a.png", "b.png"], {"val": 20}, r"val=20"),
        (["a.png", "b.png"], {"val": -0.1}, r"val=-0\.1"),
        (["a.png", "b.png"], {"val": float("nan")}, r"val=nan"),
        (["a.png", "b.png"], {"seed": -1}, r"seed=-1: give a whole number, 0 or more"),
        (["a.png", "b.png"], {"seed": 0.5}, r"seed=0\.5"),
        (["train/a.png", "val/b.png"], {}, r"has its splits in folders, images/\{split\}: there is nothing to split"),
    ],
)
def test_what_cannot_be_split(own, names, options, message):
    root = own(*names)
    with pytest.raises(ValueError, match=message):
        split_folder(root, **options)
    assert not list(root.glob("*.txt"))


def test_nothing_to_split(trees):
    with pytest.raises(FileNotFoundError, match="no card at"):
        split_folder(trees.root)
    with pytest.raises(FileNotFoundError, match=r"no folder .*images"):
        split_folder(trees.folder())


@settings(deadline=None)
@given(
    st.lists(st.from_regex(r"[a-c]_[0-9]{1,2}", fullmatch=True), min_size=3, max_size=40, unique=True),
    st.floats(0.01, 0.49),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.sampled_from(["image", "prefix"]),
)
def test_every_image_is_in_one_split_and_no_split_is_empty(images, val, test, by):
    groups = len({name[0] for name in images}) if by == "prefix" else len(images)
    shares = _shares(val, test)
    if groups < len(shares):
        return
    names = _divided(images, shares, 0, by, "R")
    assert sorted(name for split in names.values() for name in split) == sorted(images)
    assert all(names.values())
    if by == "image":
        for split in shares.keys() - {"train"}:
            assert len(names[split]) == max(1, round(shares[split] * len(images))) or len(names["train"]) == 1
