"""The rules behind a boundary F1 score, and the four published sets of them.

name            matching    boundary  classes that count         void    tolerance
paper           one to one  seg2bdry  of the truth               masked  at most
authors_script  one to one  seg2bdry  of either map              kept    at most
csurka          distance    inner     of the truth               kept    at most
matlab          distance    inner     of both maps               erased  below
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from segnet_lab._support.errors import InvalidInput, unknown

SCORES = ("G", "C", "mIoU", "BF")  # Section 3.3, in the order of Table 1
TOLERANCE = 0.0075  # of BF, as a fraction of the image diagonal (Section 3.3)

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]

# --------------------------------------------------------------------------------------------------
# What is a boundary. `low` is the mask of a class with False in void, `high` the same with True in void: an OR over
# `low` and an AND over `high` see only pixels that are known. Instead of masks of one class the maps may be bit planes,
# see `_bits`.


def _seg2bdry(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    some, every = low.copy(), high.copy()
    some[:, :-1] |= low[:, 1:]
    some[:-1] |= some[1:]
    every[:, :-1] &= high[:, 1:]
    every[:-1] &= every[1:]
    return some & ~every


def _inner(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    around = np.pad(high, 1)
    return low & ~(around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:])


BOUNDARIES: dict[str, Rule] = {"seg2bdry": _seg2bdry, "inner": _inner}
PRESENT: dict[str, Rule] = {  # boundary pixels of the prediction and of the truth -> does the class count?
    "target": lambda pred, target: target > 0,
    "either": lambda pred, target: (pred > 0) | (target > 0),
    "both": lambda pred, target: (pred > 0) & (target > 0),
}
CHOICES: dict[str, tuple[str | bool, ...]] = {
    "matching": ("one_to_one", "distance"),
    "boundary": tuple(BOUNDARIES),
    "present": tuple(PRESENT),
    "void": ("masked", "kept", "erased"),
    "strict": (False, True),
}


@dataclass(frozen=True)
class Convention:
    """The rules behind a BF score.

    Attributes
    ----------
    matching : {"one_to_one", "distance"}
        "one_to_one": each boundary pixel is matched with at most one of the other map, as many as possible
        (`correspondPixels` of the Berkeley benchmark, which looks at the 6 nearest candidates only and so may find up
        to 0.3 % fewer). "distance": a pixel is matched when any boundary pixel of the other map is near; never lower.
    boundary : {"seg2bdry", "inner"}
        "seg2bdry", the Berkeley benchmark's with 'imageSize': pixel (i, j) when the 2x2 block that starts there holds
        the class and something else; in the last row and column the 1x2 or 2x1 block. It marks pixels on both sides of
        an edge, and the image frame is no boundary. "inner": a pixel of the class with one of its 4 neighbours outside
        of it; beyond the frame is outside.
    present : {"target", "either", "both"}
        Which classes count in an image: those with a boundary in the truth, in either map, in both (a class that the
        prediction misses then goes unpunished).
    void : {"masked", "kept", "erased"}
        Pixels that the truth calls void. "masked": they take part in neither map, and a boundary runs only between
        known pixels. "kept": they are no class, so classes end there, and the prediction is judged there too. "erased":
        the prediction is made void there as well, so that both maps share the outline of void.
    strict : bool
        Whether a distance must be below the tolerance rather than at most the tolerance.
    """

    matching: str = "one_to_one"
    boundary: str = "seg2bdry"
    present: str = "target"
    void: str = "masked"
    strict: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value, known = getattr(self, field.name), CHOICES[field.name]
            if value not in known:
                raise InvalidInput(unknown(field.name, value, map(str, known)))


CONVENTIONS = {
    "paper": Convention("one_to_one", "seg2bdry", "target", "masked"),  # Section 3.3
    "authors_script": Convention("one_to_one", "seg2bdry", "either", "kept"),  # SegNet-Tutorial, computeBFmeasure.m
    "csurka": Convention("distance", "inner", "target", "kept"),  # Csurka et al., BMVC 2013
    "matlab": Convention("distance", "inner", "both", "erased", strict=True),  # bfscore, evaluateSemanticSegmentation
}


def find_convention(
    convention: str | Convention,
    matching: str | None = None,
    boundary: str | None = None,
    present: str | None = None,
    void: str | None = None,
    strict: bool | None = None,
) -> Convention:
    """A convention by name, with the rules that are given in place of its own.

    >>> find_convention("paper", matching="distance")
    Convention(matching='distance', boundary='seg2bdry', present='target', void='masked', strict=False)
    """
    if isinstance(convention, str):
        if convention not in CONVENTIONS:
            raise InvalidInput(unknown("convention", convention, CONVENTIONS))
        convention = CONVENTIONS[convention]
    given: dict[str, Any] = {
        "matching": matching,
        "boundary": boundary,
        "present": present,
        "void": void,
        "strict": strict,
    }
    return replace(convention, **{name: rule for name, rule in given.items() if rule is not None})


def draw_boundaries(
    pred: np.ndarray, target: np.ndarray, void: np.ndarray, rules: Convention
) -> tuple[np.ndarray, np.ndarray]:
    """Boundary pixels of a class in both maps.

    Parameters
    ----------
    pred, target : array, (H, W), bool
        Where each map has the class; or bit planes of many classes, see `_bits`.
    void : array, (H, W), bool
        Where the truth is void.
    rules : Convention

    Returns
    -------
    pred, target : array, (H, W), as the arguments

    Examples
    --------
    >>> pred, target, void = np.array([[[0, 0, 1, 1]], [[0, 0, 0, 1]], [[0, 0, 1, 0]]], bool)
    >>> draw_boundaries(pred, target, void, CONVENTIONS["csurka"])[0].astype(int)  # "inner", void "kept"
    array([[0, 0, 1, 1]])
    >>> draw_boundaries(pred, target, void, CONVENTIONS["matlab"])[0].astype(int)  # "inner", void "erased"
    array([[0, 0, 0, 1]])
    """
    boundary = BOUNDARIES[rules.boundary]
    if rules.void == "kept" or not void.any():
        return boundary(pred, pred), boundary(target, target)
    hidden = void if pred.dtype == bool else -void.astype(pred.dtype)  # of bit planes, every bit
    pred = pred & ~hidden
    if rules.void == "erased":
        return boundary(pred, pred), boundary(target, target)
    return boundary(pred, pred | hidden), boundary(target, target | hidden)
