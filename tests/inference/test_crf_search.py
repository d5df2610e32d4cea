"""Grid search: every setting is scored as by hand."""

import math
from dataclasses import asdict

import numpy as np
import pytest
import torch

from segnet_lab.inference.crf_search import DEEPLAB_GRID, grid_search
from segnet_lab.inference.dense_crf import DenseCRF, dense_crf
from segnet_lab.metrics import SegmentationScores
from tests.inference.crf_samples import picture, softmax


def test_grid_search_agrees_with_scoring_each_setting_by_hand():
    images = [picture(i, 16, 20) for i in range(2)]
    labels = [torch.from_numpy((image.mean(axis=0) > 128).astype(np.int64)) for image in images]
    labels[0][0] = 9  # void
    bright = [
        np.where(t, 0.6, 0.4) + np.random.default_rng(i).uniform(-0.3, 0.3, t.shape) for i, t in enumerate(labels)
    ]
    samples = [(np.stack([1 - b, b]), image, t) for b, image, t in zip(bright, images, labels, strict=True)]

    grid = {"appearance_weight": [1, 5], "appearance_colour_std": [8, 40], "iterations": [3]}
    table = grid_search(iter(samples), grid, num_classes=2, ignore_index=9, score="G")

    assert len(table) == 5  # 2 x 2 and the model alone
    assert table.G.is_monotonic_decreasing
    assert (table.iterations == 0).sum() == 1
    names = list(asdict(DenseCRF()))
    for row in table.to_dict("records"):
        s = DenseCRF(**{name: row[name] for name in names})
        scores = SegmentationScores(num_classes=2, ignore_index=9)
        for p, image, label in samples:
            scores.update(torch.from_numpy(dense_crf(p, image, s).argmax(0)), label)
        expected = scores.compute()
        for name in ("G", "C", "mIoU", "BF"):
            assert row[name] == pytest.approx(float(expected[name]), nan_ok=True), (name, s)


def test_grid_search_names_what_it_does_not_know():
    sample = (softmax(10, (2, 4, 6)), np.zeros((3, 4, 6), np.uint8), torch.zeros(4, 6, dtype=torch.int64))
    with pytest.raises(ValueError, match="Did you mean 'appearance_weight'"):
        grid_search([sample], {"apearance_weight": [1]}, num_classes=2, ignore_index=9)
    with pytest.raises(ValueError, match="Known: G, C, mIoU, BF"):
        grid_search([sample], {}, num_classes=2, ignore_index=9, score="F1")
    with pytest.raises(ValueError, match="no sample"):
        grid_search([], {}, num_classes=2, ignore_index=9)


def test_deeplab_grid_has_as_many_combinations_as_documented():
    assert math.prod(map(len, DEEPLAB_GRID.values())) == 288
    assert set(DEEPLAB_GRID) <= set(asdict(DenseCRF()))
