"""Bit planes, by hand and against loops; that they count what masks do is tested with `boundary_scores`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab.metrics._bits import bit_planes, count_matches, dilate
from segnet_lab.metrics.conventions import CONVENTIONS
from segnet_lab.metrics.matching import disk


@pytest.mark.parametrize("num_classes", [1, 8, 9, 33, 64, 130, 300])
def test_one_bit_for_each_class(num_classes):
    labels = np.random.default_rng(0).integers(0, num_classes + 1, (9, 11)).astype(np.min_scalar_type(num_classes))
    for first in range(0, num_classes, 64):
        classes = min(num_classes - first, 64)
        planes = bit_planes(labels, first, classes)
        for bit in range(classes):
            np.testing.assert_array_equal(
                planes >> planes.dtype.type(bit) & planes.dtype.type(1), labels == first + bit
            )


@pytest.mark.parametrize(("classes", "number"), [(8, np.uint8), (9, np.uint16), (17, np.uint32), (33, np.uint64)])
def test_the_smallest_integer_that_holds_the_classes(classes, number):
    assert bit_planes(np.zeros((1, 1), np.uint8), 0, classes).dtype == number


def as_set(half_widths):
    rows = range(1 - len(half_widths), len(half_widths))
    return {(y, x) for y in rows for x in range(-half_widths[abs(y)], half_widths[abs(y)] + 1)}


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12), st.floats(0, 9), st.booleans())
def test_dilate_paints_a_disk_around_every_pixel(seed, height, width, radius, strict):
    rng = np.random.default_rng(seed)
    planes = np.where(rng.random((height, width)) < 0.1, rng.integers(1, 2**16, (height, width)), 0).astype(np.uint16)
    half_widths = disk(max(radius, 1), height, width, strict)
    expected = np.zeros_like(planes)
    for y, x in np.argwhere(planes):
        for dy, dx in as_set(half_widths):
            if 0 <= y + dy < height and 0 <= x + dx < width:
                expected[y + dy, x + dx] |= planes[y, x]
    np.testing.assert_array_equal(dilate(planes, half_widths), expected)


def test_dilate_takes_masks_too():
    mask = np.array([[False, True, False, False]])
    assert dilate(mask, (1, 0)).tolist() == [[True, True, True, False]]
    assert not dilate(mask, ()).any()  # an empty disk


def test_counts_by_hand():
    # seg2bdry marks column j where j and j + 1 differ. Class 0 ends after 1, in the truth after 0; class 1 is between
    # void and the others.
    pred, target = np.array([[[0, 0, 1, 1, 1]], [[0, 1, 1, 2, 1]]], np.uint8)  # void is 2
    counts = count_matches(pred, target, 2, CONVENTIONS["paper"], half_widths=(1,))
    assert counts.tolist() == [[1, 1], [1, 1], [1, 1], [1, 1]]
    counts = count_matches(pred, target, 2, CONVENTIONS["authors_script"], half_widths=(1,))
    # void kept: class 1 of the truth ends after 2 as well and starts again after 3; one pixel reaches one of them
    assert counts.tolist() == [[1, 1], [1, 1], [1, 1], [1, 3]]


def test_the_65th_class_is_counted_like_the_first():
    pred, target = np.array([[[70, 70, 1, 1]], [[70, 1, 1, 1]]], np.uint8)
    counts = count_matches(pred, target, 100, CONVENTIONS["paper"], half_widths=(1,))
    assert counts.shape == (4, 100)
    assert counts[:, [1, 70]].tolist() == [[1, 1]] * 4
    assert counts.sum() == 8
