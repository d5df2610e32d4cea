"""Rows streamed through a network, so that no map of a stage is ever whole.

An image enters band by band. Every layer keeps the few rows that its filters will need again, works on those that are
complete and hands the result on at once; pooling leaves its codes behind. Nothing is computed twice, and the result is
that of the whole map, to rounding.

    image --band--> conv 7x7 --band--> pool --half a band--> conv 7x7 --half a band--> ...
                    holds 6 rows       adds to the codes     holds 6 rows

Windows are counted row by row, so the codes of a band of rows lie side by side; those of four rows always fill whole
bytes, which makes four rows the smallest step of pooling and unpooling.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput
from segnet_lab.models.decoders import (
    Bilinear,
    Deconvolve,
    FixedIndices,
    Memory,
    Replicate,
    Stage,
    Unpool,
    UnpoolAdd,
    UnpoolSingleChannel,
    UpConcat,
)
from segnet_lab.models.inputs import LRN, ImageNet
from segnet_lab.pooling import packed_bytes, pooled_size, relu_max_pool_2x2

BAND = 2**18  # elements of a band: it fits in a core's cache
ALL = 2**62  # rows

REMEMBER_CODES = (Unpool, UnpoolAdd, UnpoolSingleChannel)
REMEMBER_ENTERING = (UnpoolAdd, Deconvolve)  # and add it in the end
DOUBLE_ROWS = (*REMEMBER_CODES, FixedIndices, Replicate, UpConcat)  # `upsample` makes two rows of one, by itself
ROW_BY_ROW = (nn.Identity, LRN, ImageNet)  # input transforms; LCN looks at the whole image


def logits_by_rows(network: nn.Module, image: Tensor) -> Iterator[Tensor]:
    """Bands (1, K, n, W) of the logits of one image, top to bottom.

    Parameters
    ----------
    network : EncoderDecoder
        With its batch normalisation folded, as `optimization.optimize` does it.
    image : Tensor, (1, 3, H, W)
    """
    kept: dict[str, Kept] = {}
    bands = image.split(_step(image.shape[3], 64), dim=2)
    smallest = torch.cat(list(_run(list(_encoder(network, tuple(image.shape[-2:]), kept)), bands)), dim=2)
    yield from _run(list(_decoder(network, smallest.shape, kept)), [smallest])


def check_decoders(network: nn.Module) -> None:
    """Raise ValueError for a decoder of another class: it may look at rows that are not there yet."""
    for number, decoder in network.decoders.items():
        if type(decoder) not in (*DOUBLE_ROWS, Deconvolve, Bilinear):
            raise InvalidInput(
                f"low_memory=True does not know how decoder {number}, a {type(decoder).__name__}, works on rows: "
                "use low_memory=False, or teach segnet_lab.inference.by_rows"
            )


class Layer:
    """One layer on a stream of rows.

    Parameters
    ----------
    work : callable(window, first) -> Tensor
        `window` holds (1, C, n + 2 * halo, W): rows first .. first + n - 1 of the map and their neighbours, zeros
        beyond the map. Gives what the layer makes of those n rows.
    halo : int
        Rows above and below that a row depends on.
    step : int
        Wait for so many rows, and work on so many at a time; the last ones may be fewer. 0: take them as they come.
    """

    def __init__(self, work: Callable[[Tensor, int], Tensor], halo: int = 0, step: int = 0):
        self.work, self.halo, self.step = work, halo, step
        self.held = None
        self.first = 0

    def push(self, rows: Tensor, last: bool) -> Iterator[tuple[Tensor, bool]]:
        """Rows that come in, and whether the map ends with them -> the same for what goes out."""
        pieces = [rows] if self.held is None else [self.held, rows]
        if self.halo:
            beyond = rows.new_zeros(*rows.shape[:2], self.halo, rows.shape[3])
            pieces = ([beyond] if self.held is None else []) + pieces + ([beyond] if last else [])
        window = _below_each_other(pieces)
        self.held = None
        del rows, pieces  # the layers behind work while this one waits
        left = window.shape[2] - 2 * self.halo
        while left > 0 and (last or left >= self.step):
            n = min(self.step or left, left)
            left -= n
            made = [self.work(window[:, :, : n + 2 * self.halo], self.first)]
            self.first += n
            window = window[:, :, n:]
            if not left or (left < self.step and not last):  # what is held until the next rows come
                window = window.clone(memory_format=torch.channels_last)
            yield made.pop(), last and not left
        self.held = window if window.shape[2] else None


def _below_each_other(pieces: list[Tensor]) -> Tensor:
    if len(pieces) == 1:
        return pieces[0]
    return torch.cat([rows.permute(0, 2, 3, 1) for rows in pieces], dim=1).permute(0, 3, 1, 2)  # rows are memory blocks


def _run(layers: list[Layer], bands: list[Tensor]) -> Iterator[Tensor]:
    """Push every band as far as it gets; what leaves the last layer comes out."""

    def push(depth: int, rows: Tensor, last: bool) -> Iterator[Tensor]:
        if depth == len(layers):
            yield rows
            return
        work = layers[depth].push(rows, last)
        del rows  # each layer lets go of what it is done with
        for made, ends in work:
            behind = push(depth + 1, made, ends)
            del made
            yield from behind

    for number, band in enumerate(bands, 1):
        yield from push(0, band, last=number == len(bands))


# --------------------------------------------------------------------------------------------------
# The layers of a network. The encoder's fill `kept`, the decoder's read it.


class Kept:
    """What a decoder asked its stage to remember, filled from top to bottom."""

    def __init__(self, decoder: nn.Module | None, size: tuple[int, int]):
        self.decoder, self.size = decoder, size
        self.codes = self.map = None
        self.row = 0

    def keep_map(self, rows: Tensor, first: int) -> Tensor:
        reduced = self.decoder.remember(Stage(self.size, entering=rows, features=rows, codes=None)).map
        if reduced is not None:
            if self.map is None:
                whole = reduced.new_empty(1, *self.size, reduced.shape[1])
                self.map = whole.permute(0, 3, 1, 2)
            self.map[:, :, first : first + rows.shape[2]] = reduced
        return rows

    def pool(self, rows: Tensor, first: int) -> Tensor:
        values, codes = relu_max_pool_2x2(rows)
        if type(self.decoder) in REMEMBER_CODES:
            _, channels, _, width = values.shape
            if self.codes is None:
                self.codes = codes.new_empty(packed_bytes(channels * width * pooled_size(self.size)[0]))
            start = first // 2 * width * channels // 4
            self.codes[start : start + len(codes)] = codes
        return values

    def upsample(self, rows: Tensor, first: int) -> Tensor:
        _, channels, height, width = rows.shape
        codes = self.codes
        if codes is not None:
            start = first * width * channels // 4
            codes = codes[start : start + packed_bytes(height * width * channels)]
        height = min(2 * height, self.size[0] - 2 * first)
        part = None if self.map is None else self.map[:, :, 2 * first : 2 * first + height]
        return self.decoder.upsample(rows, Memory((height, self.size[1]), codes, part))

    def deconvolve(self, window: Tensor, first: int) -> Tensor:
        deconv, halo = self.decoder.deconv, self.deconvolution_halo
        window = window.to(deconv.weight.dtype)
        x = F.conv_transpose2d(window, deconv.weight, stride=deconv.factor, padding=(0, deconv.padding))
        height = min((window.shape[2] - 2 * halo) * deconv.factor, self.size[0] - first * deconv.factor)
        start = halo * deconv.factor + deconv.padding
        return x[:, :, start : start + height, : self.size[1]]

    @property
    def deconvolution_halo(self) -> int:
        deconv = self.decoder.deconv
        return -(-(deconv.padding + deconv.factor - 1) // deconv.factor)

    def whole(self, rows: Tensor, first: int) -> Tensor:
        return self.decoder(rows, Memory(self.size))

    def add(self, rows: Tensor, first: int) -> Tensor:
        return rows + self.map[:, :, first : first + rows.shape[2]]


def _encoder(network: nn.Module, size: tuple[int, int], kept: dict[str, Kept]) -> Iterator[Layer]:
    step = 0 if type(network.normalise) in ROW_BY_ROW else ALL
    yield Layer(lambda rows, first: network.normalise(rows), step=step)
    for number, stage in enumerate(network.stages, 1):
        decoder = dict(network.decoders).get(str(number))
        keeps = kept[str(number)] = Kept(decoder, size)
        if type(decoder) in REMEMBER_ENTERING and number > 1:
            yield Layer(keeps.keep_map)
        for layer in stage.convs:
            yield _convolution(layer, size)
        if type(decoder) is UpConcat:
            yield Layer(keeps.keep_map)
        if stage.pool == "2x2":
            yield Layer(keeps.pool, step=_step(size[1], layer.conv.out_channels))
            size = pooled_size(size)
        elif stage.pool == "stride 1":
            yield Layer(_pool_stride_1, halo=1, step=_step(size[1], layer.conv.out_channels))
        else:
            yield Layer(lambda rows, first: rows.relu())


def _decoder(network: nn.Module, shape: torch.Size, kept: dict[str, Kept]) -> Iterator[Layer]:
    _, channels, *size = shape
    for layer in network.neck:
        if not isinstance(layer, nn.Dropout):
            yield _convolution(layer, size)
    for number, decoder in network.decoders.items():
        keeps = kept.pop(number)
        size = keeps.size
        if type(decoder) is Bilinear:
            yield Layer(keeps.whole, step=ALL)
        elif type(decoder) is Deconvolve:
            yield Layer(keeps.deconvolve, keeps.deconvolution_halo, _step(size[1], channels) // decoder.deconv.factor)
        else:
            yield Layer(keeps.upsample, step=_step(size[1], channels) // 2)
        for layer in getattr(decoder, "convs", ()):
            yield _convolution(layer, size)
        if type(decoder) in REMEMBER_ENTERING and keeps.map is not None:
            yield Layer(keeps.add)
        channels = decoder.outputs
    if not isinstance(network.classifier, nn.Identity):
        yield _convolution(network.classifier, size)


def _convolution(layer: nn.Module, size: tuple[int, int]) -> Layer:
    conv = layer.conv

    def work(window: Tensor, first: int) -> Tensor:
        across = (0, conv.padding[1])  # above and below, the window is its own padding
        x = F.conv2d(window.to(conv.weight.dtype), conv.weight, conv.bias, 1, across, conv.dilation, conv.groups)
        return x.relu_() if layer.relu else x

    widest = max(conv.in_channels, conv.out_channels)
    return Layer(work, conv.padding[0], _step(size[1], widest, at_least=conv.weight.numel() // 4))


def _pool_stride_1(window: Tensor, first: int) -> Tensor:
    return F.max_pool2d(window.relu(), 3, stride=1, padding=(0, 1))  # 0, beyond the map, is never above a relu


def _step(width: int, channels: int, at_least: int = 0) -> int:
    """Rows of a band: the power of two, 8 or more, that comes near to `BAND` elements, or to `at_least`."""
    rows = max(BAND, at_least) // (width * channels)
    return max(8, 1 << max(rows, 1).bit_length() - 1)
