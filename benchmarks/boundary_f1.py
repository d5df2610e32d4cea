"""How long the scores of one image take, against other ways to the same numbers.

    python benchmarks/run.py boundary_f1

360x480, 11 classes, void, one thread. The prediction is the truth in squares of 8x8 pixels, each with the label of its
middle pixel. All contenders score an image before the next image comes, so that what else the machine does hits all of
them, each twice, and the second call counts: the first brings image and code into the processor's caches. A ratio is
the median over images of the time against the group's first contender. Contenders of a group must return the same
score. The peers are what one writes from the libraries, without work that their rule does not need.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from time import perf_counter
from unittest.mock import patch

import cv2
import networkx as nx
import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree
from skimage.morphology import dilation, erosion
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix
from torchmetrics.functional.classification import multiclass_confusion_matrix

from segnet_lab.data import load_dataset
from segnet_lab.metrics import boundary_f1, boundary_map, confusion_matrix, tolerance_pixels
from segnet_lab.metrics.matching import disk

SIZE, CLASSES, VOID = (360, 480), 11, 11
RADIUS = tolerance_pixels(0.0075, *SIZE)
HALF_WIDTHS = np.array(disk(0.0075, *SIZE, strict=False))
FROM_MIDDLE = np.abs(np.arange(1 - len(HALF_WIDTHS), len(HALF_WIDTHS)))
DISK = (HALF_WIDTHS[FROM_MIDDLE][:, None] >= FROM_MIDDLE).astype(np.uint8)  # (9, 9), 69 pixels
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def measure(quick: bool = False) -> list[dict]:
    """Time every contender on ten images, in turn.

    Parameters
    ----------
    quick : bool
        Go through the images once, not ten times; contenders that take more than 30 ms always see them once.

    Returns
    -------
    list of dict
        group, name, unit, median, low, high (quartiles over images), ratio (to the first of the group), score (mean
        over the images), runs.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    images = pairs()
    rows = []
    for group, contenders in GROUPS.items():
        times, scores = {name: [] for name in contenders}, {name: [] for name in contenders}
        for turn in range((1 if quick else 10) * len(images)):
            for name, contender in contenders.items():
                if turn >= len(images) and np.median(times[name]) > 30:
                    continue
                contender(*images[turn % len(images)])
                start = perf_counter()
                scores[name].append(contender(*images[turn % len(images)]))
                times[name].append(1000 * (perf_counter() - start))
        first = next(iter(contenders))
        for name, taken in times.items():
            turns = min(len(taken), len(times[first]))
            if group != "conventions":
                np.testing.assert_allclose(scores[name][: len(images)], scores[first][: len(images)], err_msg=name)
            low, median, high = np.percentile(taken, [25, 50, 75])
            ratio = np.median(np.divide(taken[:turns], times[first][:turns]))
            score = np.mean(scores[name][: len(images)])
            rows.append(
                {"group": group, "name": name, "unit": "ms"}
                | {"median": round(float(median), 3), "low": round(float(low), 3), "high": round(float(high), 3)}
                | {"runs": len(taken), "ratio": round(float(ratio), 3), "score": round(float(score), 4)}
            )
    return rows


def pairs() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Ten predictions and truths: CamVid's validation labels where they are, scenes made here elsewhere."""
    try:
        data = load_dataset("camvid", split="val", size=SIZE)
    except FileNotFoundError:
        data = load_dataset("roadscenes", split="val", size=SIZE, images=10)
    targets = [data[i].label for i in range(0, len(data), -(-len(data) // 10))]
    preds = [t[4::8, 4::8].repeat_interleave(8, 0).repeat_interleave(8, 1) for t in targets]
    return [(p.masked_fill(p == VOID, 0), t) for p, t in zip(preds, targets, strict=True)]


# --------------------------------------------------------------------------------------------------
# BF by distance: the peers take class by class, and differ in how they find what is near


def by_class(inner, near):
    """BF from two functions: the inner boundary of a mask, and what lies within the tolerance of a boundary."""

    def score(pred, target):
        pred, target = pred.numpy(), target.numpy()
        f1s = []
        for cls in range(CLASSES):
            p, t = inner((pred == cls).astype(np.uint8)), inner((target == cls).astype(np.uint8))
            in_pred, in_target = np.count_nonzero(p), np.count_nonzero(t)
            if not in_target:
                continue
            precision = np.count_nonzero(p & near(t)) / max(in_pred, 1)
            recall = np.count_nonzero(t & near(p)) / in_target if in_pred else 0
            f1s.append(2 * precision * recall / (precision + recall) if precision + recall else 0)
        return np.mean(f1s)

    return score


def inner_by_cv2(mask):
    return mask - cv2.erode(mask, CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)


def inner_by_skimage(mask):
    return mask - erosion(mask, CROSS, mode="min")


def near_by_cv2_distance(boundary):
    distance = cv2.distanceTransform(1 - boundary, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (distance <= RADIUS).astype(np.uint8)


# --------------------------------------------------------------------------------------------------
# BF one to one


def one_to_one(numba: bool):
    def score(pred, target):
        with patch.dict(os.environ, SEGNET_LAB_NUMBA=str(int(numba))):
            return boundary_f1(pred, target, CLASSES, ignore_index=VOID, void="kept")

    return score


def one_to_one_by_networkx(pred, target):
    """Neighbours from a k-d tree, matched by networkx's Hopcroft-Karp."""
    f1s = []
    for cls in range(CLASSES):
        p, t = np.argwhere(boundary_map(pred, cls)), np.argwhere(boundary_map(target, cls))
        if not len(t):
            continue
        graph = nx.Graph()
        graph.add_nodes_from(range(len(p) + len(t)))
        for i, partners in enumerate(KDTree(t).query_ball_point(p, RADIUS) if len(p) else []):
            graph.add_edges_from((i, len(p) + j) for j in partners)
        pairs = len(nx.bipartite.hopcroft_karp_matching(graph, range(len(p)))) / 2
        f1s.append(2 * pairs / (len(p) + len(t)))
    return np.mean(f1s)


# --------------------------------------------------------------------------------------------------
# Confusion matrix, with the global accuracy as the number to compare


def accuracy_from(count):
    def score(pred, target):
        matrix = count(pred, target)
        return float(matrix.diagonal().sum() / matrix.sum())

    return score


def count_by_mask(pred, target):
    """What reference scripts do: leave void out by a mask, number the pairs, count the numbers."""
    known = target < CLASSES
    return torch.bincount(CLASSES * target[known] + pred[known], minlength=CLASSES**2).view(CLASSES, CLASSES)


def count_by_sklearn(pred, target):
    return sklearn_confusion_matrix(target.numpy().ravel(), pred.numpy().ravel(), labels=np.arange(CLASSES))


GROUPS = {
    "distance": {
        "cv2.dilate with the exact disk, per class": by_class(inner_by_cv2, lambda b: cv2.dilate(b, DISK)),
        "segnet_lab": lambda p, t: boundary_f1(p, t, CLASSES, ignore_index=VOID, convention="csurka"),
        "cv2.distanceTransform, per class": by_class(inner_by_cv2, near_by_cv2_distance),
        "scipy distance_transform_edt, per class": by_class(
            inner_by_cv2, lambda b: distance_transform_edt(1 - b) <= RADIUS
        ),
        "skimage dilation, per class": by_class(inner_by_skimage, lambda b: dilation(b, DISK)),
    },
    "one to one": {
        "segnet_lab with numba": one_to_one(numba=True),
        "segnet_lab without numba (scipy flow)": one_to_one(numba=False),
        "k-d tree and networkx, per class": one_to_one_by_networkx,
    },
    "conventions": {
        name: lambda p, t, name=name: boundary_f1(p, t, CLASSES, ignore_index=VOID, convention=name)
        for name in ("paper", "authors_script", "csurka", "matlab")
    },
    "confusion matrix": {
        "torch.bincount behind a mask": accuracy_from(count_by_mask),
        "segnet_lab": accuracy_from(lambda p, t: confusion_matrix(p, t, CLASSES, ignore_index=VOID)),
        "torchmetrics": accuracy_from(
            lambda p, t: multiclass_confusion_matrix(p, t, CLASSES, ignore_index=VOID, validate_args=False)
        ),
        "scikit-learn": accuracy_from(count_by_sklearn),
    },
}
