"""Training by the recipe of Section 3.2, interruptible at any time."""

import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from segnet_lab._support import compiled
from segnet_lab._support.devices import autocast, compute_dtype, default_device
from segnet_lab._support.errors import InvalidInput, SegNetLabError
from segnet_lab._support.progress import bar, headless
from segnet_lab.data.augmentation import Augmented
from segnet_lab.data.base import SegmentationDataset, as_dataset
from segnet_lab.data.checking import hurts
from segnet_lab.data.class_counts import count_classes
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.from_runs import load_weights
from segnet_lab.models.start import init as init_weights
from segnet_lab.models.start import named_start
from segnet_lab.models.wrapped import unwrap
from segnet_lab.runs.directory import RunDirectory, describe, environment
from segnet_lab.runs.provenance import TrainedOn, check_classes
from segnet_lab.runs.recipe import SPANS_ALL_EPOCHS, Recipe, parse_schedule
from segnet_lab.training.batch_norm import refresh_batch_norm
from segnet_lab.training.batches import batches
from segnet_lab.training.evaluation import evaluate
from segnet_lab.training.losses import class_weights, cross_entropy

SCORES = ("G", "C", "mIoU", "BF")
OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


class TrainingDiverged(SegNetLabError, ArithmeticError):
    """The loss is no longer a number."""


def train(
    model: EncoderDecoder,
    data,
    recipe: Recipe | None = None,
    run_dir: str | os.PathLike = "runs/latest",
    *,
    validation="val",
    init: str | os.PathLike | None = None,
    on_epoch: Callable[[dict], object] | None = None,
    device: torch.device | str | None = None,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Train a network, keep the weights that validate best, leave a run directory.

    Interrupt it at any time; the same call goes on after the last whole epoch and, on a CPU with as many threads, ends
    in the very same weights. A finished run is not trained again; with more epochs in the recipe it goes on.

    Parameters
    ----------
    model : EncoderDecoder
        Changed in place; holds the selected weights at the end, on `device`, in evaluation mode. A network that
        `torch.compile` made trains compiled and is saved under its plain names.
    data : SegmentationDataset or torch Subset of one
        The training set; images of one size, or of any with `batch_size=1`.
    recipe : Recipe, optional
        The default is the paper's for the Basic networks.
    run_dir : path
        See `segnet_lab.runs.directory` for what lies there.
    validation : str, SegmentationDataset or None
        A split of the same data set, or another data set of the same classes, on which the epoch with the highest G is
        selected (Section 3.3). None: the last epoch is taken.
    init : str or path, optional
        What a fresh run starts from: a run directory, whose weights are taken where they fit, or ImageNet's
        ("imagenet", "vgg16", "vgg16_bn" or a file). See `models.weights.init`.
    on_epoch : callable, optional
        Called after every epoch, once it is saved, with that epoch's row of the history as a dict.
    device : optional
        The accelerator if there is one, else the CPU.
    show_progress : bool
        A bar, and a line per epoch with its scores.

    Returns
    -------
    history : DataFrame
        One row per epoch: epoch, iteration, loss (mean over the epoch), seconds, and G, C, mIoU, BF of the
        validation set (nan in epochs without evaluation).

    Raises
    ------
    TrainingDiverged
        The loss became nan or infinite. The last good weights stay in the run directory.
    ValueError
        `run_dir` holds another run, or model, data and recipe do not fit.

    Warns
    -----
    UserWarning
        Images that are in the training set and in the validation set; labels from which little can be learnt (a class
        that never occurs, nothing but void); a validation set that cannot be scored; a run that goes on in another
        precision or with another number of threads.
    """
    recipe = recipe or Recipe()
    if not isinstance(recipe, Recipe):
        raise InvalidInput(f"recipe={recipe!r}: give a Recipe, as in Recipe(epochs=12)")
    if init is not None and not isinstance(init, str | os.PathLike):
        raise InvalidInput(f"init is a {type(init).__name__}: give the name of a run or its directory")
    network, data = unwrap(model, required=True), as_dataset(data)
    validation = data.with_split(validation) if isinstance(validation, str) else validation
    validation = None if validation is None else as_dataset(validation)
    _check(network, data, validation, recipe)
    _say_what_is_shared(data, validation)
    run = RunDirectory(run_dir)
    if init is not None and run.begun():
        network.started_from = named_start(init, network.config.name)  # to compare; its own weights are loaded below
    elif init is not None:
        report = init_weights(network, init, class_names=data.class_names)
        if show_progress:
            print(report, flush=True)
    device = torch.device(device or default_device())
    about = describe(network, data, validation, recipe, device)
    if _is_of(network, run):  # it goes on from its own weights; where those began is on record
        about["start"] = run.about().get("start", about["start"])
    run.open(about)
    network.trained_on = TrainedOn.of(data)
    training = _Training(model, network, data, validation, recipe, run, device, on_epoch)
    try:
        with compiled.switched_off(when=recipe.checkpointing):
            return training.go(show_progress)
    except KeyboardInterrupt:
        if show_progress:
            print(training.how_to_go_on(), file=sys.stderr, flush=True)
        raise


class _Training:
    """The state of one training between epochs: weights, momentum, log, and the best epoch so far."""

    def __init__(self, forward, model, data, validation, recipe, run, device, on_epoch):
        self.model = model.to(device, memory_format=torch.channels_last)
        self.forward = forward  # the model itself, or its compiled form
        self.data, self.validation, self.recipe, self.run, self.device = data, validation, recipe, run, device
        self.on_epoch = on_epoch
        self.dtype = compute_dtype(device, recipe.precision)
        self.model.checkpointing = recipe.checkpointing
        learnt = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in learnt]
        self.optimizer = _optimizer([p for _, p in learnt], recipe)
        self.scheduler = _scheduler(self.optimizer, recipe)
        self.epoch, self.log, self.best = 0, [], None

    def go(self, show_progress: bool) -> pd.DataFrame:
        if self.run.finished_after(self.recipe.epochs):
            self.log = self.run.read_log()
        else:
            self._resume()
            if self.epoch:
                self._compare_environment()
            self.weight = self._class_weights()
            steps = math.ceil(len(self.data) / self.recipe.batch_size)
            left = (self.recipe.epochs - self.epoch) * steps
            with bar(total=left, show=show_progress) as progress, torch.random.fork_rng():
                while self.epoch < self.recipe.epochs and not self._stopped_early():
                    self._one_epoch(progress)
                    if show_progress:
                        print(self._line(), flush=True) if headless() else progress.write(self._line())
                    if self.on_epoch:
                        self.on_epoch(dict(self.log[-1]))
            self.run.set_epochs(self.recipe.epochs)
            self._finish()
        tensors, epoch = self.run.load_selected()
        load_weights(self.model, tensors, self.run.best)
        run, network = str(self.run.path.absolute()), self.model.config.name
        self.model.started_from = {"run": run, "network": network, "epoch": epoch}
        self.forward.eval()
        return self._history()

    def _class_weights(self) -> Tensor | None:
        made_here = getattr(self.data, "made_here", False)  # may lack a class, but not by mistake
        if made_here and self.recipe.balancing == "natural":
            return None
        counts = count_classes(self.data)
        if not made_here:
            for problem in hurts(counts, self.data.class_names):
                warnings.warn(f"training set {self.data.name} {self.data.split}: {problem}", stacklevel=5)
        weight = class_weights(self.recipe.balancing, self.data, counts)
        return None if weight is None else weight.to(self.device)

    def _one_epoch(self, progress) -> None:
        """Every image once, in an order of its own (Section 3.2); then validate and save."""
        start = time.perf_counter()
        self.epoch += 1
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.epoch)  # order and dropout follow from the epoch alone
        order = torch.randperm(len(self.data))
        self.forward.train()
        losses = []
        for images, labels in batches(self._images(), self.recipe.batch_size, self.device, order):
            losses.append(self._step(images, labels) * len(images))
            progress.update()
            progress.set_postfix(epoch=self.epoch, loss=f"{losses[-1] / len(images):.3f}", refresh=False)
        row = {"epoch": self.epoch, "iteration": self.epoch * math.ceil(len(self.data) / self.recipe.batch_size)}
        row["loss"] = sum(losses) / len(self.data)
        if self.epoch % self.recipe.evaluate_every == 0 or self.epoch == self.recipe.epochs:
            row |= self._validate()
        _step_schedule(self.scheduler, row["loss"])
        row["seconds"] = round(time.perf_counter() - start, 2)
        self.log.append(row)
        self._save()

    def _images(self):
        names = self.recipe.augmentations
        return Augmented(self.data, names, self.recipe.seed, self.epoch) if names else self.data

    def _step(self, images: Tensor, labels: Tensor) -> float:
        self.optimizer.zero_grad()  # first of all: the last step's gradients need not live beside this step's maps
        with autocast(self.device, self.dtype):
            logits = self._logits(images)
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

    def _logits(self, images: Tensor) -> Tensor:
        try:
            return self.forward(images)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            h, w = images.shape[-2:]
            raise InvalidInput(
                f"batch normalisation cannot be trained on a single value, and {len(images)} image of {h}x{w} shrinks "
                f"to one: take larger images, or a batch_size that does not leave {len(images)} image over"
            ) from None

    def _validate(self) -> dict:
        """Batch-norm statistics first, then the scores; keep the weights if G is the highest yet."""
        r = self.recipe
        refresh_batch_norm(self.model, self.data, batch_size=r.batch_size, precision=r.precision)
        scores = {}
        if self.validation is not None:
            scores = evaluate(self.model, self.validation, precision=r.precision)
        g = scores.get("G", float(self.epoch))  # without validation the later epoch is taken
        if self.best is None or g > self.best["G"] or math.isnan(self.best["G"]):
            self.best = {"epoch": self.epoch, "G": g}  # after nothing but nan the last epoch is kept
            self.run.set_epochs(self.recipe.epochs)
            self.run.save_best(self.model, self.best)
        return {name: scores[name] for name in SCORES if name in scores}

    def _stopped_early(self) -> bool:
        """Whether G has not risen for so many evaluations as the recipe is patient."""
        since = [row for row in self.log if "G" in row and row["epoch"] > self.best["epoch"]]
        return bool(self.recipe.patience) and len(since) >= self.recipe.patience

    def _finish(self) -> None:
        """Score the selected weights on validation and training set (Table 1 shows both)."""
        tensors, epoch = self.run.load_selected()
        load_weights(self.model, tensors, self.run.best)
        scores = {"epoch": epoch, "train": evaluate(self.model, self.data, precision=self.recipe.precision)}
        if self.validation is not None:
            split = self.validation.split
            name = "val" if split in ("train", self.data.split) else split
            scores[name] = evaluate(self.model, self.validation, precision=self.recipe.precision)
            if math.isnan(scores[name]["G"]):
                warnings.warn(
                    f"{self.validation.name} ({name}) has no labelled pixel, so no epoch could be selected by its G: "
                    f"the weights of the last epoch, {epoch}, were kept. See `segnet-lab data check`",
                    stacklevel=4,
                )
        self.run.save_scores(scores)

    # ------------------------------------------------------------------ saving and going on

    def _save(self) -> None:
        self.run.set_epochs(self.recipe.epochs)
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        for name, p in zip(self.names, self.optimizer.param_groups[0]["params"], strict=True):
            for key, value in self.optimizer.state[p].items():
                tensors[f"{_SHORT.get(key, key)}.{name}"] = value
        note = {"epoch": self.epoch, "log": self.log, "best": self.best}
        if self.scheduler is not None:
            note["schedule"] = {**self.scheduler.state_dict(), "lr": self.optimizer.param_groups[0]["lr"]}
        self.run.save_state(tensors, note)
        self.run.save_log(self._history())

    def _resume(self) -> None:
        state = self.run.load_state()
        if state is None:
            return
        tensors, note = state
        weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
        load_weights(self.model, weights, self.run.last)
        for name, p in zip(self.names, self.optimizer.param_groups[0]["params"], strict=True):
            for key in _STATES:
                saved = tensors.get(f"{_SHORT.get(key, key)}.{name}")
                if saved is not None:  # in the weight's own memory format; a count of steps has no shape
                    self.optimizer.state[p][key] = torch.empty_like(p).copy_(saved) if saved.shape == p.shape else saved
        if self.scheduler is not None:
            schedule, fresh = dict(note["schedule"]), self.scheduler.state_dict()
            self.optimizer.param_groups[0]["lr"] = schedule.pop("lr")  # below: infinities come back from JSON as None
            self.scheduler.load_state_dict({k: fresh.get(k) if v is None else v for k, v in schedule.items()})
        self.epoch, self.log, self.best = note["epoch"], note["log"], self.run.selected() or note["best"]
        if self.run.log_rows() != len(self.log):  # stopped between the weights and the log
            self.run.save_log(self._history())

    def _compare_environment(self) -> None:
        """Say what will make the last digits, or more, differ from a training in one go."""
        about, now = self.run.about(), environment()
        before = about.get("computed_in"), about.get("environment", {}).get("threads")
        after = str(self.dtype).removeprefix("torch."), now["threads"]
        for what, was, is_now in zip(("computed in {}", "on {} threads"), before, after, strict=True):
            if was is not None and was != is_now:
                warnings.warn(
                    f"{self.run.path} was begun {what.format(was)} and goes on {what.format(is_now)}: its weights will "
                    "not be those of a training in one go",
                    stacklevel=4,
                )

    def how_to_go_on(self) -> str:
        """What to say to somebody who pressed Ctrl-C."""
        done = self.run.log_rows()
        if not done:
            return f"\nStopped before the first epoch of {self.run.path} was complete: nothing is kept."
        return (
            f"\nStopped. {done} of {self.recipe.epochs} epochs are kept in {self.run.path}: "
            f"the same command goes on with epoch {done + 1}."
        )

    def _history(self) -> pd.DataFrame:
        columns = ["epoch", "iteration", "loss", "seconds", *SCORES]
        history = pd.DataFrame(self.log).reindex(columns=columns)
        return history.astype(dict.fromkeys(SCORES, float))

    def _line(self) -> str:
        row = self.log[-1]
        scores = "  ".join(f"{name} {row[name]:.3f}" for name in SCORES if name in row)
        return f"epoch {self.epoch}/{self.recipe.epochs}  loss {row['loss']:.3f}  {scores}"


_STATES = ("momentum_buffer", "exp_avg", "exp_avg_sq", "square_avg", "step")  # what an optimizer keeps per weight
_SHORT = {"momentum_buffer": "momentum"}  # its name in checkpoints


def _optimizer(parameters: list, recipe: Recipe) -> torch.optim.Optimizer:
    momentum = {"momentum": recipe.momentum} if recipe.optimizer in ("sgd", "rmsprop") else {}
    return OPTIMIZERS[recipe.optimizer](
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, **momentum
    )


def _scheduler(optimizer: torch.optim.Optimizer, recipe: Recipe):
    """torch's scheduler of that name, or None for a constant rate."""
    name, options = parse_schedule(recipe.schedule)
    if name == "constant":
        return None
    if name in SPANS_ALL_EPOCHS:
        options = {SPANS_ALL_EPOCHS[name]: recipe.epochs, **options}
    try:
        return getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"schedule={recipe.schedule!r}: {error}") from None


def _step_schedule(scheduler, loss: float) -> None:
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        scheduler.step(loss)
    elif scheduler is not None:
        scheduler.step()


def _say_what_is_shared(data, validation) -> None:
    """Images that are trained on say nothing of others; scenes made here never meet unless they are meant to."""
    if not all(isinstance(images, SegmentationDataset) for images in (data, validation)) or validation.made_here:
        return
    if shared := validation.shared_with(data):
        warnings.warn(
            f"{shared} of the {len(validation)} validation images ({validation.called} {validation.split}) are "
            "trained on, too: their scores say nothing of images that the network has not seen",
            stacklevel=3,
        )


def _is_of(model: EncoderDecoder, run: RunDirectory) -> bool:
    """Whether a network came from this very run, with which it goes on."""
    source = (model.started_from or {}).get("run")
    return source is not None and run.begun() and Path(source).resolve() == run.path.resolve()


def _check(model: EncoderDecoder, data, validation, recipe: Recipe) -> None:
    check_classes(model, data)
    if len(data) == 0:
        raise InvalidInput(f"{data.name} ({data.split}) holds no images")
    if isinstance(recipe.balancing, tuple) and len(recipe.balancing) != data.num_classes:
        raise InvalidInput(
            f"balancing has {len(recipe.balancing)} weights, {data.name} has {data.num_classes} classes: give one each"
        )
    _scheduler(torch.optim.SGD([torch.zeros(1)], lr=1.0), recipe)  # options that torch refuses are refused here
    if validation is None:
        if recipe.patience:
            raise InvalidInput(f"patience={recipe.patience} needs a validation set to watch: give one, or patience=0")
    elif tuple(validation.class_names) != tuple(data.class_names):
        raise InvalidInput(
            f"{data.name} has the classes {', '.join(data.class_names)}; the validation set {validation.name} has "
            f"{', '.join(validation.class_names)}: give one with the same classes in the same order"
        )
