"""Small maps with their numbers: what is written in which cell, and in which colour."""

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.patches import Rectangle

from segnet_lab.figures import grids
from segnet_lab.figures.style import LINE, MARK, PAPER


def written(axes):
    """Number or sign -> the (row, column) of its cell."""
    return [(int(t.get_position()[1]), int(t.get_position()[0]), t.get_text()) for t in axes.texts if t.get_text()]


def outlined(axes):
    return [(int(p.get_y()), int(p.get_x())) for p in axes.patches if not p.get_fill()]


def cells(axes):
    """(row, column) -> its colour."""
    return {
        (int(p.get_y()), int(p.get_x())): to_hex(p.get_facecolor())
        for p in axes.patches
        if isinstance(p, Rectangle) and p.get_fill()
    }


def test_every_number_stands_in_its_cell():
    figure = grids.side_by_side({"a": [[1.0, 0.25], [12.345, 0.0]], "b": [[7.0]]}, "+")
    left, right = figure.axes
    assert [axes.get_title("left") for axes in (left, right)] == ["a", "b"]
    assert written(left) == [(0, 0, "1"), (0, 1, "0.25"), (1, 0, "12.3"), (1, 1, "0")]
    assert written(right) == [(0, 0, "7")]
    assert [t.get_text() for t in figure.texts] == ["", "+"]  # the sign stands between, not before the first
    assert left.get_xlim() == (0, 2)
    assert left.get_ylim() == (2, 0)  # row 0 on top


def test_cells_are_of_one_size():
    figure = grids.side_by_side({"large map": np.zeros((4, 6)), "small map": np.zeros((2, 3))})
    inches = figure.get_size_inches()
    large, small = (axes.get_position() for axes in figure.axes)
    assert (large.width * inches[0], large.height * inches[1]) == pytest.approx((6 * grids.CELL, 4 * grids.CELL))
    assert (small.width * inches[0], small.height * inches[1]) == pytest.approx((3 * grids.CELL, 2 * grids.CELL))
    assert large.y1 == pytest.approx(small.y1)
    assert large.x1 < small.x0


def test_numbers_of_all_grids_share_one_scale():
    left, right = grids.side_by_side({"a": [[0.0, 4.0]], "b": [[4.0, 2.0]]}).axes
    assert cells(left)[0, 1] == cells(right)[0, 0]
    assert cells(left)[0, 0] != cells(right)[0, 1]


def test_signed_numbers_are_white_at_zero():
    (axes,) = grids.side_by_side({"a": [[-3.0, 0.0, 1.0]]}).axes
    assert min(to_rgb(cells(axes)[0, 1])) > 0.97
    assert len(set(cells(axes).values())) == 3


def test_ink_can_be_read_on_its_cell():
    (axes,) = grids.side_by_side({"a": [[0.0, 1.0]]}).axes  # viridis: dark at 0, bright at its end
    assert [t.get_color() for t in axes.texts] == ["white", grids.INK]


def test_empty_cells_are_pale_with_a_dot():
    (axes,) = grids.side_by_side({"a": [[np.nan, 2.0]]}).axes
    assert written(axes) == [(0, 0, "·"), (0, 1, "2")]
    assert cells(axes)[0, 0] == PAPER


def test_codes_point_to_their_corner():
    (axes,) = grids.side_by_side({"codes": np.array([[0, 1], [2, 3]], np.uint8)}).axes
    arrows = [t for t in axes.texts if t.get_text() == ""]
    tips = {(int(a.xy[1]), int(a.xy[0])): (a.xy[1] % 1 > 0.5, a.xy[0] % 1 > 0.5) for a in arrows}
    assert tips == {  # cell -> is the tip below, right of its middle?
        (0, 0): (False, False),
        (0, 1): (False, True),
        (1, 0): (True, False),
        (1, 1): (True, True),
    }
    assert written(axes) == [(0, 0, "0"), (0, 1, "1"), (1, 0, "2"), (1, 1, "3")]
    assert set(cells(axes).values()) == {PAPER}


def test_pooling_outlines_the_winners():
    x = [[1.0, 5.0, 0.0], [2.0, 3.0, 9.0], [4.0, 4.0, 7.0]]
    entering, values, codes = grids.pooling(x, [[5.0, 9.0], [4.0, 7.0]], np.array([[1, 2], [0, 0]], np.uint8)).axes
    assert outlined(entering) == [(0, 1), (1, 2), (2, 0), (2, 2)]
    assert all(to_hex(p.get_edgecolor()) == MARK for p in entering.patches if not p.get_fill())
    assert written(values) == [(0, 0, "5"), (0, 1, "9"), (1, 0, "4"), (1, 1, "7")]
    assert not outlined(values)
    assert codes.get_xlim() == (0, 2)
    # windows of 2x2 are parted by white lines: behind column 2 and row 2
    assert [collection.get_segments()[0].tolist() for collection in entering.collections] == [
        [[2, 0], [2, 3]],
        [[0, 2], [3, 2]],
    ]


def test_sparse_maps_are_empty_where_no_code_points():
    panel = grids.sparse_panel([[0.0, 5.0], [0.0, 0.0]], np.array([[1]], np.uint8))
    np.testing.assert_array_equal(panel.array, [[np.nan, 5], [np.nan, np.nan]])
    zero = grids.sparse_panel(np.zeros((2, 2)), np.array([[3]], np.uint8))  # a value of 0 that was placed is no hole
    np.testing.assert_array_equal(zero.array, [[np.nan, np.nan], [np.nan, 0]])
    odd = grids.sparse_panel(np.ones((1, 3)), np.array([[0, 0]], np.uint8))
    assert np.isfinite(odd.array).all()


def test_unpooling_with_and_without_its_filter():
    values, codes, sparse = [[3.0]], np.array([[2]], np.uint8), [[0.0, 0.0], [3.0, 0.0]]
    short = grids.unpooling(values, codes, sparse)
    assert [axes.get_title("left") for axes in short.axes] == ["values", "codes", "sparse map"]
    assert written(short.axes[2]) == [(0, 0, "·"), (0, 1, "·"), (1, 0, "3"), (1, 1, "·")]
    whole = grids.unpooling(values, codes, sparse, [[0.5]], [[0.0, 0.0], [1.5, 0.0]])
    assert [axes.get_title("left") for axes in whole.axes][3:] == ["kernel", "dense map"]
    assert [t.get_text() for t in whole.texts if t.get_text()] == ["and", "→", "∗", "="]
    (weight,) = cells(whole.axes[3]).values()
    assert weight == PAPER  # weights have no place on the scale of the maps


def test_decoders_say_what_each_remembers():
    four, code, full = [[1.0, 2.0], [3.0, 4.0]], np.zeros((2, 2), np.uint8), np.ones((4, 4))
    figure = grids.decoders(four, code, full, np.ones((3, 3)), full, full, full, full)
    heads = [t.get_text() for t in figure.texts if "remembers" in t.get_text()]
    assert heads == ["SegNet remembers 4 codes of 2 bits: 1 byte", "FCN remembers 16 numbers of 32 bits: 64 bytes"]
    assert len(figure.axes) == 5 + 4
    framed = [axes.get_title("left") for axes in figure.axes if outlined(axes)]
    assert framed == ["codes", "encoder's map"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((17, 2)), r"a has shape \(17, 2\): numbers are readable in 2-D maps of up to 16 x 16"),
        (np.zeros(3), r"a has shape \(3,\)"),
        (np.array([[4]], np.uint8), "a holds a code 4: codes are 0..3"),
    ],
)
def test_what_cannot_be_drawn_is_refused(array, message):
    with pytest.raises(ValueError, match=message):
        grids.side_by_side({"a": array})


def test_the_scale_begins_at_zero_or_is_even_about_it():
    plain, signed = grids.scale_of([np.array([2.0, 8.0])]), grids.scale_of([np.array([-2.0]), np.array([8.0, np.nan])])
    assert (plain.norm.vmin, plain.norm.vmax) == (0, 8)
    assert (signed.norm.vmin, signed.norm.vmax) == (-8, 8)
    nothing = grids.scale_of([])
    assert nothing.norm.vmin == 0 < nothing.norm.vmax


def test_plain_cells_have_an_edge():
    (axes,) = grids._strips({"": [grids.Panel("kernel", [[2.0]], plain=True)]}).axes
    (cell,) = axes.patches
    assert cell.get_edgecolor() == to_rgba(LINE)
