"""All scores of the paper gathered over a data set, batch by batch."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torchmetrics import Metric

from segnet_lab._support.errors import InvalidInput
from segnet_lab.metrics.boundary import boundary_scores
from segnet_lab.metrics.checked import as_array
from segnet_lab.metrics.confusion import confusion_matrix, scores_from_confusion
from segnet_lab.metrics.conventions import TOLERANCE, Convention, find_convention

UNIT = 2**40  # BF of 1


class SegmentationScores(Metric):
    """G, C, mIoU and BF of a data set, as a torchmetrics `Metric`.

    Its states are sums of whole numbers (the confusion matrix, BF in units of 2^-40), so batches and processes add up
    to the same scores in any order, and accelerators without float64 can hold them.

    Parameters
    ----------
    num_classes : int
        K, the classes being 0 .. K - 1.
    ignore_index : int, optional
        The label of void.
    boundary : bool
        Whether to measure BF: 4 ms an image of 360x480 on top of 0.5 ms.
    convention : {"paper", "authors_script", "csurka", "matlab"} or Convention
        The rules of BF, see `boundary_f1`.
    tolerance : float
        Of BF: below 1 a fraction of the image diagonal, from 1 on pixels.
    absent : {"nan", "zero"}
        What a class that never occurs does to C and mIoU, see `scores_from_confusion`.
    **kwargs
        Of every torchmetrics `Metric`: sync_on_compute, dist_sync_on_step, process_group, ...

    Raises
    ------
    ValueError
        If the convention or `absent` is unknown; from `update` if maps do not fit, see `confusion_matrix`.

    Examples
    --------
    >>> scores = SegmentationScores(num_classes=2, ignore_index=255)
    >>> scores.update(torch.tensor([[0, 0, 1, 1]]), torch.tensor([[0, 1, 1, 255]]))
    >>> scores.compute()  # 2 of 3 pixels; classes 1 and 1/2; IoU 1/2 both; the edge is 1 pixel off, tolerance 0.03
    {'G': 0.6666666666666666, 'C': 0.75, 'mIoU': 0.5, 'BF': 0.0}
    """

    full_state_update = False
    higher_is_better = True
    is_differentiable = False

    confusion: Tensor  # (K, K), row = truth
    bf: Tensor  # (1 + K,) sums over images: mean over the classes of the image, then F1 of each class
    bf_images: Tensor  # (1 + K,) how many images have any class that counts, then each class

    def __init__(
        self,
        num_classes: int,
        ignore_index: int | None = None,
        boundary: bool = True,
        convention: str | Convention = "paper",
        tolerance: float = TOLERANCE,
        absent: str = "nan",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.boundary = boundary
        self.convention = find_convention(convention)
        self.tolerance = tolerance
        self.absent = absent
        for name, shape in (
            ("confusion", (num_classes, num_classes)),
            ("bf", 1 + num_classes),
            ("bf_images", 1 + num_classes),
        ):
            self.add_state(name, torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")
        scores_from_confusion(self.confusion, absent)  # an unknown rule is told now, not after an epoch

    def update(self, pred: Tensor | ArrayLike, target: Tensor | ArrayLike) -> None:
        """Count a batch.

        Parameters
        ----------
        pred : Tensor on any device or array
            Label maps (H, W) or (B, H, W), or logits (B, K, H, W), whose greatest is taken.
        target : Tensor on any device or array, (H, W) or (B, H, W), integer
        """
        if not isinstance(pred, Tensor):
            pred = np.asarray(pred)
        if pred.ndim == 4:
            if pred.shape[1] != self.num_classes:
                raise InvalidInput(f"pred has logits of {pred.shape[1]} classes, but num_classes is {self.num_classes}")
            pred = pred.argmax(1)
        pred, target = as_array(pred, "pred"), as_array(target, "target")  # to the CPU once
        self.confusion += confusion_matrix(pred, target, self.num_classes, self.ignore_index).to(self.confusion.device)
        if self.boundary:
            found = boundary_scores(
                *(pred, target, self.num_classes, self.tolerance),
                ignore_index=self.ignore_index,
                convention=self.convention,
            )
            f1 = torch.from_numpy(found.f1)
            f1 = torch.cat([f1.nanmean(1, keepdim=True), f1], dim=1)  # (B, 1 + K)
            self.bf += (f1.nan_to_num() * UNIT).round().long().sum(0).to(self.bf.device)
            self.bf_images += f1.isfinite().sum(0).to(self.bf.device)

    def add(self, other: "SegmentationScores") -> None:
        """Take over what another one has counted under the same rules: threads may count batches each by itself."""
        for name in self._defaults:
            getattr(self, name).add_(getattr(other, name).to(getattr(self, name).device))

    def compute(self) -> dict[str, float]:
        """The scores of all that was counted.

        Returns
        -------
        dict
            'G', 'C', 'mIoU', 'BF', fractions of 1. nan where nothing counts; BF also when it is not measured.
        """
        scores = scores_from_confusion(self.confusion, self.absent)
        return {"G": scores["G"], "C": scores["C"], "mIoU": scores["mIoU"], "BF": float(self._bf()[0])}

    def per_class(self) -> dict[str, Tensor]:
        """The scores of each class.

        Returns
        -------
        dict
            'accuracy', 'IoU', 'BF' : Tensor, float64, (K,). BF is the mean over the images in which the class counts.
            nan for a class that does not occur.
        """
        with self.sync_context():
            scores = scores_from_confusion(self.confusion, self.absent)
            return {"accuracy": scores["class_accuracy"], "IoU": scores["class_iou"], "BF": self._bf()[1:]}

    def _bf(self) -> Tensor:
        return self.bf.cpu().double() / UNIT / self.bf_images.cpu()
