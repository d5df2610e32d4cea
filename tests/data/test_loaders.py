"""The other data sets, each on a small tree in its real layout; and `load_dataset`."""

import re

import numpy as np
import pytest
import torch

from segnet_lab.data import list_datasets, load_dataset
from segnet_lab.data.cards import card_names
from tests.data.conftest import Trees

# ---- by name


def test_every_data_set_has_a_card_and_every_card_a_loader():
    assert sorted(list_datasets()) == list(card_names())


def test_an_unknown_data_set():
    with pytest.raises(ValueError, match=r"unknown data set 'camvit'. Did you mean 'camvid'\? Known: roadscenes, "):
        load_dataset("camvit")


def test_an_unknown_option():
    with pytest.raises(ValueError, match=r"unknown option of roadscenes 'imagse'. Did you mean 'images'\?"):
        load_dataset("roadscenes", imagse=3)
    with pytest.raises(ValueError, match="unknown option of camvid 'clutter'"):
        load_dataset("camvid", clutter=0.1)
    with pytest.raises(ValueError, match="unknown option of roadscenes 'root'"):
        load_dataset("roadscenes", root="somewhere")


# ---- made here


@pytest.mark.parametrize("name", ["roadscenes", "rooms"])
class TestGenerated:
    def test_numbers_of_images_are_the_cards_unless_given(self, name):
        assert [len(load_dataset(name, split)) for split in ("train", "val", "test")] == [300, 60, 60]
        data = load_dataset(name, images=5)
        assert (len(data), len(data.with_split("val"))) == (5, 5)

    def test_size_and_labels(self, name):
        data = load_dataset(name, images=2, size=(30, 41))
        image, label = data[1]
        assert image.shape == (3, 30, 41)
        assert label.shape == (30, 41)
        assert load_dataset(name, images=1)[0].image.shape == (3, 96, 128)
        assert set(label.unique().tolist()) <= {*range(data.num_classes), data.ignore_index}
        assert np.array_equal(data.raw(1)[1], label)

    def test_the_same_scene_each_time_and_another_with_another_seed(self, name):
        one, again, other = (load_dataset(name, images=2, seed=seed, size=(48, 64)) for seed in (3, 3, 4))
        assert torch.equal(one[1].image, again[1].image)
        assert not torch.equal(one[1].image, other[1].image)

    def test_splits_never_meet(self, name):
        splits = [load_dataset(name, split, images=3, size=(48, 64)) for split in ("train", "val", "test")]
        names = [data.file_name(i) for data in splits for i in range(3)]
        assert len(set(names)) == 9
        assert len({data[i].image.numpy().tobytes() for data in splits for i in range(3)}) == 9

    @pytest.mark.parametrize("images", [0, -1, 1_000_001, 2.5])
    def test_an_impossible_number_of_images(self, name, images):
        with pytest.raises(ValueError, match=rf"images={images}: give how many scenes 'train' has, 1 to 1000000"):
            load_dataset(name, images=images)

    def test_an_impossible_option_is_refused_at_once(self, name):
        with pytest.raises(ValueError, match="clutter"):
            load_dataset(name, clutter=7)

    def test_options_make_it_again(self, name):
        data = load_dataset(name, "val", images=2, seed=5, clutter=0.9, size=(48, 64))
        again = load_dataset(data.name, data.split, **data.options)
        assert torch.equal(again[1].image, data[1].image)


def test_lighting_is_passed_on():
    day, dusk = (load_dataset("roadscenes", images=8, lighting=light, size=(48, 64)) for light in ("day", "dusk"))
    mean = [sum(float(data[i].image.mean()) for i in range(8)) / 8 for data in (day, dusk)]
    assert mean[0] > mean[1]


# ---- SUN RGB-D


def sun(trees, labels="sunrgbd_train_test_labels", size=(6, 8)):
    for split in ("train", "test"):
        for number in (1, 2):
            trees.photo(f"SUNRGBD-{split}_images/img-{number:06d}.jpg", size, seed=number)
    for number, value in ((1, 0), (2, 1), (5051, 37), (5052, 7)):
        trees.png(f"{labels}/img-{number:06d}.png", np.full(size, value))
    return trees.root


@pytest.mark.parametrize("labels", ["sunrgbd_train_test_labels", "sunrgbd_train_test_labels/any/depth"])
def test_sunrgbd_files_1_to_5050_are_the_test_split(trees, labels):
    root = sun(trees, labels)
    test, train = (load_dataset("sunrgbd", split, root=root) for split in ("test", "train"))
    assert [int(test[i].label[0, 0]) for i in range(2)] == [37, 0]  # in the files 0 (void) and 1 (Wall)
    assert [int(train[i].label[0, 0]) for i in range(2)] == [36, 6]  # in the files 37 (Bag) and 7 (Table)
    assert (train.num_classes, train.class_names[36], train.class_names[6]) == (37, "Bag", "Table")
    assert train.file_name(1) == "img-000002.jpg"


def test_sunrgbd_labels_with_38_classes(trees):
    root = sun(trees)
    trees.png("sunrgbd_train_test_labels/img-005051.png", [[38, 1]])
    trees.photo("SUNRGBD-train_images/img-000001.jpg", (1, 2))
    with pytest.raises(ValueError, match=r"img-005051\.png: label value 38 at row 0, .* knows 0 to 37 \(void: 0\)"):
        load_dataset("sunrgbd", root=root)[0]


def test_sunrgbd_colour_labels(trees):
    root = sun(trees)
    trees.photo("sunrgbd_train_test_labels/img-005051.png")
    with pytest.raises(ValueError, match=r"img-005051\.png is in colour, but the labels of SUN RGB-D are grey"):
        load_dataset("sunrgbd", root=root)[0]


def test_sunrgbd_has_no_validation_split(trees):
    with pytest.raises(ValueError, match=r"unknown split of sunrgbd 'val'\. Known: train, test"):
        load_dataset("sunrgbd", "val", root=sun(trees))


def test_sunrgbd_a_split_or_labels_that_are_not_there(trees):
    root = sun(trees)
    (root / "SUNRGBD-test_images").rename(root / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"no split 'test' in .* no SUNRGBD-test_images\. Present: train"):
        load_dataset("sunrgbd", "test", root=root)
    (root / "sunrgbd_train_test_labels").rename(root / "labels")
    with pytest.raises(FileNotFoundError, match=r"2 of 4 files of split 'train' are missing, first .*img-005051\.png"):
        load_dataset("sunrgbd", root=root)


IMAGES, LABELS = "SUNRGBD-train_images", "sunrgbd_train_test_labels"


@pytest.mark.parametrize("litter", ["._img-000001.jpg", "__MACOSX/img-000001.jpg", ".ipynb_checkpoints/img-000001.jpg"])
def test_sunrgbd_what_mac_leaves_is_no_image(trees, litter):
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
def test_sunrgbd_another_name_is_another_thing(trees, name):
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
def test_sunrgbd_a_number_of_two_files_is_a_guess(trees, first, second, number):
    root = sun(trees)
    trees.png(second, np.zeros((6, 8)))
    with pytest.raises(ValueError, match=rf" are both {number}: remove or rename one") as caught:
        load_dataset("sunrgbd", root=root)
    assert all(name.rpartition("/")[2] in str(caught.value) for name in (first, second))


def test_sunrgbd_upper_case(trees):
    root = sun(trees)
    for path in [*root.rglob("*.jpg"), *root.rglob("*.png")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    (root / IMAGES / "img-000002.JPG").rename(root / IMAGES / "IMG-000002.Jpg")
    (root / LABELS).rename(root / LABELS.upper())
    data = load_dataset("sunrgbd", root=root)
    assert [int(data[i].label[0, 0]) for i in range(2)] == [36, 6]


@pytest.mark.parametrize(("split", "number"), [("test", 5051), ("test", 0), ("train", 5286), ("train", 0)])
def test_sunrgbd_a_number_of_another_split(trees, split, number):
    root = sun(trees)
    trees.photo(f"SUNRGBD-{split}_images/img-{number:06d}.jpg")
    with pytest.raises(ValueError, match=rf"img-{number:06d}\.jpg is not in split '{split}', .* from 1 to 5\d+$"):
        load_dataset("sunrgbd", split, root=root)


@pytest.mark.parametrize("below", ["SUNRGBD", "sunrgbd", "download/SUN"])
def test_sunrgbd_one_level_down(trees, below):
    inner = trees.root / below
    sun(Trees(inner))
    data = load_dataset("sunrgbd", root=inner.parent)
    assert data.options["root"] == str(inner)
    assert data.label_bytes(0) == data.raw(0)[1].tobytes()


# ---- road ensemble

LABELME = """<annotation><filename>a.jpg</filename>
  <object><name> Car </name><deleted>0</deleted><polygon>
    <pt><x>1</x><y>1</y></pt><pt><x>2</x><y>1</y></pt><pt><x>2</x><y>2</y></pt><pt><x>1</x><y>2</y></pt></polygon></object>
  <object><name>road</name><deleted>0</deleted><polygon>
    <pt><x>0</x><y>0</y></pt><pt><x>3</x><y>0</y></pt><pt><x>3</x><y>3</y></pt><pt><x>0</x><y>3</y></pt></polygon></object>
  <object><name>sky</name><deleted>1</deleted><polygon>
    <pt><x>0</x><y>0</y></pt><pt><x>9</x><y>0</y></pt><pt><x>9</x><y>9</y></pt></polygon></object>
  <object><name>zeppelin</name><polygon><pt><x>5</x><y>0</y></pt><pt><x>5</x><y>1</y></pt><pt><x>4</x><y>1</y></pt></polygon></object>
</annotation>"""


def roads(trees):
    trees.camvid({"train": 2, "val": 1}, below="camvid/")
    trees.photo("kitti/training/image_2/000000_10.png", (1, 4))
    trees.png("kitti/training/semantic/000000_10.png", [[7, 26, 0, 33]])  # road, car, unlabelled, bicycle
    trees.photo("stanford/images/6000124.jpg", (2, 3))
    trees.text("stanford/labels/6000124.regions.txt", "0 1 2\n-1 5 7\n")
    trees.text("stanford/labels/6000124.layers.txt", "not for us")
    trees.photo("labelme/Images/street/a.jpg", (4, 6))
    trees.text("labelme/Annotations/street/a.xml", LABELME)
    return trees.root


@pytest.fixture
def ensemble(trees):
    with pytest.warns(UserWarning, match=r"road_ensemble 'train': 5 images .*3,433 images .* never released"):
        return load_dataset("road_ensemble", root=roads(trees))


def test_the_ensemble_joins_what_is_there(ensemble):
    assert ensemble.parts == {"camvid": 2, "kitti": 1, "stanford": 1, "labelme": 1}
    assert "never released" in ensemble.note
    labels = {ensemble.file_name(i): ensemble[i].label.tolist() for i in range(5)}
    assert labels["000000_10.png"] == [[3, 8, 11, 10]]
    assert labels["6000124.jpg"] == [[0, 5, 3], [11, 1, 11]]  # sky tree road; unknown building foreground
    # the road is drawn first, being larger; the car on it; the deleted sky and the zeppelin are void
    assert labels["a.jpg"] == [[3, 3, 3, 3, 11, 11], [3, 8, 8, 3, 11, 11], [3, 8, 8, 3, 11, 11], [3, 3, 3, 3, 11, 11]]
    assert ensemble.unmapped == {"zeppelin": 1}


def test_the_ensembles_validation_is_camvids(ensemble):
    with pytest.warns(UserWarning, match="1 images"):
        val = ensemble.with_split("val")
    assert (len(val), val.parts["camvid"]) == (1, 1)


def test_an_unknown_cityscapes_id(trees):
    root = roads(trees)
    trees.png("kitti/training/semantic/000000_10.png", [[7, 34, 0, 33]])
    with pytest.warns(UserWarning, match="never released"):
        data = load_dataset("road_ensemble", root=root)
    with pytest.raises(ValueError, match=r"000000_10\.png: label value 34 .* 0 to 33 \(void: 0 to 6, 10\)"):
        data[2]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("stanford/labels/6000124.regions.txt", "0 1 x\n", r"6000124\.regions\.txt is not a grid of integers"),
        ("stanford/labels/6000124.regions.txt", "", r"6000124\.regions\.txt is not a grid of integers: the file is empty"),
        ("stanford/labels/6000124.regions.txt", "\n \n", r"6000124\.regions\.txt is not a grid of integers: .* empty"),
        ("stanford/labels/6000124.regions.txt", "# nothing\n", r"6000124\.regions\.txt is not a grid of integers"),
        ("stanford/labels/6000124.regions.txt", "0 1 nan\n0 0 0\n", r"6000124\.regions\.txt is not a grid of integers"),
        ("stanford/labels/6000124.regions.txt", "0 1 2\n0 0\n", r"6000124\.regions\.txt is not a grid of integers"),
        ("stanford/labels/6000124.regions.txt", "0 1 8\n0 0 0\n", r"label value 8 at row 0, column 2"),
        ("labelme/Annotations/street/a.xml", "", r"a\.xml is not a LabelMe annotation: no element found"),
        *(
            (
                "labelme/Annotations/street/a.xml",
                LABELME.replace("<x>1</x>", f"<x>{value}</x>", 1),
                rf"a\.xml is not a LabelMe annotation: the coordinate {re.escape(value)} of a corner is outside any image",
            )
            for value in ("nan", "inf", "-inf", "1e300", "-3e9")
        ),
        (
            "labelme/Annotations/street/a.xml",
            "<annotation><object><name>car</name><bndbox><xmin>1</xmin></bndbox></object></annotation>",
            r"a\.xml is not a LabelMe annotation of polygons: none of its 1 objects has one",
        ),
        (
            "labelme/Annotations/street/a.xml",
            '<?xml version="1.0" encoding="ebcdic-x"?><annotation/>',
            r"a\.xml is not a LabelMe annotation: unknown encoding",
        ),
        ("labelme/Annotations/street/a.xml", "<annotation><object>", r"a\.xml is not a LabelMe annotation"),
        (
            "labelme/Annotations/street/a.xml",
            LABELME.replace("<x>1</x>", "<x>?</x>"),
            r"a\.xml is not a LabelMe annotation",
        ),
    ],
)
def test_a_damaged_label_of_the_ensemble(trees, file, content, message):
    root = roads(trees)
    trees.text(file, content)
    with pytest.warns(UserWarning, match="never released"):
        data = load_dataset("road_ensemble", root=root)
    with pytest.raises(ValueError, match=message):
        [data[i] for i in range(5)]


def test_the_ensemble_leaves_litter_and_reads_upper_case(trees):
    root = roads(trees)
    for path in [path for path in root.rglob("*") if path.suffix in (".png", ".jpg", ".xml", ".txt")]:
        path.with_name(f"._{path.name}").write_bytes(b"mac")
        if path.parent.name != "camvid":
            name = path.name.replace(".regions", ".Regions").removesuffix(path.suffix) + path.suffix.upper()
            path.rename(path.with_name(name))
    for folder, other in (("camvid", "CamVid"), ("kitti", "KITTI"), ("labelme/Images", "labelme/images")):
        (root / folder).rename(root / other)
    with pytest.warns(UserWarning, match="5 images"):
        data = load_dataset("road_ensemble", root=root)
    assert data.parts == {"camvid": 2, "kitti": 1, "stanford": 1, "labelme": 1}
    labels = {data.file_name(i): data[i].label.unique().tolist() for i in range(5)}
    assert labels["000000_10.PNG"] == [3, 8, 10, 11]
    assert labels["6000124.JPG"] == [0, 1, 3, 5, 11]
    assert labels["a.JPG"] == [3, 8, 11]
    assert data.unmapped == {"zeppelin": 1}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("kitti/training/image_2/000000_10.png", "kitti/training/image_2/000000_10.jpg"),
        ("stanford/images/6000124.jpg", "stanford/images/6000124.JPG"),
        ("labelme/Images/street/a.jpg", "labelme/Images/street/a.png"),
    ],
)
def test_two_images_for_one_label_of_the_ensemble(trees, first, second):
    root = roads(trees)
    trees.photo(second)
    with pytest.raises(ValueError, match=r"are both '.*': remove or rename one") as caught:
        load_dataset("road_ensemble", root=root)
    assert str(root / first) in str(caught.value)
    assert str(root / second) in str(caught.value)


@pytest.mark.parametrize("path", ["kitti/training/image_2/000000_10.png", "labelme/Images/street/a.jpg"])
def test_an_image_that_the_ensemble_lacks_is_named(trees, path):
    root = roads(trees)
    (root / path).unlink()
    with pytest.raises(FileNotFoundError, match=rf"1 of 10 files of .* missing, first {re.escape(str(root / path))}"):
        load_dataset("road_ensemble", root=root)


def test_label_bytes_of_the_ensemble_are_the_classes_of_all_its_kinds_of_files(ensemble):
    for i in range(5):
        assert ensemble.label_bytes(i) == ensemble.raw(i)[1].tobytes()


def test_camvid_of_the_ensemble_in_another_layout(trees):
    trees.photo("CamVid/camvid/train/a.png", (1, 2))
    trees.png("CamVid/camvid/train_labels/a_L.png", [[[128, 0, 192], [192, 128, 64]]])  # LaneMkgsDriv, Child
    with pytest.warns(UserWarning, match="1 of camvid"):
        data = load_dataset("road_ensemble", root=trees.root)
    assert data[0].label.tolist() == [[3, 9]]


def test_an_ensemble_of_nothing(trees):
    with pytest.raises(FileNotFoundError, match="none of camvid, kitti, stanford, labelme in"):
        load_dataset("road_ensemble", root=trees.root)
    (trees.root / "kitti").mkdir()
    with pytest.raises(FileNotFoundError, match="no split 'train'"):
        load_dataset("road_ensemble", root=trees.root)
    with pytest.raises(FileNotFoundError, match=r"no split 'val' .* no folder camvid"):
        load_dataset("road_ensemble", "val", root=trees.root)
