"""Weights by name, and starting a network from the weights of a run, also one of other classes or another network."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from segnet_lab import checkpoints
from segnet_lab._messages import unknown
from segnet_lab.models.network import Config, EncoderDecoder
from segnet_lab.models.variants import NETWORKS
from segnet_lab.places import every_run, find, is_place, is_run, looked, name_of, said

if TYPE_CHECKING:  # models are imported by what these import
    import pandas as pd

    from segnet_lab.models.imagenet import ImageNetReport
    from segnet_lab.runs import RunDirectory

COLUMNS = ("weights", "data", "classes", "size", "width", "G", "mIoU", "BF", "scored on", "convention")


def unwrap(model: nn.Module, required: bool = False) -> nn.Module:
    """The network inside what `torch.compile` or a data-parallel wrapper made; any other module as it is.

    Parameters
    ----------
    model : Module
    required : bool
        Refuse what cannot be trained and saved as one network of the kit.

    Raises
    ------
    ValueError
        No module: a name, for example. If `required`, no network of the kit either, or one in a data-parallel wrapper.
        Says what to give instead.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> model = create_model("segnet_basic", width=0.1)
    >>> unwrap(nn.DataParallel(model)) is model
    True
    """
    if not isinstance(model, nn.Module):
        raise ValueError(_no_network(model))
    while (inner := _inside(model)) is not None:
        if required and not hasattr(model, "_orig_mod"):
            raise ValueError(f"{type(model).__name__} keeps a network to itself: give the network in it, model.module")
        model = inner
    if required and not isinstance(model, EncoderDecoder):
        raise ValueError(_no_network(model))
    return model


def _no_network(given: object) -> str:
    """What was given in a network's place, and the network that may have been meant."""
    if isinstance(given, str | os.PathLike):
        name, folder = os.fspath(given), find(given)
        if name in NETWORKS:
            way = f"create_model({name!r})"
        elif folder and not is_run(folder):
            way = f"create_model(network, weights={name!r})"
        else:
            way = f"load_run({name!r}).model"
        return f"{name!r} is a name: give the network, {way}"
    inside = ": give its model" if isinstance(getattr(given, "model", None), nn.Module) else ""
    return f"what is needed is a network from create_model or load_run, not {type(given).__name__}{inside}"


def _inside(model: nn.Module) -> nn.Module | None:
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return model.module
    return getattr(model, "_orig_mod", None)


# ------------------------------------------------------------------------------------------------ by name


def list_weights() -> "pd.DataFrame":
    """Trained weights that are at hand, one's own first: what `create_model(model, weights=...)` takes.

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
    run: "RunDirectory"


def _named() -> Iterator[Named]:
    from segnet_lab.runs import RunDirectory

    runs = [(run, network) for run in map(RunDirectory, every_run()) if (network := _network(run))]
    order, sets = list(NETWORKS), list(dict.fromkeys(run.path.parent for run, _ in runs))
    runs.sort(key=lambda pair: (sets.index(pair[0].path.parent), order.index(pair[1]), pair[0].path.name))
    alike = Counter((run.path.parent, network) for run, network in runs)
    for run, network in runs:
        folder = run.path.parent
        by_set = alike[folder, network] == 1 and not is_place(folder) and not is_run(folder)
        yield Named(network, name_of(folder if by_set else run.path), run)


def _network(run: "RunDirectory") -> str | None:
    """Whose weights a run has; None if it has none, or nobody can tell."""
    with suppress(ValueError, KeyError, TypeError, OSError):
        name = run.about()["model"]["name"]
        return name if name in NETWORKS and run.has_weights() else None
    return None


def _row(named: Named) -> tuple:
    from segnet_lab.provenance import TrainedOn, in_words

    about, scores = named.run.about(), {}
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


def find_weights(source: str | os.PathLike, network: str) -> "RunDirectory":
    """The run that is meant: by "set/run", by its path, or by a set in which one run with weights has that network.

    Parameters
    ----------
    source : str or path
        A path, a name among one's own runs, or one among the kit's, in this order; see `places`.
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
    from segnet_lab.results import list_runs
    from segnet_lab.runs import RunDirectory

    folder = find(source)
    if folder is None:
        raise ValueError(f"{unknown('weights', str(source), _names())}; or give a run directory{looked(source)}")
    if (folder / "run.json").is_file():
        return RunDirectory(folder)
    runs = [RunDirectory(path) for path in list_runs(folder).values()]
    of_network = [run for run in runs if run.about()["model"]["name"] == network]
    found = [run for run in of_network if run.has_weights()]
    if len(found) == 1:
        return found[0]
    with_weights = ", ".join(f"{source}/{run.path.name}" for run in found or runs if run.has_weights()) or "none"
    named = said(source, folder)
    if found:
        raise ValueError(f"{named} holds {len(found)} runs of {network} with weights: name one, {with_weights}")
    if of_network:
        raise FileNotFoundError(
            f"{named} has no weights of {network}, only what it scored. With weights: {with_weights}; "
            f"or train it with the command in {of_network[0].about_file}"
        )
    raise ValueError(f"{named} holds no run of {network}. With weights: {with_weights}")


def _names() -> list[str]:
    return list(dict.fromkeys(named.weights for named in _named()))


def trained(name: str, weights: str | os.PathLike, asked: dict, seed: int | None) -> EncoderDecoder:
    """`create_model(name, weights=weights)`; `asked` are its other arguments, None where they were not given."""
    from segnet_lab.runs import load_run

    run = find_weights(weights, name)
    config, named = run.about()["model"], said(weights, run.path)
    otherwise = (
        f"To start another network from it: start_from(model, {str(weights)!r}), or train(..., init={str(weights)!r})"
    )
    if config["name"] != name:
        raise ValueError(f"{named} are weights of {config['name']}, not of {name}. {otherwise}")
    for option, value in asked.items():
        if value is not None and value != config[option]:
            raise ValueError(f"{named} has {option}={config[option]!r}, not {value!r}: leave it out. {otherwise}")
    if seed is not None:
        raise ValueError(f"seed={seed}: nothing is drawn where weights are given ({weights}): leave one of them out")
    model = load_run(run.path).model
    model.started_from = {
        "weights": str(weights),
        "run": str(run.path.absolute()),
        "network": name,
        "sha256": checkpoints.checksum(model.state_dict())[:16],
    }
    return model


# ------------------------------------------------------------------------------------------------ starting from a run


@dataclass(frozen=True)
class StartReport:
    """What `start_from` did; printing it says it part by part."""

    network: str
    source: str  # as it was named; with its path, if two places hold that name
    source_network: str
    epoch: int
    loaded: tuple[str, ...]  # tensors that are the run's
    partly: tuple[str, ...]  # tensors that are the run's for `classes`, and as drawn for the others
    classes: tuple[str, ...]  # whose scores are the run's
    as_drawn: dict[str, str]  # layer of the model -> why it keeps the weights it had
    unused: tuple[str, ...]  # layers of the run that the network has no place for

    def __str__(self) -> str:
        layers = tuple(dict.fromkeys(map(_layer, (*self.loaded, *self.partly))))
        tensors = len(self.loaded) + len(self.partly)
        whence = f"{self.source} ({self.source_network}, epoch {self.epoch})"
        lines = [f"{whence} -> {self.network}: {tensors} tensors of {len(layers)} layers", f"  {count_layers(layers)}"]
        if self.classes:
            lines.append(f"scores of {', '.join(self.classes)}{'; of other classes as drawn' if self.partly else ''}")
        for why in dict.fromkeys(self.as_drawn.values()):
            layers = [layer for layer, reason in self.as_drawn.items() if reason == why]
            lines.append(f"as drawn: {count_layers(layers)} ({why})")
        if not self.as_drawn:
            lines.append("as drawn: nothing more" if self.partly else "as drawn: nothing")
        return "\n".join([*lines, f"not used: {count_layers(self.unused)}"])


def start_from(model: EncoderDecoder, run: str | os.PathLike, class_names: Sequence[str] | None = None) -> StartReport:
    """Start a network from the weights of a run, wherever layers agree by name and shape, and say which did.

    For fine-tuning on other classes, and from one network to another (SegNet-Basic's encoder is FCN-Basic's).

    Parameters
    ----------
    model : EncoderDecoder
        Changed in place. A convolution and its batch normalisation go together.
    run : str or path
        "set/run", a run directory, or a set in which one run with weights has the model's network.
    class_names : sequence of K str, optional
        The model's classes, such as `data.class_names`. Layers that give class scores take over those of the classes
        whose names the run knows; all others, and all if names are not given, stay as drawn.

    Returns
    -------
    StartReport
        `print` it. `model.started_from` has it in short, as run.json will.

    Raises
    ------
    ValueError
        Nothing fits, the run normalised its images otherwise, or there is no such run. The model is then untouched.
    FileNotFoundError
        The run has no weights.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> model = create_model("segnet_basic", num_classes=3, width=0.5)
    >>> print(start_from(model, "roadscenes", ["Car", "Lorry", "Road"]))
    roadscenes (segnet_basic, epoch 26) -> segnet_basic: 50 tensors of 9 layers
      4 layers of stages, 4 of decoders, 1 of classifier
    scores of Car, Road; of other classes as drawn
    as drawn: nothing more
    not used: nothing
    """
    model = unwrap(model, required=True)
    directory = find_weights(run, model.config.name)
    about = directory.about()
    source = Config(**about["model"])
    common = _common(class_names, about["data"]["class_names"], model.num_classes)
    _check_transform(model.config, source, run)
    tensors, epoch = directory.load_selected()

    own, axes = model.state_dict(), class_axes(model.config)
    as_drawn = dict(_as_drawn(own, axes, tensors, class_axes(source), common))
    taken = [name for name in own if _layer(name) not in as_drawn]
    if not taken:
        raise ValueError(
            f"nothing of {run} ({source.name}, width {source.width}) fits {model.config.name} of width "
            f"{model.config.width}: take the same width and network, or one with the same encoder"
        )
    with torch.no_grad():
        for name in taken:
            _copy(tensors[name], own[name], axes.get(name, ()), common)

    scored = [name for name in taken if name in axes]
    partly = scored if len(common or ()) < model.num_classes else []
    report = StartReport(
        network=model.config.name,
        source=said(run, directory.path),
        source_network=source.name,
        epoch=epoch,
        loaded=tuple(name for name in taken if name not in partly),
        partly=tuple(partly),
        classes=tuple(class_names[ours] for ours in common) if scored else (),
        as_drawn=as_drawn,
        unused=tuple(dict.fromkeys(_layer(name) for name in tensors if name not in taken)),
    )
    model.trained_on = None  # what the run learnt from is not what this network will
    model.started_from = {
        "run": str(directory.path.absolute()),
        "network": source.name,
        "epoch": epoch,
        "sha256": checkpoints.checksum(tensors)[:16],
        "loaded": len(report.loaded),
        "partly": list(report.partly),
        "classes": list(report.classes),
        "as_drawn": list(report.as_drawn),
    }
    return report


def _as_drawn(own: dict, axes: dict, tensors: dict, there: dict, common: dict | None) -> Iterator[tuple[str, str]]:
    """Layers that cannot take over the run's weights, and why."""
    layers = {}
    for name in own:
        layers.setdefault(_layer(name), []).append(name)
    for layer, names in layers.items():
        if not all(name in tensors for name in names):
            yield layer, "the run has no such layer"
        elif any(_but(axes, name, own[name]) != _but(there, name, tensors[name]) for name in names):
            yield layer, "of another shape in the run"
        elif any(name in axes for name in names) and not common:
            yield layer, "the run has none of its classes" if common == {} else "class_names were not given"


def class_axes(config: Config) -> dict[str, tuple[int, ...]]:
    """Which axes of which tensors count classes: those that grow where a network has one class more.

    >>> class_axes(Config("segnet_basic", num_classes=11, width=1.0, dropout=0.0, input_transform="lrn"))
    {'classifier.conv.weight': (0,), 'classifier.conv.bias': (0,)}
    """
    from segnet_lab.models import create_model

    with torch.device("meta"):
        now = create_model(**asdict(config)).state_dict()
        more = create_model(**{**asdict(config), "num_classes": config.num_classes + 1}).state_dict()
    grown = {name: tuple(i for i, n in enumerate(t.shape) if more[name].shape[i] > n) for name, t in now.items()}
    return {name: axes for name, axes in grown.items() if axes}


def _common(ours: Sequence[str] | None, theirs: Sequence[str], classes: int) -> dict[int, int] | None:
    """Number of a class here -> number of the class of the same name in the run; None if names are not known."""
    if ours is None:
        return None
    if len(ours) != classes:
        raise ValueError(f"{len(ours)} class_names for a network of {classes} classes")
    numbers = {name: number for number, name in enumerate(theirs)}
    return {number: numbers[name] for number, name in enumerate(ours) if name in numbers}


def _check_transform(ours: Config, theirs: Config, run: object) -> None:
    if ours.input_transform != theirs.input_transform:
        raise ValueError(
            f"{run} learnt from images normalised by {theirs.input_transform!r}, {ours.name} here has "
            f"input_transform={ours.input_transform!r}: "
            f"create_model({ours.name!r}, input_transform={theirs.input_transform!r})"
        )


def _but(axes: dict[str, tuple[int, ...]], name: str, tensor: Tensor) -> tuple:
    """Shape of a tensor, with None where it counts classes."""
    return tuple(None if i in axes.get(name, ()) else n for i, n in enumerate(tensor.shape))


def _copy(source: Tensor, target: Tensor, axes: tuple[int, ...], common: dict[int, int] | None) -> None:
    """All of a tensor; along axes that count classes only those in common, each to its own number."""
    if not axes:
        target.copy_(source)
        return
    source = source.to(target.device)

    def rows(shape: torch.Size, numbers: Iterable[int]) -> tuple[Tensor, ...]:
        picked = [torch.tensor(list(numbers) if i in axes else range(n)) for i, n in enumerate(shape)]
        return torch.meshgrid(*picked, indexing="ij")

    target[rows(target.shape, common.keys())] = source[rows(source.shape, common.values())]


def _layer(tensor: str) -> str:
    """A convolution and its batch normalisation are one layer.

    >>> _layer("stages.0.convs.0.norm.weight"), _layer("decoders.4.deconv.weight")
    ('stages.0.convs.0', 'decoders.4.deconv')
    """
    return tensor.rpartition(".")[0].removesuffix(".conv").removesuffix(".norm")


def count_layers(layers: Iterable[str]) -> str:
    """How many layers of each part.

    >>> count_layers(["decoders.5.convs.0", "decoders.5.convs.1", "classifier"]), count_layers(["classifier"])
    ('2 layers of decoders, 1 of classifier', '1 layer of classifier')
    """
    counts = Counter(layer.partition(".")[0] for layer in layers)
    if not counts:
        return "nothing"
    (part, n), *others = counts.items()
    return ", ".join([f"{n} layer{'s' * (n > 1)} of {part}", *(f"{n} of {part}" for part, n in others)])


def named_start(source: str | os.PathLike, network: str) -> dict:
    """What `init` would start a network from, as far as its name tells; nothing is read, and it may be gone.

    >>> named_start("imagenet", "segnet"), named_start("runs/gone", "segnet")
    ({'imagenet': 'vgg16_bn'}, {'run': 'runs/gone'})
    """
    from segnet_lab.models.imagenet import URLS

    if str(source) in ("imagenet", *URLS):
        return {"imagenet": "vgg16_bn" if str(source) == "imagenet" else str(source)}
    if Path(source).expanduser().is_file():
        return {"imagenet": str(source)}
    with suppress(ValueError, OSError):
        return {"run": str(find_weights(source, network).path.absolute())}
    return {"run": str(source)}


def init(
    model: EncoderDecoder, source: str | os.PathLike, class_names: Sequence[str] | None = None
) -> "StartReport | ImageNetReport":
    """Start a network from whatever weights are named: those of a run, or ImageNet's.

    Parameters
    ----------
    model : EncoderDecoder
        Changed in place.
    source : str or path
        A run as in `start_from`; "imagenet" (that is "vgg16_bn"), "vgg16", "vgg16_bn", or a file as in `load_imagenet`.
    class_names : sequence of K str, optional
        The model's classes, see `start_from`.

    Returns
    -------
    StartReport or ImageNetReport
        `print` it.

    Raises
    ------
    ValueError
        It is none of these; or its weights do not fit.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> init(create_model("segnet_basic"), "imagenett")
    Traceback (most recent call last):
    ...
    ValueError: unknown start 'imagenett'. Did you mean 'imagenet'? Known: imagenet, vgg16_bn, vgg16, ...
    """
    from segnet_lab.models.imagenet import URLS, load_imagenet

    path = Path(source).expanduser()
    if str(source) in ("imagenet", *URLS):
        return load_imagenet(model, "vgg16_bn" if str(source) == "imagenet" else source)
    if path.is_file() and not (path.parent / "run.json").is_file():
        return load_imagenet(model, path)
    if path.is_file():
        raise ValueError(f"{path} is a file of a run: give the run, {path.parent}")
    if find(source) is None:
        known = unknown("start", str(source), ["imagenet", *URLS, *_names()])
        raise ValueError(f"{known}; or give a run directory, or a file with the weights of VGG16{looked(source)}")
    return start_from(model, source, class_names)
