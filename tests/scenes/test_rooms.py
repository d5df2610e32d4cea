"""Rooms: the same pixels everywhere, every class of Table 5, boxes in the right order."""

from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.scenes import furniture
from segnet_lab.scenes.painting import Camera, Dice, rgb
from segnet_lab.scenes.room_painters import LABELS, VOID, Box, Light, RoomCanvas, far_to_near, paint_box
from segnet_lab.scenes.rooms import CLASS_NAMES, WIDTHS, describe, scene

SMALL_THINGS = ("Bag", "Box", "Clothes", "Paper", "Person", "Books")
KNOWN = [(0, {}), (1, {"seed": 7}), (2**32 - 1, {"clutter": 1.0}), (3, {"size": (45, 61), "clutter": 0.0})]


@pytest.fixture(scope="module")
def counts():
    """Pixels of each class in 300 rooms."""
    return np.array([np.bincount(scene(i)[1].ravel(), minlength=38) for i in range(300)])


def test_the_same_pixels_on_every_machine():
    digests = [sha256(b"".join(a.tobytes() for a in scene(i, **options))).hexdigest()[:16] for i, options in KNOWN]
    assert digests == ["5b651c8ada026b4b", "f6b876af1a22c6c6", "fb6322b2dc98f34f", "81ee3521c311decc"]


def test_every_class_occurs(counts):
    assert len(CLASS_NAMES) == 37
    missing = [name for name, n in zip(CLASS_NAMES, (counts > 0).sum(0), strict=False) if n < 3]
    assert not missing


def test_a_room_shows_many_classes_and_some_void(counts):
    assert 8 <= np.median((counts > 0).sum(1)) <= 14
    void = counts[:, VOID].sum() / counts.sum()
    assert 0.005 < void < 0.05
    assert counts.sum(0).argmax() == LABELS["Wall"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(16, 120), st.integers(16, 160)), st.floats(0, 1))
def test_any_room_of_any_size(index, size, clutter):
    image, label = scene(index, size=size, clutter=clutter)
    assert (image.shape, image.dtype) == ((*size, 3), np.uint8)
    assert (label.shape, label.dtype) == (size, np.uint8)
    assert label.max() <= VOID
    assert image.std() > 3


def test_seed_and_index_are_independent():
    seen = {scene(i, seed=s, size=(24, 32))[0].tobytes() for i in range(8) for s in range(8)}
    assert len(seen) == 64


def test_the_same_room_at_another_size():
    agree = [(scene(i)[1] == scene(i, size=(288, 384))[1][1::3, 1::3]).mean() for i in range(6)]
    assert min(agree) > 0.97


def test_clutter_adds_small_things():
    def small(clutter):
        boxes = [box.label for i in range(60) for box in describe(Dice(0, i), clutter)[-1]]
        return np.array([Counter(boxes)[name] for name in SMALL_THINGS])

    none, some, many = small(0.0), small(0.5), small(1.0)
    assert (none[:-1] == 0).all()  # a tidy room still has books on its shelves
    assert (none < some).all()
    assert (some < many).all()


def test_furniture_stands_in_the_room():
    for i in range(60):
        *_, room, boxes = describe(Dice(0, i), 1.0)
        for box in boxes:
            (a0, b0, y0), (a1, b1, y1) = box.low, box.high
            assert a0 < a1, box.label
            assert b0 < b1, box.label
            assert 0 <= y0 < y1, box.label
            assert y1 <= room.high + 1e-9 or box.label in ("TV", "Shelves", "Books", "Box", "Picture"), box.label
            assert b1 <= room.deep + 1e-9
            assert room.left - 0.2 < a0 < a1 < room.right + 0.2  # a curtain may reach into a corner


# ---- the boxes, against rays


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


def test_a_thin_leg_is_one_pixel_wide():
    c = room_canvas(turn=(1.0, 0.0))
    paint_box(c, Box((0.0, 4.0, 0.0), (0.02, 4.02, 0.7), "Table", rgb(90, 90, 90)))
    leg = c.label == LABELS["Table"]
    assert (leg.sum(1) <= 1).all()
    assert leg.sum() == pytest.approx(0.7 * 60 / 4.0, abs=1)


# ---- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (96, 15)}, r"size must be \(height, width\), whole numbers from 16 to 2048, got \(96, 15\)"),
        ({"clutter": -0.1}, "clutter must lie in 0..1 .* got -0.1"),
        ({"index": -3}, r"index must be a whole number from 0 to 2\*\*32 - 1, got -3"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        scene(**{"index": 0, **options})
