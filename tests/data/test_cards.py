"""The cards say what the paper and the published files say, and a bad card is refused by name."""

import csv
from importlib.resources import files

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segnet_lab.data.cards import KEYS, card_names, load_card, read_card
from segnet_lab.scenes.rooms import CLASS_NAMES

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


def test_the_folder_of_a_card_named_without_it_gives_the_name(trees, monkeypatch):
    trees.text("mine/card.yaml", GOOD)
    monkeypatch.chdir(trees.root / "mine")
    assert read_card("card.yaml").name == "mine"


def test_a_card_below_the_home_folder(trees, monkeypatch):
    monkeypatch.setenv("HOME", str(trees.root))
    trees.text("mine/card.yaml", GOOD)
    assert read_card("~/mine/card.yaml").name == "mine"


# ---- numbers and colours


@pytest.mark.parametrize(
    ("void", "ids", "indices", "void_index"),
    [
        (255, "", {0: 0, 1: 1, 255: 255}, 255),
        (2, "", {0: 0, 1: 1, 2: 2}, 2),
        (0, "", {0: 2, 1: 0, 2: 1}, 2),  # classes begin at 1
        (255, "ids: {0: Void, 7: Road, 33: Car, 8: Road}", {0: 255, 7: 0, 33: 1, 8: 0, 255: 255}, 255),
        (0, "ids: {7: Road, 33: Car}", {0: 2, 7: 0, 33: 1}, 2),
        (1, "ids: {7: Road, 33: Car}", {1: 2, 7: 0, 33: 1}, 2),  # between the indices of classes
        (0, "ids: {0: Void, -1: Road, 70000: Car}", {0: 2, -1: 0, 70000: 1}, 2),
        (3, "ids:\n  1: Road\n  0: Car\n", {3: 3, 1: 0, 0: 1}, 3),
    ],
)
def test_numbers_in_files_and_class_indices(trees, void, ids, indices, void_index):
    card = read_card(trees.text("card.yaml", GOOD.replace("255", str(void)) + ids))
    assert card.indices == indices
    assert card.void_index == void_index
    assert card.class_names == ("Road", "Car")
    assert card.indices_by_colour == {(1, 2, 3): 0, (4, 5, 6): 1, (0, 0, 0): void_index}


def test_classes_and_void_may_have_several_colours(trees):
    text = GOOD.replace("[4, 5, 6]", "[[4, 5, 6], [7, 8, 9]]").replace("[0, 0, 0]", "[[0, 0, 0], [9, 9, 9]]")
    card = read_card(trees.text("card.yaml", text))
    assert card.colours == ((1, 2, 3), (4, 5, 6))  # the first is drawn
    assert card.void_colour == (0, 0, 0)
    assert card.indices_by_colour == {(1, 2, 3): 0, (4, 5, 6): 1, (7, 8, 9): 1, (0, 0, 0): 255, (9, 9, 9): 255}


def test_classes_of_another_card_with_void_and_numbers_of_ones_own(trees):
    camvid = load_card("camvid")
    card = read_card(trees.text("a/card.yaml", "classes: camvid\n"))
    assert (card.indices, card.void_index, card.void_colour) == (camvid.indices, 11, (0, 0, 0))
    card = read_card(trees.text("b/card.yaml", "classes: camvid\nvoid: {index: 255, colour: [9, 9, 9]}\n"))
    assert (card.void_index, card.void_colour, card.indices[255]) == (255, (9, 9, 9), 255)
    card = read_card(trees.text("c/card.yaml", "classes: camvid\nids: {7: Road, 0: Void}\n"))
    assert card.indices == {7: 3, 0: 11, 11: 11}
    assert card.colours == camvid.colours


def test_a_full_label_map_has_255_classes(trees):
    rows = [f"  - c{i}: [{i}, 0, 1]\n" for i in range(256)]
    text = "classes:\n{}void: {{index: 255, colour: [0, 0, 0]}}\n"
    assert read_card(trees.text("card.yaml", text.format("".join(rows[:255])))).void_index == 255
    with pytest.raises(ValueError, match="room for 255 classes and void; this one says 256"):
        read_card(trees.text("card.yaml", text.format("".join(rows))))


# ---- the example


def voc_colour(number):
    """The colour that Pascal VOC's palette, and most labelling programs, give a number: its bits, spread over RGB."""
    return tuple(sum(((number >> (3 * i + channel)) & 1) << (7 - i) for i in range(3)) for channel in range(3))


def test_the_example_says_the_same_by_number_and_by_colour():
    card = load_card("folder")
    assert {voc_colour(number): index for number, index in card.indices.items()} == card.indices_by_colour


def test_what_the_example_leaves_out_may_be_written_in(trees):
    text = load_card("folder").path.read_text(encoding="utf-8")
    for line in ("ids: {", "  label_suffix: ", "  image_suffix: ", "splits: {"):
        commented = next(start + "# " for start in ("", "  ") if f"\n{start}# {line.strip()}" in text)
        text = text.replace("\n" + commented + line.strip(), "\n" + commented[:-2] + line.strip())
    card = read_card(trees.text("card.yaml", text.replace("[128, 0, 0]   ", "[[128, 0, 0], [64, 0, 0]]")))
    assert card.indices == {0: 255, 7: 0, 8: 0, 33: 1, 34: 2, 255: 255}
    assert card.indices_by_colour[(64, 0, 0)] == 1
    assert card.layout["label_suffix"] == "_mask"
    assert card.layout["image_suffix"] == "_photo"
    assert card.splits == {"train": 80, "val": 20}


def test_the_table_in_the_readme_is_right(trees):
    readme = (load_card("folder").path.parent / "README.md").read_text(encoding="utf-8")
    card = read_card(trees.text("card.yaml", readme.split("```yaml\n")[1].split("```")[0]))
    assert card.indices == {0: 255, 7: 0, 26: 1, 27: 1, 255: 255}


# ---- bad cards


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a card is a list of `key: value` lines"),
        ("just words", "a card is a list"),
        ("- a\n- b", "a card is a list"),
        ("klasses: 3\n" + GOOD, "unknown key 'klasses'. Did you mean 'classes'?"),
        ("3: 3\n" + GOOD, "unknown key 3. Known: name, title"),
        ("void: {index: 9, colour: [0, 0, 0]}", "`classes` is missing"),
        ("classes: []\nvoid: {index: 9, colour: [0, 0, 0]}", "`classes` is empty"),
        ("classes:\nvoid: {index: 9, colour: [0, 0, 0]}", "`classes` is empty"),
        ("classes: 3\nvoid: {index: 9, colour: [0, 0, 0]}", "`classes` is a list of `- Name"),
        ("classes: {Road: [1, 2, 3]}\nvoid: {index: 9, colour: [0, 0, 0]}", "`classes` is a list of `- Name"),
        (GOOD.replace("Road: [1, 2, 3]", "Road"), "a class is `- Name: .*; this one says 'Road'"),
        (GOOD.replace("Road", "Car"), "same name; this one says 'Car'"),
        (GOOD.replace("Road", "yes"), "a class name is text; put quotes around it; this one says True"),
        (GOOD.replace("Road", "''"), "a class name is text"),
        (GOOD.replace("Road", "void"), "void is no class: say its number and colour under `void`"),
        (GOOD.replace("[1, 2, 3]", "[1, 2, 300]"), "the colour of Road is three numbers"),
        (GOOD.replace("[1, 2, 3]", "[true, false, false]"), "the colour of Road is three numbers"),
        (GOOD.replace("[1, 2, 3]", "[1, 2]"), "the colour of Road is three numbers"),
        (GOOD.replace("[1, 2, 3]", "[1, 2, .nan]"), "the colour of Road is three numbers"),
        (GOOD.replace("[1, 2, 3]", "red"), "the colour of Road is three numbers"),
        (GOOD.replace("[1, 2, 3]", ""), "the colour of Road is three numbers"),
        (GOOD.replace("[1, 2, 3]", "[[1, 2, 3], [4, 5]]"), "the colour of Road is three numbers"),
        (GOOD.replace("[1, 2, 3]", "[0, 0, 0]"), r"same colour; this one says \(0, 0, 0\)"),
        (GOOD.replace("[1, 2, 3]", "[[1, 2, 3], [4, 5, 6]]"), r"same colour; this one says \(4, 5, 6\)"),
        (GOOD.replace("void", "# void"), "`void: {index: 255, colour: \\[0, 0, 0\\]}` is needed"),
        (GOOD.replace("{index: 255, ", "{"), "`void: {index: 255, .* is needed"),
        (
            GOOD.replace("255", "1"),
            "void: the index is 2 to 255, above the 2 classes, or 0 where the classes begin at 1",
        ),
        (GOOD.replace("255", "256"), "void: the index is a number, 0 to 255; this one says 256"),
        (GOOD.replace("255", "true"), "void: the index is a number, 0 to 255; this one says True"),
        (GOOD.replace("255", "'255'"), "void: the index is a number"),
        (GOOD + "ids: {7: Raod}", "ids: unknown class 'Raod'. Did you mean 'Road'?"),
        (
            GOOD + "ids: {Road: 7}",
            "ids: each key is the number of a class in the label files; this one says 'Road'",
        ),
        (GOOD + "ids: {true: Road}", "ids: each key is the number of a class"),
        (GOOD + "ids: {7: [Road]}", "ids: unknown class"),
        (GOOD + "ids: {7: Road, 255: Car}", "void has the index 255, but `ids` calls it; this one says 'Car'"),
        (GOOD + "ids: [Road, Car]", "ids is a table such as `ids: {7: Road}`"),
        (GOOD + "ids:", "`ids` is empty"),
        (GOOD + "splits: {trian: 3}", "unknown split 'trian'. Did you mean 'train'?"),
        (GOOD + "splits: {train: many}", "train is a number; this one says 'many'"),
        (GOOD + "splits: {train: true}", "train is a number; this one says True"),
        (GOOD + "splits: [train, val]", "splits is a table"),
        (GOOD + "layout: images", "layout is a table"),
        (GOOD + "title: yes", "title is text; put quotes around it; this one says True"),
        (GOOD + "name: [a]", "name is text"),
        (GOOD + "licence: {a: b}", "licence is text"),
        (GOOD + "citation: [{a: b}]", "citation: each is text"),
        (GOOD + "citation: 3", "citation is a list"),
        (GOOD + "fingerprints: {trian: a}", "fingerprints: unknown split 'trian'"),
        (GOOD + "fingerprints: {train: 12}", "fingerprints: train is text"),
        (GOOD + "fingerprints: abc", "fingerprints is a table"),
        (GOOD + "download: [{url: x, fil: y}]", "unknown key 'fil'. Did you mean 'file'?"),
        (GOOD + "download: [{url: x}]", "`url` and `file` are needed"),
        (GOOD + "download: [{url: x, file: 3}]", "download: file is text; this one says 3"),
        (GOOD + "download: [{url: x, file: ../y}]", "download: file stays below the root; this one says '../y'"),
        (GOOD + "download: [{url: x, file: y, to: /tmp}]", "download: to stays below the root"),
        (GOOD + "download: x", "download is a list"),
        (GOOD + "download: [x]", "a download is"),
        ("classes: [", r"is no valid YAML: (?s:.)*card\.yaml., line 1"),
        ("classes: [a\n\tb]", "is no valid YAML"),
        ("title: 2020-13-45\n" + GOOD, "is no valid YAML"),
        ("title: " + "9" * 5000 + "\n" + GOOD, "is no valid YAML"),
        ("[" * 2000, "is no valid YAML"),
        ("title: !!python/object/apply:os.system [ls]\n" + GOOD, "is no valid YAML"),
        ("---\na: 1\n---\nb: 2\n", "is no valid YAML"),
        ("classes: camvit", "unknown data set 'camvit'"),
    ],
)
def test_a_bad_card_names_the_file_and_the_way_out(trees, text, message):
    path = trees.text("card.yaml", text)
    with pytest.raises(ValueError, match=message) as caught:
        read_card(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    "text",
    [
        GOOD + "title: a\ntitle: b\n",
        GOOD + "classes:\n  - Cat: [7, 8, 9]\n",
        GOOD + "ids: {7: Road, 0x7: Car}\n",  # the same number
        GOOD.replace("index: 255", "index: 255, index: 254"),
    ],
)
def test_a_key_that_stands_twice_hides_nothing(trees, text):
    with pytest.raises(ValueError, match=r"card\.yaml is no valid YAML: .* occurs twice(?s:.)*line \d"):
        read_card(trees.text("card.yaml", text))


def test_tables_of_other_sets_are_refused_on_a_card_of_ones_own(trees):
    path = trees.text("card.yaml", GOOD + "mappings:\n  ids:\n    - {from: road, value: 7, to: Car}\n")
    with pytest.raises(
        ValueError, match=r"card\.yaml: `mappings` are tables .*under `ids`, such as `ids: {7: Road, 0: Void}`"
    ):
        read_card(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("[{from: x, value: 1, to: Cat}]", "unknown class 'Cat'. Did you mean 'Car'?"),
        ("[{from: x, value: [1, 2], to: Car}]", "the colour of x is three numbers"),
        ("[{from: x, value: one, to: Car}]", "mappings: a: a value is a number; this one says 'one'"),
        ("[{from: yes, to: Car}]", "mappings: a: a name is text"),
        ("[{form: x, to: Car}]", "mappings: a: a row is"),
        ("[x]", "mappings: a: a row is"),
        ("x", "mappings: a is a list"),
    ],
)
def test_a_bad_table_of_the_kits_own_cards_is_named(trees, monkeypatch, rows, message):
    trees.text("mine/card.yaml", GOOD + f"mappings: {{a: {rows}}}")
    monkeypatch.setattr("segnet_lab.data.cards.shipped", lambda name: trees.root)
    with pytest.raises(ValueError, match=r"card\.yaml: .*" + message):
        load_card("mine")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_card_of_any_editor(trees, encoding):
    path = trees.text("card.yaml", "")
    path.write_bytes((GOOD + "title: Häuser\n").replace("\n", "\r\n").encode(encoding))
    assert read_card(path).title == "Häuser"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le"])
def test_a_card_in_another_encoding_is_named(trees, encoding):
    path = trees.text("card.yaml", "")
    path.write_bytes(("# Häuser\n" + GOOD).encode(encoding))
    with pytest.raises(ValueError, match=r"card\.yaml is not UTF-8 \(byte 0x.. at line 1\): save it as UTF-8"):
        read_card(path)


KEYS_AND_WORDS = st.sampled_from([*KEYS, "index", "colour", "url", "file", "train", "Road", "Void", "camvid", "", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 300) | st.floats() | KEYS_AND_WORDS | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS_AND_WORDS | st.integers(0, 9), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2))
def test_any_yaml_is_a_card_or_an_error_that_names_the_file(trees, changes):
    path = trees.text("card.yaml", yaml.safe_dump({**yaml.safe_load(GOOD), **changes}))
    try:
        card = read_card(path)
    except ValueError as error:
        text = str(error)
        assert text.startswith(str(path))
    else:
        assert card.void_index not in range(card.num_classes)
        assert set(card.indices.values()) <= {*range(card.num_classes), card.void_index}


def test_no_card_says_which_to_copy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no card at .*copy .*datasets.folder.card\.yaml"):
        read_card(tmp_path / "card.yaml")
