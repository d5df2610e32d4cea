"""Optimizers and schedules are torch's, by the name that a recipe gives."""

from dataclasses import replace

import pytest

from segnet_lab.runs.directory import RunDirectory
from tests.training.small import RECIPE, run


def test_a_schedule_steps_once_an_epoch(tmp_path):
    run(tmp_path, replace(RECIPE, schedule="StepLR(step_size=2, gamma=0.1)"))
    _, note = RunDirectory(tmp_path).load_state()
    assert note["schedule"]["lr"] == pytest.approx(0.05 * 0.1**2)
    with pytest.raises(ValueError, match=r"schedule='StepLR\(gamma=0.1\)': .*step_size"):
        run(tmp_path / "x", replace(RECIPE, schedule="StepLR(gamma=0.1)"))
    assert not (tmp_path / "x").exists()
