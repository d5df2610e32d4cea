"""Every map that one image makes on its way through a network."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab._support.modes import evaluating
from segnet_lab.data.images import ImageSource, read_image
from segnet_lab.models import EncoderDecoder
from segnet_lab.models.decoders import Decoder, Memory
from segnet_lab.models.wrapped import unwrap
from segnet_lab.pooling import CORNERS, unpack


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
        maps: dict[str, Tensor] = {}
        for e in self.encoders:
            maps |= {f"conv{e.stage}": e.features, f"pool{e.stage}": e.pooled}
        maps |= {"neck": self.decoders[0].below} if self.decoders else {}
        maps |= {f"decoder{d.stage}": d.dense for d in self.decoders} | {"logits": self.logits}
        if where not in maps:
            raise InvalidInput(unknown("place", where, maps))
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
        """The corner in words; None where the stage does not pool 2x2."""
        return None if self.corner is None else CORNERS[self.corner]


def trace(model: EncoderDecoder, image: ImageSource) -> Trace:
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
        seen = watched(model, as_batch(model, image))
    encoders, decoders = tuple(map(_to_cpu, seen.encoders)), tuple(map(_to_cpu, seen.decoders))
    return Trace(seen.image.cpu(), encoders, decoders, seen.logits.cpu(), seen.label.cpu())


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
    check_pixel(row, column, trace.image.shape[-2:], "the image")
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


def watched(model: EncoderDecoder, batch: Tensor) -> Trace:
    """One forward pass, watched from outside: nothing here computes what the network computes."""
    encoders: list[Encoded] = []
    decoders: list[Decoded] = []
    numbers = {decoder: int(number) for number, decoder in model.decoders.items()}

    def encoded(stage: nn.Module, inputs: tuple[Tensor], output: tuple[Tensor, Tensor, Tensor | None]) -> None:
        pooled, features, codes = output
        corners = None if codes is None else unpack(codes, pooled.shape)
        encoders.append(Encoded(len(encoders) + 1, inputs[0], features.relu(), pooled, codes, corners))

    def decoded(decoder: Decoder, inputs: tuple[Tensor, Memory], dense: Tensor) -> None:
        below, memory = inputs
        decoders.append(Decoded(numbers[decoder], below, decoder.upsample(below, memory), dense))

    handles = [stage.register_forward_hook(encoded) for stage in model.stages]
    handles += [decoder.register_forward_hook(decoded) for decoder in model.decoders.values()]
    try:
        logits = model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return Trace(batch, tuple(encoders), tuple(decoders), logits, logits[0].argmax(0))


def as_batch(model: EncoderDecoder, image: ImageSource) -> Tensor:
    """An image, in whatever form, as a batch of one where the model is: (1, 3, H, W)."""
    parameter = next(model.parameters())
    return read_image(image)[None].to(parameter.device, parameter.dtype)


_Maps = TypeVar("_Maps", Encoded, Decoded)


def _to_cpu(maps: _Maps) -> _Maps:
    moved: dict[str, Any] = {name: x.cpu() for name, x in maps._asdict().items() if isinstance(x, Tensor)}
    return maps._replace(**moved)


def check_pixel(row: int, column: int, size: Sequence[int], place: str) -> None:
    """Raise ValueError for a pixel outside of a map of size (H, W)."""
    for name, value, length in (("row", row, size[0]), ("column", column, size[1])):
        if not 0 <= value < length:
            raise InvalidInput(f"{name} {value} lies outside of {place}: it has {name}s 0 to {length - 1}")
