"""The batch-norm statistics that have to be gathered before a network is evaluated (Section 3.3)."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from segnet_lab._support.devices import autocast, compute_dtype, device_of
from segnet_lab._support.enough_memory import enough_memory
from segnet_lab._support.modes import evaluating
from segnet_lab.training.batches import batches
from segnet_lab.training.samples import Samples


def refresh_batch_norm(model: nn.Module, data: Samples, *, batch_size: int, precision: str = "auto") -> None:
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
    precision : str
        The recipe's.

    Notes
    -----
    A batch norm in evaluation mode within a network in training mode is frozen, and keeps its statistics.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and (m.training or not model.training)]
    if not norms:
        return
    momenta, device, seen = [norm.momentum for norm in norms], device_of(model), 0
    with evaluating(model), torch.no_grad(), autocast(device, compute_dtype(device, precision)):
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
        try:
            for images, _ in batches(data, batch_size, device):
                seen += len(images)
                for norm in norms:
                    norm.momentum = len(images) / seen  # a plain average over images
                with enough_memory(
                    "for the batch statistics of", images.shape, device, "train with a smaller batch_size"
                ):
                    model(images)
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
