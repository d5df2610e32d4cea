"""ImageNet weights for the encoders that are VGG16's (Section 4: "pre-trained weights from VGG net").

The file is torchvision's, read without torchvision. Its convolutions are called `features.<index>`, an index for every
layer, so the names follow from VGG16's list of channels:

    vgg16       conv, ReLU        0 2 | 5 7 | 10 12 14 | 17 19 21 | 24 26 28
    vgg16_bn    conv, norm, ReLU  0 3 | 7 10 | 14 17 20 | 24 27 30 | 34 37 40, each norm one behind
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from segnet_lab._support.errors import InvalidInput, NotFound, unknown
from segnet_lab._support.progress import headless
from segnet_lab.models.layer_names import count_layers
from segnet_lab.models.network import EncoderDecoder
from segnet_lab.models.variants import NETWORKS, VGG16, Filter, Network
from segnet_lab.models.wrapped import unwrap

# torchvision's public files; the last part of a name is the start of the file's SHA-256
URLS = {
    "vgg16_bn": "https://download.pytorch.org/models/vgg16_bn-6c64b313.pth",
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
}
FC6_FC7 = (Filter(4096, 7), Filter(4096, 1))  # a neck that takes VGG16's classifier.0 and classifier.3


@dataclass(frozen=True)
class ImageNetReport:
    """What `load_imagenet` did; printing it says it layer by layer."""

    network: str
    source: str
    loaded: dict[str, str]  # tensor of the model -> tensor of the file
    as_drawn: tuple[str, ...]  # layers of the model that keep the weights they had
    unused: tuple[str, ...]  # layers of the file that the network has no place for

    def __str__(self) -> str:
        layers = {_layer(ours): _layer(theirs) for ours, theirs in self.loaded.items()}
        lines = [f"{self.source} -> {self.network}: {len(self.loaded)} tensors of {len(layers)} layers"]
        lines += [f"  {ours:24s} from {theirs}" for ours, theirs in layers.items()]
        lines += [f"as drawn: {count_layers(self.as_drawn)}", f"not used: {count_layers(self.unused)}"]
        return "\n".join(lines)


def load_imagenet(model: EncoderDecoder, source: str | os.PathLike[str] = "vgg16_bn") -> ImageNetReport:
    """Start an encoder from VGG16's ImageNet weights, and say which tensors matched.

    Parameters
    ----------
    model : EncoderDecoder
        A network whose encoder is VGG16's, at width 1 and with input_transform="imagenet". Changed in place.
    source : "vgg16_bn", "vgg16" or path
        A public file by name, fetched once by `torch.hub` and checked against its hash (553 MB); or a local file,
        `.safetensors` or what `torch.save` wrote, with torchvision's names. Nothing but tensors is unpickled.

    Returns
    -------
    ImageNetReport
        `print` it. Loaded are the convolutions of the encoder, weights and biases (13; U-Net has no conv5: 10);
        their batch normalisations if the file has any; fc6 and fc7, reshaped to 7x7 and 1x1 convolutions, if file
        and network have them with 4,096 channels. All else stays as drawn.

    Raises
    ------
    ValueError
        Another encoder, width or input transform; a tensor that is missing, not finite or has another shape; a file
        that is damaged or holds something else. The message names the file; the model is then untouched.
    FileNotFoundError
        No such file.
    OSError
        The download failed.

    Notes
    -----
    "vgg16" has no batch normalisation: its convolutions then feed norms as drawn, which pass them on nearly unchanged
    until statistics are gathered (`training.batch_norm.refresh_batch_norm`; training does so before it evaluates).

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> load_imagenet(create_model("segnet_basic", input_transform="imagenet"), "vgg16.pth")
    Traceback (most recent call last):
    ...
    segnet_lab...InvalidInput: segnet_basic has no VGG16 encoder; these have:
    segnet, fcn, fcn_learnt_deconv, deeplab_large_fov, ...
    """
    model = unwrap(model, required=True)
    _check(model)
    tensors = _read(source)
    pairs = dict(_pairs(NETWORKS[model.config.name], tensors))
    own = model.state_dict()
    for ours, theirs in pairs.items():
        _check_tensor(tensors, theirs, own[ours], ours, source)
    with torch.no_grad():
        for ours, theirs in pairs.items():
            own[ours].copy_(tensors[theirs].reshape(own[ours].shape))
    matched = {_layer(ours) for ours in pairs}
    used = {_layer(theirs) for theirs in pairs.values()}
    report = ImageNetReport(
        network=model.config.name,
        source=str(source),
        loaded=pairs,
        as_drawn=tuple(dict.fromkeys(_layer(n) for n, _ in model.named_parameters() if _layer(n) not in matched)),
        unused=tuple(dict.fromkeys(_layer(name) for name in tensors if _layer(name) not in used)),
    )
    model.trained_on = None  # whatever it was, these weights did not learn from it
    model.started_from = {"imagenet": report.source, "loaded": len(pairs), "as_drawn": list(report.as_drawn)}
    return report


def has_vgg16_encoder(row: Network) -> bool:
    """True if the encoder's filters are VGG16's, or its first blocks; pooling and dilation may differ.

    >>> [name for name, row in NETWORKS.items() if has_vgg16_encoder(row)][:3]
    ['segnet', 'fcn', 'fcn_learnt_deconv']
    """
    blocks = [block.channels for block in row.encoder]
    return row.kernel == 3 and blocks == [block.channels for block in VGG16[: len(blocks)]]


def _pairs(row: Network, tensors: dict[str, Tensor]) -> Iterator[tuple[str, str]]:
    """Tensor of the model, tensor of the file that belongs there."""
    with_norm = any(name.startswith("features.") and name.endswith("running_mean") for name in tensors)
    index = 0
    for stage, block in enumerate(row.encoder):
        for conv in range(len(block.channels)):
            for name in ("weight", "bias"):
                yield f"stages.{stage}.convs.{conv}.conv.{name}", f"features.{index}.{name}"
            if with_norm:
                for name in ("weight", "bias", "running_mean", "running_var"):
                    yield f"stages.{stage}.convs.{conv}.norm.{name}", f"features.{index + 1}.{name}"
            index += 3 if with_norm else 2
        index += 1  # the pooling
    if row.neck == FC6_FC7 and "classifier.0.weight" in tensors:
        for fc, layer in (("0", 0), ("2", 3)):  # a dropout stands between
            for name in ("weight", "bias"):
                yield f"neck.{fc}.conv.{name}", f"classifier.{layer}.{name}"


def _check(model: EncoderDecoder) -> None:
    config = model.config
    if not has_vgg16_encoder(NETWORKS[config.name]):
        fitting = ", ".join(name for name, row in NETWORKS.items() if has_vgg16_encoder(row))
        raise InvalidInput(f"{config.name} has no VGG16 encoder; these have: {fitting}")
    if config.width != 1:
        raise InvalidInput(
            f"{config.name} has width={config.width}, ImageNet weights come at the paper's: "
            f"create_model({config.name!r}, width=1)"
        )
    if config.input_transform != "imagenet":
        raise InvalidInput(
            f"{config.name} has input_transform={config.input_transform!r}, but these weights expect ImageNet's mean "
            f"colour subtracted and a division by its standard deviation: create_model({config.name!r}, "
            'input_transform="imagenet")'
        )


def _check_tensor(tensors: dict[str, Tensor], name: str, own: Tensor, ours: str, source: object) -> None:
    if name not in tensors:
        held = ", ".join(sorted(tensors)[:4]) or "nothing"
        raise InvalidInput(
            f"{source} has no tensor {name}, wanted for {ours}; it holds {held}... "
            "Give a VGG16 file with torchvision's names; the model is untouched"
        )
    if tensors[name].layout != torch.strided or not tensors[name].is_floating_point():
        raise InvalidInput(
            f"{source} is damaged or no VGG16: {name} holds {tensors[name].dtype}; the model is untouched"
        )
    shape = tuple(tensors[name].shape)
    flat = name.startswith("classifier.")  # fc6: 4096 x 25088 in the file, 4096 x 512 x 7 x 7 here
    if shape != tuple(own.shape) and not (flat and shape == (len(own), own.numel() // len(own))):
        raise InvalidInput(
            f"{source} is no VGG16: {name} has shape {shape}, {ours} needs {tuple(own.shape)}; the model is untouched"
        )
    if not tensors[name].float().isfinite().all():
        raise InvalidInput(f"{source} is damaged: {name} holds infinity or nan; the model is untouched")


# ---------------------------------------------------------------------------------------------- reading


def _read(source: str | os.PathLike[str]) -> dict[str, Tensor]:
    if str(source) in URLS:
        return _download(URLS[str(source)])
    path = Path(source).expanduser()
    if not path.is_file():
        raise NotFound(f"no file {path}; {unknown('name of public weights', str(source), URLS)}")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error}") from error
    except Exception as error:  # what a damaged pickle raises is not documented: IndexError, UnicodeDecodeError, ...
        raise InvalidInput(f"{path} is damaged, or holds more than tensors, and nothing else is unpickled") from error
    pairs = content.items() if isinstance(content, dict) else [(None, content)]
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in pairs):
        held = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise InvalidInput(f"{path} holds no state dict of tensors but: {held:.200s}. Save model.state_dict() alone")
    return content


def _download(url: str) -> dict[str, Tensor]:
    try:
        return torch.hub.load_state_dict_from_url(
            url, map_location="cpu", progress=not headless(), check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:  # no network; a hash that does not fit
        raise OSError(
            f"could not get {url} ({error}): fetch it with a browser and pass load_imagenet the path of the file"
        ) from error


def _layer(tensor: str) -> str:
    return tensor.rpartition(".")[0]
