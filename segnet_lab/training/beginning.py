"""How a training begins: first weights, and a run directory that says what it is."""

import os
from pathlib import Path
from typing import Any

from torch import nn

from segnet_lab._support.devices import compute_dtype, device_of
from segnet_lab.data.base import DataSet
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.guests import describe_network
from segnet_lab.models.start import init as init_weights
from segnet_lab.models.start import named_start
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.provenance import TrainedOn, describe
from segnet_lab.runs.recipe import Recipe


def begin(
    run_dir: str | os.PathLike[str],
    network: nn.Module,
    data: DataSet,
    validation: DataSet | None,
    recipe: Recipe,
    init: str | os.PathLike[str] | None,
    show_progress: bool,
) -> RunDirectory:
    """Start a run, or open the one that is resumed; another run's directory is refused.

    Raises
    ------
    ValueError
        `run_dir` holds another run, or `init` names nothing that fits.
    """
    run = RunDirectory(run_dir)
    start = _first_weights(network, run, data, init, show_progress)
    dtype = compute_dtype(device_of(network), recipe.precision)
    run.open(describe(describe_network(network, data.num_classes), start, data, validation, recipe, dtype))
    vars(network).update(trained_on=TrainedOn.of(data))
    if isinstance(network, EncoderDecoder):
        network.checkpointing = recipe.checkpointing
    return run


def _first_weights(
    network: nn.Module, run: RunDirectory, data: DataSet, init: str | os.PathLike[str] | None, show_progress: bool
) -> str | dict[str, Any]:
    """Where the first weights come from, for the record; a fresh run takes them from `init`."""
    if not isinstance(network, EncoderDecoder):
        start = getattr(network, "started_from", None) or "weights as given"
    elif init is None:
        start = network.started_from or "weights as drawn"
    elif run.begun():
        start = named_start(init, network.config.name)  # to compare; its own weights are loaded below
    else:
        report = init_weights(network, init, class_names=data.class_names)
        if show_progress:
            print(report, flush=True)
        start = network.started_from
    if _is_of(start, run):  # it is resumed from its own weights; where those began is on record
        return run.about().get("start", start)
    return start


def _is_of(start: str | dict[str, Any], run: RunDirectory) -> bool:
    """Whether a network came from this very run, which is resumed."""
    source = None if isinstance(start, str) else start.get("run")
    return source is not None and run.begun() and Path(source).resolve() == run.path.resolve()
