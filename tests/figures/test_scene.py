"""Pictures in numpy: which colour and which words a cell gets."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab.figures import scene
from segnet_lab.figures.scene import Mark, Scene

TOY = SimpleNamespace(
    class_names=("sky", "road"), palette=np.array([[1, 2, 3], [4, 5, 6]], np.uint8), ignore_index=255, num_classes=2
)


def said(picture):
    return [[picture.names[i] for i in row] for row in picture.pixels]


def test_classes_have_their_colours_and_void_is_black():
    picture = scene.classes("truth", [[0, 1, 255]], TOY)
    assert picture.rgb.tolist() == [[[1, 2, 3], [4, 5, 6], [0, 0, 0]]]
    assert said(picture) == [["sky", "road", "void"]]


def test_a_label_without_a_colour_is_refused():
    with pytest.raises(ValueError, match=r"label 2 has no colour: labels are 0\.\.1 or void 255"):
        scene.classes("truth", [[0, 2]], TOY)


def test_positive_numbers_run_from_low_to_high():
    picture = scene.numbers("map", [[1.0, 2.0, 3.0]])
    assert picture.pixels.tolist() == [[0, scene.LEVELS // 2, scene.LEVELS - 1]]
    assert said(picture) == [["1", "2", "3"]]
    assert picture.note == "1 to 3"


def test_signed_numbers_have_zero_in_the_middle_and_extremes_at_the_ends():
    values = np.linspace(-1, 1, 201).reshape(3, 67)
    values[0, 0] = -50  # one extreme of 201 does not flatten the rest
    picture = scene.numbers("map", values)
    middle = scene.LEVELS // 2
    assert picture.pixels[1, 33] == middle  # the 0
    assert picture.names[middle] == "0"
    assert picture.rgb[1, 33].min() > 250  # white
    assert picture.pixels[0, 0] == 0
    assert float(picture.names[-3]) == pytest.approx(1, abs=0.02)
    assert picture.note == "-50 to 1"


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30))
def test_what_is_said_is_the_number_to_within_a_step(values):
    picture = scene.numbers("map", [values], signed=False)
    step = (max(values) - min(values)) / (scene.LEVELS - 1)
    for word, value in zip(said(picture)[0], values, strict=True):
        assert float(word) == pytest.approx(value, abs=step + 1e-6 * max(map(abs, values)) + 0.006 * abs(value))


def test_nan_infinity_and_empty_cells_are_named_and_counted():
    picture = scene.numbers("map", [[0.0, np.nan, np.inf, 4.0, 9.0]], empty=np.array([[0, 0, 0, 0, 1]], bool))
    assert said(picture) == [["0", "nan or infinite", "nan or infinite", "4", "empty"]]
    assert picture.note == "0 to 4; 2 nan or infinite (pink)"
    assert picture.rgb[0, 1].tolist() == [240, 39, 140]


@pytest.mark.parametrize("values", [np.full((2, 3), np.nan), np.zeros((2, 3)), np.full((2, 3), -7.0), np.zeros((0, 3))])
def test_maps_without_a_range_are_drawn(values):
    assert scene.numbers("map", values).rgb.shape == (*values.shape, 3)


def test_only_one_map_is_drawn():
    with pytest.raises(ValueError, match=r"map has shape \(2, 4, 4\): one map \(H, W\) is shown; pick an image"):
        scene.numbers("map", np.zeros((2, 4, 4)))


def test_codes_and_all_zero_windows():
    picture = scene.codes("codes", [[0, 1], [2, 0]], zero=[[False, False], [False, True]])
    assert [[word[0] for word in row] for row in said(picture)] == [["↖", "↗"], ["↙", "a"]]
    assert len({tuple(colour) for colour in picture.rgb.reshape(-1, 3)}) == 4


def test_a_photo_may_be_floats_or_bytes():
    image = np.array([[[0.0, 1.0]], [[0.5, 1.0]], [[1.0, 1.0]]])
    picture = scene.photo("image", image)
    assert picture.rgb.tolist() == [[[0, 128, 255], [255, 255, 255]]]
    assert scene.photo("image", picture.rgb).rgb is picture.rgb


def test_still_draws_every_picture_with_its_title_and_marks():
    maps = [scene.numbers(f"map {n}", np.eye(4)) for n in range(6)]
    maps[2] = maps[2]._replace(marks=(Mark(1, 2, 2, 1),))
    figure = scene.still(Scene(maps, "six maps"), columns=4)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in shown] == [f"map {n}" for n in range(6)]
    assert len(figure.axes) == 8
    (outline,) = shown[2].patches
    assert (outline.get_xy(), outline.get_width(), outline.get_height()) == ((1.5, 0.5), 1, 2)
    assert figure.get_suptitle() == "six maps"
    with pytest.raises(ValueError, match="a scene without pictures"):
        scene.still(Scene(()))
