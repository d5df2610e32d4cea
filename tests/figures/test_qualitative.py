from types import SimpleNamespace

import numpy as np
import pytest

from segnet_lab.figures.qualitative import WRONG, qualitative

DATA = SimpleNamespace(
    class_names=("Sky", "Road"),
    palette=np.array([[128, 128, 128], [128, 64, 128]], np.uint8),
    ignore_index=2,
    num_classes=2,
)
IMAGE = np.full((3, 2, 2), 0.5)
LABEL = np.array([[0, 0], [1, 2]])
PREDICTION = {"first": np.array([[0, 1], [1, 1]])}  # wrong at (0, 1); (1, 1) is void


def pictures(**options):
    figure = qualitative({"first": (IMAGE, LABEL)}, {"segnet_basic": PREDICTION}, DATA, **options)
    return figure, [axes.images[0].get_array() for axes in figure.axes]


def test_a_column_for_image_truth_and_each_network():
    figure, (image, truth, prediction) = pictures()
    assert [axes.get_title("left") for axes in figure.axes] == ["image", "truth", "segnet basic"]
    assert image[0, 0].tolist() == [120, 120, 120]  # half of 255, in steps of eight
    assert truth[1].tolist() == [[128, 64, 128], [0, 0, 0]]
    assert prediction[1].tolist() == [[128, 64, 128], [128, 64, 128]]  # void is not masked in a prediction
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["Sky", "Road", "void"]


def test_errors_and_notes():
    figure, (_, _, errors) = pictures(errors=True, notes={"segnet_basic": {"first": "G 67"}})
    assert (errors == WRONG).all(-1).tolist() == [[False, True], [False, False]]
    assert errors[1, 1].tolist() == [0, 0, 0]
    assert figure.axes[2].get_xlabel() == "G 67"


def test_a_part_of_every_picture():
    _, parts = pictures(region=(slice(0, 1), slice(0, 2)))
    assert {part.shape for part in parts} == {(1, 2, 3)}


def test_no_image():
    with pytest.raises(ValueError, match="at least one"):
        qualitative({}, {}, DATA)


def test_of_many_classes_only_those_that_occur_are_named():
    many = SimpleNamespace(
        class_names=[f"class {i}" for i in range(37)],
        palette=np.arange(37)[:, None].repeat(3, 1).astype(np.uint8),
        ignore_index=99,
        num_classes=37,
    )
    label, prediction = np.array([[3, 99]]), np.array([[3, 5]])
    figure = qualitative({"a": (np.zeros((3, 1, 2)), label)}, {"fcn": {"a": prediction}}, many)
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["class 3", "class 5", "void"]
