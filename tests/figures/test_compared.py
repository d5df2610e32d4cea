"""Scenes that compare: small maps whose answer can be counted by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from segnet_lab.data import load_dataset
from segnet_lab.figures import balance, compared
from segnet_lab.metrics import SegmentationScores, boundary_f1

TOY = SimpleNamespace(
    class_names=("sky", "road"), palette=np.array([[1, 2, 3], [4, 5, 6]], np.uint8), ignore_index=255, num_classes=2
)
IMAGE = np.zeros((3, 2, 4))
TRUTH = np.array([[0, 0, 0, 255], [1, 1, 1, 1]])
A = np.array([[0, 0, 1, 1], [1, 1, 1, 0]])  # wrong at (0, 2) and (1, 3)
B = np.array([[0, 1, 1, 0], [1, 1, 1, 1]])  # wrong at (0, 1) and (0, 2)


def said(picture):
    return [[picture.names[i] for i in row] for row in picture.pixels]


def test_predictions_with_their_scores_or_their_errors():
    predicted = {"net_a": compared.judge(A, TRUTH, TOY)}
    picture = compared.predictions(IMAGE, TRUTH, predicted, TOY).pictures[2]
    assert picture.title == "net a"
    assert picture.note.startswith("G 71 mIoU 55 ")  # 5 of 7 right; IoU of sky 2/4, of road 3/5
    assert said(picture) == [["sky", "sky", "road", "road"], ["road", "road", "road", "sky"]]
    picture = compared.predictions(IMAGE, TRUTH, predicted, TOY, errors=True).pictures[2]
    assert said(picture) == [["sky", "sky", "road, wrong", "void"], ["road", "road", "road", "sky, wrong"]]


def test_without_a_truth_there_is_neither_score_nor_error():
    predicted = {"a": compared.Prediction(A, {})}
    pictures = compared.predictions(IMAGE, None, predicted, TOY, errors=True).pictures
    assert [p.title for p in pictures] == ["image", "a"]
    assert pictures[1].note == ""


def test_who_is_right():
    predicted = {name: compared.judge(label, TRUTH, TOY) for name, label in (("a", A), ("b", B))}
    picture = compared.two_predictions(IMAGE, TRUTH, "a", "b", predicted, TOY).pictures[-1]
    both, neither, a, b, void = "both are right", "both are wrong", "only A is right", "only B is right", "void"
    assert said(picture) == [[both, a, neither, void], [both, both, both, b]]
    assert picture.note == "only A 14.3%, only B 14.3%"  # one of seven each


def test_boundaries_are_those_of_the_metric():
    target = np.zeros((20, 20), int)
    target[5:15, 5:15] = 1
    pred = np.roll(target, 2, axis=1)
    scene = compared.boundaries(pred, target, 1, TOY, tolerance=1)
    outline = scene.pictures[1]
    drawn, matched = outline.pixels > 0, outline.pixels == 1
    assert outline.note == f"precision {matched.sum()}/{drawn.sum()} = {matched.sum() / drawn.sum():.2f}"
    assert f"BF {100 * boundary_f1(pred, target, 2, tolerance=1, ignore_index=255):.1f}" in scene.note
    assert "road: BF" in scene.note
    assert f"IoU {100 * 80 / 120:.1f}" in scene.note  # 10x10 squares that share 10x8
    perfect = compared.boundaries(pred, target, 1, TOY, tolerance=2)
    assert "road: BF 100.0" in perfect.note


def test_made_up_predictions_make_miou_and_bf_disagree():
    data = load_dataset("roadscenes", "val")
    for number in range(4):
        truth = data[number].label.numpy()
        made = compared.made_up_predictions(truth, data.ignore_index)
        scores = {}
        for name, label in made.items():
            found = SegmentationScores(data.num_classes, data.ignore_index)
            found.update(label, truth)
            scores[name] = found.compute()
        assert scores["ragged"]["mIoU"] > scores["moved"]["mIoU"] + 0.15
        assert scores["ragged"]["BF"] < scores["moved"]["BF"] - 0.05
        assert scores["patches"]["mIoU"] < scores["ragged"]["mIoU"] - 0.2
        assert abs(scores["patches"]["BF"] - scores["ragged"]["BF"]) < 0.15


def test_who_owns_the_loss():
    # 90 and 10 pixels, weighed 1 and 3: 90 to 30
    assert balance.loss_shares([90, 10], [1, 3]).tolist() == [0.75, 0.25]
    assert balance.loss_shares([90, 10], [0, 0]).tolist() == [0, 0]
    html = balance.loss_share_bars([90, 10], [1, 3], TOY)
    for text in ("sky", "road", "90.0%", "10.0%", "75.0%", "25.0%", "rgb(4, 5, 6)"):
        assert text in html


def test_what_a_pixel_counts():
    *_, weights = balance.class_weight_map(IMAGE, TRUTH, [0.5, 2.0], TOY).pictures
    assert said(weights) == [["0.5", "0.5", "0.5", "empty"], ["2", "2", "2", "2"]]
    with pytest.raises(ValueError, match="label 1 has no colour"):
        balance.class_weight_map(
            IMAGE, TRUTH, [1.0], SimpleNamespace(class_names=("sky",), palette=TOY.palette[:1], ignore_index=255)
        )
