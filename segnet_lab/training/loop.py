"""Training by the recipe of Section 3.2, interruptible at any time."""

import math
import os
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import cast

import pandas as pd
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer
from torch.utils.data import Subset

from segnet_lab._support.devices import autocast, default_device, queues
from segnet_lab._support.enough_memory import enough_memory
from segnet_lab._support.errors import InvalidInput, NotPossible, SegNetLabError
from segnet_lab.data.augmentation import Augmented
from segnet_lab.data.base import DataSet, Sample
from segnet_lab.metrics.conventions import SCORES
from segnet_lab.models.recompute import save_less
from segnet_lab.runs.recipe import Recipe
from segnet_lab.runs.records import Scores
from segnet_lab.training import checks
from segnet_lab.training.batch_norm import refresh_batch_norm
from segnet_lab.training.batches import batches
from segnet_lab.training.beginning import begin
from segnet_lab.training.evaluation import evaluate
from segnet_lab.training.losses import cross_entropy, weights_of
from segnet_lab.training.samples import Samples, on_device
from segnet_lab.training.session import interruptible, say
from segnet_lab.training.state import TrainingState

TOO_LARGE = "take a smaller batch_size, checkpointing=True, smaller images, or a narrower network (width=0.5)"


class TrainingDiverged(SegNetLabError, ArithmeticError):
    """The loss is no longer a number."""


def train(
    model: nn.Module,
    data: DataSet | Subset[Sample],
    recipe: Recipe | None = None,
    run_dir: str | os.PathLike[str] = "runs/latest",
    *,
    validation: str | DataSet | Subset[Sample] | None = "val",
    init: str | os.PathLike[str] | None = None,
    on_epoch: Callable[[dict[str, float]], object] | None = None,
    device: torch.device | str | None = None,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Train a network, keep the weights that validate best, leave a run directory.

    Interrupt it at any time; the same call resumes after the last whole epoch and, on a CPU with as many threads, ends
    in the very same weights. A finished run is not trained again; with more epochs in the recipe it is resumed.

    Parameters
    ----------
    model : Module
        From `create_model`, or any other module from images (B, 3, H, W) of 0..1 to logits (B, K, H, W). Changed in
        place; holds the selected weights at the end, on `device`, in evaluation mode. A network that `torch.compile`
        made trains compiled and is saved under its plain names.
    data : data set of `load_dataset`, torch Subset of one, or anything like it (see `data.DataSet`)
        The training set; images of one size, or of any with `batch_size=1`.
    recipe : Recipe, optional
        The default is the paper's for the Basic networks.
    run_dir : path
        See `segnet_lab.runs.directory` for what lies there.
    validation : str, data set as above, or None
        A split of the same data set, or another data set of the same classes, on which the epoch with the highest G is
        selected (Section 3.3). None: the last epoch is taken.
    init : str or path, optional
        What a fresh run starts from: a run directory, whose weights are taken where they fit, or ImageNet's
        ("imagenet", "vgg16", "vgg16_bn" or a file). See `models.start.init`.
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
        validation set, each 0..1 (nan in epochs without evaluation).

    Raises
    ------
    TrainingDiverged
        The loss became nan or infinite: found at that step on a CPU, at the end of the epoch on an accelerator. The
        weights after the last whole epoch stay in the run directory, and the network gets them back; in the first epoch
        there are none yet, and it has to be made anew. A step of float16 that is skipped, because its gradients were
        larger than float16 goes, is none: the next ones are scaled less.
    NotPossible
        The device's memory is too small for a batch: says what needs less. Or `torch.compile` fails.
    ValueError
        `run_dir` holds another run, or model, data and recipe do not fit.

    Warns
    -----
    UserWarning
        Images that are in the training set and in the validation set; labels from which little can be learnt (a class
        that never occurs, nothing but void); a validation set that cannot be scored; a run that is resumed in another
        precision or with another number of threads.

    Notes
    -----
    An accelerator only gets its work queued, and is waited for once an epoch. Its training images lie there as bytes if
    they fit (`samples.on_device`); else threads read them ahead into pinned memory. So they do where the recipe has the
    augmentation "scale", which is left to the CPU's cores: it reads a number of each image to fill what lies outside.
    """
    recipe = checks.check_recipe(recipe, init)
    device = torch.device(device or default_device())
    network, data, validation = checks.check_arguments(model, data, validation, recipe, init, device)
    checks.warn_of_shared_images(data, validation)
    run = begin(run_dir, network, data, validation, recipe, init, show_progress)
    if recipe.compile and model is network:
        model = cast(nn.Module, torch.compile(network))
    steps = math.ceil(len(data) / recipe.batch_size)

    with interruptible(run, recipe, show_progress) as progress:
        state = TrainingState(network, recipe, run)  # resumes; `network` is `model` without torch.compile's wrapper
        if not state.finished:
            checks.warn_of_environment(run, state.dtype, state.epoch)
            weight = weights_of(recipe.balancing, data, device)
            criterion = partial(cross_entropy, weight=weight, ignore_index=data.ignore_index)
            samples = data if "scale" in recipe.augmentations else on_device(data, device)
            progress.reset(total=(recipe.epochs - state.epoch) * steps)

        for epoch in range(state.epoch + 1, recipe.epochs + 1):
            if state.out_of_patience:
                break
            start, losses, counts = time.perf_counter(), list[Tensor](), list[int]()
            torch.manual_seed(recipe.seed * 1_000_003 + epoch)  # order and dropout follow from the epoch
            order = torch.randperm(len(data))  # every image once, in a new order each epoch (Section 3.2)
            seen = Augmented(samples, recipe.augmentations, recipe.seed, epoch) if recipe.augmentations else samples
            progress.set_postfix(epoch=epoch, refresh=False)
            model.train()
            for images, labels in batches(seen, recipe.batch_size, device, order):
                with enough_memory("to train on", images.shape, device, TOO_LARGE):
                    loss = step(model, state.optimizer, criterion, images, labels, state.dtype, state.scaler)
                losses.append(loss)
                counts.append(len(images))  # the last minibatch may be smaller
                if not queues(device):
                    progress.set_postfix(epoch=epoch, loss=f"{numbers([loss], state)[0]:.3f}", refresh=False)
                progress.update()
            total = sum(loss * n for loss, n in zip(numbers(losses, state), counts, strict=True))
            row = {"epoch": epoch, "iteration": epoch * steps, "loss": total / len(data)}
            if epoch % recipe.evaluate_every == 0 or epoch == recipe.epochs:
                row |= validate(state, epoch, samples, validation)
            state.end_epoch(row | {"seconds": round(time.perf_counter() - start, 2)})
            say(state, progress, show_progress)
            if on_epoch:
                on_epoch(dict(state.log[-1]))

        epoch = state.select()
        if not state.finished:
            run.set_epochs(recipe.epochs)
            run.save_scores(score(network, epoch, data, validation, recipe))
    model.eval()
    return state.history()


def step(
    model: nn.Module,
    optimizer: Optimizer,
    criterion: Callable[[Tensor, Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    dtype: torch.dtype,
    scaler: GradScaler | None = None,
) -> Tensor:
    """One step of descent; gives the loss before it, a scalar on its device.

    On a CPU no weight changes if the loss is nan or infinite; an accelerator is not asked, for that is to wait for it.
    In float16, `scaler` multiplies the loss, and skips the step if gradients are infinite for that.
    """
    optimizer.zero_grad()  # first of all: the last step's gradients need not live beside this step's maps
    with autocast(images.device, dtype), save_less(model):
        logits = forward(model, images)
    loss = criterion(logits, labels)
    if queues(loss.device) or math.isfinite(loss.item()):
        scaler = scaler or GradScaler(enabled=False)  # which does nothing
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    return loss.detach()


def numbers(losses: list[Tensor], state: TrainingState) -> list[float]:
    """Losses as plain numbers, for which an accelerator is waited for once.

    Raises
    ------
    TrainingDiverged
        One of them is nan or infinite. The network has the weights after the last whole epoch again, if there is one.
    """
    values: list[float] = torch.stack(losses).tolist()
    for value in values:
        if not math.isfinite(value):
            state.go_back()
            kept = f"the weights of epoch {state.epoch} are kept in {state.run.path}" if state.epoch else "none is kept"
            raise TrainingDiverged(
                f"the loss became {value} in epoch {state.epoch + 1}; {kept}. A learning rate below "
                f"{state.recipe.learning_rate} in a new run may help"
            )
    return values


def forward(model: nn.Module, images: Tensor) -> Tensor:
    """Logits of a batch; one that batch normalisation cannot be trained on is refused, and so is a failing compiler."""
    try:
        return model(images)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        h, w = images.shape[-2:]
        raise InvalidInput(
            f"batch normalisation cannot be trained on a single value, and {len(images)} image of {h}x{w} shrinks "
            "to one: take larger images, or a batch_size that leaves no single image over"
        ) from None
    except RuntimeError as error:  # torch loads the module that has its class when it compiles
        if all(kind.__name__ != "BackendCompilerFailed" for kind in type(error).__mro__):
            raise
        reason = str(getattr(error, "inner_exception", error)).partition("\n")[0]
        raise NotPossible(f"torch.compile fails here ({reason}): mend that, or train without compile=True") from error


def validate(state: TrainingState, epoch: int, data: Samples, validation: DataSet | None) -> dict[str, float]:
    """Batch-norm statistics first, then the scores; keep the weights if G is the highest yet (Section 3.3)."""
    recipe = state.recipe
    refresh_batch_norm(state.network, data, batch_size=recipe.batch_size, precision=recipe.precision)
    scores = {} if validation is None else evaluate(state.network, validation, precision=recipe.precision)
    state.keep_if_best(epoch, scores.get("G", float(epoch)))  # without validation the later epoch is taken
    return {name: scores[name] for name in SCORES if name in scores}


def score(network: nn.Module, epoch: int, data: DataSet, validation: DataSet | None, recipe: Recipe) -> Scores:
    """Scores of the weights of an epoch on training and validation set, by role (Table 1 shows both)."""
    scores: Scores = {"epoch": epoch, "train": evaluate(network, data, precision=recipe.precision)}
    if validation is None:
        return scores
    role = "val" if validation.split in ("train", data.split) else validation.split
    scores[role] = evaluate(network, validation, precision=recipe.precision)
    if math.isnan(scores[role]["G"]):
        warnings.warn(
            f"{validation.name} ({role}) has no labelled pixel, so no epoch could be selected by its G: "
            f"the weights of the last epoch, {epoch}, were kept. See `segnet-lab data check`",
            stacklevel=3,
        )
    return scores
