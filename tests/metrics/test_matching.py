import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab.metrics import matching
from segnet_lab.metrics.matching import disk, pair, tolerance_pixels


def brute_force_disk(tolerance, height, width, strict):
    """Displacements inside, by squared lengths in units that make them whole: (a / b)^2 d^2 against squares."""
    numerator, denominator = round(tolerance * 10_000), 10_000
    limit = numerator**2 * (height**2 + width**2 if tolerance < 1 else 1)
    inside = set()
    for y in range(-height, height + 1):
        for x in range(-width, width + 1):
            length = (y**2 + x**2) * denominator**2
            if length < limit or (length == limit and not strict):
                inside.add((y, x))
    return inside


def as_set(half_widths):
    rows = range(1 - len(half_widths), len(half_widths))
    return {(y, x) for y in rows for x in range(-half_widths[abs(y)], half_widths[abs(y)] + 1)}


def test_the_papers_disk():
    assert tolerance_pixels(0.0075, 360, 480) == 4.5
    assert disk(0.0075, 360, 480, strict=False) == (4, 4, 4, 3, 2)  # 69 pixels
    assert disk(0.0075, 240, 320, strict=False) == (3, 2, 2, 0)  # 3 px exactly: 3, 0 and 0, 3 belong to it
    assert disk(0.0075, 240, 320, strict=True) == (2, 2, 2)  # and here they do not


@given(
    st.sampled_from([0, 0.0075, 0.01, 0.05, 0.3, 0.6, 1, 1.4142, 1.5, 2, 2.8284, 5, 7.07]),
    st.integers(1, 14),
    st.integers(1, 14),
    st.booleans(),
)
def test_disk_is_exact(tolerance, height, width, strict):
    found = {(y, x) for y, x in as_set(disk(tolerance, height, width, strict)) if abs(y) < height and abs(x) < width}
    expected = brute_force_disk(tolerance, height, width, strict)
    assert found == {(y, x) for y, x in expected if abs(y) < height and abs(x) < width}


def test_a_huge_tolerance_stops_at_the_image():
    assert len(disk(1e9, 3, 4, strict=False)) == 6  # nothing is farther than the diagonal, 5


@pytest.mark.parametrize("tolerance", [-1, math.nan, math.inf])
def test_impossible_tolerance(tolerance):
    with pytest.raises(ValueError, match=f"tolerance is {tolerance}: pass a fraction"):
        disk(tolerance, 10, 10, strict=False)


@pytest.fixture(params=["numba", "scipy"])
def solver(request, monkeypatch):
    if request.param == "numba":
        pytest.importorskip("numba", reason="the compiled matching needs numba")
    monkeypatch.setenv("SEGNET_LAB_NUMBA", str(int(request.param == "numba")))


def test_pairs_are_partners_within_the_disk(solver):
    rng = np.random.default_rng(3)
    for _ in range(50):
        left, right = (np.flatnonzero(rng.random(200) < rng.random() / 2) for _ in range(2))
        i, j = pair(left, right, 20, disk(2.5, 10, 20, strict=False))
        assert len(set(i)) == len(i)
        assert len(set(j)) == len(j)
        rows, columns = left[i] // 20 - right[j] // 20, left[i] % 20 - right[j] % 20
        assert (rows**2 + columns**2 <= 2.5**2).all()


def test_a_large_map_is_looked_at_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    left, right = (np.flatnonzero(rng.random(900) < 0.3) for _ in range(2))
    whole = matching._graph(left, right, 30, (2, 2, 1))
    monkeypatch.setattr(matching, "LOOKED_AT_ONCE", 100)
    for parts, expected in zip(matching._graph(left, right, 30, (2, 2, 1)), whole, strict=True):
        np.testing.assert_array_equal(parts, expected)


def test_neighbours_across_the_edge_of_a_row_are_not_near(solver):
    # Pixels 9 and 10 follow each other in memory, but are the last of row 0 and the first of row 1.
    assert pair(np.array([9]), np.array([10]), 10, disk(3, 4, 10, strict=False))[0].size == 0


def test_parallel_boundaries_are_matched_whole(solver):
    # Long parallel lines, 3 px apart: the layered graphs on which a search that forgets its dead ends never finishes.
    left, right = np.zeros((90, 300), bool), np.zeros((90, 300), bool)
    left[::6, 5:290] = True  # 15 lines of 285 pixels; each reaches 3 columns to either side, 2 .. 292
    right[3::6] = True
    right[3::6, 100:110] = False  # of the 291 pixels within reach 10 are missing
    found, _ = pair(np.flatnonzero(left), np.flatnonzero(right), 300, disk(4.5, 90, 300, strict=False))
    assert found.size == 15 * (291 - 10)


def test_matching_moves_earlier_pairs(solver):
    # Left 3 reaches right 1 and 5, left 6 only 5, left 0 only 1 (distance <= 2): 0-1 and 6-5, and 3 has to go without.
    assert pair(np.array([0, 3, 6]), np.array([1, 5]), 10, (2, 1, 0))[0].size == 2
    # Left 2 takes 1 first (reading order), but only left 0 has nothing else: 0-1, 2-4.
    assert pair(np.array([0, 2]), np.array([1, 4]), 10, (2, 1, 0))[0].size == 2


def test_the_smaller_side_may_be_either(solver):
    left, right = np.array([0, 10, 11, 12]), np.array([1, 11])
    one = pair(left, right, 30, (1, 0))
    other = pair(right, left, 30, (1, 0))
    assert one[0].size == other[1].size == 2
    for empty in (pair(left[:0], right, 30, (1, 0)), pair(left, right[:0], 30, (1, 0)), pair(left, right, 30, ())):
        assert empty[0].size == empty[1].size == 0
