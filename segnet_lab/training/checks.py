"""What `train` refuses before it begins, and what it warns of."""

import os
import warnings
from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils.data import Subset

from segnet_lab._support.devices import autocast, compute_dtype
from segnet_lab._support.enough_memory import enough_memory
from segnet_lab._support.errors import InvalidInput
from segnet_lab._support.modes import evaluating
from segnet_lab.data.base import DataSet, Sample, SegmentationDataset, as_dataset
from segnet_lab.data.checking import hurts
from segnet_lab.data.class_counts import ClassCounts
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.guests import check_logits, network_name
from segnet_lab.models.wrapped import unwrap_to_train
from segnet_lab.runs.directory import RunDirectory, environment
from segnet_lab.runs.provenance import check_classes
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.optimizers import make_scheduler

IN_TRAIN = 3  # stacklevel of a warning that is to show the line that called `train`


def check_recipe(recipe: Recipe | None, init: object) -> Recipe:
    """The recipe, or the paper's for the Basic networks."""
    if recipe is not None and not isinstance(recipe, Recipe):
        raise InvalidInput(f"recipe={recipe!r}: give a Recipe, as in Recipe(epochs=12)")
    if init is not None and not isinstance(init, str | os.PathLike):
        raise InvalidInput(f"init is a {type(init).__name__}: give the name of a run or its directory")
    return recipe or Recipe()


def check_arguments(
    model: nn.Module,
    data: DataSet | Subset[Sample],
    validation: str | DataSet | Subset[Sample] | None,
    recipe: Recipe,
    init: object,
    device: torch.device,
) -> tuple[nn.Module, DataSet, DataSet | None]:
    """The network, on the device, the training set and the validation set; what cannot go together is refused."""
    network = unwrap_to_train(model)
    data, validation = check_data(data, validation)
    check_fit(network, data, validation, recipe)
    if any(is_lazy(tensor) for tensor in chain(network.parameters(), network.buffers())):
        raise InvalidInput(
            f"{network_name(network)} has weights that get their shape from the first image (nn.Lazy...): call it "
            "once, as in model(data[0].image[None])"
        )
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch knows it
    if not isinstance(network, EncoderDecoder):
        check_guest(network, data, recipe, init, device)
    return network, data, validation


def check_data(
    data: DataSet | Subset[Sample], validation: str | DataSet | Subset[Sample] | None
) -> tuple[DataSet, DataSet | None]:
    """Training set and validation set, the latter by the name of a split or as it is."""
    data = as_dataset(data)
    if isinstance(validation, str):
        if not isinstance(data, SegmentationDataset):
            raise InvalidInput(
                f"validation={validation!r}: {data.name} does not know its other splits: give the data set to validate "
                "on, or validation=None"
            )
        return data, data.with_split(validation)
    return data, None if validation is None else as_dataset(validation)


def check_fit(network: nn.Module, data: DataSet, validation: DataSet | None, recipe: Recipe) -> None:
    """Refuse a network, data and a recipe that cannot go together."""
    check_classes(network, data)
    if len(data) == 0:
        raise InvalidInput(f"{data.name} ({data.split}) holds no images")
    if isinstance(recipe.balancing, tuple) and len(recipe.balancing) != data.num_classes:
        raise InvalidInput(
            f"balancing has {len(recipe.balancing)} weights, {data.name} has {data.num_classes} classes: give one each"
        )
    make_scheduler(torch.optim.SGD([torch.zeros(1)], lr=1.0), recipe)  # options that torch refuses are refused here
    if validation is None:
        if recipe.patience:
            raise InvalidInput(f"patience={recipe.patience} needs a validation set to watch: give one, or patience=0")
    elif tuple(validation.class_names) != tuple(data.class_names):
        raise InvalidInput(
            f"{data.name} has the classes {', '.join(data.class_names)}; the validation set {validation.name} has "
            f"{', '.join(validation.class_names)}: give one with the same classes in the same order"
        )


def check_guest(network: nn.Module, data: DataSet, recipe: Recipe, init: object, device: torch.device) -> None:
    """Refuse a module that is no network of the kit where it cannot be trained as one; it is tried on one image."""
    name = network_name(network)
    if recipe.checkpointing:
        raise InvalidInput(
            f"checkpointing=True recomputes the stages of the kit's networks, which {name} does not have: leave it "
            "out, and let its forward call torch.utils.checkpoint"
        )
    if init is not None:
        raise InvalidInput(
            f"init={str(init)!r} starts networks of the kit, and {name} is not one of them: load its weights first, "
            "with load_state_dict or load_run(run, model=...)"
        )
    if not any(p.requires_grad for p in network.parameters()):
        raise InvalidInput(f"{name} has no weights that require gradients, so there is nothing to train")
    image = data[0].image[None].to(device)
    needs = enough_memory("for", image.shape, device, "take smaller images, or a narrower network")
    with evaluating(network), torch.no_grad(), autocast(device, compute_dtype(device, recipe.precision)), needs:
        check_logits(network(image), image, data.num_classes, network)


def warn_of_shared_images(data: DataSet, validation: DataSet | None) -> None:
    """Images that are trained on say nothing of others; scenes made here never meet unless they are meant to."""
    if not isinstance(data, SegmentationDataset) or not isinstance(validation, SegmentationDataset):
        return
    if not validation.made_here and (shared := validation.shared_with(data)):
        warnings.warn(
            f"{shared} of the {len(validation)} validation images ({validation.called} {validation.split}) are "
            "trained on, too: their scores say nothing about images that the network has not seen",
            stacklevel=IN_TRAIN,
        )


def warn_of_labels(data: DataSet, counts: ClassCounts) -> None:
    """Labels from which little can be learnt: a class that never occurs, nothing but void."""
    for problem in hurts(counts, data.class_names):
        warnings.warn(f"training set {data.name} {data.split}: {problem}", stacklevel=IN_TRAIN + 1)


def warn_of_environment(run: RunDirectory, dtype: torch.dtype, epochs_done: int) -> None:
    """What will make the last digits, or more, differ from a training in one go."""
    if not epochs_done:
        return
    about = run.about()
    pairs: Mapping[str, tuple[Any, Any]] = {
        "computed in {}": (about.get("computed_in"), str(dtype).removeprefix("torch.")),
        "on {} threads": (about.get("environment", {}).get("threads"), environment()["threads"]),
    }
    for what, (was, now) in pairs.items():
        if was is not None and was != now:
            warnings.warn(
                f"{run.path} was begun {what.format(was)} and is resumed {what.format(now)}: its weights will "
                "not be those of an uninterrupted run",
                stacklevel=IN_TRAIN,
            )
