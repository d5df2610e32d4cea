"""Receptive fields as drawings: where the squares are, and what the blocks of the gradient hold."""

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from segnet_lab._support.errors import InvalidInput
from segnet_lab.figures import fields
from segnet_lab.probe import MeasuredField, measured_receptive_field


def measured(gradient: torch.Tensor) -> MeasuredField:
    rows, columns = (gradient.sum(axis).nonzero().flatten() for axis in (1, 0))
    height, width = (int(seen[-1] - seen[0]) + 1 if len(seen) else 0 for seen in (rows, columns))
    known = {"row": 0, "column": 0, "height": height, "width": width, "gradient": gradient}
    return MeasuredField(**{name: known[name] for name in MeasuredField._fields})


def test_squares_are_centred_where_the_gradient_is():
    gradient = torch.zeros(20, 30)
    gradient[4:9, 10:21] = 1  # rows 4..8, columns 10..20: the middle is (6, 15)
    figure = fields.receptive_fields(np.zeros((3, 20, 30)), {"conv1": 4, "logits": 10}, measured(gradient), "logits")
    squares = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    places = [(s.get_x() + s.get_width() / 2, s.get_y() + s.get_height() / 2, s.get_width()) for s in squares]
    assert places == [(15, 6, 10), (15, 6, 4)]  # the largest first, so that none hides another
    assert [text.get_text() for text in figure.axes[0].texts] == ["logits: 10", "conv1: 4"]
    assert figure.axes[1].get_title("left") == "logits: box 5×11"


def test_blocks_are_means_those_at_the_border_cut_short():
    values = np.array([[1.0, 3.0, 5.0], [1.0, 3.0, 7.0], [2.0, 2.0, 9.0]])
    np.testing.assert_array_equal(fields._means(values, 2), [[2, 6], [2, 9]])


def test_a_pixel_that_sees_nothing_is_refused():
    with pytest.raises(InvalidInput, match="does not depend on the image"):
        fields.receptive_fields(np.zeros((3, 4, 4)), {"conv1": 1}, measured(torch.zeros(4, 4)), "conv1")


def test_of_a_network(tiny_segnet):
    found = measured_receptive_field(tiny_segnet, "conv2", torch.rand(3, 48, 64), 6, 8)
    figure = fields.receptive_fields(np.full((3, 48, 64), 0.5), {"conv2": 50}, found, "conv2")
    assert figure.axes[1].images[0].get_array().max() == 0  # the strongest block: log10 of 1


@pytest.fixture
def tiny_segnet():
    from segnet_lab import create_model

    return create_model("segnet_basic", width=0.1, seed=0).eval()
