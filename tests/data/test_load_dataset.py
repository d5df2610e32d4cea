"""`load_dataset`: data sets by name, and what it says of names and options that it does not know."""

import pytest

from segnet_lab.data import DATASETS, list_datasets, load_dataset
from segnet_lab.data.cards import card_names


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


@pytest.mark.parametrize("name", ["camvid", "sunrgbd", "folder", "road_ensemble"])
@pytest.mark.parametrize("root", [5, b"camvid", ["camvid"]])
def test_a_root_that_is_no_path(name, root):
    with pytest.raises(ValueError, match=r"is not a path: give a folder as text, as in root='my_images'"):
        load_dataset(name, root=root)


def test_part_is_taken_of_the_whole():
    data = load_dataset("roadscenes", images=4, size=(16, 16), part=[2, 0])
    assert data.options["part"] == [2, 0]
    with pytest.raises(ValueError, match=r"part\(3\): give a list of image numbers"):
        load_dataset("roadscenes", images=4, size=(16, 16), part=3)


def test_each_class_is_registered_under_its_name():
    assert all(name == data.name for name, data in DATASETS.items())
    assert list_datasets()[0] == "roadscenes"
