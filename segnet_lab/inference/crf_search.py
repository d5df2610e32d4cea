"""The settings of a fully connected CRF, chosen on validation images."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab._support.progress import bar
from segnet_lab.inference.dense_crf import DenseCRF, _check_image, _check_probabilities, _kernels, _mean_field
from segnet_lab.metrics.conventions import SCORES

# The first round of DeepLab's own search (Chen et al., ICLR 2015); the step of the weight is ours
DEEPLAB_GRID = {
    "appearance_weight": (5, 6, 7, 8, 9, 10),
    "appearance_position_std": (50, 60, 70, 80, 90, 100),
    "appearance_colour_std": (3, 4, 5, 6, 7, 8, 9, 10),
    "smoothness_weight": (3,),
    "smoothness_position_std": (3,),
}


def grid_search(
    samples: Iterable[tuple[ArrayLike | Tensor, ArrayLike | Tensor, ArrayLike | Tensor]],
    grid: Mapping[str, Sequence[float]],
    *,
    num_classes: int,
    ignore_index: int | None = None,
    score: str = "mIoU",
) -> pd.DataFrame:
    """Try every combination of CRF settings, as Section 4.1 does "on a subset of the training set".

    Parameters
    ----------
    samples : iterable of (probabilities (K, H, W), image (3, H, W), label (H, W))
        As for `dense_crf`; a generator will do, each sample is looked at once.
    grid : mapping of a field of `DenseCRF` to the values to try
        Fields that are left out keep their default; `{}` tries the default alone. `DEEPLAB_GRID` has 288 combinations:
        pick from it.
    num_classes, ignore_index
        As for `segnet_lab.metrics.SegmentationScores`.
    score : {"G", "C", "mIoU", "BF"}
        The best by this score comes first.

    Returns
    -------
    table : DataFrame
        One row per combination: the fields of `DenseCRF` and G, C, mIoU, BF (fractions of 1). The model's own scores,
        without the CRF, are the row with iterations = 0; it is always there.

    Raises
    ------
    ValueError
        If there is no sample, or `grid` or `score` holds an unknown name.

    Examples
    --------
    >>> image = np.zeros((3, 2, 4), np.uint8)
    >>> image[:, :, 2:] = 200
    >>> label = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1]])
    >>> bright = np.array([[0.1, 0.6, 0.9, 0.9], [0.1, 0.1, 0.9, 0.9]])
    >>> table = grid_search([(np.stack([1 - bright, bright]), image, label)],
    ...                     {"appearance_weight": [0.1, 4]}, num_classes=2, ignore_index=255, score="G")
    >>> table[["appearance_weight", "iterations", "G"]]
       appearance_weight  iterations      G
    0                4.0          10  1.000
    1                0.1          10  0.875
    2                4.0           0  0.875
    """
    from segnet_lab.metrics import SegmentationScores  # here, since torchmetrics takes a second to import

    if score not in SCORES:
        raise InvalidInput(unknown("score", score, SCORES))
    candidates = _candidates(grid)
    scores = [SegmentationScores(num_classes=num_classes, ignore_index=ignore_index) for _ in candidates]
    seen = 0
    for probabilities, image, label in bar(samples, description="images"):
        seen += 1
        p = _check_probabilities(probabilities)
        kernels = _kernels(_check_image(image, p.shape[1:]), "lattice")
        for settings, scored in zip(candidates, scores, strict=True):  # neighbours in this order share their lattice
            refined = _mean_field(np.moveaxis(p, 0, -1), settings, *kernels)
            scored.update(torch.from_numpy(refined.argmax(axis=-1)), torch.as_tensor(label))
    if not seen:
        raise InvalidInput("grid_search got no sample: give at least one (probabilities, image, label)")

    rows = []
    for settings, scored in zip(candidates, scores, strict=True):
        result = scored.compute()
        rows.append(asdict(settings) | {name: float(result[name]) for name in SCORES})
    return pd.DataFrame(rows).sort_values(score, ascending=False, kind="stable", ignore_index=True)


# --------------------------------------------------------------------------------------------------
# What comes in
def _candidates(grid: Mapping[str, Sequence[float]]) -> list[DenseCRF]:
    names = [f.name for f in fields(DenseCRF)]
    for name in grid:
        if name not in names:
            raise InvalidInput(unknown("setting of DenseCRF", name, names))
    combinations: Iterator[dict[str, Any]] = (
        dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
    )
    found = [replace(DenseCRF(), **settings) for settings in combinations]
    unique = dict.fromkeys([*found, DenseCRF(iterations=0)])
    return sorted(unique, key=lambda c: (c.appearance_position_std, c.appearance_colour_std))
