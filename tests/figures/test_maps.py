"""Large maps: colours of known pixels, where outlines lie, what is written."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import Rectangle

from segnet_lab import create_model, probe
from segnet_lab.figures import maps
from segnet_lab.figures.style import LINE, MARK, PAPER

CODES = np.array([[0, 1, 2], [3, 0, 1]], np.uint8)


def colours(axes):
    """Colour of each pixel of the picture in an axes."""
    (picture,) = axes.images
    rgba = picture.to_rgba(picture.get_array())
    return [[to_hex(pixel) for pixel in row] for row in rgba]


def outlines(axes):
    return [
        (p.get_y() + 0.5, p.get_x() + 0.5, p.get_height(), p.get_width())
        for p in axes.patches
        if isinstance(p, Rectangle) and to_hex(p.get_edgecolor()) == MARK
    ]


def test_codes_have_four_colours_and_a_legend():
    figure = maps.side_by_side({"codes": CODES})
    one, two, three, four = (to_hex(colour) for colour in maps.CODE_COLOURS)
    assert colours(figure.axes[0]) == [[one, two, three], [four, one, two]]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [f"code {name}" for name in maps.CODE_NAMES]


def test_maps_of_numbers_have_each_their_own_scale():
    figure = maps.side_by_side({"low": np.array([[0.0, 1.0]]), "high": np.array([[0.0, 50.0]])})
    assert colours(figure.axes[0]) == colours(figure.axes[1])
    assert not figure.legends


def test_negative_values_are_shown_about_a_white_zero():
    (axes,) = maps.side_by_side({"signed": np.array([[-2.0, 0.0, 2.0]])}).axes
    low, zero, high = colours(axes)[0]
    assert zero == "#ffffff"
    assert len({low, zero, high}) == 3
    assert axes.images[0].get_clim() == (-2, 2)


def test_a_single_extreme_value_does_not_darken_the_map():
    values = np.ones((40, 40))
    values[0, 0] = 1e6  # 1 of 1600 values: less than 1 %
    (axes,) = maps.side_by_side({"map": values}).axes
    assert axes.images[0].get_clim()[1] == 1


@pytest.mark.parametrize("array", [np.zeros((3, 3)), np.full((2, 2), 5.0)])
def test_flat_maps_are_drawn(array):
    (axes,) = maps.side_by_side({"flat": array}).axes
    assert len({colour for row in colours(axes) for colour in row}) == 1


def test_rows_and_columns():
    figure = maps.feature_maps(np.random.default_rng(0).random((5, 4, 6)), channels=[4, 0, 2], columns=2)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title("left") for axes in shown] == ["channel 4", "channel 0", "channel 2"]
    assert len(figure.axes) == 4  # two rows of two, the last one empty


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: maps.side_by_side({}), "no maps to draw"),
        (lambda: maps.side_by_side({"a": np.zeros((1, 2, 2))}), r"a has shape \(1, 2, 2\): one map"),
        (lambda: maps.feature_maps(np.zeros((2, 2))), r"expected maps \(C, H, W\), got shape \(2, 2\)"),
        (lambda: maps.feature_maps(np.zeros((3, 2, 2)), [3]), "channel 3 of 3 maps: channels are 0 to 2"),
        (lambda: maps.decoder_stage(np.zeros((2, 2)), CODES, np.zeros((4, 6)), np.zeros((4, 6))), "not of one decoder"),
        (lambda: maps.code_histogram({"pool1": [0.5, 0.5, 0.5, 0.5]}), "pool1: shares of the four codes must sum to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def stage(at=(0, 0), zero=None):
    below = np.arange(20.0).reshape(4, 5)
    codes = np.zeros((4, 5), np.uint8)
    sparse = np.zeros((8, 10))
    sparse[::2, ::2] = below
    return maps.decoder_stage(below, codes, sparse, -sparse, at, zero)


@pytest.mark.parametrize(
    ("at", "corner"),
    [((0, 0), (0, 0)), ((2, 3), (1, 2)), ((3, 4), (1, 2)), ((1, 1), (0, 0)), ((9, 9), (1, 2))],
)
def test_the_piece_lies_around_its_window_and_inside(at, corner):
    figure = stage(at)
    small, codes, sparse, dense = figure.axes[:4]
    row, column = corner
    assert outlines(small) == outlines(codes) == [(row, column, 3, 3)]
    assert outlines(sparse) == outlines(dense) == [(2 * row, 2 * column, 6, 6)]
    first = next(t for t in figure.axes[4].texts if t.get_text())
    assert first.get_text() == f"{5 * row + column:g}"  # the piece of the map from below begins there
    assert figure.axes[4].get_title("left") == "from below, piece"


def test_titles_of_a_decoder_stage_say_the_sizes():
    titles = [axes.get_title("left") for axes in stage().axes[:4]]
    assert titles == ["from below, 4×5", "codes, 4×5", "sparse map, 8×10", "dense map, 8×10"]


def test_all_zero_windows_are_grey_and_named():
    zero = np.zeros((4, 5), bool)
    zero[1, 2] = True
    figure = stage(zero=zero)
    assert colours(figure.axes[1])[1][2] == PAPER
    assert colours(figure.axes[1])[0][0] == to_hex(maps.CODE_COLOURS[0])
    assert figure.legends[0].get_texts()[-1].get_text() == maps.ZERO_WINDOW


def test_the_histogram_of_codes():
    figure = maps.code_histogram({"pool1": [0.4, 0.3, 0.2, 0.1]}, {"pool1": 0.25})
    (axes,) = figure.axes
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([40, 30, 20, 10, 25])
    assert axes.patches[4].get_facecolor() == to_rgba(LINE)
    texts = [t.get_text() for t in axes.texts]
    assert texts == ["25 %\nall zero", "40 %", "30 %", "20 %", "10 %", "25 %: all alike"]


def test_the_way_of_a_pixel_down_the_encoder():
    model = create_model("segnet_basic", width=0.1, seed=0)
    trace = probe.trace(model, torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(0)))
    row, column = 13, 6
    figure = maps.window_path(trace, row, column, channel=1)
    assert len(figure.axes) == 2 * 4
    for number, (step, axes) in enumerate(zip(probe.window_path(trace, row, column), figure.axes, strict=False)):
        assert (step.row, step.column) == (row >> number, column >> number)
        assert outlines(axes) == [(2 * (row >> number + 1), 2 * (column >> number + 1), 2, 2)]
        assert axes.get_title("left").startswith(f"conv{number + 1}, ")
    assert "of 6 channels\nkept this corner" in figure.axes[4].texts[-1].get_text()
    with pytest.raises(ValueError, match="channel 6 of 6 maps"):
        maps.window_path(trace, row, column, channel=6)
