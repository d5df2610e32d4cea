"""Rooms: the same pixels everywhere, every class of Table 5, boxes in the right order."""

from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.scenes.painting import Dice
from segnet_lab.scenes.room_painters import LABELS, VOID
from segnet_lab.scenes.rooms import CLASS_NAMES, describe, scene

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
