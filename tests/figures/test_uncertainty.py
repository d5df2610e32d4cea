from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from scipy import stats

from segnet_lab.data.base import Sample
from segnet_lab.figures import uncertainty
from segnet_lab.figures.style import ORANGE
from segnet_lab.inference.mc_dropout import Uncertainty


def test_entropy_is_scipys():
    for p in np.random.default_rng(0).dirichlet(np.ones(5), 20):
        assert uncertainty.entropy(p) == pytest.approx(stats.entropy(p))


def test_votes_of_two_passes_that_disagree():
    (axes,) = uncertainty.votes({"apart": np.array([[1.0, 0.0], [0.0, 1.0]])}, ["Road", "Car"]).axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == [1, 0, 0, 1, 0.5, 0.5]  # first pass, second pass, mean
    assert axes.texts[0].get_text() == "entropy of the mean 0.69\nmutual information 0.69"


def test_certain_votes_carry_no_information():
    # each pass says the same: all of the entropy is the image's, ln 2 for a coin
    (axes,) = uncertainty.votes({"alike": np.full((3, 2), 0.5)}, ["Road", "Car"]).axes
    assert axes.texts[0].get_text() == "entropy of the mean 0.69\nmutual information 0.00"
    left = [bar.get_x() for bar in axes.patches[:6:2]]
    assert np.diff(left) == pytest.approx([0.8 / 3] * 2)  # the passes stand side by side within a class


def test_names_of_many_classes_stand_upright():
    for count, degrees in ((4, 0), (5, 90)):
        (axes,) = uncertainty.votes({"": np.full((1, count), 1 / count)}, [f"class {k}" for k in range(count)]).axes
        assert {label.get_rotation() for label in axes.get_xticklabels()} == {degrees}


def test_maps_show_what_was_found():
    data = SimpleNamespace(class_names=("Sky", "Road"), palette=np.eye(3, dtype=np.uint8)[:2] * 200, ignore_index=2)
    label, pred = torch.tensor([[0, 1, 2], [0, 1, 1]]), torch.tensor([[1, 1, 0], [0, 1, 1]])
    entropy = torch.tensor([[0.6, 0.1, 0.5], [0.0, 0.1, 0.2]])
    found = Uncertainty(pred, torch.full((2, 2, 3), 0.5), entropy / 10, entropy, entropy / 2)
    figure = uncertainty.uncertainty_maps(Sample(torch.zeros(3, 2, 3), label), found, data)
    titles = [axes.get_title(loc="left") for axes in figure.axes[:6]]
    assert titles[3:] == ["wrong pixels", "entropy, nats: all uncertainty", "mutual information, nats: disagreement"]
    wrong = figure.axes[3].images[0].get_array()
    assert wrong[0, 0].tolist() == [round(255 * x) for x in to_rgb(ORANGE)]
    assert wrong[0, 2].tolist() == [0, 0, 0]  # void is never wrong
    np.testing.assert_array_equal(figure.axes[4].images[0].get_array(), entropy)
    figure = uncertainty.uncertainty_maps(Sample(torch.zeros(3, 2, 3), label), found, data, show="variance")
    np.testing.assert_array_equal(figure.axes[4].images[0].get_array(), entropy / 10)
