"""Scores of label maps: G, C, mIoU from one confusion matrix, and boundary F1 under four named conventions."""

from typing import TYPE_CHECKING

from segnet_lab.metrics.boundary import (
    BoundaryMatches,
    BoundaryScores,
    boundary_f1,
    boundary_map,
    boundary_matches,
    boundary_scores,
)
from segnet_lab.metrics.confusion import confusion_matrix, scores_from_confusion
from segnet_lab.metrics.conventions import CONVENTIONS, Convention
from segnet_lab.metrics.matching import tolerance_pixels

if TYPE_CHECKING:
    from segnet_lab.metrics.scores import SegmentationScores

__all__ = [
    "CONVENTIONS",
    "BoundaryMatches",
    "BoundaryScores",
    "Convention",
    "SegmentationScores",
    "boundary_f1",
    "boundary_map",
    "boundary_matches",
    "boundary_scores",
    "confusion_matrix",
    "scores_from_confusion",
    "tolerance_pixels",
]


def __getattr__(name: str) -> type:
    if name == "SegmentationScores":  # torchmetrics takes more than a second to import: only those who use it wait
        from segnet_lab.metrics.scores import SegmentationScores

        return SegmentationScores
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
