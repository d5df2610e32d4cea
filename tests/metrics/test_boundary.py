import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from segnet_lab.metrics import (
    CONVENTIONS,
    Convention,
    boundary_f1,
    boundary_map,
    boundary_matches,
    boundary_scores,
    tolerance_pixels,
)
from segnet_lab.metrics.conventions import CHOICES

ALL_RULES = [Convention(*rules) for rules in itertools.product(*CHOICES.values())]


# --------------------------------------------------------------------------------------------------
# By hand


def square(column):
    """8x8, a 4x4 square of class 1 in rows 2..5, columns `column` .. `column` + 3."""
    labels = np.zeros((8, 8), int)
    labels[2:6, column : column + 4] = 1
    return labels


def test_the_two_boundaries_of_a_square():
    assert boundary_map(square(1), 1, "inner").astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 0, 0, 0],
        [0, 1, 0, 0, 1, 0, 0, 0],
        [0, 1, 0, 0, 1, 0, 0, 0],
        [0, 1, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
    ring = [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0],  # the blocks that start in row 1 see the square's first row below
        [1, 0, 0, 0, 1, 0, 0, 0],
        [1, 0, 0, 0, 1, 0, 0, 0],
        [1, 0, 0, 0, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert boundary_map(square(1), 1).astype(int).tolist() == ring
    assert boundary_map(square(1), 0).astype(int).tolist() == ring  # the same edge, and no frame
    assert boundary_map(square(1)).astype(int).tolist() == ring


def test_boundary_at_the_frame():
    # The corner pixel alone: the last row sees 1x2 blocks, the last column 2x1 blocks, the corner nothing.
    corner = np.zeros((3, 3), int)
    corner[2, 2] = 1
    assert np.argwhere(boundary_map(corner, 1)).tolist() == [[1, 1], [1, 2], [2, 1]]
    whole = np.ones((3, 4), int)
    assert not boundary_map(whole, 1).any()
    assert boundary_map(whole, 1, "inner").sum() == 3 * 4 - 2  # all but the middle
    assert not boundary_map(whole, 0).any()


def test_boundary_f1_of_a_square_moved_two_pixels():
    # 12 boundary pixels each; at tolerance 1 the 8 inner ones match: precision = recall = 8/12.
    found = boundary_matches(square(3), square(1), 1, tolerance=1, matching="distance", boundary="inner")
    assert found.pred.sum() == found.target.sum() == 12
    assert found.pred_matched.sum() == found.target_matched.sum() == 8
    assert found.precision == found.recall == pytest.approx(8 / 12)
    assert np.argwhere(found.pred_missed)[:, 1].tolist() == [6, 6, 6, 6]  # its right side
    assert np.argwhere(found.target_missed)[:, 1].tolist() == [1, 1, 1, 1]  # the left side of the truth
    assert found.tolerance == 1


@pytest.mark.parametrize(
    ("convention", "expected"),
    [
        # seg2bdry: one ring of 16 pixels for both classes, columns 2..6 against 0..4. Above and below, columns 2..5
        # find partners (8 pixels), and so do the two next to them in column 2 (rows 2 and 4).
        ("paper", 10 / 16),
        ("authors_script", 10 / 16),
        # inner: class 1 as above, 8/12. Class 0: 28 pixels of the frame and 12 around the square, of which 2 miss.
        ("csurka", (8 / 12 + 38 / 40) / 2),
        # strictly below 1, so only what coincides: two times 2 pixels of the square; the frame and two times 2.
        ("matlab", (4 / 12 + 32 / 40) / 2),
    ],
)
def test_one_square_under_four_conventions(convention, expected):
    bf = boundary_f1(square(3), square(1), num_classes=2, tolerance=1, convention=convention)
    assert bf == pytest.approx(expected)


def test_one_to_one_gives_a_pixel_away_once():
    # An edge after column 2; the prediction has edges after 1, 2 and 3, all within 1 of it. By distance all match.
    # One to one a single one does: precision 1/3, recall 1, F1 = 2 * 1/3 / (4/3).
    target, pred = np.array([[0, 0, 0, 1, 1, 1]]), np.array([[0, 0, 1, 0, 1, 1]])
    assert boundary_f1(pred, target, 2, tolerance=1, matching="distance") == 1
    assert boundary_f1(pred, target, 2, tolerance=1, matching="one_to_one") == pytest.approx(1 / 2)
    found = boundary_matches(pred, target, 1, tolerance=1)
    assert found.pred.astype(int).tolist() == [[0, 1, 1, 1, 0, 0]]
    assert (found.precision, found.recall) == (pytest.approx(1 / 3), 1)
    assert found.pairs.shape == (1, 2, 2)
    assert found.pairs[0, 1].tolist() == [0, 2]
    assert found.pred_missed.sum() == 2


def test_a_missed_and_an_invented_class():
    # Truth: 0 | 1. Prediction: 0 | 2 at the same place. Class 0 is perfect; 1 is missed, 2 invented.
    target, pred = np.array([[0, 0, 1, 1]]), np.array([[0, 0, 2, 2]])
    by_rule = {rule: boundary_f1(pred, target, 4, tolerance=1, present=rule) for rule in CHOICES["present"]}
    assert by_rule == {"target": 1 / 2, "either": pytest.approx(1 / 3), "both": 1.0}
    scores = boundary_scores(pred, target, 4, tolerance=1, convention="authors_script")
    np.testing.assert_array_equal(scores.precision, [[1, 0, 0, np.nan]])
    np.testing.assert_array_equal(scores.recall, [[1, 0, 0, np.nan]])
    np.testing.assert_array_equal(scores.f1, [[1, 0, 0, np.nan]])


VOID_TARGET = np.array([[0, 0, 0, 9, 9, 9, 1, 1]])
VOID_PRED = np.array([[0, 0, 0, 0, 1, 1, 1, 1]])


@pytest.mark.parametrize(
    ("void", "boundary", "pred_drawn", "target_drawn"),
    [
        # seg2bdry marks column j where j and j + 1 differ.
        ("masked", "seg2bdry", [], []),  # no two known neighbours differ
        ("kept", "seg2bdry", [3], [5]),  # class 1 begins after 3, and after 5
        ("erased", "seg2bdry", [5], [5]),
        # Every pixel of a single row lies at the frame; nothing of void is a boundary.
        ("masked", "inner", [6, 7], [6, 7]),
        ("kept", "inner", [4, 5, 6, 7], [6, 7]),
        ("erased", "inner", [6, 7], [6, 7]),
    ],
)
def test_void_by_hand(void, boundary, pred_drawn, target_drawn):
    found = boundary_matches(VOID_PRED, VOID_TARGET, 1, tolerance=0, ignore_index=9, void=void, boundary=boundary)
    assert np.flatnonzero(found.pred).tolist() == pred_drawn
    assert np.flatnonzero(found.target).tolist() == target_drawn


def test_images_without_a_class_that_counts_are_left_out():
    flat, split = np.zeros((1, 4), int), np.array([[0, 0, 1, 1]])
    assert boundary_f1(np.stack([flat, split]), np.stack([flat, split]), 2) == 1.0
    assert np.isnan(boundary_f1(flat, flat, 2))
    assert np.isnan(boundary_f1(flat, np.full((1, 4), 9), 2, ignore_index=9))
    for nothing in (np.zeros((0, 4, 4), int), np.zeros((0, 4), int), np.zeros((4, 0), int)):
        for convention in CONVENTIONS:
            assert np.isnan(boundary_f1(nothing, nothing, 2, convention=convention))
    assert boundary_f1(flat, flat, 2, boundary="inner") == 1.0  # there the frame is a boundary
    nothing = boundary_matches(flat, flat, 1)
    assert np.isnan([nothing.precision, nothing.recall, nothing.f1]).all()


@pytest.mark.parametrize("matching", CHOICES["matching"])
@pytest.mark.parametrize("shift", [0, 1, 2, 3, 4, 5, 6])
def test_a_shift_crosses_at_the_tolerance(shift, matching):
    target = (np.arange(480) >= 200).astype(int)[None].repeat(360, 0)
    pred = np.roll(target, shift, axis=1)
    pred[:, :shift] = 0
    assert boundary_f1(pred, target, 2, matching=matching) == (shift <= 4.5)
    if shift:
        assert boundary_f1(pred, target, 2, matching=matching, tolerance=shift) == 1
        assert boundary_f1(pred, target, 2, matching=matching, tolerance=shift, strict=True) == 0


# --------------------------------------------------------------------------------------------------
# Slow and independent: pixel by pixel, a distance transform for each class, augmenting paths one at a time


def slow_boundary(mask, known, kind):
    """Boundary of a class from its definition; `known` says which pixels take part."""
    height, width = mask.shape
    drawn = np.zeros((height, width), bool)
    for i, j in np.ndindex(height, width):
        if kind == "seg2bdry":
            block = [(y, x) for y in (i, i + 1) for x in (j, j + 1) if y < height and x < width and known[y, x]]
            drawn[i, j] = len({bool(mask[at]) for at in block}) == 2
        elif known[i, j] and mask[i, j]:
            around = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
            inside = [y in range(height) and x in range(width) and (mask[y, x] or not known[y, x]) for y, x in around]
            drawn[i, j] = not all(inside)
    return drawn


def slow_near(drawn, tolerance, strict):
    if not drawn.any():
        return np.zeros_like(drawn)
    distance = distance_transform_edt(~drawn)
    return distance < tolerance - 1e-9 if strict else distance <= tolerance + 1e-9


def slow_matching(pred, target, tolerance, strict):
    """Size of a maximum matching: Kuhn's algorithm, one augmenting path after the other."""
    targets = np.argwhere(target)
    partner = {}

    def augment(p, seen):
        length = np.hypot(*(targets - p).T)
        for t in np.flatnonzero(length < tolerance - 1e-9 if strict else length <= tolerance + 1e-9):
            if t not in seen:
                seen.add(t)
                if t not in partner or augment(partner[t], seen):
                    partner[t] = p
                    return True
        return False

    return sum(augment(p, set()) for p in np.argwhere(pred)) if len(targets) else 0


def slow_bf(pred, target, num_classes, tolerance, rules, void, match=slow_matching):
    hidden = target == void
    known = ~hidden if rules.void == "masked" else np.ones_like(hidden)
    if rules.void == "erased":
        pred = np.where(hidden, void, pred)
    radius = tolerance_pixels(tolerance, *target.shape)
    f1s = []
    for cls in range(num_classes):
        p = slow_boundary(pred == cls, known, rules.boundary)
        t = slow_boundary(target == cls, known, rules.boundary)
        counts = {"target": t.any(), "either": p.any() or t.any(), "both": p.any() and t.any()}
        if not counts[rules.present]:
            continue
        if rules.matching == "distance":
            hits = (p & slow_near(t, radius, rules.strict)).sum(), (t & slow_near(p, radius, rules.strict)).sum()
        else:
            hits = (match(p, t, radius, rules.strict),) * 2
        precision, recall = hits[0] / max(p.sum(), 1), hits[1] / max(t.sum(), 1)
        f1s.append(2 * precision * recall / (precision + recall) if precision + recall else 0)
    return np.mean(f1s) if f1s else np.nan


def random_pair(rng):
    """Two related maps of any size from 1x1, with patches, noise, void and classes that one of them lacks."""
    height, width, num_classes = rng.integers(1, 12), rng.integers(1, 12), rng.choice([1, 2, 3, 5])
    if rng.random() < 0.15:
        height = 1
    coarse = rng.integers(0, num_classes + (rng.random() < 0.5), (-(-height // 3), -(-width // 3)))
    target = coarse.repeat(3, 0).repeat(3, 1)[:height, :width].copy()
    pred = np.roll(target, rng.integers(-2, 3, 2), (0, 1))
    noise = rng.random(pred.shape) < rng.choice([0, 0.1, 0.5])
    pred[noise] = rng.integers(0, num_classes, noise.sum())
    return pred, target, int(num_classes)


@pytest.mark.parametrize("numba", [True, False], ids=["numba", "scipy"])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_slow_way_on_random_pairs(seed, numba, monkeypatch):
    if numba:
        pytest.importorskip("numba", reason="the compiled matching needs numba")
    monkeypatch.setenv("SEGNET_LAB_NUMBA", str(int(numba)))
    rng = np.random.default_rng(seed)
    for _ in range(160):  # 640 pairs, each under rules of its own
        pred, target, num_classes = random_pair(rng)
        rules = ALL_RULES[rng.integers(len(ALL_RULES))]
        tolerance = rng.choice([0, 0.05, 0.2, 0.5, 1, 1.5, 2, 3])
        found = boundary_f1(pred, target, num_classes, tolerance, convention=rules, ignore_index=num_classes)
        expected = slow_bf(pred, target, num_classes, tolerance, rules, num_classes)
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True), (pred, target, rules, tolerance)


@pytest.mark.parametrize("num_classes", [8, 9, 16, 17, 33, 64, 65, 130, 300])
def test_any_number_of_classes(num_classes):
    rng = np.random.default_rng(num_classes)
    coarse = rng.integers(0, num_classes + 1, (5, 5))
    target = coarse.repeat(3, 0).repeat(3, 1)
    pred = np.roll(target, 1, 0)
    for name, rules in CONVENTIONS.items():
        found = boundary_f1(pred, target, num_classes, 1, convention=name, ignore_index=num_classes)
        assert found == pytest.approx(slow_bf(pred, target, num_classes, 1, rules, num_classes))


# --------------------------------------------------------------------------------------------------
# Properties


@st.composite
def maps(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random_pair(rng)


rules_to_try = st.sampled_from(ALL_RULES)
tolerances = st.sampled_from([0, 0.1, 1, 1.5, 3])


@given(maps(), rules_to_try, tolerances)
def test_identical_maps_give_one(pair, rules, tolerance):
    _, target, k = pair
    rules = replace(rules, strict=False)
    bf = boundary_f1(target, target, k, tolerance, convention=rules, ignore_index=k)
    left_out = k if rules.void == "masked" else None
    assert bf == 1 or (
        np.isnan(bf) and not any(boundary_map(target, c, rules.boundary, left_out).any() for c in range(k))
    )


@given(maps(), rules_to_try, tolerances)
def test_one_to_one_is_never_higher(pair, rules, tolerance):
    pred, target, k = pair
    one, distance = (
        boundary_f1(pred, target, k, tolerance, convention=rules, matching=m, ignore_index=k)
        for m in CHOICES["matching"]
    )
    assert one <= distance + 1e-12 or np.isnan([one, distance]).all()


@given(maps(), rules_to_try, tolerances)
def test_swapping_the_maps_swaps_precision_and_recall(pair, rules, tolerance):
    pred, target, k = pair
    pred = np.where(target == k, k, pred)  # void in both
    target = np.where(pred == k, k, target)
    rules = replace(rules, present="either")
    one = boundary_scores(pred, target, k, tolerance, convention=rules, ignore_index=k)
    other = boundary_scores(target, pred, k, tolerance, convention=rules, ignore_index=k)
    np.testing.assert_array_equal(one.precision, other.recall)
    np.testing.assert_array_equal(one.recall, other.precision)
    np.testing.assert_allclose(one.f1, other.f1)


@given(maps(), rules_to_try, tolerances, st.randoms())
def test_numbers_of_classes_do_not_matter(pair, rules, tolerance, random):
    pred, target, k = pair
    numbers = random.sample(range(40), k)
    renumber = np.array([*numbers, 255])
    before = boundary_f1(pred, target, k, tolerance, convention=rules, ignore_index=k)
    after = boundary_f1(renumber[pred], renumber[target], 40, tolerance, convention=rules, ignore_index=255)
    assert after == pytest.approx(before, nan_ok=True)


@given(maps(), rules_to_try, tolerances)
@settings(max_examples=50)
def test_what_a_figure_draws_is_what_is_scored(pair, rules, tolerance):
    pred, target, k = pair
    either = replace(rules, present="either")
    scores = boundary_scores(pred, target, k, tolerance, convention=either, ignore_index=k)
    for cls in range(k):
        found = boundary_matches(pred, target, cls, tolerance, convention=rules, ignore_index=k)
        shown = [found.f1, found.precision, found.recall]
        np.testing.assert_allclose(shown, [x[0, cls] for x in scores])
        assert not (found.pred_matched & ~found.pred).any()
        if rules.matching == "one_to_one":
            assert len(found.pairs) == found.pred_matched.sum() == found.target_matched.sum()


def test_a_batch_is_the_mean_of_its_images_from_torch_or_numpy():
    rng = np.random.default_rng(1)
    target = rng.integers(0, 4, (3, 5, 6)).repeat(4, 1).repeat(4, 2)
    pred = np.roll(target, 2, 1)
    each = [boundary_f1(p, t, 4, tolerance=2, ignore_index=3) for p, t in zip(pred, target, strict=True)]
    assert boundary_f1(pred, target, 4, tolerance=2, ignore_index=3) == pytest.approx(np.mean(each))
    tensors = torch.from_numpy(pred), torch.from_numpy(target.astype(np.uint8))
    assert boundary_f1(*tensors, num_classes=4, tolerance=2, ignore_index=3) == pytest.approx(np.mean(each))


# --------------------------------------------------------------------------------------------------
# Arguments and errors


def test_finer_arguments_override_the_convention():
    rng = np.random.default_rng(0)
    pred, target = rng.integers(0, 4, (2, 6, 6)).repeat(3, 1).repeat(3, 2)
    spelled_out = {"matching": "distance", "boundary": "inner", "present": "both", "void": "erased", "strict": True}
    matlab = boundary_f1(pred, target, 3, tolerance=2, ignore_index=3, convention="matlab")
    assert boundary_f1(pred, target, 3, tolerance=2, ignore_index=3, convention="paper", **spelled_out) == matlab
    assert boundary_f1(pred, target, 3, tolerance=2, ignore_index=3, convention="matlab", strict=False) > matlab


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"convention": "matlob"},
            "unknown convention 'matlob'. Did you mean 'matlab'\\? Known: paper, authors_script, csurka, matlab",
        ),
        ({"matching": "greedy"}, "unknown matching 'greedy'. Known: one_to_one, distance"),
        ({"present": "any"}, "unknown present 'any'. Known: target, either, both"),
        ({"boundary": "outer"}, "unknown boundary 'outer'. Known: seg2bdry, inner"),
        ({"void": "ignored"}, "unknown void 'ignored'. Known: masked, kept, erased"),
        ({"tolerance": -0.1}, "tolerance is -0.1"),
    ],
)
def test_unknown_rules_list_the_known_ones(arguments, message):
    with pytest.raises(ValueError, match=message):
        boundary_f1([[0, 1]], [[0, 1]], 2, **arguments)


def test_bad_maps_are_named():
    with pytest.raises(ValueError, match="pred holds 2"):
        boundary_f1([[0, 2]], [[0, 1]], 2)
    with pytest.raises(ValueError, match="resize"):
        boundary_matches([[0, 2]], [[0]], 1)
    with pytest.raises(ValueError, match="one image at a time"):
        boundary_map(np.zeros((2, 3, 3), int))
    with pytest.raises(ValueError, match="unknown kind of boundary 'sobel'"):
        boundary_map([[0]], kind="sobel")


def test_boundaries_of_all_classes_leave_void_out():
    labels = np.array([[0, 0, 9, 1, 1, 2]])
    assert np.flatnonzero(boundary_map(labels, ignore_index=9)).tolist() == [4]
    assert np.flatnonzero(boundary_map(labels)).tolist() == [1, 2, 4]
    assert not boundary_map(np.full((2, 2), 9), ignore_index=9).any()


# --------------------------------------------------------------------------------------------------
# CamVid


@pytest.fixture
def labels(camvid):
    """Ten validation labels over the whole clip, (10, 360, 480), void 11."""
    data = camvid("val")
    return np.stack([data[i].label.numpy() for i in range(0, len(data), -(-len(data) // 10))])


def blocky(labels, side=8):
    """Every square takes the label of its middle pixel."""
    middles = labels[..., side // 2 :: side, side // 2 :: side]
    return middles.repeat(side, -2).repeat(side, -1)[..., : labels.shape[-2], : labels.shape[-1]]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_agrees_with_the_slow_way_on_camvid(convention, labels):
    for target in labels[::9, ::4, ::4]:  # 90x120
        for pred in (blocky(target, 5), np.roll(target, (1, -2), (0, 1))):
            found = boundary_f1(pred, target, 11, convention=convention, ignore_index=11)
            assert found == pytest.approx(slow_bf(pred, target, 11, 0.0075, CONVENTIONS[convention], 11), abs=1e-12)


def test_full_size_camvid_agrees_with_distance_transforms(labels):
    target = labels[::9]
    pred = blocky(target)
    found = boundary_scores(pred, target, 11, convention="csurka", ignore_index=11)
    for image, cls in np.ndindex(found.f1.shape):
        p, t = (boundary_map(x[image], cls, "inner") for x in (pred, target))
        if t.any():
            assert found.recall[image, cls] == pytest.approx((t & slow_near(p, 4.5, False)).sum() / t.sum())
        if t.any() and p.any():
            assert found.precision[image, cls] == pytest.approx((p & slow_near(t, 4.5, False)).sum() / p.sum())


def test_both_solvers_find_as_many_pairs_on_camvid(labels, monkeypatch):
    pytest.importorskip("numba", reason="the compiled matching needs numba")
    target = labels[::3]
    for pred in (blocky(target), np.roll(target, 3, 2), target[::-1]):
        scores = []
        for switch in "01":
            monkeypatch.setenv("SEGNET_LAB_NUMBA", switch)
            scores.append(boundary_scores(pred, target, 11, convention="authors_script", ignore_index=11).f1)
        np.testing.assert_array_equal(*scores)


def test_blocky_camvid_rises_from_convention_to_convention(labels):
    # One to one < by distance < with the outline of void given away < with missed classes left out as well.
    pred = blocky(labels, 12)
    rules = ["authors_script", "csurka", replace(CONVENTIONS["csurka"], void="erased"), "matlab"]
    scores = [boundary_f1(pred, labels, 11, convention=c, ignore_index=11) for c in rules]
    assert scores == sorted(set(scores))
    assert scores[-1] - scores[0] > 0.1
