"""Boxes of a room, against rays; faces and patterns where they should be."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.scenes import room_painters
from segnet_lab.scenes.painting import Camera, Dice, Surface, rgb
from segnet_lab.scenes.room_painters import CLASS_NAMES, LABELS, VOID, Box, Light, RoomCanvas, far_to_near, paint_box


def room_canvas(size=(60, 80), turn=(12 / 13, 5 / 13)):
    white = rgb(1, 1, 1)
    camera = Camera(horizon=0.41, middle=0.5, focal=1.0, eye=1.5)
    return RoomCanvas(size, camera, turn, Light(white, white, (0.0, -1.0)))


def first_hit(c, boxes):
    """The box that each pixel's ray meets first, -1 for none: one ray at a time, no order of painting."""
    hit = np.full((c.height, c.width), -1)
    for row in range(c.height):
        for column in range(c.width):
            x, y = c.ray_x[column], -c.ray_y[row]
            ray = np.array([x * c.turn[0] - c.turn[1], x * c.turn[1] + c.turn[0], y])
            nearest = np.inf
            for k, box in enumerate(boxes):
                one = (np.array(box.low) - [0, 0, c.eye]) / ray
                two = (np.array(box.high) - [0, 0, c.eye]) / ray
                enter, leave = np.minimum(one, two).max(), np.maximum(one, two).min()
                if 0 < enter <= leave and enter < nearest:
                    nearest, hit[row, column] = enter, k
    return hit


names = (*CLASS_NAMES, "void")


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_boxes_cover_each_other_as_rays_do(seed):
    dice, boxes = Dice(seed), []
    while len(boxes) < 8:  # boxes that do not touch each other, of any size from a book to a cupboard
        low = (dice(-2, 1.5), dice(1.5, 4), dice(0, 2))
        high = tuple(x + dice(0.15, 1.0) for x in low)
        apart = all(any(high[k] <= b.low[k] or b.high[k] <= low[k] for k in range(3)) for b in boxes)
        if apart:
            boxes.append(Box(low, high, names[len(boxes)], rgb(90, 90, 90)))
    c = room_canvas()
    for box in far_to_near(boxes, c.eye):
        paint_box(c, box)
    expected = first_hit(c, boxes)
    expected[expected < 0] = VOID
    assert (expected != VOID).mean() > 0.05
    assert (c.label == expected).mean() > 0.999  # all but pixels whose centre lies on an edge


def test_a_thin_leg_is_one_pixel_wide():
    c = room_canvas(turn=(1.0, 0.0))
    paint_box(c, Box((0.0, 4.0, 0.0), (0.02, 4.02, 0.7), "Table", rgb(90, 90, 90)))
    leg = c.label == LABELS["Table"]
    assert (leg.sum(1) <= 1).all()
    assert leg.sum() == pytest.approx(0.7 * 60 / 4.0, abs=1)


def test_light_falls_from_where_it_comes():
    light = Light(rgb(1, 1, 1), rgb(1, 1, 1), (0.9, -0.5))
    assert (light.on(1, 0), light.on(-1, 0), light.on(0, -1)) == (0.9, 0.0, 0.5)


def test_places_by_hand():
    c = room_canvas(turn=(0.8, 0.6))  # (a, b) is seen at x = 0.8 a + 0.6 b, z = 0.8 b - 0.6 a
    assert c.seen(1.0, 0.0) == (0.8, -0.6)
    assert c.seen(0.0, 2.0) == pytest.approx((1.2, 1.6))
    column, row = c.corner(0.0, 2.0, 1.5)  # at the height of the eye: on the horizon, row 0.41 * 60
    assert (column, row) == pytest.approx((40 + 60 * 1.2 / 1.6, 24.6))


def test_a_level_face_knows_where_its_pixels_are():
    c = room_canvas()
    w = c.level(0.4, -1.0, 2.0, 1.0, 3.0)
    assert w.s[w.inside].min() >= 0
    assert w.s[w.inside].max() <= 2.0
    assert w.t[w.inside].max() <= 1.0
    rows, columns = np.nonzero(w.inside)
    for i in range(0, len(rows), 37):  # back to the picture: the centre of the same pixel
        row, column = rows[i], columns[i]
        at = c.corner(-1.0 + w.s[row, column], 2.0 + w.t[row, column], 0.4)
        assert at == pytest.approx((w.block[1].start + column + 0.5, w.block[0].start + row + 0.5))
    assert c.level(0.4, 30.0, 40.0, 31.0, 41.0) is None  # far to the right of the picture


def patterns():
    """Functions of a surface, its size and a colour."""
    functions = inspect.getmembers(room_painters, inspect.isfunction)
    return {n: f for n, f in functions if list(inspect.signature(f).parameters)[:3] == ["w", "size", "colour"]}


def surface(h=40, w=50, length=1.0, height=0.8):
    s = (np.arange(w) + 0.5)[None] * (length / w)
    t = (np.arange(h) + 0.5)[:, None] * (height / h) + 0 * s
    ds = np.full_like(s, length / w)
    return Surface((slice(0, h), slice(0, w)), np.ones((h, w), bool), s, t, np.full_like(s, 3.0), ds, ds)


@pytest.mark.parametrize("pattern", patterns().values(), ids=patterns())
def test_a_pattern_gives_each_pixel_a_colour_that_can_be_shown(pattern):
    colours = np.broadcast_to(pattern(surface(), (1.0, 0.8), rgb(150, 120, 90)), (3, 40, 50))
    assert np.isfinite(colours).all()
    assert colours.min() >= 0
    assert colours.max() < 400  # lamps and paper are brighter than white
    assert colours.std() > 1  # it is a pattern
    again = np.broadcast_to(pattern(surface(), (1.0, 0.8), rgb(150, 120, 90)), (3, 40, 50))
    assert np.array_equal(colours, again)


def test_there_are_patterns():
    assert {"grain", "planks", "tiles", "panes", "spines", "tape"} <= set(patterns())


def test_tiles_have_joints_of_their_width():
    w = surface(60, 60, 0.66, 0.66)  # two by two tiles of 0.33 m, 11 mm a pixel
    colours = room_painters.tiles(w, (0.66, 0.66), rgb(100, 100, 100))[0]
    joint = colours[5:25].mean(0) < colours[5:25, 10:25].mean() - 15
    assert np.nonzero(joint)[0].tolist() == [0, 30]
