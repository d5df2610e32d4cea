"""The fast and the lean way to run a trained network: `optimize(model)`.

What it does, and what each step buys:

- batch normalisation is folded into the convolution before it: one pass over the map less;
- 7x7 convolutions that stay float32 are computed by FFT (`segnet_lab.inference.fft_conv`): half the time;
- channels lie beside each other in memory (channels_last), as convolution kernels want them;
- weights and maps are bfloat16 where the hardware multiplies it: half the bytes, and the faster units. Not all of them:
  rounding in the encoder moves pooling corners, so its first stages stay float32 as long as that is cheap. On cards
  that multiply float16 instead, which is rounded eight times finer, all of them are float16;
- with `low_memory=True` rows stream through encoder and decoder (`inference.by_rows`), so that no map of a stage is
  ever whole.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segnet_lab._support import compiled
from segnet_lab._support.devices import autocast, compute_dtype, device_of
from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab._support.modes import evaluating
from segnet_lab.inference import fft_conv
from segnet_lab.inference.by_rows import check_decoders, logits_by_rows
from segnet_lab.inference.labeller import Labeller
from segnet_lab.models import Config, EncoderDecoder
from segnet_lab.models.guests import check_logits
from segnet_lab.models.layers import ConvBN, conv_layers
from segnet_lab.models.network import check_image
from segnet_lab.models.wrapped import unwrap
from segnet_lab.runs.provenance import TrainedOn
from segnet_lab.runs.recipe import PRECISIONS

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def optimize(model: EncoderDecoder, precision: str = "auto", *, low_memory: bool = False) -> "OptimizedNetwork":
    """The fast inference form of a network; the given one is left as it is.

    Parameters
    ----------
    model : EncoderDecoder
        From `create_model`, `load_run` or `train`, in evaluation mode. The form computes on its device.
    precision : str
        "float32"; "bfloat16" or "float16" for all layers; or "auto": float32, unless the hardware multiplies one of
        the others, see `compute_dtype`. Where that is bfloat16, the classifier and the first encoder stages, up to a
        third of the network's multiplications, are float32 and the rest is bfloat16. A float64 network stays float64
        under "auto". A CPU without units for a type computes it too, in more time.
    low_memory : bool
        Stream rows through the network. Images of a batch go one by one; what is kept is what the decoder asked the
        encoder to remember, a few rows a layer, and the result. Bilinear decoders, the convolutions between encoder
        and decoder, and the "lcn" input transform see whole (small) maps.

    Returns
    -------
    OptimizedNetwork
        Later changes of `model` do not reach it: optimize again.

    Raises
    ------
    ValueError
        `model` is no network of this kit, is optimized already, is in training mode, has hooks (which would see other
        maps than they were made for), has weights of another type than those and float64, or `low_memory` does not know
        its decoder.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> model = create_model("segnet_basic", seed=0).eval()
    >>> fast = optimize(model)
    >>> fast(torch.rand(1, 3, 45, 61)).shape, fast.labels(torch.rand(1, 3, 45, 61)).shape
    (torch.Size([1, 11, 45, 61]), torch.Size([1, 45, 61]))
    """
    if precision not in PRECISIONS:
        raise InvalidInput(unknown("precision", precision, PRECISIONS))
    if isinstance(model, OptimizedNetwork):
        raise InvalidInput("this network is optimized already: optimize the one it was made from")
    model = unwrap(model, required=True)
    if obstacle := _obstacle(model):
        raise InvalidInput(obstacle)
    weight = next(model.parameters())
    keeps = weight.dtype == torch.float64 and precision == "auto"
    dtype = torch.float64 if keeps else compute_dtype(weight.device, precision)
    exact = _exact_layers(model) if precision == "auto" and dtype == torch.bfloat16 else set[nn.Module]()
    if low_memory:
        check_decoders(model)
    done: dict[int, object] = {}  # copy.deepcopy takes these as they are; only one layer at a time is there twice
    for layer in _layers_with_weights(model):
        done[id(layer)] = _in_fast_form(layer, torch.float32 if layer in exact else dtype, low_memory)
    network = copy.deepcopy(model, memo=done).requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch knows it
    return OptimizedNetwork(network, dtype, low_memory)


def _layers_with_weights(model: EncoderDecoder) -> Iterator[nn.Module]:
    """Convolutions with the normalisation behind them, and whatever else of a decoder has weights."""
    inside: set[nn.Module] = set()
    for layer in model.modules():
        if isinstance(layer, ConvBN):
            inside |= {*layer.modules()}
            yield layer
        elif layer not in inside and dict(layer.named_parameters(recurse=False)):
            yield layer


def _in_fast_form(layer: nn.Module, computes_in: torch.dtype, low_memory: bool) -> nn.Module:
    """A copy of a layer that computes in that type, whatever it is given."""
    copied = _Folded(layer) if isinstance(layer, ConvBN) else copy.deepcopy(layer)
    copied.to(computes_in)
    if isinstance(copied, _Folded) and not low_memory and fft_conv.pays(copied.conv):
        copied = _ByFFT(copied)
    copied.register_forward_pre_hook(partial(_cast_input, computes_in))
    return copied


@contextmanager
def fast_form(model: nn.Module, precision: str = "auto") -> Iterator[Labeller]:
    """For a while, the quickest way from images to labels: the optimized form where there is one, else the model.

    The model is in evaluation mode meanwhile, see `modes.evaluating`. The form is made anew each time, which takes as
    long as copying the weights, so it can never be that of older weights.
    """
    with evaluating(model):
        if isinstance(model, OptimizedNetwork):
            yield model
        elif isinstance(model, EncoderDecoder) and _obstacle(model) is None:
            yield optimize(model, precision)
        else:
            yield _Plain(model, precision)


class OptimizedNetwork(nn.Module):
    """What `optimize` gives: (B, 3, H, W) float images of 0..1 -> (B, K, H, W) float32 logits, any H, W >= 1.

    It computes no gradients and does not train.
    """

    def __init__(self, network: EncoderDecoder, dtype: torch.dtype, low_memory: bool) -> None:
        super().__init__()
        self.network = network
        self.dtype = dtype
        self.low_memory = low_memory
        super().train(False)

    @property
    def config(self) -> Config:
        """Name, classes and width of the network that it was made from."""
        return self.network.config

    @property
    def num_classes(self) -> int:
        """K, without void."""
        return self.network.num_classes

    @property
    def trained_on(self) -> TrainedOn | None:
        """What that network learnt from; None if nothing."""
        return self.network.trained_on

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """Logits; float64 if the network is."""
        image = self._prepared(image)
        wide = torch.promote_types(self.dtype, torch.float32)
        if not self.low_memory:
            return self.network(image).to(wide)
        shape = (len(image), self.num_classes, *image.shape[-2:])
        logits = torch.empty(shape, dtype=wide, device=image.device, memory_format=torch.channels_last)
        return _collect(logits, self.network, image, lambda rows: rows)

    @torch.no_grad()
    def labels(self, image: Tensor) -> Tensor:
        """The class with the highest logit: (B, H, W) int64; without the logits of the whole image if low_memory."""
        image = self._prepared(image)
        if not self.low_memory:
            return self.network(image).argmax(1)
        labels = torch.empty((len(image), *image.shape[-2:]), dtype=torch.int64, device=image.device)
        return _collect(labels, self.network, image, lambda rows: rows.argmax(1))

    def train(self, mode: bool = True) -> Self:
        """Evaluation mode is all it has: `train()` raises ValueError, `eval()` changes nothing."""
        if mode:
            raise InvalidInput(
                "an optimized network does not train: train the one it was made from, and optimize again"
            )
        return self

    def _prepared(self, image: Tensor) -> Tensor:
        check_image(image)
        wide = torch.promote_types(self.dtype, torch.float32)
        return image.to(wide, memory_format=torch.channels_last)

    def extra_repr(self) -> str:
        """What `print` shows in the brackets."""
        return f"dtype={self.dtype}, low_memory={self.low_memory}"


class _Plain:
    """Any network in the shape of an optimized one."""

    def __init__(self, model: nn.Module, precision: str) -> None:
        self.model = model
        self.device = device_of(model)
        self.dtype = compute_dtype(self.device, precision)

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tensor:
        with autocast(self.device, self.dtype):
            logits = self.model(image)
        check_logits(logits, image, None, self.model)
        return logits.float()

    def labels(self, image: Tensor) -> Tensor:
        return self(image).argmax(1)


class _Folded(ConvBN):
    """A convolution with the batch normalisation in its weights; the ReLU overwrites the fresh map."""

    def __init__(self, layer: ConvBN) -> None:
        nn.Module.__init__(self)
        if isinstance(layer.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(layer.conv, layer.norm)
        else:
            self.conv = copy.deepcopy(layer.conv)
        self.norm = nn.Identity()
        self.relu = layer.relu

    def forward(self, x: Tensor) -> Tensor:
        """Convolution and ReLU."""
        x = self.conv(x)
        return x.relu_() if self.relu else x


class _ByFFT(nn.Module):
    """A folded convolution computed by Fourier transforms."""

    def __init__(self, folded: _Folded) -> None:
        super().__init__()
        self.conv = fft_conv.FFTConv(folded.conv)
        self.relu = folded.relu

    def forward(self, x: Tensor) -> Tensor:
        """Convolution and ReLU."""
        x = self.conv(x)
        return x.relu_() if self.relu else x


def _cast_input(dtype: torch.dtype, _: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[object, ...]:
    return inputs[0].to(dtype), *inputs[1:]


def _exact_layers(model: EncoderDecoder) -> set[nn.Module]:
    """The classifier, and the convolutions of as many first stages as take a third of all multiplications."""
    work: dict[ConvBN, float] = {}  # multiplications of a layer for one pixel of the image
    areas, area = {}, 1.0
    for number, stage in enumerate(model.stages, 1):
        areas[str(number)] = area
        work |= {layer: layer.conv.weight.numel() * area for layer in conv_layers(stage.convs)}
        area /= 4 if stage.pool == "2x2" else 1
    exact = set(model.classifier.modules())
    rest = sum(layer.conv.weight.numel() * area for layer in conv_layers(model.neck))
    for name, decoder in model.decoders.items():
        rest += sum(weight.numel() for weight in decoder.parameters() if weight.dim() == 4) * areas[name]
    left = (sum(work.values()) + rest) / 3
    for stage in model.stages:
        left -= sum(work[layer] for layer in conv_layers(stage.convs))
        if left < 0:
            break
        exact |= {*conv_layers(stage.convs)}
    return exact


def _collect(result: Tensor, network: EncoderDecoder, images: Tensor, read: Callable[[Tensor], Tensor]) -> Tensor:
    """Fill the rows of the result, image by image, top to bottom."""
    with compiled.switched_off():
        for image, place in zip(images.split(1), result.split(1), strict=True):
            row = 0
            for rows in logits_by_rows(network, image):
                place[..., row : row + rows.shape[2], :] = read(rows)
                row += rows.shape[2]
    return result


def _obstacle(model: EncoderDecoder) -> str | None:
    if any(module.training for module in model.modules()):
        return "the network or a part of it is in training mode, with dropout and batch statistics: model.eval()"
    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks:
            return (
                f"{name or 'the network'} has hooks, which would not see the maps they were made for: remove them, "
                "or run the network itself"
            )
    for name, weight in model.named_parameters():
        if weight.dtype not in DTYPES:
            return f"{name} is {weight.dtype}; optimize takes {', '.join(map(str, DTYPES))}: model.float()"
    return None
