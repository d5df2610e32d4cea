"""What a training carries from epoch to epoch, in memory and on disk: an interrupted run resumes from it."""

import math
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from segnet_lab._support.devices import compute_dtype, device_of
from segnet_lab.metrics.conventions import SCORES
from segnet_lab.models.from_runs import load_selected, load_weights
from segnet_lab.runs.directory import RunDirectory, Selected
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.optimizers import make_optimizer, make_scheduler, step_scheduler

STATES = ("momentum_buffer", "exp_avg", "exp_avg_sq", "square_avg", "step")  # what an optimizer keeps per weight
SAVED_AS = {"momentum_buffer": "momentum"}  # its name in checkpoints


class TrainingState:
    """Weights, momentum, learning rate, gradient scale, log, and the best epoch so far.

    Parameters
    ----------
    network : Module
        On the device of the training.
    recipe : Recipe
    run : RunDirectory
        An interrupted run resumes after its last whole epoch; a finished one has its log, and no epoch to go.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, run: RunDirectory) -> None:
        self.network, self.recipe, self.run = network, recipe, run
        self.learnt = {name: p for name, p in network.named_parameters() if p.requires_grad}
        device = device_of(network)
        self.dtype = compute_dtype(device, recipe.precision)
        scaled = self.dtype == torch.float16  # small gradients are 0 there, unless the loss is multiplied first
        self.scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        self.optimizer = make_optimizer(self.learnt.values(), recipe, scaled)
        self.scheduler = make_scheduler(self.optimizer, recipe)
        self.epoch = 0
        self.log: list[dict[str, float]] = []  # one row per epoch
        self.best: Selected | None = None
        self.finished = run.finished_after(recipe.epochs)
        if self.finished:
            self.epoch, self.log = recipe.epochs, run.read_log()
        elif (saved := run.load_state()) is not None:
            self._restore(*saved)

    @property
    def out_of_patience(self) -> bool:
        """Whether G has not risen for as many evaluations as the recipe is patient."""
        if not self.recipe.patience or self.best is None:
            return False
        since = [row for row in self.log if "G" in row and row["epoch"] > self.best["epoch"]]
        return len(since) >= self.recipe.patience

    def keep_if_best(self, epoch: int, g: float) -> None:
        """Save the weights if G is the highest yet; after nothing but nan, the last epoch is kept."""
        if self.best is None or g > self.best["G"] or math.isnan(self.best["G"]):
            self.best = {"epoch": epoch, "G": g}
            self.run.set_epochs(self.recipe.epochs)
            self.run.save_best(self.network, self.best)

    def end_epoch(self, row: dict[str, float]) -> None:
        """Let the schedule step, and save everything; `row` goes to the log."""
        step_scheduler(self.scheduler, row["loss"])
        self.epoch += 1
        self.log.append(row)
        self.run.set_epochs(self.recipe.epochs)
        self.run.save_state(self._tensors(), self._note())
        self.run.save_log(self.history())

    def go_back(self) -> None:
        """Put the weights after the last whole epoch into the network; before the first is done, there are none."""
        if (saved := self.run.load_state()) is not None:
            self._restore_weights(saved[0])

    def select(self) -> int:
        """Put the weights of the selected epoch into the network, and give its number."""
        return load_selected(self.network, self.run)

    def history(self) -> pd.DataFrame:
        """The log as a table."""
        history = pd.DataFrame(self.log).reindex(columns=["epoch", "iteration", "loss", "seconds", *SCORES])
        return history.astype(dict.fromkeys(SCORES, float))

    # ------------------------------------------------------------------ on disk

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"model.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for name, parameter in self.learnt.items():
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"{SAVED_AS.get(key, key)}.{name}"] = value
        return tensors

    def _note(self) -> dict[str, object]:
        note: dict[str, object] = {"epoch": self.epoch, "log": self.log, "best": self.best}
        if self.scheduler is not None:
            note["schedule"] = {**self.scheduler.state_dict(), "lr": self.optimizer.param_groups[0]["lr"]}
        if self.scaler.is_enabled():
            note["scaler"] = self.scaler.state_dict()
        return note

    def _restore_weights(self, tensors: dict[str, Tensor]) -> None:
        weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
        load_weights(self.network, weights, self.run.last)

    def _restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        self._restore_weights(tensors)
        for name, parameter in self.learnt.items():
            for key in STATES:
                saved = tensors.get(f"{SAVED_AS.get(key, key)}.{name}")
                if saved is not None:
                    self.optimizer.state[parameter][key] = _like(parameter, saved, self.optimizer.defaults.get("fused"))
        if self.scheduler is not None:
            schedule, fresh = dict(note["schedule"]), self.scheduler.state_dict()
            self.optimizer.param_groups[0]["lr"] = schedule.pop("lr")  # below: infinities come back from JSON as None
            self.scheduler.load_state_dict({k: fresh.get(k) if v is None else v for k, v in schedule.items()})
        if self.scaler.is_enabled() and "scaler" in note:  # not in that of a run which was begun in another precision
            self.scaler.load_state_dict(note["scaler"])
        self.epoch, self.log, self.best = note["epoch"], note["log"], self.run.selected() or note["best"]
        if self.run.log_rows() != len(self.log):  # stopped between the weights and the log
            self.run.save_log(self.history())


def _like(parameter: Tensor, saved: Tensor, fused: bool | None) -> Tensor:
    """In the weight's own memory format and on its device; a count of steps has no shape, and lies there if fused."""
    if saved.shape == parameter.shape:
        return torch.empty_like(parameter).copy_(saved)
    return saved.to(parameter.device) if fused else saved
