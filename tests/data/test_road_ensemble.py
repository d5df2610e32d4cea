"""The road ensemble: four sets in their real layouts, with CamVid's eleven classes."""

import re

import pytest

from segnet_lab.data import load_dataset

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
        ("stanford/labels/6000124.regions.txt", "", r"6000124\.regions\.txt is not a grid of integers: the file"),
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
                rf"a\.xml is not .*: the coordinate {re.escape(value)} of a corner is outside any image",
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
