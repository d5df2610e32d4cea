"""The lattice, against the exact filter."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.inference.permutohedral import Permutohedral, _enclosing_simplex
from tests.inference.crf_samples import picture, softmax


@given(st.integers(1, 6), st.integers(0, 10**6), st.floats(0.01, 300))
@settings(max_examples=60, deadline=None)
def test_weighted_corners_of_the_simplex_give_the_point_back(d, seed, spread):
    points = spread * np.random.default_rng(seed).normal(size=(20, d))
    origin, rank, weights = _enclosing_simplex(points)
    assert (weights > -1e-9).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    corners = np.stack([origin + k - (d + 1) * (rank > d - k) for k in range(d + 1)], axis=1)  # (N, D+1, D+1)
    assert (corners.sum(axis=-1) == 0).all()
    lifted = (weights[..., None] * corners).sum(axis=1)
    # the lift is a similarity: distances grow by (D + 1) sqrt(2/3)
    far, near = np.linalg.norm(lifted - lifted[0], axis=1), np.linalg.norm(points - points[0], axis=1)
    np.testing.assert_allclose(far, near * (d + 1) * math.sqrt(2 / 3), rtol=1e-9, atol=1e-9 * spread)


@pytest.mark.parametrize(
    ("position_std", "colour_std", "error"),
    [
        (8, 15, 0.1),
        (16, 30, 0.06),
        (4, 8, 0.2),
    ],  # the last: so few points a standard deviation that corners are missing
)
def test_lattice_filter_is_near_the_exact_one(position_std, colour_std, error):
    h, w = 40, 48
    y, x = np.mgrid[:h, :w]
    image = np.moveaxis(picture(1, h, w), 0, -1) / colour_std
    f = np.concatenate([np.stack([y, x], -1) / position_std, image], axis=-1).reshape(-1, 5)
    values = softmax(2, (7, h * w), sharpness=2).T
    kernel = np.exp(-0.5 * ((f[:, None] - f[None]) ** 2).sum(-1))
    lattice = Permutohedral(f)

    root_exact = kernel.sum(axis=1, keepdims=True) ** -0.5
    root = lattice(np.ones((h * w, 1), np.float32)) ** -0.5
    exact = root_exact * (kernel @ (root_exact * values))
    ours = root * lattice(root * values)
    assert np.linalg.norm(ours - exact) <= error * np.linalg.norm(exact)
    # and it is no blur of position alone, which would ignore the image
    assert np.linalg.norm(values - exact) > 0.2 * np.linalg.norm(exact)


def test_lattice_refuses_a_spread_that_its_keys_cannot_count():
    with pytest.raises(ValueError, match="larger standard deviations"):
        Permutohedral(np.array([[0.0] * 5, [1e6] * 5]))
