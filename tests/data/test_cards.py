"""The cards say what the paper and the published files say, and a bad card is refused by name."""

import csv
from importlib.resources import files

import numpy as np
import pytest

from segnet_lab.data.cards import card_names, load_card, read_card
from segnet_lab.data.rooms import CLASS_NAMES

CAMVID = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}


@pytest.mark.parametrize("name", ["camvid", "roadscenes", "road_ensemble"])
def test_road_sets_share_camvids_eleven_classes(name):
    card = load_card(name)
    assert dict(zip(card.class_names, card.colours, strict=True)) == CAMVID
    assert (card.void_index, card.void_colour) == (11, (0, 0, 0))


@pytest.mark.parametrize("name", ["sunrgbd", "rooms"])
def test_room_sets_share_the_37_classes_of_table_5(name):
    with (files("segnet_lab") / "paper" / "table5_sunrgbd_class_accuracy.csv").open() as file:
        table5 = [row["class"] for row in csv.DictReader(file)]
    card = load_card(name)
    assert list(card.class_names) == table5
    assert card.void_index == card.num_classes == 37


def test_the_generator_of_rooms_uses_the_cards_classes():
    assert tuple(CLASS_NAMES) == load_card("rooms").class_names


def test_splits_are_the_papers():
    assert load_card("camvid").splits == {"train": 367, "val": 101, "test": 233}
    assert load_card("sunrgbd").splits == {"train": 5285, "test": 5050}  # Section 4.2


@pytest.mark.parametrize("name", card_names())
def test_every_card_is_whole(name):
    card = load_card(name)
    assert card.name == name or name == "folder"
    assert card.palette.shape == (card.num_classes, 3)
    assert card.palette.dtype == np.uint8
    assert card.licence
    if name != "folder":
        assert card.about
        assert card.citation
        assert card.expect
    assert (card.path.parent / "README.md").is_file()
    assert all(download.url.startswith("http") for download in card.downloads)


def test_a_palette_cannot_be_spoilt_for_others():
    card = load_card("camvid")
    card.palette[:] = 0
    assert card.palette[0].tolist() == [128, 128, 128]


def test_camvid32_groups_every_one_of_the_32_classes():
    card = load_card("camvid")
    rows = card.mappings["camvid32"]
    groups = {}
    for row in rows:
        groups.setdefault([*card.class_names, "Void"][row.target], set()).add(row.source)
    assert len(rows) == len({row.value for row in rows}) == 32
    assert groups == {
        "Sky": {"Sky"},
        "Building": {"Building", "Bridge", "Wall", "Tunnel", "Archway"},
        "Pole": {"Column_Pole", "TrafficCone"},
        "Road": {"Road", "LaneMkgsDriv", "LaneMkgsNonDriv"},
        "Pavement": {"Sidewalk", "ParkingBlock", "RoadShoulder"},
        "Tree": {"Tree", "VegetationMisc"},
        "SignSymbol": {"SignSymbol", "Misc_Text", "TrafficLight"},
        "Fence": {"Fence"},
        "Car": {"Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"},
        "Pedestrian": {"Pedestrian", "Child", "CartLuggagePram", "Animal"},
        "Bicyclist": {"Bicyclist", "MotorcycleScooter"},
        "Void": {"Void"},
    }


def test_tables_of_the_road_ensemble_name_every_source_class():
    card = load_card("road_ensemble")
    assert sorted(card.table("kitti")) == list(range(34))  # Cityscapes ids
    assert sorted(card.table("stanford")) == list(range(8))
    names = [row.source for row in card.mappings["labelme"]]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)


def test_unknown_card_lists_the_known():
    with pytest.raises(ValueError, match=r"unknown data set 'camvit'. Did you mean 'camvid'\? Known: camvid, folder"):
        load_card("camvit")


GOOD = "classes:\n  - Road: [1, 2, 3]\n  - Car: [4, 5, 6]\nvoid: {index: 255, colour: [0, 0, 0]}\n"


def test_a_small_card_is_enough(trees):
    card = read_card(trees.text("mine/card.yaml", GOOD))
    assert (card.name, card.title, card.class_names) == ("mine", "mine", ("Road", "Car"))
    assert card.splits == {"train": None, "val": None, "test": None}
    assert card.indices == {0: 0, 1: 1, 255: 255}
    assert card.indices_by_colour == {(1, 2, 3): 0, (4, 5, 6): 1, (0, 0, 0): 255}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("just words", "a card is a list"),
        ("klasses: 3\n" + GOOD, "unknown key 'klasses'. Did you mean 'classes'?"),
        ("void: {index: 9, colour: [0, 0, 0]}", "`classes` is missing"),
        ("classes: []\nvoid: {index: 9, colour: [0, 0, 0]}", "`classes` is empty"),
        (GOOD.replace("Road", "Car"), "same name; this one says 'Car'"),
        (GOOD.replace("Road", "yes"), "a class name is text; put quotes around it; this one says True"),
        (GOOD.replace("[1, 2, 3]", "[1, 2, 300]"), "the colour of Road is three numbers"),
        (GOOD.replace("[1, 2, 3]", "[0, 0, 0]"), r"same colour; this one says \(0, 0, 0\)"),
        (GOOD.replace("void", "# void"), "`void: {index: 255, colour: \\[0, 0, 0\\]}` is needed"),
        (GOOD.replace("255", "1"), "void: the index is 2 to 255, above the 2 classes, or 0 where the classes begin at 1"),
        (GOOD + "splits: {trian: 3}", "unknown split 'trian'. Did you mean 'train'?"),
        (GOOD + "splits: {train: many}", "train is a number; this one says 'many'"),
        (GOOD + "download: [{url: x, fil: y}]", "unknown key 'fil'. Did you mean 'file'?"),
        (GOOD + "mappings: {a: [{from: x, value: 1, to: Cat}]}", "unknown class 'Cat'. Did you mean 'Car'?"),
        ("classes: [", "is no valid YAML"),
        ("classes: camvit", "unknown data set 'camvit'"),
    ],
)
def test_a_bad_card_names_the_file_and_the_way_out(trees, text, message):
    path = trees.text("card.yaml", text)
    with pytest.raises(ValueError, match=message) as caught:
        read_card(path)
    assert str(path) in str(caught.value)


def test_no_card_says_which_to_copy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no card at .*copy .*datasets.folder.card\.yaml"):
        read_card(tmp_path / "card.yaml")
