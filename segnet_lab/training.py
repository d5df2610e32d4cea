"""Training by the recipe of Section 3.2, interruptible at any time."""

import math
import os
import time

import pandas as pd
import torch
from torch import Tensor

from segnet_lab import kernels
from segnet_lab.devices import autocast, compute_dtype, default_device
from segnet_lab.evaluation import batches, evaluate, refresh_batch_norm
from segnet_lab.losses import class_weights, cross_entropy
from segnet_lab.models import EncoderDecoder
from segnet_lab.progress import bar, headless
from segnet_lab.recipe import Recipe
from segnet_lab.runs import RunDirectory, describe, load_weights

SCORES = ("G", "C", "mIoU", "BF")


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a number."""


def train(
    model: EncoderDecoder,
    data,
    recipe: Recipe | None = None,
    run_dir: str | os.PathLike = "runs/latest",
    *,
    validation="val",
    device: torch.device | str | None = None,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Train a network, keep the weights that validate best, leave a run directory.

    Interrupt it at any time; the same call goes on after the last whole epoch and, on a CPU, ends in the very
    same weights. A finished run is not trained again.

    Parameters
    ----------
    model : EncoderDecoder
        Changed in place; holds the selected weights at the end, on `device`, in evaluation mode.
    data : SegmentationDataset
        The training set; images of one size.
    recipe : Recipe, optional
        The default is the paper's for the Basic networks.
    run_dir : path
        See `segnet_lab.runs` for what lies there.
    validation : str, SegmentationDataset or None
        A split of the same data set, or another data set, on which the epoch with the highest G is selected
        (Section 3.3). None: the last epoch is taken.
    device : optional
        The accelerator if there is one, else the CPU.
    show_progress : bool

    Returns
    -------
    history : DataFrame
        A row an epoch: epoch, iteration, loss (mean over the epoch), seconds, and G, C, mIoU, BF of the
        validation set (nan in epochs without evaluation).

    Raises
    ------
    TrainingDiverged
        The loss became nan or infinite. The last good weights stay in the run directory.
    ValueError
        `run_dir` holds another run, or model and data do not fit.
    """
    recipe = recipe or Recipe()
    validation = data.with_split(validation) if isinstance(validation, str) else validation
    _check(model, data)
    run = RunDirectory(run_dir)
    run.open(describe(model, data, validation, recipe))
    training = _Training(model, data, validation, recipe, run, torch.device(device or default_device()))
    with kernels.switched_off(when=recipe.checkpointing):
        return training.go(show_progress)


class _Training:
    """The state of one training between epochs: weights, momentum, log, and the best epoch so far."""

    def __init__(self, model, data, validation, recipe, run, device):
        self.model = model.to(device, memory_format=torch.channels_last)
        self.data, self.validation, self.recipe, self.run, self.device = data, validation, recipe, run, device
        self.dtype = compute_dtype(device, recipe.precision)
        self.model.checkpointing = recipe.checkpointing
        learnt = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in learnt]
        self.optimizer = torch.optim.SGD(
            [p for _, p in learnt],
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        self.epoch, self.log, self.best = 0, [], None

    def go(self, show_progress: bool) -> pd.DataFrame:
        self._resume()
        if not self.run.finished():
            weight = class_weights(self.recipe.balancing, self.data)
            self.weight = None if weight is None else weight.to(self.device)
            steps = math.ceil(len(self.data) / self.recipe.batch_size)
            left = (self.recipe.epochs - self.epoch) * steps
            with bar(total=left, show=show_progress) as progress, torch.random.fork_rng():
                while self.epoch < self.recipe.epochs:
                    self._one_epoch(progress)
                    if show_progress and headless():
                        print(self._line(), flush=True)
            self._finish()
        load_weights(self.model, self.run.load_weights(), self.run.best)
        self.model.eval()
        return self._history()

    def _one_epoch(self, progress) -> None:
        """Every image once, in an order of its own (Section 3.2); then validate and save."""
        start = time.perf_counter()
        self.epoch += 1
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.epoch)  # order and dropout follow from the epoch alone
        order = torch.randperm(len(self.data))
        self.model.train()
        losses = []
        for images, labels in batches(self.data, self.recipe.batch_size, self.device, order):
            losses.append(self._step(images, labels) * len(images))
            progress.update()
            progress.set_postfix(epoch=self.epoch, loss=f"{losses[-1] / len(images):.3f}", refresh=False)
        row = {"epoch": self.epoch, "iteration": self.epoch * math.ceil(len(self.data) / self.recipe.batch_size)}
        row["loss"] = sum(losses) / len(self.data)
        if self.epoch % self.recipe.evaluate_every == 0 or self.epoch == self.recipe.epochs:
            row |= self._validate()
        row["seconds"] = round(time.perf_counter() - start, 2)
        self.log.append(row)
        self._save()

    def _step(self, images: Tensor, labels: Tensor) -> float:
        self.optimizer.zero_grad()  # first of all: the last step's gradients need not live beside this step's maps
        with autocast(self.device, self.dtype):
            logits = self.model(images)
        loss = cross_entropy(logits, labels, self.weight, self.data.ignore_index)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingDiverged(
                f"the loss became {value} in epoch {self.epoch}; the weights of epoch {self.epoch - 1} are kept in "
                f"{self.run.path}. A learning rate below {self.recipe.learning_rate} in a new run may help"
            )
        loss.backward()
        self.optimizer.step()
        return value

    def _validate(self) -> dict:
        """Batch-norm statistics first, then the scores; remember the weights if G is the highest yet."""
        r = self.recipe
        refresh_batch_norm(self.model, self.data, batch_size=r.batch_size, precision=r.precision)
        scores = evaluate(self.model, self.validation, precision=r.precision) if self.validation else {}
        g = scores.get("G", self.epoch)  # without validation the later epoch is taken
        if self.best is None or g > self.best["G"]:
            self.best = {"epoch": self.epoch, "G": g}
            self.run.save_best(self.model, {"epoch": self.epoch})
        return {name: scores[name] for name in SCORES if name in scores}

    def _finish(self) -> None:
        """Score the selected weights on validation and training set (Table 1 shows both)."""
        load_weights(self.model, self.run.load_weights(), self.run.best)
        scores = {"epoch": self.best["epoch"]}
        for data in filter(None, (self.data, self.validation)):
            scores[data.split] = evaluate(self.model, data, precision=self.recipe.precision)
        self.run.save_scores(scores)

    # ------------------------------------------------------------------ saving and going on

    def _save(self) -> None:
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        for name, p in zip(self.names, self.optimizer.param_groups[0]["params"], strict=True):
            tensors[f"momentum.{name}"] = self.optimizer.state[p]["momentum_buffer"]
        self.run.save_state(tensors, {"epoch": self.epoch, "log": self.log, "best": self.best})
        self.run.save_log(self._history())

    def _resume(self) -> None:
        state = self.run.load_state()
        if state is None:
            return
        tensors, note = state
        weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
        load_weights(self.model, weights, self.run.last)
        for name, p in zip(self.names, self.optimizer.param_groups[0]["params"], strict=True):
            if f"momentum.{name}" in tensors:
                buffer = torch.empty_like(p).copy_(tensors[f"momentum.{name}"])
                self.optimizer.state[p]["momentum_buffer"] = buffer
        self.epoch, self.log, self.best = note["epoch"], note["log"], note["best"]

    def _history(self) -> pd.DataFrame:
        columns = ["epoch", "iteration", "loss", "seconds", *SCORES]
        return pd.DataFrame(self.log).reindex(columns=columns)

    def _line(self) -> str:
        row = self.log[-1]
        scores = "  ".join(f"{name} {row[name]:.3f}" for name in SCORES if name in row)
        return f"epoch {self.epoch}/{self.recipe.epochs}  loss {row['loss']:.3f}  {scores}"


def _check(model: EncoderDecoder, data) -> None:
    if data.num_classes != model.num_classes:
        raise ValueError(
            f"the model has {model.num_classes} classes, {data.name} has {data.num_classes}: "
            "create the model with num_classes=data.num_classes"
        )
    if len(data) == 0:
        raise ValueError(f"{data.name} ({data.split}) holds no images")
