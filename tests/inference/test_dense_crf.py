"""The fully connected CRF, against loops, arithmetic and what must hold of any."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.inference.dense_crf import EXACT_LIMIT, DenseCRF, WithDenseCRF, dense_crf
from segnet_lab.inference.predict import predict_logits
from segnet_lab.metrics import SegmentationScores
from segnet_lab.models import create_model
from segnet_lab.training.evaluation import evaluate
from tests.helpers import Squares
from tests.inference.crf_samples import picture, softmax

SMALL = DenseCRF(appearance_position_std=6, appearance_colour_std=20, smoothness_position_std=1.5)


# ---- mean field, against loops and against arithmetic


def by_loops(p, image, s):
    """The definition, pixel by pixel: kernels, their row sums, messages, softmax."""
    k, h, w = p.shape
    pixels = list(itertools.product(range(h), range(w)))

    def pair(i, j, position_std, colour_std):
        exponent = sum((a - b) ** 2 for a, b in zip(i, j, strict=True)) / (2 * position_std**2)
        if colour_std is not None:
            exponent += sum((float(a) - float(b)) ** 2 for a, b in zip(image[:, *i], image[:, *j], strict=True)) / (
                2 * colour_std**2
            )
        return math.exp(-exponent)

    kernels = (
        (s.appearance_weight, s.appearance_position_std, s.appearance_colour_std),
        (s.smoothness_weight, s.smoothness_position_std, None),
    )
    sums = [{i: sum(pair(i, j, *widths) for j in pixels) for i in pixels} for _, *widths in kernels]
    q = p.astype(np.float64)
    for _ in range(s.iterations):
        new = np.empty_like(q)
        for i in pixels:
            energy = [math.log(p[c, *i]) for c in range(k)]
            for (weight, *widths), d in zip(kernels, sums, strict=True):
                for j in pixels:
                    hears = weight * pair(i, j, *widths) / math.sqrt(d[i] * d[j])
                    for c in range(k):
                        energy[c] += hears * q[c, *j]
            total = sum(map(math.exp, energy))
            new[:, *i] = [math.exp(e) / total for e in energy]
        q = new
    return q


def test_exact_mean_field_is_the_definition_written_in_loops():
    p, image = softmax(0, (3, 4, 5)), picture(0, 4, 5)
    s = DenseCRF(3.0, 2.0, 25.0, 1.5, 0.8, iterations=4)
    np.testing.assert_allclose(dense_crf(p, image, s, filtering="exact"), by_loops(p, image, s), rtol=1e-4)


@pytest.mark.parametrize("filtering", ["lattice", "exact"])
def test_smoothness_of_two_pixels_by_hand(filtering):
    # Two neighbours, standard deviation 1: each hears itself with 1, the other with k = exp(-1/2), both over 1 + k.
    # Q of the second pixel: softmax(log p2 + 2 (p2 + k p1) / (1 + k)), from p1 = (0.9, 0.1), p2 = (0.4, 0.6).
    k = math.exp(-0.5)
    energy = [math.log(b) + 2 * (b + k * a) / (1 + k) for a, b in ((0.9, 0.4), (0.1, 0.6))]
    expected = math.exp(energy[0]) / (math.exp(energy[0]) + math.exp(energy[1]))

    p = np.array([[[0.9, 0.4]], [[0.1, 0.6]]])
    s = DenseCRF(appearance_weight=0, smoothness_weight=2, smoothness_position_std=1, iterations=1)
    refined = dense_crf(p, np.zeros((3, 1, 2), np.uint8), s, filtering)
    assert refined[0, 0, 1] == pytest.approx(expected, rel=1e-5)
    assert refined[0, 0, 1] > 0.4  # pulled towards its neighbour


# ---- the lattice, against the exact filter


def test_lattice_and_exact_crf_choose_the_same_labels_nearly_everywhere():
    p, image = softmax(3, (4, 33, 47), sharpness=1.5), picture(3, 33, 47)
    lattice, exact = (dense_crf(p, image, SMALL, f).argmax(0) for f in ("lattice", "exact"))
    assert (lattice == exact).mean() > 0.95
    assert (p.argmax(0) == exact).mean() < 0.9  # the CRF had something to do


def test_lattice_keeps_far_colours_apart():
    # Left half black, right half white: what the left believes must not reach the right at all.
    image = np.zeros((3, 8, 8), np.uint8)
    image[:, :, 4:] = 255
    p = softmax(4, (2, 8, 8))
    changed = p.copy()
    changed[:, :, :4] = changed[::-1, :, :4]
    s = DenseCRF(appearance_position_std=20, appearance_colour_std=10, smoothness_weight=0)
    np.testing.assert_array_equal(dense_crf(p, image, s)[:, :, 4:], dense_crf(changed, image, s)[:, :, 4:])


# ---- properties


SIZES = st.tuples(st.integers(1, 5), st.integers(1, 19), st.integers(1, 19))


@given(SIZES, st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_any_size_sums_to_one_and_follows_the_order_of_classes(shape, seed):
    p, image = softmax(seed, shape), picture(seed, *shape[1:])
    refined = dense_crf(p, image, SMALL)
    assert refined.shape == shape
    assert refined.dtype == np.float32
    assert (refined >= 0).all()
    np.testing.assert_allclose(refined.sum(axis=0), 1, rtol=1e-5)
    order = np.random.default_rng(seed).permutation(shape[0])
    np.testing.assert_allclose(dense_crf(p[order], image, SMALL), refined[order], rtol=1e-4, atol=1e-6)


@given(SIZES, st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_uniform_stays_uniform(shape, seed):
    refined = dense_crf(np.full(shape, 1 / shape[0]), picture(seed, *shape[1:]), SMALL)
    np.testing.assert_allclose(refined, 1 / shape[0], rtol=1e-5)


@pytest.mark.parametrize("off", [{"appearance_weight": 0, "smoothness_weight": 0}, {"iterations": 0}])
def test_without_messages_the_softmax_comes_back(off):
    p = softmax(5, (3, 9, 7))
    np.testing.assert_allclose(dense_crf(p, picture(5, 9, 7), DenseCRF(**off)), p, rtol=1e-5)


def test_a_single_pixel_hears_itself_only():
    # D = k(0) = 1: Q <- softmax(log p + (w1 + w2) Q), one step from (0.7, 0.3)
    energy = np.log([0.7, 0.3]) + 6 * np.array([0.7, 0.3])
    expected = np.exp(energy) / np.exp(energy).sum()
    refined = dense_crf(np.array([0.7, 0.3]).reshape(2, 1, 1), np.zeros((3, 1, 1), np.uint8), DenseCRF(iterations=1))
    np.testing.assert_allclose(refined.ravel(), expected, rtol=1e-5)


def test_a_class_that_the_model_excludes_stays_out():
    p = softmax(6, (3, 8, 8))
    p[2, 3:5, 3:5] = 0
    refined = dense_crf(p / p.sum(axis=0), picture(6, 8, 8), SMALL)
    assert (refined[2, 3:5, 3:5] == 0).all()
    assert np.isfinite(refined).all()


def test_noisy_two_colour_picture_is_cleaned_up_to_its_edge():
    truth = np.add.outer(np.arange(40), np.arange(50)) > 45  # a slanted edge
    image = np.where(truth, 200, 60) + np.random.default_rng(0).normal(0, 3, (3, 40, 50))
    wrong = np.random.default_rng(1).random((40, 50)) < 0.25
    bright = np.where(truth ^ wrong, 0.8, 0.2)
    refined = dense_crf(np.stack([1 - bright, bright]), image.astype(np.uint8))
    assert (bright.round() == truth).mean() < 0.8
    assert (refined.argmax(0) == truth).all()


def test_a_mirrored_image_gives_the_mirrored_result():
    p, image = softmax(7, (3, 10, 13)), picture(7, 10, 13)
    refined = dense_crf(p, image, SMALL, "exact")
    np.testing.assert_allclose(dense_crf(p[..., ::-1], image[..., ::-1], SMALL, "exact"), refined[..., ::-1], rtol=1e-4)


# ---- what goes in and comes out


def test_tensors_and_floats_give_the_same_as_arrays_and_bytes():
    p, image = softmax(8, (3, 11, 6)), picture(8, 11, 6)
    expected = dense_crf(p, image, SMALL)
    refined = dense_crf(torch.from_numpy(p), torch.from_numpy(image).float() / 255, SMALL)
    assert isinstance(refined, torch.Tensor)
    assert refined.dtype == torch.float32
    np.testing.assert_allclose(refined.numpy(), expected, rtol=1e-4, atol=1e-6)
    half = torch.from_numpy(p).bfloat16()  # sums to 1 within half a percent only
    np.testing.assert_allclose(dense_crf(half, image, SMALL).numpy().sum(axis=0), 1, rtol=1e-5)


def test_same_input_same_bits():
    p, image = softmax(9, (3, 20, 20)), picture(9, 20, 20)
    np.testing.assert_array_equal(dense_crf(p, image, SMALL), dense_crf(p, image, SMALL))


def test_empty_image():
    assert dense_crf(np.ones((2, 0, 5)), np.zeros((3, 0, 5), np.uint8)).shape == (2, 0, 5)


P, IMAGE = softmax(10, (2, 4, 6)), np.zeros((3, 4, 6), np.uint8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((P[0], IMAGE), r"\(K, H, W\), got shape \(4, 6\)"),
        ((P[None], IMAGE), "one image's softmax at a time"),
        ((np.log(P), IMAGE), r"softmax\(dim=0\)"),
        ((P / 2, IMAGE), r"sums in 0\.[45]"),
        ((np.where(P > 0.5, np.nan, P), IMAGE), "nan"),
        ((P, IMAGE[:, :, 1:]), r"need an image \(3, 4, 6\), got \(3, 4, 5\)"),
        ((P, np.moveaxis(IMAGE, 0, -1)), r"got \(4, 6, 3\)"),
        ((P, IMAGE + 255.0), "0..1, got float64 in 255.0..255.0"),
        ((P, IMAGE - 0.5), "before any normalisation"),
        ((P, IMAGE.astype(np.int64)), "uint8"),
        ((P, np.full(IMAGE.shape, np.nan)), "nan"),
        ((P, IMAGE, None, "latice"), "Did you mean 'lattice'"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        dense_crf(*arguments)


def test_exact_filtering_refuses_a_large_image():
    n = EXACT_LIMIT + 1
    with pytest.raises(ValueError, match="filtering='lattice'"):
        dense_crf(np.ones((1, 1, n)), np.zeros((3, 1, n), np.uint8), filtering="exact")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("appearance_weight", -1),
        ("appearance_colour_std", 0),
        ("iterations", -1),
        ("iterations", 2.5),
        ("smoothness_weight", math.nan),
    ],
)
def test_bad_settings_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}"):
        DenseCRF(**{name: value})


def test_scaled_settings_on_a_resized_image():
    # Every pixel doubled: a kernel of twice the width sees each neighbour four times, and normalisation undoes that.
    p, image = softmax(11, (2, 8, 9)), picture(11, 8, 9)
    s = DenseCRF(appearance_position_std=5, appearance_colour_std=30, smoothness_position_std=3)
    twice = [np.repeat(np.repeat(a, 2, axis=1), 2, axis=2) for a in (p, image)]
    large = dense_crf(*twice, s.scaled(2), "exact")
    np.testing.assert_allclose(large[:, ::2, ::2], dense_crf(p, image, s, "exact"), atol=0.03)


# ---- in a network's place


def test_a_network_with_crf_stands_where_a_network_does():
    data = Squares(3)
    network = create_model("segnet_basic", num_classes=2, width=0.1, seed=0).eval()
    by_hand = SegmentationScores(num_classes=2, ignore_index=2)
    for image, label in data:
        softmax_of_one = predict_logits(network, image, precision="float32").softmax(0)
        by_hand.update(dense_crf(softmax_of_one, image, SMALL).argmax(0), label)
    scores = evaluate(WithDenseCRF(network, SMALL), data, batch_size=2, precision="float32")
    assert {name: scores[name] for name in ("G", "C", "mIoU", "BF")} == pytest.approx(by_hand.compute())
    assert scores["G"] != evaluate(network, data, precision="float32")["G"]
