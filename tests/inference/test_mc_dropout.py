"""Monte-Carlo dropout: a network whose samples can be worked out by hand, and numpy and scipy as the second opinion."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

import segnet_lab
from segnet_lab import create_model, predict
from segnet_lab.inference.mc_dropout import predict_with_uncertainty, sample_labels, summarise

WITH_DROPOUT = ("segnet_basic", "fcn", "deeplab_large_fov", "deconvnet", "unet")


class Coin(nn.Module):
    """Softmax (3/4, 1/4) where dropout keeps a pixel, (1/4, 3/4) where it drops it."""

    num_classes = 2

    def __init__(self):
        super().__init__()
        self.one = nn.Parameter(torch.ones(()))
        self.dropout = nn.Dropout(0.5)

    def forward(self, image):
        kept = self.dropout(self.one.expand(len(image), 1, *image.shape[2:]))  # 0 or 2
        return torch.cat([kept / 2 * math.log(9), self.one.expand_as(kept) * math.log(3)], 1)  # 9 : 3 or 1 : 3


def bayesian(name="bayesian_segnet_basic", **options):
    return create_model(name, **{"num_classes": 5, "width": 0.1, "seed": 0, **options}).eval()


def image(height=21, width=30):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(5))


def test_by_hand():
    n = 6
    labels = sample_labels(Coin(), image(), samples=n, seed=3)
    kept = (labels == 0).sum(0) / n  # share of the samples in which dropout kept the pixel
    assert len(kept.unique()) == n + 1, "0 to 6 of 6 all occur in 630 pixels"
    u = predict_with_uncertainty(Coin(), image(), samples=n, seed=3)
    first = 1 / 4 + kept / 2  # between 1/4 and 3/4
    torch.testing.assert_close(u.probabilities, torch.stack([first, 1 - first]))
    # p is 1/2 apart between kept and dropped, so its variance is 1/4 of a coin's; the same for both classes
    torch.testing.assert_close(u.variance, kept * (1 - kept) / 4)
    of_the_mean = -(first * first.log() + (1 - first) * (1 - first).log())
    of_each = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))  # 0.562 nats, kept or not
    torch.testing.assert_close(u.entropy, of_the_mean)
    torch.testing.assert_close(u.mutual_information, of_the_mean - of_each, rtol=1e-5, atol=1e-6)
    undecided = kept == 0.5
    assert torch.equal(u.label[~undecided], (kept < 0.5).long()[~undecided])


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_statistics_as_numpy_and_scipy_have_them(samples):
    model = bayesian()
    passes = []
    model.register_forward_hook(lambda module, inputs, logits: passes.append(logits[0].clone()))
    u = predict_with_uncertainty(model, image(), samples, precision="float32")
    p = torch.stack(passes).double().softmax(1).numpy()  # (N, K, H, W)
    assert len(p) == samples
    np.testing.assert_allclose(u.probabilities, p.mean(0), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(u.variance, p.var(axis=0).mean(0), rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(u.entropy, scipy.stats.entropy(p.mean(0), axis=0), rtol=1e-6, atol=1e-9)
    expected = scipy.stats.entropy(p, axis=1).mean(0)
    np.testing.assert_allclose(u.entropy - u.mutual_information, expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(u.label, torch.from_numpy(p.mean(0).argmax(0)))


def test_ranges():
    k, n = 5, 3
    u = predict_with_uncertainty(bayesian(), image(), n)
    assert (u.variance >= 0).all()
    assert (u.variance <= (1 - 1 / k) / k).all()
    assert (u.mutual_information >= 0).all()
    assert (u.mutual_information <= u.entropy).all()
    assert (u.mutual_information <= math.log(n)).all()
    assert (u.entropy <= math.log(k) + 1e-6).all()
    assert u.mutual_information.max() > 1e-4, "the samples do differ"
    torch.testing.assert_close(u.probabilities.sum(0), torch.ones(21, 30))


def test_one_sample_disagrees_with_nobody():
    u = predict_with_uncertainty(bayesian(), image(), samples=1)
    assert u.variance.count_nonzero() == u.mutual_information.count_nonzero() == 0
    assert u.entropy.max() > 0


def test_seed_makes_the_samples():
    model = bayesian()
    first, again, other = (sample_labels(model, image(), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(sample_labels(model, image(), samples=2, seed=1), first[:2]), "more samples go on from fewer"
    a, b = (predict_with_uncertainty(model, image(), seed=1) for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_leaves_model_and_generator_as_they_were():
    model = bayesian().train()
    model.stages[0].eval()  # part of it frozen
    modes = {name: m.training for name, m in model.named_modules()}
    tensors = {name: t.clone() for name, t in model.state_dict().items()}
    generator = torch.random.get_rng_state()
    predict_with_uncertainty(model, image(), 2)
    assert {name: m.training for name, m in model.named_modules()} == modes
    assert all(torch.equal(t, tensors[name]) for name, t in model.state_dict().items()), "statistics are fixed"
    assert torch.equal(torch.random.get_rng_state(), generator)


def test_leaves_the_mode_when_it_fails():
    model = bayesian()
    model.classifier.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        predict_with_uncertainty(model, image())
    assert not any(m.training for m in model.modules())


@pytest.mark.parametrize("name", WITH_DROPOUT)
def test_any_network_made_with_dropout(name):
    labels = sample_labels(bayesian(name, dropout=0.5), image(40, 50), samples=4)
    assert (labels != labels[0]).any(), "dropout is on"


def test_next_to_no_dropout_gives_predict_again():
    model = bayesian(dropout=1e-9)
    labels = sample_labels(model, image(), samples=2, precision="float32")
    # predict folds batch normalisation into the weights: sums in another order may move a tie of pooling
    assert (labels == predict(model, image(), precision="float32")).float().mean() > 0.99


@pytest.mark.parametrize(
    ("name", "samples"), [("bayesian_segnet_basic", 8), ("bayesian_segnet", 4), ("unet", 4), ("fcn_basic", 8)]
)
def test_as_many_samples_as_the_authors_take(name, samples):
    assert len(sample_labels(bayesian(name, dropout=0.5), image(8, 8))) == samples


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (33, 2)])
def test_any_size(size):
    u = predict_with_uncertainty(bayesian(), image(*size), 2)
    assert u.probabilities.shape == (5, *size)
    assert u.label.shape == u.variance.shape == u.entropy.shape == u.mutual_information.shape == size


def test_refuses_a_network_without_dropout():
    message = (
        "no dropout is on in segnet, so all samples would be equal: take bayesian_segnet_basic or bayesian_segnet, "
        "or create the network with dropout=0.5"
    )
    with pytest.raises(ValueError, match=message):
        predict_with_uncertainty(bayesian("segnet", dropout=0.0), image())
    with pytest.raises(ValueError, match="no dropout is on in Conv2d"):
        sample_labels(nn.Conv2d(3, 2, 1), image())


def test_refuses_no_sample():
    with pytest.raises(ValueError, match="samples=0: give at least 1"):
        predict_with_uncertainty(bayesian(), image(), 0)
    with pytest.raises(ValueError, match="no sample to summarise"):
        summarise([])


def test_is_what_the_package_offers():
    assert segnet_lab.predict_with_uncertainty is predict_with_uncertainty
