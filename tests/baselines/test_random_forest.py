from types import SimpleNamespace

import numpy as np
import pytest
import torch

from segnet_lab.baselines.random_forest import FEATURE_NAMES, features, train_forest

CLASSES = ("grass", "sky", "wall", "never seen")
VOID = 9


class Scenes(list):
    """Green below, blue above, a grey striped wall somewhere: (3, 24, 32), with a void border."""

    class_names, ignore_index = CLASSES, VOID

    def __init__(self, count, seed=0):
        super().__init__()
        rng = np.random.default_rng(seed)
        for _ in range(count):
            label = np.ones((24, 32), np.int64)
            label[rng.integers(10, 15) :] = 0
            x = rng.integers(2, 20)
            label[6:18, x : x + 9] = 2
            colours = np.array([[0.2, 0.6, 0.2], [0.4, 0.6, 0.9], [0.5, 0.5, 0.5]])
            image = colours[label].transpose(2, 0, 1) + rng.normal(0, 0.03, (3, 24, 32))
            image[:, :, ::2] += 0.15 * (label == 2)[:, ::2]  # stripes
            label[:, 0] = VOID
            image = torch.from_numpy(image.clip(0, 1)).float()
            self.append(SimpleNamespace(image=image, label=torch.from_numpy(label)))


@pytest.fixture(scope="module")
def forest():
    return train_forest(Scenes(4), images=3, pixels_per_class=30, trees=15)


def column(x, name):
    return x[..., FEATURE_NAMES.index(name)]


def test_features_are_what_their_names_say():
    # A vertical step from black to white between columns 15 and 16 of 32
    image = np.zeros((3, 24, 32))
    image[:, :, 16:] = 1
    x = features(image)
    assert x.shape == (24, 32, len(FEATURE_NAMES))
    assert x.dtype == np.float32
    lightness = column(x, "mean of lightness, scale 0")
    np.testing.assert_allclose(lightness[:, :12], 0, atol=1e-4)
    np.testing.assert_allclose(lightness[:, 20:], 1, atol=1e-4)
    assert set(column(x, "edge of lightness, scale 0").argmax(axis=1)) <= {15, 16}
    # a grey image has no colour: a* and b* are 0
    np.testing.assert_allclose(column(x, "mean of green-red, scale 3"), 0, atol=1e-3)
    # the coarsest scale spreads the step further than the finest
    assert (column(x, "mean of lightness, scale 6")[:, 8] > 0.05).all()
    np.testing.assert_allclose(column(x, "row")[:, 0], np.linspace(0, 1, 24), rtol=1e-6)
    np.testing.assert_allclose(column(x, "column")[0], np.linspace(0, 1, 32), rtol=1e-6)


def test_features_of_one_scene_agree_at_two_sizes():
    def scene(h, w):
        y, x = np.mgrid[:h, :w]
        y, x = (y + 0.5) / h, (x + 0.5) / w
        return np.stack([0.5 + 0.4 * np.sin(5 * x + k) * np.cos(4 * y) for k in range(3)])

    small, large = features(scene(60, 80)), features(scene(120, 160))
    large = large.reshape(60, 2, 80, 2, -1).mean(axis=(1, 3))
    middle = slice(15, 45), slice(20, 60)  # away from the frame, where both reflect it
    for name in FEATURE_NAMES:
        a, b = column(small, name)[middle], column(large, name)[middle]
        assert np.abs(a - b).max() <= 0.1 * np.abs(a).max() + 0.02, name


@pytest.mark.parametrize("size", [(2, 2), (2, 7), (13, 5)])
def test_features_of_any_size_are_finite(size):
    x = features(np.random.default_rng(0).random((3, *size)))
    assert x.shape == (*size, len(FEATURE_NAMES))
    assert np.isfinite(x).all()


def test_forest_learns_to_name_the_classes(forest):
    for sample in Scenes(3, seed=1):
        p = forest.predict_proba(sample.image)
        assert p.shape == (4, 24, 32)
        assert p.dtype == torch.float32
        torch.testing.assert_close(p.sum(dim=0), torch.ones(24, 32))
        valid = sample.label != VOID
        assert (p.argmax(dim=0) == sample.label)[valid].float().mean() > 0.95


def test_class_that_was_not_seen_has_probability_zero(forest):
    p = forest.predict_proba(Scenes(1)[0].image)
    assert (p[3] == 0).all()
    assert (p[:3].amax(dim=(1, 2)) > 0.5).all()


def test_forest_predicts_at_another_size(forest):
    sample = Scenes(1, seed=2)[0]
    image = sample.image.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    label = sample.label.repeat_interleave(2, dim=0).repeat_interleave(2, dim=1)
    p = forest.predict_proba(image)
    assert (p.argmax(dim=0) == label)[label != VOID].float().mean() > 0.9


def test_same_seed_same_forest():
    image = Scenes(1, seed=3)[0].image
    first, again, other = (
        train_forest(Scenes(2), pixels_per_class=10, trees=5, seed=seed).predict_proba(image) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_rare_classes_count_as_much_as_common_ones():
    # One colour everywhere, so that only class weights decide: 10 pixels of each class an image, class 1 in one image
    # of three. Balanced, both get half of the votes; counted plainly, class 1 would get a quarter.
    image = torch.full((3, 12, 12), 0.5)
    common = torch.zeros(12, 12, dtype=torch.int64)
    both = common.clone()
    both[torch.rand(12, 12, generator=torch.Generator().manual_seed(0)) < 0.5] = 1
    data = Scenes(0)
    data += [SimpleNamespace(image=image, label=t) for t in (common, both, common)]
    p = train_forest(data, pixels_per_class=10, trees=200).predict_proba(image)
    assert 0.35 < p[1].mean() < 0.65


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 6, 3)), r"\(3, H, W\).*got shape \(4, 6, 3\)"),
        (np.zeros((3, 1, 6)), "H and W >= 2"),
        (np.full((3, 4, 6), 2.0), r"2\.0\.\.2\.0"),
        (np.full((3, 4, 6), np.nan), "nan"),
        (np.zeros((4, 6)), r"got shape \(4, 6\)"),
        (np.zeros((3, 0, 6)), r"got shape \(3, 0, 6\)"),
    ],
)
def test_bad_images_are_named(image, message):
    with pytest.raises(ValueError, match=message):
        features(image)


def test_nothing_to_learn_from():
    data = Scenes(2)
    for sample in data:
        sample.label[:] = VOID
    with pytest.raises(ValueError, match="no labelled pixel in 2 images"):
        train_forest(data)
    with pytest.raises(ValueError, match="trees=0: give at least 1"):
        train_forest(Scenes(1), trees=0)
