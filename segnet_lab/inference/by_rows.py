"""Rows streamed through a network, so that no map of a stage is ever whole.

An image enters band by band. Every layer keeps the few rows that its filters will need again, works on those that are
complete and hands the result on at once; pooling leaves its codes behind. Nothing is computed twice, and the result is
that of the whole map, to rounding.

    image --band--> conv 7x7 --band--> pool --half a band--> conv 7x7 --half a band--> ...
                    holds 6 rows       adds to the codes     holds 6 rows

Windows are counted row by row, so the codes of a band of rows lie side by side; those of four rows always fill whole
bytes, which makes four rows the smallest step of pooling and unpooling.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput
from segnet_lab.models.decoders import Decoder, Memory, Stage, needed
from segnet_lab.models.inputs import LRN, ImageNet
from segnet_lab.models.layers import ConvBN, conv_layers
from segnet_lab.models.network import EncoderDecoder
from segnet_lab.pooling import packed_bytes, pooled_size, relu_max_pool_2x2

BAND = 2**18  # elements of a band: it fits in a core's cache
ALL = 2**62  # rows

ROW_BY_ROW = (nn.Identity, LRN, ImageNet)  # input transforms; LCN looks at the whole image


def logits_by_rows(network: EncoderDecoder, image: Tensor) -> Iterator[Tensor]:
    """Bands (1, K, n, W) of the logits of one image, top to bottom.

    Parameters
    ----------
    network : EncoderDecoder
        With its batch normalisation folded, as `inference.fast.optimize` does it.
    image : Tensor, (1, 3, H, W)
    """
    kept: dict[str, Kept] = {}
    _, _, height, width = image.shape
    bands = image.split(_step(width, 64), dim=2)
    smallest = torch.cat(list(_run(list(_encoder(network, (height, width), kept)), bands)), dim=2)
    yield from _run(list(_decoder(network, smallest, kept)), [smallest])


def check_decoders(network: EncoderDecoder) -> None:
    """Raise ValueError for a decoder that does not work on rows; each says so itself, see `Decoder.low_memory`."""
    for number, decoder in network.decoders.items():
        at = f"decoder {number}, a {type(decoder).__name__}, "
        if decoder.low_memory == "refused":
            raise InvalidInput(f"{at}does not work on a few rows at a time: use low_memory=False")
        if decoder.low_memory == "rows" and "codes" in decoder.remembers and _neighbours(decoder):
            raise InvalidInput(
                f"{at}looks at neighbouring rows, whose codes a band of rows does not have: use low_memory=False"
            )


def _neighbours(decoder: Decoder) -> int:
    """How many rows from below, above or under a row, the upsampled rows of its window depend on."""
    low, high = decoder.rows_below(0, decoder.factor - 1)
    return max(-low, high)


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
        How many rows to wait for and to work on at a time; the last ones may be fewer. 0: take them as they come.
    """

    def __init__(self, work: Callable[[Tensor, int], Tensor], halo: int = 0, step: int = 0) -> None:
        self.work, self.halo, self.step = work, halo, step
        self.held: Tensor | None = None
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


def _run(layers: Sequence[Layer], bands: Sequence[Tensor]) -> Iterator[Tensor]:
    """Push every band as far as it gets; what leaves the last layer comes out."""
    for number, band in enumerate(bands, 1):
        yield from _push(layers, band, last=number == len(bands))


def _push(layers: Sequence[Layer], rows: Tensor, last: bool) -> Iterator[Tensor]:
    if not layers:
        yield rows
        return
    work = layers[0].push(rows, last)
    del rows  # each layer lets go of what it is done with
    for made, ends in work:
        behind = _push(layers[1:], made, ends)
        del made
        yield from behind


# --------------------------------------------------------------------------------------------------
# The layers of a network. The encoder's fill `kept`, the decoder's read it.


class Kept:
    """What a decoder asked its stage to remember, filled from top to bottom.

    Parameters
    ----------
    decoder : Decoder
    size : (H, W)
        Of the map that entered the stage.
    """

    def __init__(self, decoder: Decoder, size: tuple[int, int]) -> None:
        self.decoder, self.size = decoder, size
        self.codes: Tensor | None = None
        self.map: Tensor | None = None

    def keep_map(self, rows: Tensor, first: int) -> Tensor:
        """Remember these rows of the entering map or of the features, and hand them on."""
        kept = needed(self.decoder.remember(Stage(self.size, entering=rows, features=rows, codes=None)).map)
        if self.map is None:
            self.map = kept.new_empty(1, *self.size, kept.shape[1]).permute(0, 3, 1, 2)
        self.map[:, :, first : first + rows.shape[2]] = kept
        return rows

    def pool(self, rows: Tensor, first: int) -> Tensor:
        """Pool these rows and remember their codes."""
        values, codes = relu_max_pool_2x2(rows)
        _, channels, _, width = values.shape
        if self.codes is None:
            self.codes = codes.new_empty(packed_bytes(channels * width * pooled_size(self.size)[0]))
        start = first // 2 * width * channels // 4
        self.codes[start : start + len(codes)] = codes
        return values

    def upsample(self, window: Tensor, first: int) -> Tensor:
        """What the decoder makes of rows first, first + 1, ...; `window` holds their neighbours, too."""
        beside, factor = _neighbours(self.decoder), self.decoder.factor
        top, made = (first - beside) * factor, window.shape[2] * factor  # of all rows in the window
        rows = min(made - 2 * beside * factor, self.size[0] - first * factor)  # are wanted of them
        height = made if beside else rows  # neighbours may lie beyond the map
        memory = Memory((height, self.size[1]), self._codes_of(window, first), self._map_rows(top, height))
        return self.decoder.upsample(window, memory)[:, :, beside * factor : beside * factor + rows]

    def upsample_whole(self, rows: Tensor, first: int) -> Tensor:
        """What the decoder makes of all rows at once."""
        return self.decoder.upsample(rows, Memory(self.size, self.codes, self.map))

    def combine(self, rows: Tensor, first: int) -> Tensor:
        """What the decoder does with filtered rows in the end."""
        height = rows.shape[2]
        return self.decoder.combine(rows, Memory((height, self.size[1]), map=self._map_rows(first, height)))

    def _codes_of(self, rows: Tensor, first: int) -> Tensor | None:
        if self.codes is None:
            return None
        _, channels, height, width = rows.shape
        start = first * width * channels // 4
        return self.codes[start : start + packed_bytes(height * width * channels)]

    def _map_rows(self, first: int, height: int) -> Tensor | None:
        """Rows first .. first + height - 1 of the map that was kept, zeros beyond it."""
        if self.map is None:
            return None
        inside = self.map[:, :, max(first, 0) : first + height]
        if inside.shape[2] == height:
            return inside
        above = max(-first, 0)
        return F.pad(inside, (0, 0, above, height - inside.shape[2] - above))


def _encoder(network: EncoderDecoder, size: tuple[int, int], kept: dict[str, Kept]) -> Iterator[Layer]:
    step = 0 if type(network.normalise) in ROW_BY_ROW else ALL
    yield Layer(lambda rows, first: network.normalise(rows), step=step)
    for number, stage in enumerate(network.stages, 1):
        convs, pool = conv_layers(stage.convs), _pool
        layers = [_convolution(layer, size) for layer in convs]
        if str(number) in network.decoders:
            keeps = kept[str(number)] = Kept(network.decoders[str(number)], size)
            remembers = keeps.decoder.remembers
            if "entering" in remembers and number > 1:
                layers.insert(0, Layer(keeps.keep_map))
            if "features" in remembers:
                layers.append(Layer(keeps.keep_map))
            if "codes" in remembers:
                pool = keeps.pool
        yield from layers
        step = _step(size[1], convs[-1].conv.out_channels)
        if stage.pool == "2x2":
            yield Layer(pool, step=step)
            size = pooled_size(size)
        elif stage.pool == "stride 1":
            yield Layer(_pool_stride_1, halo=1, step=step)
        else:
            yield Layer(lambda rows, first: rows.relu())


def _decoder(network: EncoderDecoder, smallest: Tensor, kept: dict[str, Kept]) -> Iterator[Layer]:
    _, channels, height, width = smallest.shape
    size = height, width
    for layer in conv_layers(network.neck):
        yield _convolution(layer, size)
    for number, decoder in network.decoders.items():
        keeps = kept.pop(number)
        size = keeps.size
        if decoder.low_memory == "whole map":
            yield Layer(keeps.upsample_whole, step=ALL)
        else:
            yield Layer(keeps.upsample, _neighbours(decoder), _step(size[1], channels) // decoder.factor)
        for layer in conv_layers(decoder.convs):
            yield _convolution(layer, size)
        yield Layer(keeps.combine)
        channels = decoder.outputs
    if isinstance(network.classifier, ConvBN):
        yield _convolution(network.classifier, size)


def _convolution(layer: ConvBN, size: tuple[int, int]) -> Layer:
    conv = layer.conv
    down, across = conv.kernel_size[0] // 2 * conv.dilation[0], conv.kernel_size[1] // 2 * conv.dilation[1]

    def work(window: Tensor, first: int) -> Tensor:
        # above and below, the window is its own padding
        x = F.conv2d(window.to(conv.weight.dtype), conv.weight, conv.bias, 1, (0, across), conv.dilation, conv.groups)
        return x.relu_() if layer.relu else x

    widest = max(conv.in_channels, conv.out_channels)
    return Layer(work, down, _step(size[1], widest, at_least=conv.weight.numel() // 4))


def _pool(rows: Tensor, first: int) -> Tensor:
    values, _ = relu_max_pool_2x2(rows)
    return values


def _pool_stride_1(window: Tensor, first: int) -> Tensor:
    return F.max_pool2d(window.relu(), 3, stride=1, padding=(0, 1))  # 0, beyond the map, is never above a relu


def _step(width: int, channels: int, at_least: int = 0) -> int:
    """Rows of a band: the power of two, 8 or more, that comes near to `BAND` elements, or to `at_least`."""
    rows = max(BAND, at_least) // (width * channels)
    return max(8, 1 << max(rows, 1).bit_length() - 1)
