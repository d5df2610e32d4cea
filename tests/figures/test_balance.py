"""Who owns the loss: shares worked out by hand, and what is drawn of them."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab.figures import balance
from segnet_lab.figures.scene import EMPTY

DATA = SimpleNamespace(
    class_names=("Sky", "Pole"), palette=np.array([[128, 128, 128], [192, 192, 0]], np.uint8), ignore_index=9
)


def test_shares_by_hand():
    # 60 x 0.5, 30 x 1, 10 x 4: 30, 30 and 40 of 100
    assert balance.loss_shares([60, 30, 10], [0.5, 1, 4]) == pytest.approx([0.3, 0.3, 0.4])
    assert balance.loss_shares(torch.tensor([60, 30]), torch.tensor([1.0, 1.0])) == pytest.approx([2 / 3, 1 / 3])
    assert balance.loss_shares([5, 7], [0, 0]).tolist() == [0, 0]


@given(
    st.lists(st.integers(1, 10**6), min_size=2, max_size=6).flatmap(
        lambda pixels: st.tuples(
            st.just(pixels), st.lists(st.floats(0.01, 100), min_size=len(pixels), max_size=len(pixels))
        )
    )
)
def test_shares_sum_to_one_whatever_the_unit_of_the_weights(given_):
    pixels, weights = given_
    shares = balance.loss_shares(pixels, weights)
    assert shares.sum() == pytest.approx(1)
    assert balance.loss_shares(pixels, [3 * w for w in weights]) == pytest.approx(shares)


def test_inverse_frequencies_share_evenly():
    pixels = [900, 90, 10]
    assert balance.loss_shares(pixels, [1 / n for n in pixels]) == pytest.approx([1 / 3] * 3)


def test_a_pixel_counts_its_class_weight_and_void_nothing():
    image, truth, weight = balance.class_weight_map(np.zeros((3, 1, 3)), [[0, 1, 9]], [0.5, 4.0], DATA).pictures
    assert [picture.title for picture in (image, truth, weight)] == ["image", "truth", "what a pixel counts"]
    assert [weight.names[index] for index in weight.pixels[0]] == ["0.5", "4", "empty"]
    assert weight.pixels[0, 2] == EMPTY
    assert truth.rgb[0].tolist() == [[128, 128, 128], [192, 192, 0], [0, 0, 0]]


def test_bars_are_as_long_as_the_shares():
    html = balance.loss_share_bars([90, 10], [1, 9], DATA)
    # of the pixels 90 and 10 %, of the loss 50 and 50; the longest is 120 px
    widths = [float(w) for w in re.findall(r"width:([\d.]+)px;background", html)]
    assert widths == pytest.approx([120, 66.7, 13.3, 66.7], abs=0.05)
    assert re.findall(r"right\">([\d.]+%)", html) == ["90.0%", "50.0%", "10.0%", "50.0%"]
    assert "rgb(192, 192, 0)" in html
    assert html.index("Sky") < html.index("Pole")
