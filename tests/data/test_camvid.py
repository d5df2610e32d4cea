"""CamVid in every layout, made here; and the real one, where it lies beside the checkout."""

from unicodedata import normalize

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segnet_lab.data import load_dataset
from segnet_lab.data.camvid import CamVid
from segnet_lab.data.cards import load_card
from segnet_lab.data.checking import check
from segnet_lab.data.class_counts import count_classes
from segnet_lab.training.losses import median_frequency_weights


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


@pytest.mark.parametrize("line", ["val_00.png", "val_00", "/SegNet/CamVid/val/val_00.png"])
def test_a_listing_may_name_images_only(trees, line):
    root = trees.camvid({"val": 2})
    trees.text("val.txt", f"{line}\n")
    data = load_dataset("camvid", "val", root=root)
    assert [pair.label.name for pair in data.files] == ["val_00.png"]


def test_a_listing_may_name_other_folders(trees):
    for name, label in (("a", 3), ("b", 5)):
        trees.photo(f"frames/{name}.png")
        trees.png(f"maps/{name}_gt.png", np.full((6, 8), label))
    trees.text("train.txt", "frames/b.png maps/b_gt.png\nframes/a.png maps/a_gt.png\n")
    data = load_dataset("camvid", root=trees.root)
    assert [int(data[i].label[0, 0]) for i in range(2)] == [5, 3]


PAIRS = "/CamVid/val/val_01.png /CamVid/valannot/val_01.png\r\n/CamVid/val/val_00.png /CamVid/valannot/val_00.png\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_listing_saved_on_windows(trees, encoding):
    root = trees.camvid({"val": 2})
    (root / "val.txt").write_bytes(f"# every second frame\r\n{PAIRS}".encode(encoding))
    data = load_dataset("camvid", "val", root=root)
    assert [data.file_name(i) for i in range(2)] == ["val_01.png", "val_00.png"]


@pytest.mark.parametrize(("written", "on_disk"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_listing_and_files_of_two_unicode_forms(trees, written, on_disk):
    name, file = (normalize(form, "Straße_mü") for form in (written, on_disk))
    trees.photo(f"val/{file}.png")
    trees.png(f"valannot/{file}.png", np.zeros((6, 8)))
    trees.text("val.txt", f"/CamVid/val/{name}.png /CamVid/valannot/{name}.png\n")
    assert len(load_dataset("camvid", "val", root=trees.root)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "val/val_00.png valannot/val_00.png x.png\n",
            r"val\.txt, line 1: expected an image, or an image and its label",
        ),
        ("val/val_00.png valannot/val_00.png\n" * 2, r"val\.txt, line 2: .*val_00\.png' is already in line 1"),
        ("val/Käfer.png valannot/x.png\n".encode("latin-1"), r"val\.txt is not UTF-8"),
    ],
)
def test_a_listing_that_cannot_be_meant_is_named(trees, text, message):
    root = trees.camvid({"val": 1})
    (root / "val.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message):
        load_dataset("camvid", "val", root=root)


def test_a_missing_split_names_the_folder_and_the_way_out(trees):
    root = trees.camvid({"train": 1, "val": 1})
    with pytest.raises(FileNotFoundError) as caught:
        load_dataset("camvid", "test", root=root)
    message = str(caught.value)
    assert f"no split 'test' in {root}: there is no test.txt and no testannot. Present: train, val." in message
    assert "segnet-lab data get camvid" in message


@pytest.mark.parametrize("kept", [[], ["train"], ["val"]])
def test_folders_alone_are_enough(trees, kept):
    root = trees.camvid({"train": 3, "val": 2})
    whole = [load_dataset("camvid", split, root=root) for split in ("train", "val")]
    for split in {"train", "val"} - {*kept}:
        (root / f"{split}.txt").unlink()
    for before in whole:
        data = load_dataset("camvid", before.split, root=root)
        assert data.files == before.files
        assert data.layout == before.layout == "authors"
        assert ("all that" in data.note) == (data.split not in kept)


@pytest.mark.parametrize("folder", ["train", "trainannot"])
def test_without_a_listing_one_file_of_a_pair_is_missed_by_name(trees, folder):
    root = trees.camvid({"train": 3})
    (root / "train.txt").unlink()
    (root / folder / "train_01.png").unlink()
    with pytest.raises(FileNotFoundError, match=rf"1 of 6 files of .* are missing, first .*{folder}.train_01\.png"):
        load_dataset("camvid", root=root)


LITTER = ("._train_00.png", ".DS_Store", "Thumbs.db", ".ipynb_checkpoints/train_00.png", "__MACOSX/train_00.png")


@pytest.mark.parametrize("listed", [True, False])
def test_what_mac_and_windows_leave_is_no_image(trees, listed):
    root = trees.camvid({"train": 2})
    for folder in ("train", "trainannot"):
        for name in LITTER:
            trees.text(f"{folder}/{name}", "no image")
    if not listed:
        (root / "train.txt").unlink()
    assert [p.image.name for p in load_dataset("camvid", root=root).files] == ["train_00.png", "train_01.png"]


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(("folder", "other"), [("train", "Train"), ("trainannot", "TRAINANNOT"), ("train", "TRAIN")])
def test_upper_case_names(trees, listed, folder, other):
    root = trees.camvid({"train": 2})
    for path in (*root.glob("train/*.png"), root / "trainannot" / "train_00.png"):
        path.rename(path.with_suffix(".PNG"))
    (root / folder).rename(root / other)
    if not listed:
        (root / "train.txt").unlink()
    data = load_dataset("camvid", root=root)
    assert [int(data[i].label[0, 0]) for i in range(2)] == [0, 1]


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


# ---- the same labels in every layout

# class_dict.csv as Kaggle's copy has it, spaces and all; the names alone are fastai's codes.txt. Behind each row the
# class of the paper: an account of the grouping beside the card's.
CLASSES_32 = """name,r,g,b
Animal,64,128,64 -> 9
Archway,192,0,128 -> 1
Bicyclist,0,128, 192 -> 10
Bridge,0, 128, 64 -> 1
Building,128, 0, 0 -> 1
Car,64, 0, 128 -> 8
CartLuggagePram,64, 0, 192 -> 9
Child,192, 128, 64 -> 9
Column_Pole,192, 192, 128 -> 2
Fence,64, 64, 128 -> 7
LaneMkgsDriv,128, 0, 192 -> 3
LaneMkgsNonDriv,192, 0, 64 -> 3
Misc_Text,128, 128, 64 -> 6
MotorcycleScooter,192, 0, 192 -> 10
OtherMoving,128, 64, 64 -> 8
ParkingBlock,64, 192, 128 -> 4
Pedestrian,64, 64, 0 -> 9
Road,128, 64, 128 -> 3
RoadShoulder,128, 128, 192 -> 4
Sidewalk,0, 0, 192 -> 4
SignSymbol,192, 128, 128 -> 6
Sky,128, 128, 128 -> 0
SUVPickupTruck,64, 128,192 -> 8
TrafficCone,0, 0, 64 -> 2
TrafficLight,0, 64, 64 -> 6
Train,192, 64, 128 -> 8
Tree,128, 128, 0 -> 5
Truck_Bus,192, 128, 192 -> 8
Tunnel,64, 0, 64 -> 1
VegetationMisc,192, 192, 0 -> 5
Void,0, 0, 0 -> 11
Wall,64, 192, 0 -> 1
"""
ROWS = CLASSES_32.splitlines()[1:]
CLASS_DICT = "".join(line.partition(" -> ")[0] + "\n" for line in CLASSES_32.splitlines())
CODES = [row.partition(",")[0] for row in ROWS]
COLOURS = np.array([[int(c) for c in row.partition(" -> ")[0].split(",")[1:]] for row in ROWS])
ELEVEN = np.array([int(row.partition(" -> ")[2]) for row in ROWS])


def authors(trees, split, maps, below=""):
    for name, classes in maps.items():
        trees.photo(f"{below}{split}/{name}.png", classes.shape)
        trees.png(f"{below}{split}annot/{name}.png", ELEVEN[classes])
    listing(trees, split, maps, below)


def original(trees, split, maps, below=""):
    for name, classes in maps.items():
        trees.photo(f"{below}701_StillsRaw_full/{name}.png", classes.shape)
        trees.png(f"{below}LabeledApproved_full/{name}_L.png", COLOURS[classes])
    listing(trees, split, maps, below)


def kaggle(trees, split, maps, below=""):
    for name, classes in maps.items():
        trees.photo(f"{below}{split}/{name}.png", classes.shape)
        trees.png(f"{below}{split}_labels/{name}_L.png", COLOURS[classes])
    trees.text(f"{below}class_dict.csv", CLASS_DICT)


def fastai(trees, split, maps, below=""):
    for name, classes in maps.items():
        trees.photo(f"{below}images/{name}.png", classes.shape)
        trees.png(f"{below}labels/{name}_P.png", classes)
    trees.text(f"{below}codes.txt", "\n".join(CODES) + "\n")
    if split == "val":
        trees.text(f"{below}valid.txt", "".join(f"{name}.png\n" for name in maps))


def listing(trees, split, names, below=""):
    """The authors' listing file."""
    lines = (f"/SegNet/CamVid/{split}/{n}.png /SegNet/CamVid/{split}annot/{n}.png\n" for n in names)
    return trees.text(f"{below}{split}.txt", "".join(lines))


LAYOUTS = {layout.__name__: layout for layout in (authors, original, kaggle, fastai)}
OTHERS = pytest.mark.parametrize("layout", ["kaggle", "fastai"])


def maps(*names, seed=0, size=(6, 8)):
    """{name: map of all 32 classes}"""
    rng = np.random.default_rng(seed)
    return {name: rng.permutation(np.arange(size[0] * size[1]) % 32).reshape(size) for name in names}


TRAIN, VAL = maps("0001TP_006690", "0016E5_00390", "Seq05VD_f00000"), maps("0016E5_07959", "0016E5_07961", seed=1)


@pytest.fixture(params=LAYOUTS)
def layout(request, trees):
    """A folder in each of the layouts."""
    for split, content in (("train", TRAIN), ("val", VAL)):
        LAYOUTS[request.param](trees, split, content)
    return request.param


@pytest.mark.parametrize(("split", "content"), [("train", TRAIN), ("val", VAL)])
def test_the_same_labels_in_every_layout(trees, layout, split, content):
    data = load_dataset("camvid", split, root=trees.root)
    assert data.layout == layout
    assert load_card("camvid").layout["layouts"][layout]["title"] in data.note
    assert {pair.image.stem: data[i].label.tolist() for i, pair in enumerate(data.files)} == {
        name: ELEVEN[classes].tolist() for name, classes in content.items()
    }
    assert [data.file_name(i) for i in range(len(data))] == [f"{name}.png" for name in content]
    again = load_dataset(data.name, data.split, **data.options)
    assert again.files == data.files


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(classes=arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 31)))
def test_any_label_map_is_the_same_in_every_layout(trees, classes):
    card = load_card("camvid")
    for name, write in LAYOUTS.items():
        write(trees, "train", {"a": classes}, below=f"{name}/")
        (pair,) = CamVid.pairs(trees.root / name, "train", card)
        assert CamVid.read_label(pair, card).tolist() == ELEVEN[classes].tolist()


def test_litter_and_upper_case_in_every_layout(trees, layout):
    for path in list(trees.root.rglob("*.png")):
        path.with_name(f"._{path.name}").write_bytes(b"mac")
        path.rename(path.with_suffix(".PNG"))
    data = load_dataset("camvid", root=trees.root)
    assert len(data) == 3
    assert data[0].label.tolist() == ELEVEN[TRAIN["0001TP_006690"]].tolist()


def test_a_lost_label_is_missed_by_name_in_every_layout(trees, layout):
    pair = load_dataset("camvid", root=trees.root).files[1]
    for path in pair:
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(
            FileNotFoundError, match=rf"1 of 6 files .* missing, first .*{path.parent.name}.{path.name}"
        ):
            load_dataset("camvid", root=trees.root)
        path.write_bytes(content)


def test_check_knows_the_numbers_of_the_authors_only(trees, layout):
    report = check("camvid", trees.root)
    train, val, _ = report.splits
    wanted = [367, 101] if layout in ("authors", "original") else [None, None]
    assert [train.expected, val.expected] == wanted
    assert (train.same_labels, train.listed, val.listed) == (False if layout == "authors" else None, 3, 2)
    assert train.broken == val.broken == ()
    assert report.complete == (layout in ("kaggle", "fastai"))


def test_a_split_that_a_layout_does_not_have(trees, layout):
    with pytest.raises(FileNotFoundError, match=r"no split 'test' in .*Present: train, val\..*data get camvid"):
        load_dataset("camvid", "test", root=trees.root)


@OTHERS
def test_other_splits_are_said(trees, layout):
    for split, content in (("train", TRAIN), ("val", VAL)):
        LAYOUTS[layout](trees, split, content)
    note = load_dataset("camvid", "val", root=trees.root).note
    assert "camvid 'val': 2 images" in note
    assert "splits are not the authors' (367 train, 101 val, 233 test): scores cannot be compared" in note


@OTHERS
def test_the_authors_listing_files_win(trees, layout):
    for split, content in (("train", TRAIN), ("val", VAL)):
        LAYOUTS[layout](trees, split, content)
    listing(trees, "train", ["0016E5_07961", "0001TP_006690"])  # one of each of its own splits
    data = load_dataset("camvid", "train", root=trees.root)
    assert [data.file_name(i) for i in range(2)] == ["0016E5_07961.png", "0001TP_006690.png"]
    assert data[0].label.tolist() == ELEVEN[VAL["0016E5_07961"]].tolist()
    assert "split as train.txt says" in data.note
    with pytest.raises(FileNotFoundError, match=r"no split 'val' .*Present: train\. Put the authors' val\.txt there"):
        load_dataset("camvid", "val", root=trees.root)  # its own would overlap


def test_numbers_of_fastai_are_named_by_its_codes(trees):
    fastai(trees, "train", {"a": np.array([[0, 31, 17]])})
    trees.text("codes.txt", "\n".join(reversed(CODES)))  # 0 Wall, 31 Animal, 17 MotorcycleScooter... by that file
    assert load_dataset("camvid", root=trees.root)[0].label.tolist() == [[1, 9, ELEVEN[31 - 17]]]


def test_colours_of_kaggle_are_named_by_its_table(trees):
    kaggle(trees, "train", {"a": np.array([[CODES.index("Sky"), CODES.index("Road")]])})
    swapped = CLASS_DICT.replace("Sky,128, 128, 128", "Sky,128, 64, 128").replace(
        "Road,128, 64, 128", "Road,128,128,128"
    )
    trees.text("class_dict.csv", swapped)
    assert load_dataset("camvid", root=trees.root)[0].label.tolist() == [[3, 0]]
    (trees.root / "class_dict.csv").unlink()
    assert load_dataset("camvid", root=trees.root)[0].label.tolist() == [[0, 3]]  # by the card


@pytest.mark.parametrize(
    ("layout", "file", "text", "message"),
    [
        ("fastai", "codes.txt", "Sky\nRoda\n", r"codes\.txt: unknown class 'Roda'\. Did you mean 'Road'"),
        ("fastai", "codes.txt", "Sky\nRoad\n", r"0001TP_006690_P\.png: label value \d+ at .* knows 0 to 1"),
        ("kaggle", "class_dict.csv", "name,r,g,b\nSkye,0,0,0\n", r"class_dict\.csv: unknown class 'Skye'"),
        ("kaggle", "class_dict.csv", "name,r,g,b\nSky,0,x,0\n", r"class_dict\.csv: expected rows of name,r,g,b, got"),
        ("kaggle", "class_dict.csv", "Sky,0,0,0\nRoad,1,1,1\n", r"class_dict\.csv: expected rows of name,r,g,b, got"),
        ("kaggle", "class_dict.csv", "name,r,g,b\nSky,0,0,0\nRoad,0,0,0\n", r"\(0, 0, 0\) is Road and, in another"),
        ("kaggle", "class_dict.csv", "name,r,g,b\nSky,9,9,9\n", r"0001TP_006690_L\.png: colour .* is not among the 1"),
    ],
)
def test_a_list_of_classes_that_does_not_fit(trees, layout, file, text, message):
    LAYOUTS[layout](trees, "train", TRAIN)
    trees.text(file, text)
    with pytest.raises(ValueError, match=message):
        load_dataset("camvid", root=trees.root)[0]


def test_labels_of_another_layout_are_refused(trees):
    fastai(trees, "train", TRAIN)
    trees.png("labels/0001TP_006690_P.png", COLOURS[TRAIN["0001TP_006690"]])
    with pytest.raises(ValueError, match=r"0001TP_006690_P\.png is in colour, but .* are grey numbers"):
        load_dataset("camvid", root=trees.root)[0]


def test_fastais_tiny_set_has_no_validation_split(trees):
    fastai(trees, "train", TRAIN)
    assert len(load_dataset("camvid", "train", root=trees.root)) == 3
    with pytest.raises(FileNotFoundError, match=r"no split 'val' in .*, which is fastai's layout\. Present: train\."):
        load_dataset("camvid", "val", root=trees.root)


def test_a_name_in_fastais_valid_txt_that_is_not_there(trees):
    fastai(trees, "train", TRAIN)
    trees.text("valid.txt", "0001TP_006690.png\n0001TP_006691.png\n")
    assert len(load_dataset("camvid", "train", root=trees.root)) == 2
    with pytest.raises(FileNotFoundError, match=r"2 of 4 files .*first .*images.0001TP_006691\.png"):
        load_dataset("camvid", "val", root=trees.root)


# ---- the original download


def stills(trees, rows):
    """One frame whose label has these colours, and the authors' listing."""
    trees.photo("701_StillsRaw_full/0001TP_006690.png", np.shape(rows)[:2])
    trees.png("LabeledApproved_full/0001TP_006690_L.png", rows)
    listing(trees, "train", ["0001TP_006690"])
    return trees.root


def test_camvid32_colours_become_the_eleven_classes(trees):
    # LaneMkgsDriv -> Road 3, Child -> Pedestrian 9, Void -> 11; Wall -> Building 1, Animal -> Pedestrian 9, Sky 0
    rows = [[[128, 0, 192], [192, 128, 64], [0, 0, 0]], [[64, 192, 0], [64, 128, 64], [128, 128, 128]]]
    data = load_dataset("camvid", "train", root=stills(trees, rows))
    assert data[0].label.tolist() == [[3, 9, 11], [1, 9, 0]]
    assert data.file_name(0) == "0001TP_006690.png"


def test_every_colour_of_the_table_is_read(trees):
    table = load_card("camvid").table("camvid32")
    data = load_dataset("camvid", "train", root=stills(trees, [list(table)]))
    assert data[0].label[0].tolist() == list(table.values())


def test_an_unknown_colour_is_an_error_never_a_class(trees):
    root = stills(trees, [[[128, 0, 192], [1, 2, 3]]])
    with pytest.raises(ValueError, match=r"0001TP_006690_L\.png: colour \(1, 2, 3\) at row 0, column 1"):
        load_dataset("camvid", "train", root=root)[0]


def test_grey_labels_in_the_original_layout_are_refused(trees):
    root = stills(trees, [[3, 3]])
    with pytest.raises(ValueError, match=r"_L\.png is grey, but .* are in colour"):
        load_dataset("camvid", "train", root=root)[0]


def test_the_original_download_has_no_splits_and_says_so(trees):
    root = stills(trees, [[[0, 0, 0]]])
    (root / "train.txt").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"no split 'train' in .*original download\. .*Put the authors' train\.txt"
    ):
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
