"""Scores of a network on a data set."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.data import Subset

from segnet_lab._support.ahead import ahead
from segnet_lab._support.devices import device_of, queues
from segnet_lab._support.enough_memory import enough_memory
from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.base import DataSet, Sample, as_dataset
from segnet_lab.inference.fast import fast_form
from segnet_lab.inference.labeller import Labeller
from segnet_lab.metrics import SegmentationScores
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.guests import check_logits
from segnet_lab.models.wrapped import unwrap
from segnet_lab.runs.provenance import check_classes, scored_on
from segnet_lab.runs.records import Scores
from segnet_lab.training.batches import read_batches, to_device

TOO_LARGE = "take a smaller batch_size, smaller images, or evaluate optimize(model, low_memory=True)"
SCORED = ("name", "split", "num_classes", "ignore_index")  # what a data set must say of itself to be scored


def evaluate(
    model: nn.Module,
    data: DataSet | Subset[Sample],
    *,
    batch_size: int = 8,
    boundary: bool = True,
    precision: str = "auto",
) -> Scores:
    """G, C, mIoU and BF of a network on a data set.

    Parameters
    ----------
    model : Module
        Images (B, 3, H, W) to logits (B, K, H, W), one of ours or any other; its mode is put back afterwards.
    data : SegmentationDataset or torch Subset of one
        Its classes must be the network's: by number, and by name where it is known what the network was trained on.
    batch_size : int
        How many images at a time, at most; images of different sizes never share a batch.
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
    NotPossible
        The device's memory is too small for a batch: says what needs less.

    Notes
    -----
    While an accelerator labels a batch, the CPU's cores score those before. They count pixels, too: that takes a tenth
    of the time of BF, for which the label maps have to come down anyway.
    """
    data, model = as_dataset(data, SCORED), unwrap(model)
    check_classes(model, data)
    if len(data) == 0:
        raise InvalidInput(f"{data.name} ({data.split}) holds no images, so there is nothing to score")
    device = device_of(model)
    count = partial(_count, data.num_classes, data.ignore_index, boundary)
    with fast_form(model, precision) as network:
        if not isinstance(model, EncoderDecoder):
            image = data[0].image[None].to(device)
            with enough_memory("to label", image.shape, device, TOO_LARGE):
                check_logits(network(image), image, data.num_classes, model)
        labelled = _labelled(network, data, batch_size, device)
        counts = ahead(count, labelled, torch.get_num_threads()) if queues(device) else map(count, labelled)
        scores = next(counts)
        for more in counts:
            scores.add(more)
    by_class = {f"class_{name}": values.tolist() for name, values in scores.per_class().items()}
    return scores.compute() | by_class | {"on": scored_on(data, scores.convention, scores.tolerance)}


def _labelled(
    network: Labeller, data: DataSet, batch_size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Label maps (B, H, W), found and true, batch by batch."""
    for images, labels in read_batches(data, batch_size, device, one_size=True):
        with enough_memory("to label", images.shape, device, TOO_LARGE):
            found = network.labels(to_device(images, device))
        yield found, labels


def _count(num_classes: int, ignore_index: int, boundary: bool, maps: tuple[Tensor, Tensor]) -> SegmentationScores:
    scores = SegmentationScores(num_classes=num_classes, ignore_index=ignore_index, boundary=boundary)
    scores.update(*maps)
    return scores
