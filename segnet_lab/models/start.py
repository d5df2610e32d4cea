"""Starting a network from the weights of a run, also one of other classes or another network."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.models.network import Config, EncoderDecoder
from segnet_lab.runs import checkpoints
from segnet_lab.runs.places import find, looked, said

if TYPE_CHECKING:  # models are imported by what these import
    from segnet_lab.models.imagenet import ImageNetReport
from segnet_lab.models.from_runs import _names, config_of, find_weights
from segnet_lab.models.layer_names import _layer, count_layers
from segnet_lab.models.wrapped import unwrap


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
            kept = [layer for layer, reason in self.as_drawn.items() if reason == why]
            lines.append(f"as drawn: {count_layers(kept)} ({why})")
        if not self.as_drawn:
            lines.append("as drawn: nothing more" if self.partly else "as drawn: nothing")
        return "\n".join([*lines, f"not used: {count_layers(self.unused)}"])


def start_from(
    model: EncoderDecoder, run: str | os.PathLike[str], class_names: Sequence[str] | None = None
) -> StartReport:
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
    source = config_of(directory)
    common = _common(class_names, about["data"]["class_names"], model.num_classes)
    _check_transform(model.config, source, run)
    tensors, epoch = directory.load_selected()

    own, axes = model.state_dict(), class_axes(model.config)
    as_drawn = dict(_as_drawn(own, axes, tensors, class_axes(source), common))
    taken = [name for name in own if _layer(name) not in as_drawn]
    if not taken:
        raise InvalidInput(
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
        classes=tuple(class_names[ours] for ours in common) if scored and class_names and common else (),
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


Tensors = dict[str, Tensor]
Axes = dict[str, tuple[int, ...]]


def _as_drawn(
    own: Tensors, axes: Axes, tensors: Tensors, there: Axes, common: dict[int, int] | None
) -> Iterator[tuple[str, str]]:
    """Layers that cannot take over the run's weights, and why."""
    layers: dict[str, list[str]] = {}
    for name in own:
        layers.setdefault(_layer(name), []).append(name)
    for layer, names in layers.items():
        if not all(name in tensors for name in names):
            yield layer, "the run has no such layer"
        elif any(_but(axes, name, own[name]) != _but(there, name, tensors[name]) for name in names):
            yield layer, "of another shape in the run"
        elif any(name in axes for name in names) and not common:
            yield layer, "the run has none of its classes" if common == {} else "class_names were not given"


def class_axes(config: Config) -> Axes:
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
        raise InvalidInput(f"{len(ours)} class_names for a network of {classes} classes")
    numbers = {name: number for number, name in enumerate(theirs)}
    return {number: numbers[name] for number, name in enumerate(ours) if name in numbers}


def _check_transform(ours: Config, theirs: Config, run: object) -> None:
    if ours.input_transform != theirs.input_transform:
        raise InvalidInput(
            f"{run} learnt from images normalised by {theirs.input_transform!r}, {ours.name} here has "
            f"input_transform={ours.input_transform!r}: "
            f"create_model({ours.name!r}, input_transform={theirs.input_transform!r})"
        )


def _but(axes: Axes, name: str, tensor: Tensor) -> tuple[int | None, ...]:
    """Shape of a tensor, with None where it counts classes."""
    return tuple(None if i in axes.get(name, ()) else n for i, n in enumerate(tensor.shape))


def _copy(source: Tensor, target: Tensor, axes: tuple[int, ...], common: dict[int, int] | None) -> None:
    """All of a tensor; along axes that count classes only those in common, each to its own number."""
    if not axes or common is None:
        target.copy_(source)
        return
    source = source.to(target.device)

    def rows(shape: torch.Size, numbers: Iterable[int]) -> tuple[Tensor, ...]:
        picked = [torch.tensor(list(numbers) if i in axes else range(n)) for i, n in enumerate(shape)]
        return torch.meshgrid(*picked, indexing="ij")

    target[rows(target.shape, common.keys())] = source[rows(source.shape, common.values())]


def named_start(source: str | os.PathLike[str], network: str) -> dict[str, str]:
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
    model: EncoderDecoder, source: str | os.PathLike[str], class_names: Sequence[str] | None = None
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
    segnet_lab...InvalidInput: unknown start 'imagenett'. Did you mean 'imagenet'? Known: imagenet, vgg16_bn, vgg16, ...
    """
    from segnet_lab.models.imagenet import URLS, load_imagenet

    path = Path(source).expanduser()
    if str(source) in ("imagenet", *URLS):
        return load_imagenet(model, "vgg16_bn" if str(source) == "imagenet" else source)
    if path.is_file() and not (path.parent / "run.json").is_file():
        return load_imagenet(model, path)
    if path.is_file():
        raise InvalidInput(f"{path} is a file of a run: give the run, {path.parent}")
    if find(source) is None:
        known = unknown("start", str(source), ["imagenet", *URLS, *_names()])
        raise InvalidInput(f"{known}; or give a run directory, or a file with the weights of VGG16{looked(source)}")
    return start_from(model, source, class_names)
