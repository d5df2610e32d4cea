"""Pieces of furniture keep to their places, whichever wall they stand at."""

import numpy as np
import pytest

from segnet_lab.scenes import furniture
from segnet_lab.scenes.painting import Dice, rgb
from segnet_lab.scenes.room_painters import LABELS, far_to_near
from segnet_lab.scenes.rooms import WIDTHS


def test_books_lie_on_the_table_and_a_chair_under_it():
    boxes = []
    place = furniture.Place(-0.6, 2.0, (1, 0), (0, 1), boxes)
    furniture.table(place, Dice(1), 0, 0, 1.2, 0.8, 0.75, 0.0)
    furniture.books(place, Dice(1), 0.5, 0.3, 0.75)
    furniture.chair(place, Dice(1), 0.4, 0.3, 1, rgb(90, 40, 40))
    order = [box.label for box in far_to_near(boxes, 1.5)]
    top = max(i for i, box in enumerate(far_to_near(boxes, 1.5)) if box.label == "Table" and box.low[2] > 0.7)
    assert all(i > top for i, name in enumerate(order) if name == "Books")
    seat = [i for i, box in enumerate(far_to_near(boxes, 1.5)) if box.label == "Chair" and box.high[2] < 0.5]
    assert all(i < top for i in seat)


@pytest.mark.parametrize("piece", WIDTHS)
def test_a_piece_keeps_to_its_place(piece):
    for seed in range(10):
        dice = Dice(seed)
        width, boxes = dice(*WIDTHS[piece]), []
        piece(furniture.Place(0.0, 0.0, (1, 0), (0, 1), boxes), dice, width, 1.0)
        assert boxes
        assert min(box.low[0] for box in boxes) > -0.25  # a curtain hangs beside its window
        assert max(box.high[0] for box in boxes) < width + 0.3
        assert min(box.low[1] for box in boxes) >= 0.0  # nothing stands in the wall
        assert max(box.high[1] for box in boxes) < 2.1


def test_a_piece_is_the_same_along_every_wall():
    sizes = []
    for along, out in (((1, 0), (0, -1)), ((0, -1), (1, 0)), ((0, -1), (-1, 0))):
        boxes = []
        furniture.desk(furniture.Place(1.0, 2.0, along, out, boxes), Dice(3), 1.4, 0.5)
        sizes.append(sorted(round(np.prod(np.subtract(box.high, box.low)), 9) for box in boxes))
    assert sizes[0] == sizes[1] == sizes[2]


def test_a_place_by_hand():
    place = furniture.Place(1.0, 4.0, (0, -1), (1, 0), [])  # along the left wall, towards the camera
    assert place.at(0.5, 0.2) == (1.2, 3.5)
    assert place.moved(0.5) == place._replace(b=3.5)
    place.box((0, 0.5), (0, 0.2), (0.1, 0.3), "Table", rgb(1, 2, 3), faces="front")
    (box,) = place.boxes
    assert (box.low, box.high) == ((1.0, 3.5, 0.1), (1.2, 4.0, 0.3))
    assert box.faces == "a"  # the front of what stands along the left wall looks along a


def test_four_legs_stand_in_the_corners():
    place = furniture.Place(0.0, 0.0, (1, 0), (0, 1), [])
    place.legs((0, 1), (0, 0.6), 0.7, "Table", rgb(1, 2, 3), thick=0.05, inset=0.1)
    feet = [box.low for box in place.boxes]
    np.testing.assert_allclose(feet, [(0.1, 0.1, 0), (0.1, 0.45, 0), (0.85, 0.1, 0), (0.85, 0.45, 0)])
    assert all(box.high[2] == 0.7 for box in place.boxes)


@pytest.mark.parametrize("piece", WIDTHS)
def test_a_piece_has_labels_that_exist_and_faces_that_can_be_painted(piece):
    for seed in range(5):
        boxes = []
        piece(furniture.Place(0.0, 0.0, (1, 0), (0, 1), boxes), Dice(seed), WIDTHS[piece][1], 1.0)
        for box in boxes:
            assert box.label in LABELS
            assert box.shape in ("box", "oval", "cloth")
            assert set(box.faces) <= set("aby")
            assert box.colour.shape == (3, 1, 1)


def test_no_clutter_leaves_what_belongs_to_a_piece():
    for clutter, names in ((0.0, {"Desk"}), (1.0, {"Desk", "Lamp", "Books", "Paper"})):
        boxes = []
        for seed in range(20):
            furniture.desk(furniture.Place(0.0, 0.0, (1, 0), (0, 1), boxes), Dice(seed), 1.5, clutter)
        assert {box.label for box in boxes} - {"void"} == names
