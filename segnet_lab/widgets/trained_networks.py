"""The trained networks that explorers look into."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from torch import nn

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data import load_dataset
from segnet_lab.data.base import DataSet, Labelled, as_dataset
from segnet_lab.figures import compared
from segnet_lab.inference.fast import OptimizedNetwork, fast_form
from segnet_lab.inference.predict import predict
from segnet_lab.models.from_runs import load_run
from segnet_lab.models.wrapped import unwrap
from segnet_lab.results.run_data import data_of
from segnet_lab.results.tables import list_runs
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.provenance import TrainedOn, check_classes

Runs = str | os.PathLike[str] | Mapping[str, nn.Module]  # a set of runs by name, or networks by name
SHOWN = ("name", "split", "num_classes", "class_names", "palette", "ignore_index")  # what explorers ask of a data set


class Networks:
    """Trained networks and their predictions; each of them is loaded, and each prediction computed, only once.

    Parameters
    ----------
    runs : str or dict
        A set of runs by name, see `results.find_runs`, or networks by name: of this kit, or any module from images to
        logits.
    data : DataSet, optional
        The default is the data on which the best epochs of the runs were selected; for a dict, the validation split of
        what its first network says it was trained on. A module of your own does not say that: give the data.

    Raises
    ------
    ValueError
        Neither a name nor networks, an empty dict, or something that is no data set.
    """

    def __init__(self, runs: Runs, data: DataSet | None = None) -> None:
        self._runs, self._given = _by_name(runs), None if data is None else as_dataset(data, SHOWN)
        self._judged: dict[tuple[str, int], compared.Prediction] = {}
        self._fast: dict[str, nn.Module] = {}

    @cached_property
    def models(self) -> dict[str, nn.Module]:
        """By name, in the paper's order.

        Raises
        ------
        ValueError
            No such set of runs, none of it came with weights, or networks of different classes.
        """
        if isinstance(self._runs, dict):
            models = self._runs
        else:
            models = {name: load_run(path).model for name, path in self._directories.items()}
        _check_alike(models)
        return models

    @cached_property
    def _directories(self) -> dict[str, Path]:
        """Of a set of runs; empty where networks were given."""
        return {} if isinstance(self._runs, dict) else _with_weights(self._runs)

    @cached_property
    def data(self) -> DataSet:
        """Images with their truth, and the names and colours of the classes.

        Raises
        ------
        ValueError
            It is not known what a network was trained on, its images are not there, or the networks have other
            classes.
        """
        data = self._own_data() if self._given is None else self._given
        for name, model in self.models.items():
            try:
                check_classes(model, data)
            except ValueError as error:
                raise InvalidInput(f"{name}: {error}") from None
        return data

    @cached_property
    def classes(self) -> Labelled:
        """Names and colours of the classes, as figures take them: of the data, or as the networks know them."""
        known = next((on for on in map(_record, self.models.values()) if on), None)
        if self._given is not None or known is None:
            return self.data
        return SimpleNamespace(
            class_names=known.class_names,
            palette=np.array(known.palette, np.uint8),
            ignore_index=known.ignore_index,
            num_classes=len(known.class_names),
        )

    def size(self) -> tuple[int, int] | None:
        """(H, W) of the images that the networks learnt from; None if nobody knows."""
        return next((record.size for record in map(_record, self.models.values()) if record and record.size), None)

    def learnt_from(self) -> str:
        """What the networks were trained on, by their own records, in a sentence."""
        titles: dict[str, list[str]] = {}
        unknown = []
        for name, model in self.models.items():
            if record := _record(model):
                titles.setdefault(record.title, []).append(name)
            else:
                unknown.append(name)
        alone = len(titles) == 1 and not unknown
        known = [title if alone else f"{', '.join(names)}: {title}" for title, names in titles.items()]
        sentences = []
        if known:
            sentences.append(f"Trained on {'; '.join(known)}: elsewhere they guess.")
        if unknown:
            sentences.append(f"It is not known what {', '.join(unknown)} learnt from.")
        return " ".join(sentences)

    def _own_data(self) -> DataSet:
        """The validation images of the first network."""
        if self._directories:
            name, path = next(iter(self._directories.items()))
            return _found(name, lambda: data_of(path))
        name, model = next(iter(self.models.items()))
        record = _record(model)
        if record is None:
            raise InvalidInput(
                f"{name} has no record of its training data, so its class names are unknown: give "
                'data=..., a data set with its classes, such as load_dataset("roadscenes", "val")'
            )
        run = (getattr(model, "started_from", None) or {}).get("run")
        if (
            run
            and RunDirectory(run).about_file.exists()
            and TrainedOn.of_run(RunDirectory(run).about()["data"]) == record
        ):
            return _found(name, lambda: data_of(run))
        options: dict[str, Any] = {} if record.size is None else {"size": record.size}
        return _found(name, lambda: load_dataset(record.name, "val", **options))

    def fast(self, name: str) -> nn.Module:
        """The form of a network that computes fastest, made only once."""
        if name not in self._fast:
            with fast_form(self.models[name]) as form:
                self._fast[name] = form if isinstance(form, OptimizedNetwork) else self.models[name]
        return self._fast[name]

    def judged(self, name: str, number: int) -> compared.Prediction:
        """The prediction of network `name` for image `number`, with its scores."""
        if (name, number) not in self._judged:
            image, truth = self.data[number]
            self._judged[name, number] = compared.judge(predict(self.fast(name), image), truth, self.data)
        return self._judged[name, number]

    def all_judged(self, number: int) -> dict[str, compared.Prediction]:
        """The predictions of all networks for image `number`, by name."""
        return {name: self.judged(name, number) for name in self.models}

    def worst_first(self, name: str, score: str, count: int) -> list[int]:
        """Numbers of the first `count` images, from the lowest score of a network to the highest."""
        scores = {i: self.judged(name, i).scores[score] for i in range(min(count, len(self.data)))}
        return sorted(scores, key=lambda i: np.nan_to_num(scores[i], nan=2.0))  # an image without a score comes last


def _with_weights(runs: str | os.PathLike[str]) -> dict[str, Path]:
    """Run directories of a set."""
    found = {name: path for name, path in list_runs(runs).items() if RunDirectory(path).best.exists()}
    if not found:
        raise InvalidInput(
            f"the set of runs {runs!r} holds scores but no weights, so there is nothing to look into: "
            f"train one, e.g. `segnet-lab train segnet_basic --run runs/{runs}/segnet_basic`"
        )
    return found


def _by_name(runs: Runs) -> str | os.PathLike[str] | dict[str, nn.Module]:
    """The name of a set, or networks by name."""
    if isinstance(runs, str | os.PathLike):
        return runs
    if not isinstance(runs, Mapping):
        raise InvalidInput(f"give the name of a set of runs, or {{name: network}}, not {type(runs).__name__}")
    if not runs:
        raise InvalidInput("no networks to look into: give at least one, as {name: network}")
    networks = {}
    for name, model in runs.items():
        try:
            networks[str(name)] = unwrap(model)
        except ValueError as error:
            raise InvalidInput(f"{name}: {error}") from None
    return networks


def with_images(data: DataSet) -> DataSet:
    """A data set that holds something to look at.

    Raises
    ------
    ValueError
        It is empty.
    """
    if not len(data):
        raise InvalidInput(f"{data.name} ({data.split}) holds no images, so there is nothing to look at")
    return data


def _record(model: nn.Module) -> TrainedOn | None:
    return getattr(model, "trained_on", None)


def _count(model: nn.Module) -> int | None:
    """Number of classes, if the network tells."""
    record = _record(model)
    return len(record.class_names) if record else getattr(model, "num_classes", None)


def _found(name: str, load: Callable[[], DataSet]) -> DataSet:
    """The images that a network was validated on; if they are not there, the way to name others."""
    try:
        return load()
    except (ValueError, OSError) as error:
        raise InvalidInput(f"the images of {name} are not at hand: {error}. In an explorer, give data=...") from None


def _check_alike(models: Mapping[str, nn.Module]) -> None:
    """Networks that are compared must speak of the same classes."""
    first, *others = models
    for other in others:
        a, b = (_count(models[name]) for name in (first, other))
        if None not in (a, b) and a != b:
            raise InvalidInput(f"{first} has {a} classes, {other} has {b}: compare networks of the same classes")
        ours, theirs = (_record(models[name]) for name in (first, other))
        if ours and theirs and ours.class_names != theirs.class_names:
            number, (here, there) = next(
                (n, pair)
                for n, pair in enumerate(zip(ours.class_names, theirs.class_names, strict=True))
                if pair[0] != pair[1]
            )
            raise InvalidInput(
                f"class {number} of {first} ({ours.name}) is {here!r}, of {other} ({theirs.name}) it is {there!r}: "
                "compare networks of the same classes"
            )
