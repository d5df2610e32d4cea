"""Looking inside a network: what a pixel can see, and every map that one image makes on its way.

Places are named as the paper draws them (Fig. 2), from the image down and up again: "conv1" (the features that are
pooled), "pool1", "conv2", ... "neck" (what lies between, such as FCN's fc6 and fc7), ... "decoder2", "decoder1",
"logits". `places(model)` lists those of a network.
"""

from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import NamedTuple

import torch
from torch import Tensor, nn

from segnet_lab._messages import unknown
from segnet_lab.data.images import read_image
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.decoders import Bilinear, Decoder, Deconvolve, FixedIndices
from segnet_lab.models.weights import unwrap
from segnet_lab.modes import evaluating
from segnet_lab.pooling import CORNERS, unpack

# ---------------------------------------------------------------------------------------------- what a pixel sees


class ReceptiveField(NamedTuple):
    """How many rows (and as many columns) of the image one pixel of a map depends on."""

    size: int  # the largest
    smallest: int  # behind a decoder it matters where in its windows a pixel lies; before it, all are equal
    stride: int  # image pixels between two neighbours


class MeasuredField(NamedTuple):
    """What `measured_receptive_field` gives."""

    row: int  # of the pixel, in its own map
    column: int
    height: int  # of the box around all image pixels that it depends on
    width: int
    gradient: Tensor  # (H, W) float32 >= 0, how much: mean over the three colours of |d pixel / d image|


def places(model: EncoderDecoder) -> list[str]:
    """Names of the maps of a network, in the order in which they are made.

    >>> from segnet_lab import create_model
    >>> places(create_model("segnet_basic", width=0.1))
    ['conv1', 'pool1', 'conv2', 'pool2', 'conv3', 'pool3', 'conv4', 'pool4',
     'decoder4', 'decoder3', 'decoder2', 'decoder1', 'logits']
    """
    return [step.place for step in _path(model)]


def receptive_field(model: EncoderDecoder, where: str) -> ReceptiveField:
    """How much of the image one pixel of a map can depend on, by arithmetic.

    A k x k convolution asks for k - 1 more rows of the map before it, a 2x2 pooling for twice as many, unpooling for
    the windows that the rows lie in. Followed from the map back to the image, for a pixel in every position.

    Parameters
    ----------
    model : EncoderDecoder
    where : str
        One of `places(model)`.

    Returns
    -------
    ReceptiveField
        size, smallest and stride in pixels of the image, the frame ignored. Sizes hold where the deepest stride
        divides the image. An input transform that looks around ("lcn") is left out.

    Raises
    ------
    ValueError
        Unknown place.

    Notes
    -----
    Section 3 gives 106 pixels for SegNet-Basic's fourth layer. That holds behind pool4; conv4 itself sees 98, and an
    output pixel up to 202, because the decoder's filters look around as well.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> model = create_model("segnet_basic", width=0.1)
    >>> [receptive_field(model, where).size for where in ("conv1", "pool1", "conv2", "conv4", "pool4")]
    [7, 8, 20, 98, 106]
    >>> receptive_field(model, "logits")
    ReceptiveField(size=202, smallest=186, stride=1)
    """
    steps = _until(model, where)
    period = max(step.stride for step in steps)
    sizes = [high - low + 1 for low, high in (_rows_seen(steps, y) for y in range(period))]
    return ReceptiveField(max(sizes), min(sizes), steps[-1].stride)


def measured_receptive_field(
    model: EncoderDecoder, where: str, image=None, row: int | None = None, column: int | None = None
) -> MeasuredField:
    """The part of the image that one pixel of a map does depend on, by the gradient of that pixel.

    Parameters
    ----------
    model : EncoderDecoder
        Its weights, gradients and mode stay as they are.
    where : str
        One of `places(model)`.
    image : path, PIL image, array or Tensor, optional
        As `predict` takes it. The default is noise, large enough for the frame not to cut.
    row, column : int, optional
        Pixel in the map, 0-based. The default lies in the middle, where the field is largest.

    Returns
    -------
    MeasuredField
        Never more than `receptive_field` says. Derivatives are taken of the sum over channels, with respect to the
        image behind the input transform.

    Raises
    ------
    ValueError
        Unknown place, or a pixel outside of its map.

    Notes
    -----
    Pooling codes have no gradient, though they depend on the image as well: a value that decoder 4 puts into a corner
    came from that corner, and that it did not come from the others does not show. So the output of SegNet-Basic sees
    202 pixels, of which gradients show 186 or 194. In a narrow or trained network ReLU may let even less through.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> field = measured_receptive_field(create_model("segnet_basic", seed=0), "pool2")
    >>> field.height, field.width, field.gradient.shape
    (22, 22, torch.Size([32, 32]))
    """
    model = unwrap(model, required=True)
    steps = _until(model, where)
    if image is None:
        image = _noise(receptive_field(model, where).size, max(step.stride for step in steps))
    pictures = []

    def hold(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        pictures.append(output.detach().requires_grad_())
        return pictures[0]

    with evaluating(model), torch.enable_grad():
        handle = model.normalise.register_forward_hook(hold)
        try:
            seen = _record(model, _batch(model, image)).at(where)
        finally:
            handle.remove()
        height, width = seen.shape[-2:]
        row = _middle(steps, height) if row is None else row
        column = _middle(steps, width) if column is None else column
        _check_pixel(row, column, (height, width), where)
        (gradient,) = torch.autograd.grad(seen[0, :, row, column].sum(), pictures)
    gradient = gradient[0].abs().mean(0).cpu()
    rows, columns = (gradient.sum(axis).nonzero().flatten() for axis in (1, 0))
    return MeasuredField(row, column, _extent(rows), _extent(columns), gradient)


class _Step(NamedTuple):
    """One place on the way, and what its rows low..high need of the place before."""

    place: str
    stride: int
    rows_before: Callable[[int, int], tuple[int, int]]


def _path(model: EncoderDecoder) -> Iterator[_Step]:
    model, stride, entering = unwrap(model, required=True), 1, {}
    for number, stage in enumerate(model.stages, 1):
        entering[str(number)] = stride
        yield _Step(f"conv{number}", stride, _around(stage.convs))
        if stage.pool == "2x2":
            stride *= 2
            yield _Step(f"pool{number}", stride, lambda low, high: (2 * low, 2 * high + 1))
        elif stage.pool == "stride 1":  # 3x3
            yield _Step(f"pool{number}", stride, lambda low, high: (low - 1, high + 1))
    if len(model.neck):
        yield _Step("neck", stride, _around(model.neck))
    for number, decoder in model.decoders.items():
        yield _Step(f"decoder{number}", entering[number], _below(decoder, stride // entering[number]))
        stride = entering[number]
    yield _Step("logits", stride, _around(model.classifier))


def _until(model: EncoderDecoder, where: str) -> list[_Step]:
    steps = list(_path(model))
    names = [step.place for step in steps]
    if where not in names:
        raise ValueError(unknown(f"place in {model.config.name}", where, names))
    return steps[: names.index(where) + 1]


def _rows_seen(steps: list[_Step], row: int) -> tuple[int, int]:
    """First and last row of the image that a row of the last place depends on."""
    low = high = row
    for step in reversed(steps):
        low, high = step.rows_before(low, high)
    return low, high


def _around(layers: nn.Module) -> Callable:
    convs = [layer for layer in layers.modules() if isinstance(layer, nn.Conv2d)]
    radius = sum(conv.dilation[0] * (conv.kernel_size[0] // 2) for conv in convs)
    return lambda low, high: (low - radius, high + radius)


def _below(decoder: Decoder, factor: int) -> Callable:
    around = _around(decoder.convs) if hasattr(decoder, "convs") else lambda low, high: (low, high)
    return lambda low, high: _upsampled_from(decoder, *around(low, high), factor)


@singledispatch
def _upsampled_from(decoder: Decoder, low: int, high: int, factor: int) -> tuple[int, int]:
    """Rows of the map from below that rows low..high of the upsampled map are made of: the windows they lie in."""
    return low // factor, high // factor


@_upsampled_from.register
def _(decoder: FixedIndices, low, high, factor):  # odd rows hold nothing
    return -(-low // factor), high // factor


@_upsampled_from.register
def _(decoder: Bilinear, low, high, factor):  # row y lies at (y + 1/2) / factor - 1/2, between two rows
    return (2 * low + 1 - factor) // (2 * factor), (2 * high + 1 - factor) // (2 * factor) + 1


@_upsampled_from.register
def _(decoder: Deconvolve, low, high, factor):  # row i spreads over i * factor - padding + 0..kernel - 1
    kernel, padding = decoder.deconv.weight.shape[-1], decoder.deconv.padding
    return -((kernel - 1 - padding - low) // factor), (high + padding) // factor


def _noise(size: int, period: int) -> Tensor:
    """An image that holds the field of its middle pixel wherever in its windows that lies."""
    side = period * (-(-size // period) + 2)
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))


def _middle(steps: list[_Step], length: int) -> int:
    """Of the rows around the middle of a map, the one that sees most."""
    period = max(step.stride for step in steps) // steps[-1].stride
    rows = [y for y in range(length // 2, length // 2 + period) if y < length]
    return max(rows, key=lambda y: _rows_seen(steps, y)[1] - _rows_seen(steps, y)[0])


def _extent(indices: Tensor) -> int:
    return int(indices[-1] - indices[0]) + 1 if len(indices) else 0


# ---------------------------------------------------------------------------------------------- what an image makes


class Encoded(NamedTuple):
    """What one encoder stage did with an image. Tensors are (1, C, height, width) on the CPU."""

    stage: int  # 1 is next to the image
    entering: Tensor  # for the first stage the image behind its input transform
    features: Tensor  # after convolution, batch normalisation and ReLU, before pooling
    pooled: Tensor
    codes: Tensor | None  # packed, as the decoder gets them; None where the stage does not pool 2x2
    corners: Tensor | None  # uint8, 0..3, one for each value of `pooled`: the same codes unpacked


class Decoded(NamedTuple):
    """What one decoder did. Tensors are (1, C, height, width) on the CPU."""

    stage: int  # whose entering map it rebuilds
    below: Tensor  # the map that it got
    upsampled: Tensor  # what its filters see: sparse where it unpools, with the encoder's map beside it in U-Net
    dense: Tensor  # what it gave


class Trace(NamedTuple):
    """Every map of one forward pass, in order."""

    image: Tensor  # (1, 3, H, W), 0..1
    encoders: tuple[Encoded, ...]  # from the image down
    decoders: tuple[Decoded, ...]  # deepest first
    logits: Tensor  # (1, K, H, W)
    label: Tensor  # (H, W) int64

    def at(self, where: str) -> Tensor:
        """The map of a place, such as "conv4", "pool4", "decoder1" or "logits"."""
        maps = {}
        for e in self.encoders:
            maps |= {f"conv{e.stage}": e.features, f"pool{e.stage}": e.pooled}
        maps |= {"neck": self.decoders[0].below} if self.decoders else {}
        maps |= {f"decoder{d.stage}": d.dense for d in self.decoders} | {"logits": self.logits}
        if where not in maps:
            raise ValueError(unknown("place", where, maps))
        return maps[where]


class WindowStep(NamedTuple):
    """Where a pixel of the image lies in one encoder stage."""

    stage: int
    row: int  # in the map before pooling
    column: int
    window_row: int  # in the map after pooling
    window_column: int
    corner: int | None  # 0 top-left, 1 top-right, 2 bottom-left, 3 bottom-right of its window; None: not pooled 2x2
    kept: Tensor | None  # (C,) bool, the channels whose maximum lies in this corner

    @property
    def corner_name(self) -> str | None:
        return None if self.corner is None else CORNERS[self.corner]


def trace(model: EncoderDecoder, image) -> Trace:
    """Send one image through a network and keep every map on the way.

    Parameters
    ----------
    model : EncoderDecoder
        Any network of `list_models()`, in float32; its mode is put back afterwards.
    image : path, PIL image, array or Tensor
        As `predict` takes it; any H, W >= 1.

    Returns
    -------
    Trace
        The very tensors that the network computed. Where a decoder has no filters behind the upsampling, `upsampled`
        is what came out of it: before the addition for a deconvolution, the dense map itself for interpolation.

    Raises
    ------
    ValueError
        `model` is no network of this kit: a name, for example.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> t = trace(create_model("segnet_basic", width=0.25, seed=0), torch.rand(3, 45, 60))
    >>> [tuple(e.pooled.shape[1:]) for e in t.encoders]
    [(16, 23, 30), (16, 12, 15), (16, 6, 8), (16, 3, 4)]
    >>> deepest = t.decoders[0]
    >>> sparse = deepest.upsampled.count_nonzero() / deepest.upsampled.numel()
    >>> deepest.stage, tuple(deepest.upsampled.shape[1:]), bool(sparse <= 0.25)
    (4, (16, 6, 8), True)
    """
    model = unwrap(model, required=True)
    with evaluating(model), torch.no_grad():
        recorded = _record(model, _batch(model, image))
    encoders = tuple(Encoded(*map(_to_cpu, e)) for e in recorded.encoders)
    decoders = tuple(Decoded(*map(_to_cpu, d)) for d in recorded.decoders)
    return Trace(recorded.image.cpu(), encoders, decoders, recorded.logits.cpu(), recorded.label.cpu())


def code_histogram(codes: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    """Share of each corner among pooling codes.

    Parameters
    ----------
    codes : Tensor, uint8, (ceil(n/4),)
        Packed, from `max_pool_2x2` or a `Trace`.
    shape : (B, C, h, w)
        Of the pooled map, n = B * C * h * w.

    Returns
    -------
    shares : Tensor, float64, (4,)
        In the order of `pooling.CORNERS`; they sum to 1, and are nan if there is no window. Not uniform in a trained
        network: a window without a positive value counts as top-left.

    Examples
    --------
    >>> code_histogram(torch.tensor([0b11_01_00_00], dtype=torch.uint8), (1, 1, 2, 2))
    tensor([0.5000, 0.2500, 0.0000, 0.2500], dtype=torch.float64)
    """
    corners = unpack(codes.cpu(), shape).flatten()
    return torch.bincount(corners, minlength=4).double() / corners.numel()


def window_path(trace: Trace, row: int, column: int) -> list[WindowStep]:
    """Follow a pixel of the image down the encoder: into which window and corner it falls at every stage.

    Parameters
    ----------
    trace : Trace
    row, column : int
        Of the image, 0-based.

    Returns
    -------
    list of WindowStep
        A step a stage, from the image down.

    Raises
    ------
    ValueError
        A pixel outside of the image.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> t = trace(create_model("segnet_basic", width=0.1), torch.rand(3, 45, 60))
    >>> [(s.row, s.column, s.corner_name) for s in window_path(t, 21, 34)]
    [(21, 34, 'bottom-left'), (10, 17, 'top-right'), (5, 8, 'bottom-left'), (2, 4, 'top-left')]
    """
    _check_pixel(row, column, trace.image.shape[-2:], "the image")
    steps = []
    for e in trace.encoders:
        if e.corners is None:
            steps.append(WindowStep(e.stage, row, column, row, column, None, None))
            continue
        corner = 2 * (row % 2) + column % 2
        kept = e.corners[0, :, row // 2, column // 2] == corner
        steps.append(WindowStep(e.stage, row, column, row // 2, column // 2, corner, kept))
        row, column = row // 2, column // 2
    return steps


def _record(model: EncoderDecoder, batch: Tensor) -> Trace:
    """One forward pass, watched from outside: nothing here computes what the network computes."""
    seen = {}

    def watch(module: nn.Module, inputs: tuple, output) -> None:
        seen[module] = inputs, output

    handles = [module.register_forward_hook(watch) for module in (*model.stages, *model.decoders.values())]
    try:
        logits = model(batch)
    finally:
        for handle in handles:
            handle.remove()
    encoders, decoders = [], []
    for number, stage in enumerate(model.stages, 1):
        (entering,), (pooled, features, codes) = seen[stage]
        corners = None if codes is None else unpack(codes, pooled.shape)
        encoders.append(Encoded(number, entering, features.relu(), pooled, codes, corners))
    for number, decoder in model.decoders.items():
        (below, memory), dense = seen[decoder]
        decoders.append(Decoded(int(number), below, _upsample(decoder, below, memory, dense), dense))
    return Trace(batch, tuple(encoders), tuple(decoders), logits, logits[0].argmax(0))


def _upsample(decoder: Decoder, below: Tensor, memory, dense: Tensor) -> Tensor:
    if type(decoder).upsample is not Decoder.upsample:
        return decoder.upsample(below, memory)
    if isinstance(decoder, Deconvolve):
        return decoder.deconv(below, memory.size)
    return dense


def _batch(model: EncoderDecoder, image) -> Tensor:
    parameter = next(model.parameters())
    return read_image(image)[None].to(parameter.device, parameter.dtype)


def _to_cpu(x):
    return x.cpu() if isinstance(x, Tensor) else x


def _check_pixel(row: int, column: int, size: tuple[int, int], place: str) -> None:
    for name, value, length in (("row", row, size[0]), ("column", column, size[1])):
        if not 0 <= value < length:
            raise ValueError(f"{name} {value} lies outside of {place}: it has {name}s 0 to {length - 1}")
