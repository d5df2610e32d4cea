"""Scores of a network on a data set, and the batch-norm statistics that have to be gathered before."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from segnet_lab.data.base import collate
from segnet_lab.devices import autocast, compute_dtype
from segnet_lab.metrics import SegmentationScores
from segnet_lab.optimization import fast_form


def evaluate(model: nn.Module, data, *, batch_size: int = 8, boundary: bool = True, precision: str = "auto") -> dict:
    """G, C, mIoU and BF of a network on a data set.

    Parameters
    ----------
    model : Module
        Images (B, 3, H, W) to logits; its mode is put back afterwards.
    data : SegmentationDataset
        Images of one size.
    boundary : bool
        False leaves BF out.

    Returns
    -------
    scores : dict
        Fractions of 1: G, C, mIoU and BF as `metrics.SegmentationScores` gives them, and lists of K class_accuracy,
        class_IoU and class_BF; nan where nothing could be scored.
    """
    if data.num_classes != model.num_classes:
        raise ValueError(
            f"the model has {model.num_classes} classes, {data.name} has {data.num_classes}: "
            "create the model with num_classes=data.num_classes"
        )
    device = next(model.parameters()).device
    scores = SegmentationScores(num_classes=data.num_classes, ignore_index=data.ignore_index, boundary=boundary)
    with fast_form(model, precision) as network:
        for images, labels in batches(data, batch_size, device):
            scores.update(network.labels(images).cpu(), labels.cpu())
    return scores.compute() | {f"class_{name}": values.tolist() for name, values in scores.per_class().items()}


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
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
    seen = 0
    try:
        with torch.no_grad(), autocast(device, compute_dtype(device, precision)):
            for images, _ in batches(data, batch_size, device):
                seen += len(images)
                for norm in norms:
                    norm.momentum = len(images) / seen  # a plain average over images
                model(images)
    finally:
        for norm in norms:
            norm.momentum = 0.1  # torch's default; nothing of ours uses it
        model.train(was_training)


def batches(data, size: int, device: torch.device, order: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (B, 3, H, W) and labels (B, H, W) on a device, in that order; the last batch may be short."""
    indices = torch.arange(len(data)) if order is None else order
    for chosen in indices.split(size):
        images, labels = collate([data[int(i)] for i in chosen])
        yield images.to(device, memory_format=torch.channels_last), labels.to(device)
