"""Training by the recipe of Section 3.2, interruptible at any time."""

import math
import os
import time
import warnings
from collections.abc import Callable
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import Subset

from segnet_lab._support.devices import autocast, compute_dtype, default_device
from segnet_lab._support.errors import InvalidInput, SegNetLabError
from segnet_lab.data.augmentation import Augmented
from segnet_lab.data.base import DataSet, Sample
from segnet_lab.metrics.conventions import SCORES
from segnet_lab.models.recompute import save_less
from segnet_lab.runs.recipe import Recipe
from segnet_lab.runs.records import Scores
from segnet_lab.training import checks
from segnet_lab.training.batch_norm import refresh_batch_norm
from segnet_lab.training.batches import Samples, batches
from segnet_lab.training.beginning import begin
from segnet_lab.training.evaluation import evaluate
from segnet_lab.training.losses import cross_entropy, weights_of
from segnet_lab.training.session import interruptible, say
from segnet_lab.training.state import TrainingState


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
        The loss became nan or infinite. The last good weights stay in the run directory.
    ValueError
        `run_dir` holds another run, or model, data and recipe do not fit.

    Warns
    -----
    UserWarning
        Images that are in the training set and in the validation set; labels from which little can be learnt (a class
        that never occurs, nothing but void); a validation set that cannot be scored; a run that is resumed in another
        precision or with another number of threads.
    """
    recipe = checks.check_recipe(recipe, init)
    device = torch.device(device or default_device())
    network, data, validation = checks.check_arguments(model, data, validation, recipe, init, device)
    checks.warn_of_shared_images(data, validation)
    run = begin(run_dir, network, data, validation, recipe, init, show_progress)
    dtype, steps = compute_dtype(device, recipe.precision), math.ceil(len(data) / recipe.batch_size)

    with interruptible(run, recipe, show_progress) as progress:
        state = TrainingState(network, recipe, run)  # resumes; `network` is `model` without torch.compile's wrapper
        if not state.finished:
            checks.warn_of_environment(run, dtype, state.epoch)
            weight = weights_of(recipe.balancing, data, device)
            criterion = partial(cross_entropy, weight=weight, ignore_index=data.ignore_index)
            progress.reset(total=(recipe.epochs - state.epoch) * steps)

        for epoch in range(state.epoch + 1, recipe.epochs + 1):
            if state.out_of_patience:
                break
            start, losses = time.perf_counter(), []
            torch.manual_seed(recipe.seed * 1_000_003 + epoch)  # order and dropout follow from the epoch
            order = torch.randperm(len(data))  # every image once, in a new order each epoch (Section 3.2)
            model.train()
            for images, labels in batches(augmented(data, recipe, epoch), recipe.batch_size, device, order):
                loss = step(model, state.optimizer, criterion, images, labels, dtype)
                if not math.isfinite(loss):
                    raise TrainingDiverged(
                        f"the loss became {loss} in epoch {epoch}; the weights of epoch {epoch - 1} are kept in "
                        f"{run.path}. A learning rate below {recipe.learning_rate} in a new run may help"
                    )
                losses.append(loss * len(images))  # the last minibatch may be smaller
                progress.set_postfix(epoch=epoch, loss=f"{loss:.3f}", refresh=False)
                progress.update()
            row = {"epoch": epoch, "iteration": epoch * steps, "loss": sum(losses) / len(data)}
            if epoch % recipe.evaluate_every == 0 or epoch == recipe.epochs:
                row |= validate(state, epoch, data, validation)
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
) -> float:
    """One step of descent; gives the loss before it. If the loss is nan or infinite, no weight changes."""
    optimizer.zero_grad()  # first of all: the last step's gradients need not live beside this step's maps
    with autocast(images.device, dtype), save_less(model):
        logits = forward(model, images)
    loss = criterion(logits, labels)
    value = loss.item()
    if math.isfinite(value):
        loss.backward()
        optimizer.step()
    return value


def forward(model: nn.Module, images: Tensor) -> Tensor:
    """Logits of a batch; one that batch normalisation cannot be trained on is refused."""
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


def augmented(data: DataSet, recipe: Recipe, epoch: int) -> Samples:
    """The training images as an epoch sees them: the paper's recipe leaves them as they are."""
    names = recipe.augmentations
    return Augmented(data, names, recipe.seed, epoch) if names else data


def validate(state: TrainingState, epoch: int, data: DataSet, validation: DataSet | None) -> dict[str, float]:
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
