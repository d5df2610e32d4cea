"""Results: tables of runs beside the paper's, and the images that belong to a run."""

from segnet_lab.metrics.conventions import SCORES
from segnet_lab.results.run_data import OtherImages, beside_training, data_of, images_of
from segnet_lab.results.tables import (
    CLASS_SCORES,
    beside_paper,
    check_role,
    class_table,
    list_runs,
    scores_table,
)
from segnet_lab.runs.places import find_runs

__all__ = [
    "CLASS_SCORES",
    "SCORES",
    "OtherImages",
    "beside_paper",
    "beside_training",
    "check_role",
    "class_table",
    "data_of",
    "find_runs",
    "images_of",
    "list_runs",
    "scores_table",
]
