"""The published rules, and boundaries drawn under them."""

import numpy as np
import pytest

from segnet_lab.metrics import CONVENTIONS, Convention
from segnet_lab.metrics.conventions import PRESENT, draw_boundaries, find_convention


def test_the_conventions_are_what_was_published():
    assert CONVENTIONS["paper"] == Convention()
    assert {name: (c.matching, c.boundary, c.present, c.void, c.strict) for name, c in CONVENTIONS.items()} == {
        "paper": ("one_to_one", "seg2bdry", "target", "masked", False),
        "authors_script": ("one_to_one", "seg2bdry", "either", "kept", False),
        "csurka": ("distance", "inner", "target", "kept", False),
        "matlab": ("distance", "inner", "both", "erased", True),
    }


def test_rules_given_replace_those_of_the_convention():
    assert find_convention("matlab") == CONVENTIONS["matlab"]
    assert find_convention("matlab", strict=False) == Convention("distance", "inner", "both", "erased", strict=False)
    own = Convention(boundary="inner")
    assert find_convention(own) == own
    assert find_convention(own, void="kept", present="both") == Convention("one_to_one", "inner", "both", "kept")


@pytest.mark.parametrize("field", ["matching", "boundary", "present", "void"])
def test_an_unknown_rule_is_refused(field):
    with pytest.raises(ValueError, match=f"unknown {field} 'anything'. Known: "):
        Convention(**{field: "anything"})
    with pytest.raises(ValueError, match=f"unknown {field} 'anything'. Known: "):
        find_convention("paper", **{field: "anything"})


def test_which_classes_count():
    pred, target = np.array([0, 5, 0, 5]), np.array([0, 0, 5, 5])  # boundary pixels
    counting = {rule: count(pred, target).tolist() for rule, count in PRESENT.items()}
    assert counting == {
        "target": [False, False, True, True],
        "either": [False, True, True, True],
        "both": [False, False, False, True],
    }


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_masks_and_bit_planes_are_drawn_alike(convention):
    rng = np.random.default_rng(0)
    pred, target = rng.integers(0, 3, (2, 12, 14))
    void = rng.random(pred.shape) < 0.2
    planes = (np.left_shift(1, labels).astype(np.uint8) for labels in (pred, target))
    drawn = draw_boundaries(*planes, void, CONVENTIONS[convention])
    for cls in range(3):
        masks = draw_boundaries(pred == cls, target == cls, void, CONVENTIONS[convention])
        for mask, plane in zip(masks, drawn, strict=True):
            np.testing.assert_array_equal(mask, plane & 1 << cls != 0)
