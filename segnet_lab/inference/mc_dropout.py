"""What a network does not know: Monte-Carlo dropout, as in Bayesian SegNet (Section 5, references [68] and [69]).

Dropout stays on at test time, so that every forward pass is one network drawn from many. Where their answers differ,
the networks do not know; where each of them is as unsure as the others, the image does not say.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from segnet_lab._support.devices import autocast, compute_dtype, device_of
from segnet_lab._support.errors import InvalidInput
from segnet_lab._support.modes import evaluating
from segnet_lab.data.images import ImageSource, read_image
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.guests import check_logits, network_name
from segnet_lab.models.imagenet import has_vgg16_encoder
from segnet_lab.models.variants import NETWORKS
from segnet_lab.models.wrapped import unwrap

SAMPLES_BASIC, SAMPLES_VGG16 = 8, 4  # as in the authors' files; reference [69] takes about 40


class Uncertainty(NamedTuple):
    """What `predict_with_uncertainty` gives, on the CPU. K classes, entropies in nats."""

    label: Tensor  # (H, W) int64, the largest mean probability
    probabilities: Tensor  # (K, H, W) float32, 0..1, mean over the samples
    variance: Tensor  # (H, W) float32, 0..(1 - 1/K)/K, over the samples, averaged over the classes
    entropy: Tensor  # (H, W) float32, 0..ln K, of the mean probabilities: all uncertainty
    mutual_information: Tensor  # (H, W) float32, 0..entropy: the part on which the samples disagree


def predict_with_uncertainty(
    model: nn.Module, image: ImageSource, samples: int | None = None, seed: int = 0, *, precision: str = "auto"
) -> Uncertainty:
    """Label an image by the mean of many forward passes with dropout, and say where they disagree.

    Parameters
    ----------
    model : Module
        A network with dropout: `bayesian_segnet_basic`, `bayesian_segnet`, one made with `dropout=0.5`, or any module
        of yours that holds an `nn.Dropout`. Its mode is put back afterwards.
    image : path, PIL image, array or Tensor
        As `predict` takes it; any H, W >= 1.
    samples : int, optional
        Forward passes, at least 1. The default is the authors': 4 for networks with a VGG16 encoder, 8 for the others.
    seed : int
        Of the dropout. The same seed gives the same samples; torch's generator is left as it was.
    precision : str
        "auto", "float32", "bfloat16" or "float16", see `devices.compute_dtype`.

    Returns
    -------
    Uncertainty
        label, probabilities, variance, entropy, mutual_information. With p_s the softmax of sample s, p its mean over
        the N samples and H(p) = -sum_k p_k ln p_k:

            variance           = mean over k of sum_s (p_sk - p_k)^2 / N
            entropy            = H(p)
            mutual_information = H(p) - sum_s H(p_s) / N

        so entropy = expected entropy of a sample + mutual information. Variance and mutual information are 0 for one
        sample, and mutual information is at most ln N.

    Raises
    ------
    ValueError
        No network, or one without dropout that is on; `samples` below 1.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> model = create_model("bayesian_segnet_basic", width=0.25, seed=0)
    >>> u = predict_with_uncertainty(model, torch.rand(3, 24, 32))
    >>> u.label.shape, u.probabilities.shape, bool((u.mutual_information <= u.entropy).all())
    (torch.Size([24, 32]), torch.Size([11, 24, 32]), True)
    >>> predict_with_uncertainty(create_model("segnet_basic"), torch.rand(3, 24, 32))
    Traceback (most recent call last):
    ...
    segnet_lab...InvalidInput: no dropout is on in segnet_basic, so all samples would be equal: take
    bayesian_segnet_basic or ...
    """
    return summarise(draw_samples(model, image, samples, seed, precision=precision))


def summarise(samples: Iterable[Tensor]) -> Uncertainty:
    """The mean of samples and where they disagree; see `predict_with_uncertainty` for the formulas.

    Parameters
    ----------
    samples : iterable of Tensor, (K, H, W) float64
        Softmax of each, at least one; from `draw_samples`.

    Raises
    ------
    ValueError
        No sample.

    Examples
    --------
    >>> u = summarise([torch.tensor([[[1.0]], [[0.0]]]), torch.tensor([[[0.0]], [[1.0]]])])
    >>> u.variance.item(), round(u.entropy.item(), 4) == round(u.mutual_information.item(), 4) == 0.6931
    (0.25, True)
    """
    n, mean, squares, expected_entropy = 0, *torch.zeros(3)
    for n, p in enumerate(samples, 1):
        step = p - mean
        mean = mean + step / n
        squares = squares + step * (p - mean)  # Welford: never below 0, and 0 after the first
        expected_entropy = expected_entropy + (_entropy(p) - expected_entropy) / n
    if not n:
        raise InvalidInput("there is no sample to summarise: give at least one softmax (K, H, W)")
    entropy = _entropy(mean)
    return Uncertainty(
        label=mean.argmax(0),
        probabilities=mean.float(),
        variance=(squares / n).mean(0).float(),
        entropy=entropy.float(),
        mutual_information=(entropy - expected_entropy).clamp(min=0).float(),  # rounding may fall 1e-16 below
    )


def sample_labels(
    model: nn.Module, image: ImageSource, samples: int | None = None, seed: int = 0, *, precision: str = "auto"
) -> Tensor:
    """The label map of each sample, (N, H, W) int64: the same samples that `predict_with_uncertainty` averages.

    >>> from segnet_lab import create_model
    >>> sample_labels(create_model("bayesian_segnet_basic", width=0.25), torch.rand(3, 24, 32), samples=3).shape
    torch.Size([3, 24, 32])
    """
    return torch.stack([p.argmax(0) for p in draw_samples(model, image, samples, seed, precision=precision)])


def draw_samples(
    model: nn.Module, image: ImageSource, samples: int | None = None, seed: int = 0, *, precision: str = "auto"
) -> Iterator[Tensor]:
    """Softmax of one pass with dropout after another, (K, H, W) float64 on the CPU; see `predict_with_uncertainty`."""
    model = unwrap(model)
    samples = _default_samples(model) if samples is None else samples
    if samples < 1:
        raise InvalidInput(f"samples={samples}: give at least 1")
    device = device_of(model)
    batch = read_image(image)[None].to(device, memory_format=torch.channels_last)
    with _dropout_on(model), torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(samples):
            with torch.inference_mode(), autocast(device, compute_dtype(device, precision)):
                logits = model(batch)
            check_logits(logits, batch, None, model)
            yield logits[0].cpu().double().softmax(0)


@contextmanager
def _dropout_on(model: nn.Module) -> Iterator[None]:
    """Dropout as in training, all else (the statistics of batch normalisation) as in evaluation."""
    dropouts = [m for m in model.modules() if isinstance(m, nn.Dropout | nn.Dropout2d) and m.p > 0]
    if not dropouts:
        bayesian = [known for known, row in NETWORKS.items() if row.dropout > 0]
        raise InvalidInput(
            f"no dropout is on in {network_name(model)}, so all samples would be equal: take {' or '.join(bayesian)}, "
            f"or create the network with dropout=0.5"
        )
    with evaluating(model):
        for dropout in dropouts:
            dropout.train()
        yield


def _default_samples(model: nn.Module) -> int:
    vgg16 = isinstance(model, EncoderDecoder) and has_vgg16_encoder(NETWORKS[model.config.name])
    return SAMPLES_VGG16 if vgg16 else SAMPLES_BASIC


def _entropy(p: Tensor) -> Tensor:
    """-sum p ln p over the classes, in nats; 0 ln 0 = 0.

    >>> _entropy(torch.tensor([0.5, 0.5, 0.0]))  # ln 2
    tensor(0.6931)
    """
    return -torch.xlogy(p, p).sum(0)
