"""Cross-entropy as the paper's Caffe computes it, and the class weights that balance it (Section 3.2)."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.data.base import DataSet
from segnet_lab.data.class_counts import ClassCounts, count_classes
from segnet_lab.runs.recipe import BALANCINGS
from segnet_lab.training.checks import warn_of_labels

# The list in the authors' released solver files, CamVid classes 0..10. No formula tried gives it back;
# the formulas below differ from it most at SignSymbol (9.64 against 3.8).
PUBLISHED_CAMVID_WEIGHTS = (0.2595, 0.1826, 4.5640, 0.1417, 0.9051, 0.3826, 9.6446, 1.8418, 0.6823, 6.2478, 7.3614)


def cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100) -> Tensor:
    """Weighted cross-entropy, summed and divided by the number of pixels that are not void.

    torch's own weighted mean divides by the sum of the *weights* instead. On CamVid that makes gradients
    about twice as large, so the paper's learning rate would mean something else.

    Parameters
    ----------
    logits : Tensor, (B, K, H, W)
    target : Tensor, int64, (B, H, W)
        0..K-1, or `ignore_index` for void, which never counts.
    weight : Tensor, (K,), optional
        Class weights; None weighs all alike (natural frequency balancing).
    ignore_index : int

    Returns
    -------
    loss : Tensor, scalar, float32
        0 with zero gradient for a batch that is all void.

    Examples
    --------
    >>> logits = torch.zeros(1, 2, 1, 3)  # both classes equally likely: log 2 a pixel
    >>> target = torch.tensor([[[0, 1, 255]]])
    >>> cross_entropy(logits, target, torch.tensor([1.0, 3.0]), ignore_index=255)  # (1 + 3) log 2 / 2
    tensor(1.3863)
    """
    logits = logits.float()  # a sum over pixels needs more than bfloat16
    # torch's own sum over a map is in any order on CUDA, and refused under use_deterministic_algorithms(True)
    reduction = "none" if torch.are_deterministic_algorithms_enabled() else "sum"
    total = F.cross_entropy(logits, target, weight=weight, ignore_index=ignore_index, reduction=reduction).sum()
    return total / (target != ignore_index).sum().clamp(min=1)


def median_frequency_weights(data: DataSet | ClassCounts, whole_set: bool = False) -> Tensor:
    """Class weights by median frequency balancing: median(freq) / freq(c).

    Parameters
    ----------
    data : SegmentationDataset or ClassCounts
        The training set, or its counts.
    whole_set : bool
        False, as Eigen and Fergus define it ([12] of the paper): freq(c) is the share of c among the pixels of
        the images in which c is present. True: its share among all pixels.

    Returns
    -------
    weight : Tensor, (K,), float32
        A class that never occurs gets 0 and takes no part in the median.

    Examples
    --------
    >>> counts = ClassCounts(torch.tensor([60, 30, 10]), torch.tensor([100, 100, 50]))
    >>> median_frequency_weights(counts)  # frequencies 0.6 0.3 0.2
    tensor([0.5000, 1.0000, 1.5000])
    >>> median_frequency_weights(counts, whole_set=True)  # 0.6 0.3 0.1
    tensor([0.5000, 1.0000, 3.0000])
    """
    counts = data if isinstance(data, ClassCounts) else count_classes(data)
    frequency = counts.share if whole_set else counts.pixels / counts.pixels_where_present.double()
    occurs = counts.pixels > 0
    if not occurs.any():
        return torch.zeros(len(occurs))
    median = float(np.median(frequency[occurs].numpy()))  # torch's median of an even number takes the lower one
    return torch.where(occurs, median / frequency, 0.0).float()


def class_weights(
    balancing: str | tuple[float, ...], data: DataSet, counts: ClassCounts | None = None
) -> Tensor | None:
    """The weights that a recipe names, for a training set.

    Parameters
    ----------
    balancing : str or tuple of K float
        "median_frequency" (the paper's), "median_frequency_whole_set", "published" (the authors' list for
        CamVid's eleven classes) or "natural" (None: no weights); or a weight for each class.
    data : SegmentationDataset
    counts : ClassCounts, optional
        Of the data set, where they are known already.

    Raises
    ------
    ValueError
        Unknown name, the published list for other than eleven classes, or not one weight for each class.
    """
    if not isinstance(balancing, str):
        if len(balancing) != data.num_classes:
            raise InvalidInput(f"{len(balancing)} class weights for the {data.num_classes} classes of {data.name}")
        return torch.tensor(balancing, dtype=torch.float32)
    if balancing not in BALANCINGS:
        raise InvalidInput(unknown("balancing", balancing, BALANCINGS))
    if balancing == "natural":
        return None
    if balancing == "published":
        if data.num_classes != len(PUBLISHED_CAMVID_WEIGHTS):
            raise InvalidInput(
                f"the published weights are for CamVid's 11 classes, {data.name} has {data.num_classes}: "
                "use balancing='median_frequency'"
            )
        return torch.tensor(PUBLISHED_CAMVID_WEIGHTS)
    return median_frequency_weights(counts or data, whole_set=balancing.endswith("whole_set"))


def weights_of(balancing: str | tuple[float, ...], data: DataSet, device: torch.device) -> Tensor | None:
    """`class_weights` on a device, for a training; labels from which little can be learnt are said."""
    made_here = getattr(data, "made_here", False)  # may lack a class, but not by mistake
    if made_here and balancing == "natural":
        return None
    counts = count_classes(data)
    if not made_here:
        warn_of_labels(data, counts)
    weight = class_weights(balancing, data, counts)
    return None if weight is None else weight.to(device)
