"""Folders of one's own images: what they may look like, and what is said of those that cannot be read."""

import os
import unicodedata

import numpy as np
import pytest

from segnet_lab.data import load_dataset


@pytest.fixture
def own(trees):
    """Writes a set whose image and label number i hold the class i % 2, named as told."""
    return Own(trees)


class Own:
    def __init__(self, trees):
        self.trees, self.root = trees, trees.folder()

    def layout(self, **layout):
        text = "".join(f"  {key}: {value!r}\n" for key, value in layout.items())
        card = self.root / "card.yaml"
        card.write_text(card.read_text() + f"layout:\n{text}", encoding="utf-8")

    def images(self, *names):
        for i, name in enumerate(names):
            self.trees.photo(name, seed=i)

    def labels(self, *names):
        for i, name in enumerate(names):
            self.trees.png(name, np.full((6, 8), i % 2))

    def pair(self, *names):
        self.images(*(f"images/{name}.png" for name in names))
        self.labels(*(f"labels/{name}.png" for name in names))

    def load(self, split="train"):
        return load_dataset("folder", split, root=self.root)

    def files(self, split="train"):
        """[(image, label), ...] below the root."""
        return [tuple(path.relative_to(self.root).as_posix() for path in pair) for pair in self.load(split).files]


# ---- labels


def test_grey_labels(trees):
    root = trees.folder()
    for name in ("b", "a"):
        trees.photo(f"images/{name}.jpg")
        trees.png(f"labels/{name}.png", np.full((6, 8), 1 if name == "a" else 255))
    data = load_dataset("folder", root=root)
    assert (data.class_names, data.ignore_index, len(data)) == (("Road", "Car"), 255, 2)
    assert [data.file_name(i) for i in range(2)] == ["a.jpg", "b.jpg"]
    assert [int(data[i].label[0, 0]) for i in range(2)] == [1, 255]


def test_colour_labels(trees):
    root = trees.folder()
    trees.photo("images/a.png", (1, 3))
    trees.png("labels/a.png", [[[10, 0, 0], [0, 20, 0], [0, 0, 0]]])
    assert load_dataset("folder", root=root)[0].label.tolist() == [[0, 1, 255]]


# ---- splits


def test_splits_by_lists(own):
    own.pair("a", "b", "c")
    own.trees.text("train.txt", "c\na.jpg\n")
    own.trees.text("val.txt", "b\n")
    assert own.files() == [("images/c.png", "labels/c.png"), ("images/a.png", "labels/a.png")]
    assert own.load().with_split("val").file_name(0) == "b.png"
    with pytest.raises(FileNotFoundError, match=r"no split 'test' in .*there is no test\.txt. Present: train, val\. "):
        own.load("test")


def test_without_splits_all_is_train(own):
    own.pair("a")
    with pytest.raises(FileNotFoundError, match=r"no split 'val'.*Present: train \(all\)\. ") as caught:
        own.load("val")
    assert str(caught.value).endswith(
        f"Write val.txt (one name per line), let `segnet-lab data split folder --root {own.root}` do it, "
        "or train with --validation none"
    )
    with pytest.raises(FileNotFoundError, match=r"Write test\.txt \(one name per line\), .* do it$") as caught:
        own.load("test")
    assert "data get" not in str(caught.value)
    with pytest.raises(ValueError, match=r"unknown split of folder 'vla'\. Did you mean 'val'"):
        own.load("vla")


def test_only_a_validation_list(own):
    own.pair("a", "b")
    own.trees.text("val.txt", "b\n")
    with pytest.raises(FileNotFoundError, match=r"no split 'train' .* no train\.txt\. Present: val\."):
        own.load()


def test_lists_that_are_called_otherwise(own):
    own.layout(listing="lists/{split}_names.txt")
    own.pair("a", "b")
    own.trees.text("lists/train_names.txt", "b\n")
    assert own.files() == [("images/b.png", "labels/b.png")]
    with pytest.raises(FileNotFoundError, match=r"no lists.val_names\.txt.*Write lists.val_names\.txt"):
        own.load("val")


def test_lists_that_lie_elsewhere(own, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("lists")
    own.layout(listing=f"{elsewhere.as_posix()}/{{split}}.txt")
    own.pair("a", "b")
    (elsewhere / "train.txt").write_text("b\n")
    assert own.files() == [("images/b.png", "labels/b.png")]
    with pytest.raises(FileNotFoundError, match=r"no split 'val' .* Present: train\. Write .*val\.txt"):
        own.load("val")


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images/{split}", "labels/{split}"),
        ("images/{split}", "labels"),
        ("{split}/images", "{split}/labels"),
        ("{split}", "{split}annot"),
        ("{split}", "{split}_labels"),
        ("Images/{split}", "Labels/{split}"),
    ],
)
def test_splits_by_folders(own, images, labels):
    for split, name in (("train", "a"), ("train", "b"), ("val", "c")):
        own.images(f"{images}/{name}.png".format(split=split))
        own.labels(f"{labels}/{name}.png".format(split=split))
    place = [folder.format(split="train") for folder in (images, labels)]
    assert own.files() == [(f"{place[0]}/{name}.png", f"{place[1]}/{name}.png") for name in "ab"]
    assert [own.load("val").file_name(i) for i in range(1)] == ["c.png"]
    with pytest.raises(FileNotFoundError, match=r"no split 'test' .*Present: train, val\. "):
        own.load("test")


def test_segnet_tutorials_folders_with_their_lists(own):
    for split, name in (("train", "a"), ("train", "b"), ("val", "a")):
        own.images(f"{split}/{name}.png")
        own.labels(f"{split}annot/{name}.png")
        line = f"/SegNet/CamVid/{split}/{name}.png /SegNet/CamVid/{split}annot/{name}.png\n"
        own.trees.text(f"{split}.txt", line)
    assert own.files() == [("train/b.png", "trainannot/b.png")]  # the last line written is the only one
    assert own.files("val") == [("val/a.png", "valannot/a.png")]


def test_lists_come_before_folders_of_splits(own):
    own.pair("train/a", "train/b", "val/c")
    own.trees.text("train.txt", "train/b\nval/c\n")
    own.trees.text("val.txt", "a\n")
    assert [image for image, _ in own.files()] == ["images/train/b.png", "images/val/c.png"]
    assert own.files("val") == [("images/train/a.png", "labels/train/a.png")]


@pytest.mark.parametrize("other", ["valid/b", "Testing/b", "bus/b", "b"])
def test_folders_that_may_or_may_not_be_splits(own, other):
    own.pair("train/a", other)
    with pytest.raises(ValueError, match=r"images holds .*train.*: which of them are splits\?"):
        own.load()


def test_subfolders_of_other_names_are_no_splits(own):
    own.pair("bus/a", "tram/b")
    assert len(own.files()) == 2


# ---- names of labels


@pytest.mark.parametrize("suffix", ["_L", "_mask", "_gtFine_labelTrainIds", "-seg", " label", ".mask"])
def test_a_suffix_that_all_labels_have(own, suffix):
    own.images(*(f"images/a{i}.png" for i in (0, 1, 10)))
    own.labels(*(f"labels/a{i}{suffix}.png" for i in (0, 1, 10)))
    assert own.files() == [(f"images/a{i}.png", f"labels/a{i}{suffix}.png") for i in (0, 1, 10)]


@pytest.mark.parametrize("suffix", ["_L", "_L.png", "L", "2", "_2"])
def test_a_suffix_on_the_card(own, suffix):
    end = suffix.removesuffix(".png")
    own.layout(label_suffix=suffix)
    own.images("images/a.png", "images/b.png")
    own.labels(f"labels/a{end}.png", f"labels/b{end}.png", "labels/a_colour.png")
    assert own.files() == [(f"images/{name}.png", f"labels/{name}{end}.png") for name in "ab"]


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (("a_L", "b_mask"), r"'_L' \(1 of 2\), '_mask' \(1 of 2\)"),
        (("a_ids", "a_colour", "b_ids", "b_colour"), r"'_colour' \(2 of 4\), '_ids' \(2 of 4\)"),
        (("a_L", "b_L", "stray"), r"'_L' \(2 of 3\)"),
    ],
)
def test_several_suffixes_are_refused_by_name(own, labels, shown):
    own.images("images/a.png", "images/b.png")
    own.labels(*(f"labels/{name}.png" for name in labels))
    with pytest.raises(ValueError, match=rf"named like images, with {shown}: name one as `label_suffix` under"):
        own.load()


@pytest.mark.parametrize("label", ["mask_1", "1_mask", "frame_10", "frame_1_0", "frame_1x"])
def test_labels_that_are_named_as_no_image(own, label):
    own.images("images/frame_1.png", "images/frame_2.png")
    own.labels(f"labels/{label}.png")
    with pytest.raises(
        ValueError, match=rf"no label in .*labels is named like an image \('{label}', 'frame_1'\): rename"
    ):
        own.load()


def test_a_label_that_is_missing_is_not_taken_for_one_with_a_suffix(own):
    own.images("images/a.png", "images/b.png")
    own.labels("labels/a.png", "labels/b_L.png")
    with pytest.raises(FileNotFoundError, match=r"1 of 4 files of split 'train' are missing, first .*labels.b\.png"):
        own.load()


def test_a_suffix_of_the_images(own):
    own.layout(images="leftImg8bit/{split}", labels="gtFine/{split}", **CITYSCAPES)
    for name in ("aachen/aachen_0", "bochum/bochum_0"):
        own.images(f"leftImg8bit/train/{name}_leftImg8bit.png")
        own.labels(f"gtFine/train/{name}_gtFine_labelTrainIds.png", f"gtFine/train/{name}_gtFine_color.png")
    assert [label for _, label in own.files()] == [
        "gtFine/train/aachen/aachen_0_gtFine_labelTrainIds.png",
        "gtFine/train/bochum/bochum_0_gtFine_labelTrainIds.png",
    ]
    own.trees.text("train.txt", "bochum_0\naachen/aachen_0_leftImg8bit.png\n")
    assert [image.rpartition("/")[2][:6] for image, _ in own.files()] == ["bochum", "aachen"]


CITYSCAPES = {"image_suffix": "_leftImg8bit", "label_suffix": "_gtFine_labelTrainIds"}


@pytest.mark.parametrize("folder", [".", "all"])
def test_images_and_labels_in_one_folder(own, folder):
    own.images(f"{folder}/a.png", f"{folder}/b.png")
    own.labels(f"{folder}/a_L.png", f"{folder}/b_L.png")
    own.layout(images=folder, labels=folder, label_suffix="_L")
    place = "" if folder == "." else "all/"
    assert own.files() == [(f"{place}{name}.png", f"{place}{name}_L.png") for name in "ab"]


def test_one_folder_without_a_suffix(own):
    own.layout(images="all", labels="all")
    own.images("all/a.png")
    with pytest.raises(ValueError, match=r"all holds images and labels: give .* as `label_suffix` under `layout`"):
        own.load()


def test_labels_below_the_images(own):
    own.layout(images=".", labels="labels")
    own.images("a.png", "b.png")
    own.labels("labels/a.png", "labels/b.png")
    assert own.files() == [("a.png", "labels/a.png"), ("b.png", "labels/b.png")]


# ---- subfolders


@pytest.mark.parametrize("labels", ["town/a0", "a0"])
def test_subfolders_mirrored_or_not(own, labels):
    own.images("images/town/a0.png", "images/b0.png")
    own.labels(f"labels/{labels}.png", "labels/b0.png")
    assert own.files() == [("images/b0.png", "labels/b0.png"), ("images/town/a0.png", f"labels/{labels}.png")]


def test_equal_names_in_two_subfolders_never_share_a_label(own):
    own.images("images/town/a0.png", "images/city/a0.png")
    own.labels("labels/town/a0.png", "labels/a0.png")
    with pytest.raises(FileNotFoundError, match=r"1 of 4 files .* missing, first .*labels.city.a0\.png"):
        own.load()
    own.labels("labels/city/a0.png")
    assert own.files()[0] == ("images/city/a0.png", "labels/city/a0.png")
    own.trees.text("train.txt", "a0\n")
    with pytest.raises(ValueError, match=r"train\.txt, line 1: 'a0' may be city/a0\.png or town/a0\.png in"):
        own.load()


def test_suffixes_in_subfolders(own):
    own.images("images/town/a0.png", "images/city/b0.png")
    own.labels("labels/town/a0_L.png", "labels/b0_L.png")
    assert [label for _, label in own.files()] == ["labels/b0_L.png", "labels/town/a0_L.png"]


# ---- lists


@pytest.mark.parametrize(
    "line",
    [
        "a0",
        "a0.png",
        "images/a0.png",
        "images/a0.png labels/a0.png",
        "images/a0.png,labels/a0.png",
        "a0.png\ta0.png",
        "{root}/images/a0.png {root}/labels/a0.png",
        "/home/somebody/set/images/a0.png /home/somebody/set/labels/a0.png",
        r"C:\set\images\a0.png C:\set\labels\a0.png",
        "./images/a0.png",
    ],
)
def test_what_a_line_may_be(own, line):
    own.pair("a0", "b0")
    own.trees.text("train.txt", line.format(root=own.root) + "\n")
    assert own.files() == [("images/a0.png", "labels/a0.png")]


def test_pairs_of_any_names(own):
    own.images("images/img 1.jpg", "images/img 2.jpg")
    own.labels("labels/mask_1.png", "labels/mask_2.png", "more/mask_2.png")
    own.trees.text("train.txt", '"img 1.jpg" mask_1.png\nimages/img 2.jpg more/mask_2.png\n')
    assert own.files() == [("images/img 1.jpg", "labels/mask_1.png"), ("images/img 2.jpg", "more/mask_2.png")]


def test_files_outside_of_the_root(own, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    own.pair("a0")
    os.replace(own.root / "images" / "a0.png", elsewhere / "z9.png")
    own.images("images/b0.png")
    own.labels("labels/z9.png")
    way = os.path.relpath(elsewhere, own.root)
    for line in (f"{elsewhere}/z9.png labels/a0.png", f"{way}/z9.png labels/a0.png", f"{elsewhere}/z9.png"):
        own.trees.text("train.txt", line)
        ((image, label),) = own.load().files
        assert image.samefile(elsewhere / "z9.png")
        assert label.name == ("a0.png" if " " in line else "z9.png")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a0\nzz\nb0\nyy\n", r"line 2: unknown image of .*images 'zz'.* Known: a0, b0; nor are those of lines 4"),
        ("town/a0\n", r"line 1: unknown image of .*images 'town/a0'\. Known: a0, b0$"),
        ("a0\n\na0.png\n", r"line 3: 'a0\.png' is the image of line 1 again"),
        ("a0\nimages/a0.png labels/a0.png\n", r"line 2: 'images/a0\.png' is the image of line 1 again"),
        ("a0.png\n{root}/images/a0.png\n", r"line 2: '.*/images/a0\.png' is the image of line 1 again"),
        ("a0\nb0\na0\n", r"line 3: 'a0' is already in line 1"),
        ("a0 b0\n", r"line 1: unknown image of .*images 'a0 b0'"),
    ],
)
def test_lines_that_name_nothing_or_something_twice(own, lines, message):
    own.pair("a0", "b0")
    own.trees.text("train.txt", lines.format(root=own.root))
    with pytest.raises(ValueError, match=rf"train\.txt, {message}"):
        own.load()


def test_a_second_column_that_is_not_there(own):
    own.pair("a0")
    own.trees.text("train.txt", "images/a0.png labels/zz.png\n")
    with pytest.raises(FileNotFoundError, match=r"1 of 2 files of split 'train' are missing, first .*labels.zz\.png"):
        own.load()


def test_an_empty_list(own):
    own.pair("a0")
    own.trees.text("train.txt", "# to do\n")
    with pytest.raises(FileNotFoundError, match=r"split 'train' in .* names no image"):
        own.load()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("image", "label", "line"), [("NFC", "NFD", "NFC"), ("NFD", "NFC", "NFC"), ("NFC",) * 3])
def test_names_composed_or_not(own, encoding, image, label, line):
    image, label, line = (unicodedata.normalize(form, "müll") for form in (image, label, line))
    own.images(f"images/{image}.png")
    own.labels(f"labels/{label}.png")
    assert own.files() == [(f"images/{image}.png", f"labels/{label}.png")]
    (own.root / "train.txt").write_bytes(f"{line}\r\n".encode(encoding))
    assert own.files() == [(f"images/{image}.png", f"labels/{label}.png")]


# ---- what else lies there


def test_litter_and_upper_case(own):
    own.images("images/A0.PNG", "images/x (1).JPG", "images/._A0.PNG", "images/__MACOSX/A0.png", "images/.cache/b.png")
    own.labels("labels/A0.png", "labels/x (1).PNG", "labels/._A0.png")
    for name in ("images/.DS_Store", "images/Thumbs.db", "labels/desktop.ini", "images/notes.txt"):
        own.trees.text(name, "")
    assert own.files() == [("images/A0.PNG", "labels/A0.png"), ("images/x (1).JPG", "labels/x (1).PNG")]


def test_a_folder_needs_root_card_images_and_labels(trees):
    with pytest.raises(ValueError, match="'folder' needs root="):
        load_dataset("folder")
    with pytest.raises(FileNotFoundError, match=r"no card at .*card\.yaml: copy"):
        load_dataset("folder", root=trees.root)
    root = trees.folder()
    with pytest.raises(FileNotFoundError, match=r"no folder .*images: create it, or name another"):
        load_dataset("folder", root=root)
    trees.photo("images/a.jpg")
    (root / "labels").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no image in .*labels"):
        load_dataset("folder", root=root)
    trees.png("labels/a.png", np.zeros((6, 8)))
    trees.photo("images/b.jpg")
    with pytest.raises(FileNotFoundError, match=r"1 of 4 files of split 'train' are missing, first .*labels.b\.png"):
        load_dataset("folder", root=root)
    trees.photo("images/a.png")
    with pytest.raises(ValueError, match=r"holds a\.jpg and a\.png: rename one, names must differ"):
        load_dataset("folder", root=root)


def test_two_labels_for_one_image(own):
    own.images("images/a.jpg")
    own.labels("labels/a.png", "labels/a.bmp")
    with pytest.raises(ValueError, match=r"label of a\.jpg may be a\.bmp or a\.png in .*labels: rename or remove one"):
        own.load()


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (
            {"lables": "masks"},
            r"card\.yaml: unknown key under `layout` 'lables'. Did you mean 'labels'\? Known: images, ",
        ),
        ({"marks": "x"}, r"unknown key under `layout` 'marks'"),
        ({"images": 3}, r"layout: images is the name of a folder, .* not 3"),
        ({"listing": "all.txt"}, r"layout: listing 'all\.txt' is one file for all splits: write \{split\} in"),
        ({"label_suffix": ["_L"]}, r"layout: label_suffix is the name .* not \['_L'\]"),
    ],
)
def test_an_impossible_layout(own, layout, message):
    own.pair("a")
    own.layout(**layout)
    with pytest.raises(ValueError, match=message):
        own.load()


def test_the_home_directory_and_a_folder_too_many(own, monkeypatch):
    own.pair("a")
    monkeypatch.setenv("HOME", str(own.root))
    monkeypatch.setenv("USERPROFILE", str(own.root))
    (own.root / "set").mkdir()
    for name in ("card.yaml", "images", "labels"):
        os.replace(own.root / name, own.root / "set" / name)
    for root in ("~/set", own.root, "~"):
        data = load_dataset("folder", root=root)
        assert (len(data), data.root) == (1, own.root / "set")
