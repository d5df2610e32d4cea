"""Optimizers and schedules are torch's, by the name that a recipe gives."""

from dataclasses import replace

import pytest
import torch

from segnet_lab.runs.directory import RunDirectory
from segnet_lab.training.optimizers import FUSED, OPTIMIZERS, make_optimizer
from tests.training.small import RECIPE, run


def test_a_schedule_steps_once_an_epoch(tmp_path):
    run(tmp_path, replace(RECIPE, schedule="StepLR(step_size=2, gamma=0.1)"))
    _, note = RunDirectory(tmp_path).load_state()
    assert note["schedule"]["lr"] == pytest.approx(0.05 * 0.1**2)
    with pytest.raises(ValueError, match=r"schedule='StepLR\(gamma=0.1\)': .*step_size"):
        run(tmp_path / "x", replace(RECIPE, schedule="StepLR(gamma=0.1)"))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_first_step_that_the_scaler_skips_leaves_no_trace(name):
    """torch 2.13's fused SGD would take memory that nobody has written for its momentum."""
    recipe = replace(RECIPE, optimizer=name)
    weights = [torch.nn.Parameter(torch.ones(50)) for _ in range(3)]
    optimizers = [
        make_optimizer([weight], recipe, scaled=scaled) for weight, scaled in zip(weights, (1, 1, 0), strict=True)
    ]
    assert [bool(o.defaults.get("fused")) for o in optimizers] == [name in FUSED, name in FUSED, False]
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    weights[0].grad = torch.full((50,), torch.inf)
    scaler.scale(torch.ones(()))
    scaler.step(optimizers[0])
    scaler.update()
    assert torch.equal(weights[0], torch.ones(50))
    for weight, optimizer in zip(weights, optimizers, strict=True):
        scaled = optimizer is not optimizers[2]
        for gradient in (0.5, -0.25, 1.0):
            weight.grad = torch.full((50,), gradient * (scaler.get_scale() if scaled else 1))
            if scaled:
                scaler.scale(torch.ones(()))
                scaler.step(optimizer)
                scaler.update()
            else:
                optimizer.step()
    assert torch.equal(weights[0], weights[1])
    torch.testing.assert_close(weights[1], weights[2])
