"""Scores of a network on a data set, and the batch-norm statistics that have to be gathered before."""

from collections.abc import Iterator
from itertools import groupby

import torch
from torch import Tensor, nn

from segnet_lab.data.base import as_dataset, collate
from segnet_lab.devices import autocast, compute_dtype, device_of
from segnet_lab.metrics import SegmentationScores
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.weights import unwrap
from segnet_lab.modes import evaluating
from segnet_lab.optimization import fast_form
from segnet_lab.provenance import check_classes, scored_on

SCORED = ("name", "split", "num_classes", "ignore_index")  # what a data set must say of itself to be scored


def evaluate(model: nn.Module, data, *, batch_size: int = 8, boundary: bool = True, precision: str = "auto") -> dict:
    """G, C, mIoU and BF of a network on a data set.

    Parameters
    ----------
    model : Module
        Images (B, 3, H, W) to logits (B, K, H, W), one of ours or any other; its mode is put back afterwards.
    data : SegmentationDataset or torch Subset of one
        Its classes must be the network's: by number, and by name where it is known what the network was trained on.
    batch_size : int
        At most so many images at a time; images of different sizes never share a batch.
    boundary : bool
        False leaves BF out.

    Returns
    -------
    scores : dict
        Fractions of 1: G, C, mIoU and BF as `metrics.SegmentationScores` gives them, and lists of K class_accuracy,
        class_IoU and class_BF; nan where nothing could be scored. "on" says what was scored, see
        `provenance.scored_on`.

    Raises
    ------
    ValueError
        Other classes, no images, or something that is no data set.
    """
    data, model = as_dataset(data, SCORED), unwrap(model)
    check_classes(model, data)
    if len(data) == 0:
        raise ValueError(f"{data.name} ({data.split}) holds no images, so there is nothing to score")
    device = device_of(model)
    scores = SegmentationScores(num_classes=data.num_classes, ignore_index=data.ignore_index, boundary=boundary)
    with fast_form(model, precision) as network:
        if not isinstance(model, EncoderDecoder):
            check_logits(network(data[0].image[None].to(device)), data)
        for images, labels in batches(data, batch_size, device, one_size=True):
            scores.update(network.labels(images).cpu(), labels.cpu())
    by_class = {f"class_{name}": values.tolist() for name, values in scores.per_class().items()}
    return scores.compute() | by_class | {"on": scored_on(data, scores.convention, scores.tolerance)}


def check_logits(logits: Tensor, data) -> None:
    """What a module of one's own gives must be a score for each class of each pixel."""
    if logits.ndim != 4 or logits.shape[1] != data.num_classes:
        raise ValueError(
            f"the model gives {tuple(logits.shape)} for one image, {data.name} has {data.num_classes} classes: "
            f"a network gives logits (B, {data.num_classes}, H, W)"
        )


def refresh_batch_norm(model: nn.Module, data, *, batch_size: int, precision: str = "auto") -> None:
    """Gather batch-norm statistics by one pass over the training set, in its own order, without dropout.

    The authors keep no running average: before every evaluation they average the statistics of the batches
    (Section 4.1, "we performed a complete run through the dataset"). Forgetting it is the commonest cause
    of a network that sees one class everywhere.

    Parameters
    ----------
    model : Module
        Its batch-norm statistics are replaced; weights and mode stay.
    data : SegmentationDataset
        The training set.
    batch_size : int
        The recipe's: statistics of larger batches differ from those the network was trained with.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    if not norms:
        return
    device, seen = device_of(model), 0
    with evaluating(model), torch.no_grad(), autocast(device, compute_dtype(device, precision)):
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
        try:
            for images, _ in batches(data, batch_size, device):
                seen += len(images)
                for norm in norms:
                    norm.momentum = len(images) / seen  # a plain average over images
                model(images)
        finally:
            for norm in norms:
                norm.momentum = 0.1  # torch's default; nothing of ours uses it


def batches(
    data, size: int, device: torch.device, order: Tensor | None = None, *, one_size: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (B, 3, H, W) and labels (B, H, W) on a device, in that order; the last batch may be short.

    Images of different sizes in one batch are an error; with `one_size`, a batch ends where the size changes.
    """
    indices = torch.arange(len(data)) if order is None else order
    for chosen in indices.split(size):
        samples = [data[int(i)] for i in chosen]
        groups = groupby(samples, lambda sample: sample.image.shape) if one_size else [(None, samples)]
        for _, group in groups:
            images, labels = collate(list(group))
            yield images.to(device, memory_format=torch.channels_last), labels.to(device)
