"""The types of run.json are those of the runs that came with the kit."""

import json
from typing import get_type_hints

import pytest

from segnet_lab._support.folders import shipped
from segnet_lab.runs.records import DataRecord, RunRecord, ScoredOn, is_guest

RUNS = sorted(shipped("results").glob("*/*/run.json"))


def described(record: dict, kind: type) -> None:
    """Every entry has a name that the type knows, and nothing that it requires is missing."""
    assert kind.__required_keys__ <= record.keys() <= get_type_hints(kind).keys()


@pytest.mark.parametrize("file", RUNS, ids=lambda file: "/".join(file.parts[-3:-1]))
def test_shipped_runs_are_as_the_types_say(file):
    about = json.loads(file.read_text())
    about.pop("crf", None)  # beside the record of the training: what `tools/measure.py` did to its labels
    described(about, RunRecord)
    described(about["data"], DataRecord)
    assert not is_guest(about["model"])


def test_what_was_scored_is_as_the_type_says():
    noted = 0
    for file in shipped("results").glob("*/*/scores.json"):
        for entry in json.loads(file.read_text()).values():
            if isinstance(entry, dict) and "on" in entry:
                described(entry["on"], ScoredOn)
                noted += 1
    if not noted:
        pytest.skip("the shipped scores are of a version that noted this in run.json")


def test_a_guest_is_told_by_its_class():
    assert is_guest({"name": "UNet", "num_classes": 2, "class": "mine.UNet"})
    assert not is_guest({"name": "unet", "num_classes": 2})
