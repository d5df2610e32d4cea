"""Scenes that compare predictions with the truth and with each other: classes, errors, boundaries."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from segnet_lab.data.base import Labelled
from segnet_lab.figures.scene import Picture, Scene, classes, palette, photo
from segnet_lab.figures.style import BLUE, LINE, ORANGE, PAPER, SOFT
from segnet_lab.metrics import SegmentationScores, boundary_f1, boundary_matches
from segnet_lab.metrics.conventions import TOLERANCE

RAGGED = 3  # pixels that a made-up prediction shakes
WHO = ("both are wrong", "only A is right", "only B is right", "both are right", "void")
OUTLINE = ("", "boundary, matched", "boundary, not matched")
_WHO_PALETTE = palette(SOFT, BLUE, ORANGE, PAPER, "black")
_OUTLINE_PALETTE = palette(PAPER, BLUE, ORANGE)


class Prediction(NamedTuple):
    """What a network says of an image, and how right that is, in fractions of 1."""

    label: np.ndarray  # (H, W)
    scores: dict[str, float]  # G, C, mIoU, BF of this image; {} where nobody knows the truth


def judge(label: Tensor | ArrayLike, truth: Tensor | ArrayLike, data: Labelled) -> Prediction:
    """A prediction with its scores on one image; nan where the image has no class that counts."""
    scores = SegmentationScores(len(data.class_names), data.ignore_index)
    scores.update(label, truth)
    return Prediction(np.asarray(label), scores.compute())


def predictions(
    image: Tensor | ArrayLike,
    truth: Tensor | ArrayLike | None,
    predicted: Mapping[str, Prediction],
    data: Labelled,
    errors: bool = False,
) -> Scene:
    """Image, truth, and what each network says.

    Parameters
    ----------
    image : float (3, H, W), 0..1
    truth : (H, W), or None where nobody knows
    predicted : dict, name -> Prediction
    data : Labelled
    errors : bool
        Colour what is wrong orange instead of showing classes.
    """
    pictures = [photo("image", image)]
    if truth is not None:
        pictures.append(classes("truth", truth, data))
    for name, (label, scores) in predicted.items():
        said = " ".join(f"{score} {100 * scores[score]:.0f}" for score in ("G", "mIoU", "BF") if score in scores)
        picture = classes(name.replace("_", " "), label, data, note=said)
        pictures.append(_right_or_wrong(picture, np.asarray(truth), data) if errors and truth is not None else picture)
    return Scene(tuple(pictures), "Orange is wrong." if errors else "")


def _right_or_wrong(picture: Picture, truth: np.ndarray, data: Labelled) -> Picture:
    """The classes of a prediction twice: right ones in grey, then wrong ones in orange; void stays black."""
    count = len(data.class_names)
    wrong = (picture.pixels != truth) & (truth != data.ignore_index)
    pixels = np.where(truth == data.ignore_index, 2 * count, picture.pixels + count * wrong).astype(np.uint8)
    colours = palette(*[LINE] * count, *[ORANGE] * count, "black")
    names = (*data.class_names, *(f"{name}, wrong" for name in data.class_names), "void")
    return picture._replace(pixels=pixels, palette=colours, names=names)


def two_predictions(
    image: Tensor | ArrayLike,
    truth: Tensor | ArrayLike,
    a: str,
    b: str,
    predicted: Mapping[str, Prediction],
    data: Labelled,
) -> Scene:
    """Two networks on one image, and where only one of them is right.

    Parameters
    ----------
    image : float (3, H, W), 0..1
    truth : (H, W)
    a, b : names out of `predicted`
    predicted : dict, name -> Prediction
    data : Labelled
    """
    truth = np.asarray(truth)
    known = truth != data.ignore_index
    right = [predicted[name].label == truth for name in (a, b)]
    who = np.where(known, right[0] + 2 * right[1], 4).astype(np.uint8)
    note = f"only A {np.mean(who[known] == 1):.1%}, only B {np.mean(who[known] == 2):.1%}"
    difference = Picture("who is right?", who, _WHO_PALETTE, WHO, note=note)
    ours = predictions(image, truth, {f"A: {a}": predicted[a], f"B: {b}": predicted[b]}, data)
    return Scene((*ours.pictures, difference))


def boundaries(
    pred: Tensor | ArrayLike,
    target: Tensor | ArrayLike,
    cls: int,
    data: Labelled,
    tolerance: float = TOLERANCE,
    matching: str = "one_to_one",
) -> Scene:
    """The boundary of one class in a prediction and in the truth, matched within a tolerance; scores beside it.

    Parameters
    ----------
    pred, target : (H, W)
    cls : int
    data : Labelled
    tolerance : float
        As in `boundary_f1`: below 1 a share of the diagonal, from 1 on pixels.
    matching : {"one_to_one", "distance"}
    """
    count, void = len(data.class_names), data.ignore_index
    found = boundary_matches(pred, target, cls, tolerance=tolerance, matching=matching, ignore_index=void)
    bf = boundary_f1(pred, target, count, tolerance=tolerance, matching=matching, ignore_index=void)
    scores = SegmentationScores(count, void, boundary=False)
    scores.update(np.asarray(pred), np.asarray(target))
    iou = float(scores.per_class()["IoU"][cls])

    def outline(whose: str, drawn: np.ndarray, matched: np.ndarray, name: str, share: float) -> Picture:
        note = f"{name} {matched.sum()}/{drawn.sum()} = {share:.2f}"
        pixels = np.where(drawn, np.where(matched, 1, 2), 0).astype(np.uint8)
        return Picture(f"boundary of the {whose}", pixels, _OUTLINE_PALETTE, OUTLINE, note=note)

    pictures = (
        classes("prediction", pred, data),
        outline("prediction", found.pred, found.pred_matched, "precision", found.precision),
        classes("truth", target, data),
        outline("truth", found.target, found.target_matched, "recall", found.recall),
    )
    note = (
        f"{data.class_names[cls]}: BF {100 * found.f1:.1f}, IoU {100 * iou:.1f}.   "
        f"All classes: BF {100 * bf:.1f}, mIoU {100 * scores.compute()['mIoU']:.1f}.   "
        f"Tolerance {found.tolerance:.1f} px: matched blue, not matched orange."
    )
    return Scene(pictures, note)


def made_up_predictions(truth: Tensor | ArrayLike, ignore_index: int | None = None) -> dict[str, np.ndarray]:
    """Three wrong predictions on which mIoU and BF disagree, made from the truth.

    "moved" by one pixel costs thin things their IoU, but hardly a boundary pixel at the paper's tolerance. "ragged"
    shakes the pixels along the edges between large regions by up to three pixels: mIoU hardly sees it, BF does.
    "patches" puts a disc of another class into every roomy region: area is lost, and new boundary is drawn.

    Parameters
    ----------
    truth : (H, W) integers
    ignore_index : int, optional
        Void takes the nearest class, as a prediction names one everywhere.

    Returns
    -------
    dict, name -> (H, W)

    Examples
    --------
    >>> truth = np.zeros((24, 32), int)
    >>> truth[:, 16:] = 1
    >>> made = made_up_predictions(truth)
    >>> {name: int((label != truth).sum()) for name, label in made.items()}
    {'moved': 24, 'ragged': 28, 'patches': 322}
    """
    real = np.asarray(truth)
    if ignore_index is not None and (real != ignore_index).any():
        nearest = distance_transform_edt(real == ignore_index, return_distances=False, return_indices=True)
        real = real[tuple(nearest)]
    rows, columns = np.indices(real.shape)
    present = np.unique(real).tolist()
    room = {c: distance_transform_edt(np.pad(real == c, 1))[1:-1, 1:-1] for c in present}  # to the next other thing

    moved = real[rows, np.maximum(columns - 1, 0)]
    shake = np.random.default_rng(0).integers(-RAGGED, RAGGED + 1, (2, *real.shape))
    last = np.array(real.shape) - 1
    ragged = real[(rows + shake[0]).clip(0, last[0]), (columns + shake[1]).clip(0, last[1])]
    large = [c for c in present if room[c].max() > 2 * RAGGED]
    ragged = np.where(np.isin(real, large) & np.isin(ragged, large), ragged, real)
    patches = real.copy()
    for n, c in enumerate(present):
        row, column = np.unravel_index(room[c].argmax(), real.shape)
        radius = 0.9 * room[c].max()
        if radius > RAGGED:
            patches[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = present[n - 1]
    return {"moved": moved, "ragged": ragged, "patches": patches}
