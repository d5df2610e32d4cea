"""What any module does to an image, layer by layer: told by the torch functions it calls and the maps it makes.

Convolutions, normalisations and activations are seen when torch is called, so functional code counts as much as
modules. How a map is pooled and upsampled is judged by what comes out, whoever computed it: 2x2 maxima, and values that
lie where the maximum of their window was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from segnet_lab._support.errors import InvalidInput

CONVOLUTIONS = ("conv2d", "conv_transpose2d")
NORMALISATIONS = ("batch_norm", "instance_norm", "group_norm", "layer_norm")
ACTIVATIONS = (
    *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish"),
    *("hardtanh", "hardswish", "hardsigmoid", "softplus", "sigmoid", "tanh"),
)
DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
POOLINGS = (
    *("max_pool2d", "max_pool2d_with_indices", "avg_pool2d", "lp_pool2d", "fractional_max_pool2d"),
    *("adaptive_max_pool2d", "adaptive_max_pool2d_with_indices", "adaptive_avg_pool2d"),
)
MAXIMA = "2x2 max pooling"
UNPOOLING = "unpooling"
UPSAMPLINGS = ("max_unpool2d", "interpolate", "upsample", "pixel_shuffle", "grid_sample")


@dataclass
class Convolution:
    """One convolution and what follows it up to the next layer."""

    module: str  # its name in the network
    weight: Tensor
    bias: bool
    stride: int
    dilation: int
    groups: int
    transposed: bool
    size: tuple[int, int]  # of its output
    then: list[str] = field(default_factory=list)  # normalisation and activation, by torch's names, in order
    norm: "Statistics | None" = None

    @property
    def outputs(self) -> int:
        """Channels of its output."""
        return self.weight.shape[1] * self.groups if self.transposed else self.weight.shape[0]

    @property
    def inputs(self) -> int:
        """Channels of its input."""
        return self.weight.shape[0] if self.transposed else self.weight.shape[1] * self.groups

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the filter."""
        return self.weight.shape[2], self.weight.shape[3]


class Statistics(NamedTuple):
    """The state of one normalisation."""

    gathered: bool | None  # False: mean 0 and variance 1, as it was made; None: it has none
    learnt: bool  # whether scale or shift are other than 1 and 0


@dataclass
class Pooling:
    """A map that gets smaller."""

    module: str
    kind: str  # MAXIMA, or what torch calls it
    called: str  # torch's function; "" where it was none
    before: Tensor
    size: tuple[int, int]  # of its output
    rounds_up: bool | None  # None: nothing to round


@dataclass
class Upsampling:
    """A map that grows."""

    module: str
    kind: str  # UNPOOLING, or what was done instead
    called: str
    size: tuple[int, int]
    indices_of: int | None  # the pooling, counted from 1, whose maxima the values were put to


@dataclass
class Dropout:
    """A dropout that can be on."""

    module: str
    probability: float


Layer = Convolution | Pooling | Upsampling | Dropout


class Recording(NamedTuple):
    """What one image made of a network."""

    image: Tensor
    entering: Tensor | None  # what the first convolution got; None: there was none
    layers: list[Layer]
    logits: Tensor


def record(model: nn.Module, image: Tensor) -> Recording:
    """Send a batch through a network, in the mode it is in, and tell what happened to it.

    Raises
    ------
    ValueError
        It returns something else than one map (B, K, h, w).

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)).eval()
    >>> for layer in record(net, torch.rand(1, 3, 9, 8)).layers:
    ...     print(type(layer).__name__, layer.size)
    Convolution (9, 8)
    Pooling (4, 4)
    """
    calls = _Calls()
    with torch.no_grad(), _named(model, calls.inside), calls:
        logits = model(image)
    if not isinstance(logits, Tensor) or logits.dim() != 4:
        given = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InvalidInput(
            f"{type(model).__name__} gives {given} for images {tuple(image.shape)}: give a module whose forward "
            "returns the logits alone, (B, K, H, W)"
        )
    entering = next((call.map for call in calls.made if call.name in CONVOLUTIONS), None)
    return Recording(image, entering, _Reading(image).of(calls.made, logits), logits)


class _Call(NamedTuple):
    name: str
    module: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any

    @property
    def map(self) -> Tensor:
        """What it was given."""
        return self.get(0, "input")

    @property
    def output(self) -> Tensor:
        """What it gave: of pooling with indices the values."""
        return self.result[0] if isinstance(self.result, tuple) else self.result

    def get(self, place: int, name: str, default: object = None) -> Any:
        """An argument, wherever it was passed."""
        return self.args[place] if place < len(self.args) else self.kwargs.get(name, default)


_LAYERS = {*CONVOLUTIONS, *NORMALISATIONS, *ACTIVATIONS, *DROPOUTS, *POOLINGS, *UPSAMPLINGS}


class _Calls(TorchFunctionMode):
    """Notes every call of a function that makes a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[_Call] = []
        self.inside = [""]  # names of the modules that are computing, outermost first

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").removesuffix("_")
        if name in _LAYERS:
            call = _Call(name, self.inside[-1], args, kwargs or {}, result)
            if all(isinstance(map, Tensor) and map.dim() == 4 for map in (call.map, call.output)):
                self.made.append(call)
        return result


@contextmanager
def _named(model: nn.Module, inside: list[str]) -> Iterator[None]:
    """While a module computes, its name is the last of `inside`."""

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: inside.append(name)

    def leave(*_: object) -> None:
        inside.pop()

    handles = []
    for name, module in model.named_modules():
        handles += [module.register_forward_pre_hook(enter(name)), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Reading:
    """Calls one after the other, and what must have happened between them."""

    def __init__(self, image: Tensor):
        self.layers: list[Layer] = []
        self.latest = image  # the last map that is known
        self.convolution: Convolution | None = None  # the last one

    def of(self, calls: list[_Call], logits: Tensor) -> list[Layer]:
        for call in calls:
            self._arrive_at(call.map, call.module)
            self._take(call)
            self.latest = call.output
        self._arrive_at(logits, "")
        return self.layers

    def _take(self, call: _Call) -> None:
        if call.name in CONVOLUTIONS:
            self._convolved(call)
        elif call.name in POOLINGS:
            self._pooled(call.map, call.output, call.module, call.name)
        elif call.name in UPSAMPLINGS:
            called = f"{call.get(3, 'mode', 'nearest')} interpolation" if call.name == "interpolate" else call.name
            self._upsampled(call.map, call.output, call.module, called)
        elif call.name in DROPOUTS:
            if probability := float(call.get(1, "p", 0.5)):
                self.layers.append(Dropout(call.module, probability))
        elif self.convolution is not None:
            self.convolution.then.append(call.name)
            if call.name == "batch_norm":
                self.convolution.norm = _statistics(call)

    def _arrive_at(self, map: Tensor, module: str) -> None:
        """A map that no call has made: it was pooled or upsampled by code that is not torch's."""
        before, self.latest = self.latest, map
        (h, w), (height, width) = before.shape[-2:], map.shape[-2:]
        if self.convolution is None or map is before:
            return
        if (h, w) == (height, width):
            if not torch.equal(map, before) and (pooled := _pooled_and_put_back(before, map)) is not None:
                self._pooled(before, pooled, module, "")
                self._upsampled(pooled, map, module, "")
        elif height <= h and width <= w:
            if not torch.equal(before[..., :height, :width], map):  # cropped, say to an odd size
                self._pooled(before, map, module, "")
        else:
            self._upsampled(before, map, module, "")

    def _convolved(self, call: _Call) -> None:
        conv = _convolution(call)
        self._rectified(call.map)
        if conv.stride == 1:
            self.layers.append(conv)
        elif conv.transposed:
            self.layers += [Upsampling(call.module, "deconvolution", call.name, conv.size, None), conv]
        else:
            self.layers += [conv, Pooling(call.module, "strided convolution", call.name, call.map, conv.size, None)]
        self.convolution = conv

    def _pooled(self, before: Tensor, after: Tensor, module: str, called: str) -> None:
        self._rectified(after)
        kind, rounds_up = called or "an operation of its own", None
        fits = [up for up in (True, False) if _same_or_rectified(F.max_pool2d(before, 2, ceil_mode=up), after)]
        if fits:
            kind, rounds_up = MAXIMA, fits[0] if len(fits) == 1 else None
        self.layers.append(Pooling(module, kind, called, before, _size(after), rounds_up))

    def _upsampled(self, below: Tensor, above: Tensor, module: str, called: str) -> None:
        self._rectified(below)
        kind, source = called or "an operation of its own", None
        if called in ("", "max_unpool2d"):
            poolings = [layer for layer in self.layers if isinstance(layer, Pooling)]
            if found := [n for n, pool in enumerate(poolings, 1) if _lies_at_the_maxima(above, pool.before)]:
                kind, source = UNPOOLING, found[-1]
            elif called or _has_one_value_a_window(above):
                kind = "unpooling to places that are no maxima"
            elif torch.equal(above, F.interpolate(below, scale_factor=2.0)[..., : above.shape[2], : above.shape[3]]):
                kind = "replication"
        self.layers.append(Upsampling(module, kind, called, _size(above), source))

    def _rectified(self, map: Tensor) -> None:
        """No value below 0 means a ReLU, by whatever name it was called."""
        conv = self.convolution
        if conv is not None and not set(conv.then) & set(ACTIVATIONS) and bool((map >= 0).all()) and bool(map.any()):
            conv.then.append("relu")


def _convolution(call: _Call) -> Convolution:
    transposed = call.name == "conv_transpose2d"
    stride = call.get(3, "stride", 1)
    dilation = call.get(7, "dilation", 1) if transposed else call.get(5, "dilation", 1)
    return Convolution(
        module=call.module,
        weight=call.get(1, "weight"),
        bias=call.get(2, "bias") is not None,
        stride=stride if isinstance(stride, int) else max(stride),
        dilation=dilation if isinstance(dilation, int) else max(dilation),
        groups=call.get(6, "groups", 1),
        transposed=transposed,
        size=_size(call.output),
    )


def _statistics(call: _Call) -> Statistics:
    mean, variance, scale, shift = (call.get(n, name) for n, name in enumerate(_OF_A_NORM, 1))
    gathered = None if mean is None else bool(mean.any()) or bool((variance != 1).any())
    learnt = (scale is not None and bool((scale != 1).any())) or (shift is not None and bool(shift.any()))
    return Statistics(gathered, learnt)


_OF_A_NORM = ("running_mean", "running_var", "weight", "bias")


def _same_or_rectified(expected: Tensor, map: Tensor) -> bool:
    return torch.equal(expected, map) or torch.equal(expected.relu(), map)


def _maxima(map: Tensor) -> Tensor:
    """Where in a map each 2x2 window has its maximum: bool, the map's shape."""
    _, indices = F.max_pool2d(map, 2, ceil_mode=True, return_indices=True)
    return torch.zeros_like(map, dtype=torch.bool).flatten(2).scatter(2, indices.flatten(2), True).view_as(map)


def _lies_at_the_maxima(above: Tensor, before: Tensor) -> bool:
    """Whether all values of an upsampled map lie where a map had its maxima, be it before or after its ReLU."""
    if above.shape != before.shape:
        return False
    return any(not above[~_maxima(map)].any() for map in (before, before.relu()))


def _has_one_value_a_window(map: Tensor) -> bool:
    values = F.avg_pool2d(map.ne(0).float(), 2, ceil_mode=True, divisor_override=1)
    return bool((values <= 1).all())


def _pooled_and_put_back(before: Tensor, after: Tensor) -> Tensor | None:
    """The pooled map in between, if that is what happened: the deepest decoder follows the last pooling."""
    for map in (before, before.relu()):
        if torch.equal(torch.where(_maxima(map), map, 0), after):
            return F.max_pool2d(map, 2, ceil_mode=True)
    return None


def _size(map: Tensor) -> tuple[int, int]:
    return map.shape[-2], map.shape[-1]
