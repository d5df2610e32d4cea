"""Trained networks by the name of their run: `load_run`, and `create_model(..., weights=...)`."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, overload

from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput, NotFound, unknown
from segnet_lab.models.build import build
from segnet_lab.models.guests import network_name
from segnet_lab.models.network import Config, EncoderDecoder
from segnet_lab.models.variants import NETWORKS
from segnet_lab.models.wrapped import unwrap
from segnet_lab.runs import checkpoints
from segnet_lab.runs.directory import RunDirectory, runs_of
from segnet_lab.runs.places import every_run, find, find_run, is_place, is_run, looked, name_of, said
from segnet_lab.runs.provenance import TrainedOn, in_words
from segnet_lab.runs.recipe import Recipe
from segnet_lab.runs.records import Scores, is_guest

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("weights", "data", "classes", "size", "width", "G", "mIoU", "BF", "scored on", "convention")


# ------------------------------------------------------------------------------------------------ by name
def list_weights() -> "pd.DataFrame":
    """Trained weights that are at hand, your own first: what `create_model(model, weights=...)` takes.

    Returns
    -------
    DataFrame
        One row per run that has weights, in all `places` where names are looked for, indexed by model: weights (what to
        type), the data it was trained on, their number of classes and size; width; G, mIoU and BF of the
        validation images in percent, which images those are, and the convention of BF. A run that is not finished has
        no scores yet: nan.

    Examples
    --------
    >>> table = list_weights()
    >>> table[table.data == "rooms"].loc["segnet_basic", ["weights", "classes", "size", "scored on"]]
    weights                               rooms
    classes                                  37
    size                                 96x128
    scored on    rooms val, 60 images at 96x128
    Name: segnet_basic, dtype: object
    """
    import pandas as pd

    table = pd.DataFrame(map(_row, _named()), columns=["model", *COLUMNS])
    return table.set_index("model")


class Named(NamedTuple):
    """A run with weights, and the shortest name that finds it."""

    model: str
    weights: str
    run: RunDirectory


def _named() -> Iterator[Named]:
    runs = [(run, network) for run in map(RunDirectory, every_run()) if (network := _network(run))]
    order, sets = list(NETWORKS), list(dict.fromkeys(run.path.parent for run, _ in runs))
    runs.sort(key=lambda pair: (sets.index(pair[0].path.parent), order.index(pair[1]), pair[0].path.name))
    alike = Counter((run.path.parent, network) for run, network in runs)
    for run, network in runs:
        folder = run.path.parent
        by_set = alike[folder, network] == 1 and not is_place(folder) and not is_run(folder)
        yield Named(network, name_of(folder if by_set else run.path), run)


def _network(run: RunDirectory) -> str | None:
    """Whose weights a run has; None if it has none, or nobody can tell."""
    with suppress(ValueError, KeyError, TypeError, OSError):
        model = run.about()["model"]
        ours = model["name"] in NETWORKS and not is_guest(model)
        return model["name"] if ours and run.has_weights() else None
    return None


def _row(named: Named) -> tuple[object, ...]:
    about, scores = named.run.about(), Scores()
    with suppress(ValueError):  # damaged scores; the weights can be whole
        scores = named.run.scores().get("val", {})
    data = TrainedOn.of_run(about["data"])
    return (
        named.model,
        named.weights,
        data.called,
        len(data.class_names),
        "x".join(map(str, data.size or ())),
        about["model"]["width"],
        *(round(100 * scores.get(score, float("nan")), 2) for score in ("G", "mIoU", "BF")),
        in_words(scores["on"]).partition(";")[0] if scores else "",
        scores["on"]["convention"] if scores else "",
    )


def find_weights(source: str | os.PathLike[str], network: str) -> RunDirectory:
    """The run that is meant: by "set/run", by its path, or by a set in which one run with weights has that network.

    Parameters
    ----------
    source : str or path
        A path, a name among your own runs, or one among the kit's, in this order; see `places`.
    network : str
        Of which a set has to hold one run; a run named by itself may have any.

    Raises
    ------
    ValueError
        There is none of that name, or several; the message lists what there is.
    FileNotFoundError
        The run has no weights.

    Examples
    --------
    >>> find_weights("roadscenes", "segnet_basic").path.name
    'segnet_basic'
    """
    folder = find(source)
    if folder is None:
        raise InvalidInput(f"{unknown('weights', str(source), _names())}; or give a run directory{looked(source)}")
    if (folder / "run.json").is_file():
        return RunDirectory(folder)
    order = {name: number for number, name in enumerate(NETWORKS)}
    runs = sorted(runs_of(folder), key=lambda run: order.get(run.about()["model"]["name"], len(order)))
    of_network = [run for run in runs if run.about()["model"]["name"] == network]
    found = [run for run in of_network if run.has_weights()]
    if len(found) == 1:
        return found[0]
    with_weights = ", ".join(f"{source}/{run.path.name}" for run in found or runs if run.has_weights()) or "none"
    named = said(source, folder)
    if found:
        raise InvalidInput(f"{named} holds {len(found)} runs of {network} with weights: name one, {with_weights}")
    if of_network:
        raise NotFound(
            f"{named} has no weights of {network}, only what it scored. With weights: {with_weights}; "
            f"or train it with the command in {of_network[0].about_file}"
        )
    raise InvalidInput(f"{named} holds no run of {network}. With weights: {with_weights}")


def _names() -> list[str]:
    return list(dict.fromkeys(named.weights for named in _named()))


def trained(
    name: str, weights: str | os.PathLike[str], asked: Mapping[str, object], seed: int | None
) -> EncoderDecoder:
    """`create_model(name, weights=weights)`; `asked` are its other arguments, None where they were not given."""
    run = find_weights(weights, name)
    config: Mapping[str, object] = asdict(config_of(run))
    named = said(weights, run.path)
    otherwise = (
        f"To start another network from it: start_from(model, {str(weights)!r}), or train(..., init={str(weights)!r})"
    )
    if config["name"] != name:
        raise InvalidInput(f"{named} are weights of {config['name']}, not of {name}. {otherwise}")
    for option, value in asked.items():
        if value is not None and value != config[option]:
            raise InvalidInput(f"{named} has {option}={config[option]!r}, not {value!r}: leave it out. {otherwise}")
    if seed is not None:
        raise InvalidInput(f"seed={seed}: nothing is drawn where weights are given ({weights}): leave one of them out")
    model = load_run(run.path).model
    model.started_from = {
        "weights": str(weights),
        "run": str(run.path.absolute()),
        "network": name,
        "sha256": checkpoints.checksum(model.state_dict())[:16],
    }
    return model


Network = TypeVar("Network", bound=nn.Module)


class Run(NamedTuple, Generic[Network]):
    """What `load_run` gives."""

    model: Network
    recipe: Recipe
    scores: Scores


@overload
def load_run(run_dir: str | os.PathLike[str], model: None = None) -> Run[EncoderDecoder]: ...
@overload
def load_run(run_dir: str | os.PathLike[str], model: Network) -> Run[Network]: ...
def load_run(run_dir: str | os.PathLike[str], model: nn.Module | None = None) -> Run[Any]:
    """Open what a training left.

    Parameters
    ----------
    run_dir : path or name
        A directory that `train` wrote, or the name of a run, such as "roadscenes/segnet_basic"; see `places`.
    model : Module, optional
        Where to load the weights, instead of a new network: needed for a run of a module that is no network of the
        kit, which only its own code can make. It stays on its device.

    Returns
    -------
    Run
        Unpacks to model (in evaluation mode, with the selected weights, a new one on the CPU; `model.trained_on` says
        what it learnt from), recipe and scores (a dict; empty while the run is not finished).

    Raises
    ------
    FileNotFoundError
        No run there, or none that has finished an epoch.
    ValueError
        The weights do not fit `model`; or the run is of a module that is no network of the kit, and it is not given.
    DamagedCheckpoint
        Neither the selected nor the last weights can be read.
    """
    directory = RunDirectory(find_run(run_dir))
    about = directory.about()
    if model is None:
        model = build(config_of(directory))
    network = unwrap(model)
    load_selected(network, directory)
    vars(network).update(trained_on=TrainedOn.of_run(about["data"]))
    return Run(model.eval(), Recipe.from_dict(about["recipe"]), directory.scores())


def load_selected(network: nn.Module, run: RunDirectory) -> int:
    """Put the selected weights of a run into a network, which then says where they are from; gives their epoch."""
    tensors, epoch = run.load_selected()
    load_weights(network, tensors, run.best)
    source = {"run": str(run.path.absolute()), "network": network_name(network), "epoch": epoch}
    vars(network).update(started_from=source)
    return epoch


def config_of(run: RunDirectory) -> Config:
    """What makes the network of a run again.

    Raises
    ------
    ValueError
        The run is of a module that is no network of the kit.
    """
    model = run.about()["model"]
    if is_guest(model):
        name, guest = str(run.path), model["name"]
        raise InvalidInput(
            f"{name} is a run of {guest}, which is no network of the kit: make it as for that training and give it, "
            f"load_run({name!r}, model={guest}(...))"
        )
    return Config(
        name=model["name"],
        num_classes=model["num_classes"],
        width=model["width"],
        dropout=model["dropout"],
        input_transform=model["input_transform"],
    )


def load_weights(model: nn.Module, tensors: dict[str, Tensor], source: object) -> None:
    """Put weights into a model; another network's weights are refused, naming the first that does not fit."""
    own, called = model.state_dict(), model.config if isinstance(model, EncoderDecoder) else network_name(model)
    for name in sorted(own.keys() | tensors.keys()):
        if name not in tensors or name not in own:
            where = "missing in" if name not in tensors else "more than the model has in"
            raise InvalidInput(f"{source} is of another network than {network_name(model)}: {name} is {where} it")
        if own[name].shape != tensors[name].shape:
            raise InvalidInput(
                f"{source} does not fit {called}: {name} has shape {tuple(tensors[name].shape)}, the model "
                f"{tuple(own[name].shape)}. Create the model with the num_classes and width it was trained with"
            )
    model.load_state_dict(tensors)
