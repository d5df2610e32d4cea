"""Explorers without a browser: what their controls do, and what they say of bad input. tests/browser has the rest."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from segnet_lab import widgets
from segnet_lab.data.class_counts import ClassCounts
from segnet_lab.models import create_model
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.loop import train
from segnet_lab.widgets.picker import ImagePicker
from tests.helpers import Squares

IMAGE = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0))


def titles(explorer):
    return [picture["title"] for picture in explorer.view.pictures]


# ------------------------------------------------------------------------------------------------- each explorer


def test_sparse_maps(networks):
    explorer = widgets.explore_sparse_maps(networks["segnet_basic"], IMAGE)
    explorer.set(stage=3, channel=2)
    explorer.view.place = [17, 40]
    assert titles(explorer) == [
        "image",
        *(
            f"{x} 3: {y}"
            for x, y in (("encoder", "features"), ("encoder", "codes"), ("decoder", "upsampled"), ("decoder", "dense"))
        ),
    ]
    assert explorer.view.pictures[2]["marks"] == [[2, 5, 1, 1]]  # 17 // 8, 40 // 8
    assert explorer.view.note.startswith("row 17, column 40, channel 2")
    explorer.set(view="dense maps of all stages")
    assert titles(explorer)[1:] == [f"decoder {stage}: dense" for stage in (1, 2, 3, 4)]


def test_a_broken_network_is_told_and_still_shown(networks):
    model = create_model("segnet_basic", 2, width=0.1, seed=0)
    with torch.no_grad():
        model.decoders["1"].convs[0].conv.weight[0] = float("nan")
    explorer = widgets.explore_sparse_maps(model, IMAGE)
    assert "3072 nan or infinite (pink)" in explorer.view.pictures[4]["note"]
    explorer.set(channel=1)
    assert "nan" not in explorer.view.pictures[4]["note"]


def test_receptive_field(networks):
    explorer = widgets.explore_receptive_field(networks["segnet_basic"], IMAGE)
    assert explorer.controls["where"].value == "pool4"
    assert "can see at most 106×106 pixels" in explorer.view.note
    explorer.set(where="conv1")
    explorer.view.place = [20, 30]
    assert "conv1[20, 30] can see at most 7×7 pixels. This one depends on 7×7" in explorer.view.note


def test_uncertainty(squares):
    model = create_model("bayesian_segnet_basic", 2, width=0.1, seed=0)
    explorer = widgets.explore_uncertainty(model, squares[0].image, squares, most=4)
    assert titles(explorer)[-1] == "sample 4"
    first = explorer.view.pictures[3]["pixels"]
    explorer.set(count=2, measure="mutual_information")
    assert titles(explorer) == ["image", "mean of 2", "mutual information", "sample 1", "sample 2"]
    assert explorer.view.pictures[3]["pixels"] == first  # the same samples, fewer of them


def test_predictions_come_worst_first(networks, squares):
    explorer = widgets.explore_predictions(networks, squares)
    ranked = []
    for rank in range(1, 6):
        explorer.set(rank=rank, score="G")
        ranked.append(int(explorer.view.pictures[2]["note"].split()[1]))  # G of segnet_basic
    assert ranked == sorted(ranked)
    assert len({explorer.view.note}) == 1
    assert titles(explorer) == ["image", "truth", "segnet basic", "bilinear interpolation"]
    explorer.set(errors=True)
    assert explorer.view.note.endswith("Orange is wrong.")


def test_decoders(networks, squares):
    explorer = widgets.explore_decoders(networks, squares)
    explorer.set(a="segnet_basic", b="segnet_basic", number=3)
    assert explorer.view.pictures[-1]["note"] == "only A 0.0%, only B 0.0%"
    explorer.set(b="bilinear_interpolation")
    assert titles(explorer)[3] == "B: bilinear interpolation"


def test_boundary_f1(squares):
    truth = squares[0].label
    explorer = widgets.explore_boundary_f1(truth, squares, {"perfect": truth})
    assert explorer.controls["pixels"].value == 0.3  # 0.75 % of the diagonal of 32x32
    assert "All classes: BF 100.0, mIoU 100.0" in explorer.view.note
    explorer.set(prediction="moved", pixels=0)
    low = explorer.view.note
    explorer.set(pixels=1)
    assert "BF 100.0" in explorer.view.note
    assert "BF 100.0" not in low
    for matching in ("distance", "one_to_one"):
        explorer.set(matching=matching, prediction="ragged")
    void = torch.full((8, 8), squares.ignore_index)
    assert "void everywhere" in widgets.explore_boundary_f1(void, squares).view.message


def test_class_balance(squares):
    explorer = widgets.explore_class_balance(squares)
    dials = [explorer.controls["class_0"], explorer.controls["class_1"]]
    preset, bars = explorer.children[0].children[0], explorer.children[1].children[1]
    assert preset.value == "natural"
    assert "75.0%" in bars.value  # 16x16 of 32x32 are square, the rest is ground
    preset.value = "median_frequency"  # frequencies 3/4 and 1/4, median 1/2: weights 2/3 and 2, so half each
    assert [dial.value for dial in dials] == pytest.approx([2 / 3, 2], rel=0.025)  # the nearest steps of 5 %
    assert bars.value.count("50.0%") == 2  # the weights themselves
    assert preset.value == "median_frequency"
    dials[1].value = 1.0
    assert preset.value == "own weights"
    preset.value = "natural"
    assert [dial.value for dial in dials] == [1, 1]


def png(size, mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size, 200).save(file, "PNG")
    return file.getvalue()


def test_own_image(networks, squares):
    explorer = widgets.explore_own_image(networks, squares)
    (picker,) = (child for child in explorer.children[0].children if isinstance(child, ImagePicker))
    assert explorer.view.size == [32, 32]
    picker.name, picker.picture = "wide.png", png((400, 100), "L")  # 4 to 1, and as many pixels as 32x32
    assert explorer.view.size == [16, 64]
    assert explorer.view.note.startswith("wide.png, seen at 16×64. It is not known what segnet_basic, bilinear_")
    explorer.set(size=64)
    assert explorer.view.size == [32, 128]
    picker.name, picker.picture = "tall.png", png((100, 400))
    assert explorer.view.size == [128, 32]
    before = explorer.view.pictures
    picker.name, picker.picture = "notes.txt", b"not a picture"
    assert "notes.txt cannot be read as a picture" in explorer.view.message
    assert explorer.view.pictures == before
    picker.name, picker.picture = "tiny.png", png((1, 1))
    assert (explorer.view.message, explorer.view.size) == ("", [64, 64])


# ------------------------------------------------------------------------------------------------- sets of runs


def test_a_set_of_runs_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_RUNS", str(tmp_path))
    for name in ("segnet_basic", "bilinear_interpolation"):
        model, recipe = create_model(name, 2, width=0.1, seed=0), Recipe(epochs=1)
        train(model, Squares(4), recipe, tmp_path / "mine" / name, validation=Squares(3))
    explorer = widgets.explore_predictions("mine", Squares(3))
    assert titles(explorer)[2:] == ["bilinear interpolation", "segnet basic"]  # in the paper's order
    for weights in tmp_path.glob("mine/*/best.safetensors"):
        weights.unlink()
    explorer = widgets.explore_predictions("mine", Squares(3))
    assert "'mine' holds scores but no weights" in explorer.view.message
    assert "segnet-lab train segnet_basic" in explorer.view.message


def test_bad_arguments_are_said_in_the_widget(squares):
    assert "unknown set of runs 'nothing'" in widgets.explore_decoders("nothing").view.message
    assert "no networks to look into" in widgets.explore_predictions({}, squares).view.message
    assert "label 7" in widgets.explore_boundary_f1(np.full((8, 8), 7), squares).view.message
    plain, other = create_model("segnet_basic", 2, width=0.1), create_model("bayesian_segnet_basic", 3, width=0.1)
    assert "no dropout is on" in widgets.explore_uncertainty(plain, IMAGE, squares).view.message
    assert "the model has 3 classes, squares has 2" in widgets.explore_uncertainty(other, IMAGE, squares).view.message
    assert "has no decoder" in widgets.explore_sparse_maps(create_model("no_pooling", width=0.1), IMAGE).view.message
    assert "no file" in widgets.explore_sparse_maps(create_model("segnet_basic", width=0.1), "none.png").view.message


def test_a_name_in_the_place_of_a_network_or_a_data_set_is_said(networks, squares):
    bayesian, name = create_model("bayesian_segnet_basic", 2, width=0.1), "'roadscenes' is a name: give the data set"
    for explorer in (
        widgets.explore_class_balance("roadscenes"),
        widgets.explore_boundary_f1(squares[0].label, "roadscenes"),
        widgets.explore_uncertainty(bayesian, squares[0].image, "roadscenes"),
        *(explore(networks, "roadscenes") for explore in OF_SETS),
    ):
        assert name in explorer.view.message
    for explorer in (
        widgets.explore_sparse_maps("runs/m", IMAGE),
        widgets.explore_receptive_field("runs/m", IMAGE),
        widgets.explore_uncertainty("runs/m", IMAGE, squares),
    ):
        assert explorer.view.message == "'runs/m' is a name: give the network, load_run('runs/m').model"
    for explore in OF_SETS:
        assert explore({"a": "runs/m"}, squares).view.message.startswith("a: 'runs/m' is a name: give the network")
        for given in (networks["segnet_basic"], list(networks.values()), squares):
            said = explore(given, squares).view.message
            assert said == f"give the name of a set of runs, or {{name: network}}, not {type(given).__name__}"


OF_SETS = (widgets.explore_predictions, widgets.explore_decoders, widgets.explore_own_image)


def test_networks_may_be_numbered_and_wrapped(networks, squares):
    explorer = widgets.explore_predictions({1: torch.nn.DataParallel(networks["segnet_basic"])}, squares, images=1)
    assert titles(explorer) == ["image", "truth", "1"]


def test_no_images_are_said(networks, squares):
    for images in (0, -1, "2", 1.5):
        said = widgets.explore_predictions(networks, squares, images=images).view.message
        assert said == f"images={images!r}: give a whole number of at least 1"
    bayesian = create_model("bayesian_segnet_basic", 2, width=0.1)
    assert "most=0: give" in widgets.explore_uncertainty(bayesian, IMAGE, squares, most=0).view.message
    for explorer in (
        widgets.explore_predictions(networks, Squares(0)),
        widgets.explore_decoders(networks, Squares(0)),
        widgets.explore_class_balance(Squares(0)),
    ):
        assert explorer.view.message == "squares (train) holds no images, so there is nothing to look at"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("x", "is a name, 'x': give a label map"),
        (Squares(1), "is a Squares: give a label map"),
        (Squares(1)[0], "is a Sample: give a label map"),
        (tuple(Squares(1)[0]), "is a tuple: give a label map"),
        (None, "is a NoneType: give a label map"),
        (IMAGE, "holds float32 of shape (3, 48, 64): give (H, W) integers"),
        (np.zeros((0, 3), int), "holds int64 of shape (0, 3): give (H, W) integers"),
        (np.full((32, 32), 7), "holds label 7, squares has classes 0..1 and void 2"),
        (np.full((32, 32), -1), "holds label -1, squares has classes 0..1 and void 2"),
    ],
)
def test_what_is_no_label_map_is_said(given, message, squares):
    truth = squares[0].label
    assert widgets.explore_boundary_f1(given, squares).view.message.startswith(f"target {message}")
    assert widgets.explore_boundary_f1(truth, squares, {"mine": given}).view.message.startswith(f"mine {message}")


def test_predictions_of_another_form_are_said(squares):
    truth = squares[0].label
    assert "not Tensor" in widgets.explore_boundary_f1(truth, squares, truth).view.message
    said = widgets.explore_boundary_f1(truth, squares, {"mine": truth[:8]}).view.message
    assert said == "mine has 8x32, the truth has 32x32: give predictions of the same image"


def test_counts_of_another_set_are_said(squares):
    other = ClassCounts(torch.ones(3, dtype=torch.int64), torch.ones(3, dtype=torch.int64))
    assert "counts of 3 classes, squares has 2" in widgets.explore_class_balance(squares, other).view.message
    assert "counts is a dict" in widgets.explore_class_balance(squares, {}).view.message
