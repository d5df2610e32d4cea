"""What one pixel of a map can see of the image: by arithmetic, and measured with gradients."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab._support.modes import evaluating
from segnet_lab.data.images import ImageSource
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.decoders import Decoder
from segnet_lab.models.wrapped import unwrap
from segnet_lab.probe.tracing import as_batch, check_pixel, watched


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
    model: EncoderDecoder,
    where: str,
    image: ImageSource | None = None,
    row: int | None = None,
    column: int | None = None,
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
    came from that corner, but the gradient cannot show that the other three corners lost the comparison. So the output
    of SegNet-Basic sees 202 pixels, of which gradients show 186 or 194. In a narrow or trained network ReLU may let
    even less through.

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
    pictures: list[Tensor] = []

    def hold(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        pictures.append(output.detach().requires_grad_())
        return pictures[0]

    with evaluating(model), torch.enable_grad():
        handle = model.normalise.register_forward_hook(hold)
        try:
            seen = watched(model, as_batch(model, image)).at(where)
        finally:
            handle.remove()
        height, width = seen.shape[-2:]
        row = _middle(steps, height) if row is None else row
        column = _middle(steps, width) if column is None else column
        check_pixel(row, column, (height, width), where)
        (gradient,) = torch.autograd.grad(seen[0, :, row, column].sum(), pictures)
    gradient = gradient[0].abs().mean(0).cpu()
    rows, columns = (gradient.sum(axis).nonzero().flatten() for axis in (1, 0))
    return MeasuredField(row, column, _extent(rows), _extent(columns), gradient)


RowsBefore = Callable[[int, int], tuple[int, int]]  # what rows low..high need of the map before


class _Step(NamedTuple):
    """One place on the way to a map, and the rows that it needs of the place before."""

    place: str
    stride: int
    rows_before: RowsBefore


def _path(model: EncoderDecoder) -> Iterator[_Step]:
    model, stride = unwrap(model, required=True), 1
    entering: dict[str, int] = {}
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
    for name, decoder in model.decoders.items():
        stride = entering[name]
        yield _Step(f"decoder{name}", stride, _below(decoder))
    yield _Step("logits", stride, _around(model.classifier))


def _until(model: EncoderDecoder, where: str) -> list[_Step]:
    steps = list(_path(model))
    names = [step.place for step in steps]
    if where not in names:
        raise InvalidInput(unknown(f"place in {model.config.name}", where, names))
    return steps[: names.index(where) + 1]


def _rows_seen(steps: list[_Step], row: int) -> tuple[int, int]:
    """First and last row of the image that a row of the last place depends on."""
    low = high = row
    for step in reversed(steps):
        low, high = step.rows_before(low, high)
    return low, high


def _around(layers: nn.Module) -> RowsBefore:
    """What a chain of convolutions needs: as many rows above and below as their filters reach."""
    convs = [layer for layer in layers.modules() if isinstance(layer, nn.Conv2d)]
    radius = sum(conv.dilation[0] * (conv.kernel_size[0] // 2) for conv in convs)
    return lambda low, high: (low - radius, high + radius)


def _below(decoder: Decoder) -> RowsBefore:
    filtered = _around(decoder.convs)
    return lambda low, high: decoder.rows_below(*filtered(low, high))


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
