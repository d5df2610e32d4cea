"""Networks as drawings: their layers to scale, and what the encoder remembers for the decoder, in bytes."""

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle
from numpy.typing import ArrayLike
from torch import Tensor, nn

from segnet_lab.figures.style import (
    BLUE,
    FIGURE_WIDTH,
    GREEN,
    MARK,
    ORANGE,
    PURPLE,
    YELLOW,
    megabytes,
    styled,
)
from segnet_lab.models import EncoderDecoder, Remembered
from segnet_lab.models.layers import ConvBN, conv_layers
from segnet_lab.models.wrapped import unwrap
from segnet_lab.pooling import pooled_size

_COLOURS = {"convolution": BLUE, "pooling": GREEN, "upsampling": ORANGE, "classifier": YELLOW}
_LINES = {"codes": (MARK, "codes, 2 bits a window"), "map": (PURPLE, "maps, 32 bits a number")}
LEAN = 0.09  # of a slab's width becomes depth on paper
LANE = 0.27  # inches between two lines


class Layer(NamedTuple):
    """One slab of the drawing."""

    kind: str  # "convolution", "pooling", "upsampling" or "classifier"
    stage: int  # 1, 2, ... in the encoder, -1, -2, ... in the decoder, 0 between them
    channels: int
    height: int
    width: int


def layers(model: EncoderDecoder, height: int, width: int) -> Iterator[Layer]:
    """What an image of that size passes through, in order.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> for layer in list(layers(create_model("segnet_basic"), 360, 480))[:3]:
    ...     print(*layer)
    convolution 1 64 360 480
    pooling 1 64 180 240
    convolution 2 64 180 240
    """
    size, channels = (height, width), 3
    entering: dict[str, tuple[int, int]] = {}
    for number, stage in enumerate(model.stages, 1):
        entering[str(number)] = size
        convs = conv_layers(stage.convs)
        yield from _convolutions(convs, number, size)
        channels = convs[-1].conv.out_channels
        if stage.pool:
            size = pooled_size(size) if stage.pool == "2x2" else size
            yield Layer("pooling", number, channels, *size)
    for layer in _convolutions(conv_layers(model.neck), 0, size):
        yield layer
        channels = layer.channels
    last = 0
    for name, decoder in model.decoders.items():
        last = -int(name)
        yield Layer("upsampling", last, channels, *entering[name])
        yield from _convolutions(conv_layers(decoder.convs), last, entering[name])
        channels = decoder.outputs
    if isinstance(model.classifier, ConvBN):
        yield from _convolutions([model.classifier], last, (height, width))


def _convolutions(convs: Iterable[ConvBN], stage: int, size: tuple[int, int]) -> Iterator[Layer]:
    for layer in convs:
        kind = "convolution" if isinstance(layer.norm, nn.BatchNorm2d) else "classifier"
        yield Layer(kind, stage, layer.conv.out_channels, *size)


@styled
def network(
    model: EncoderDecoder,
    height: int = 360,
    width: int = 480,
    image: Tensor | ArrayLike | None = None,
    prediction: np.ndarray | None = None,
) -> Figure:
    """Any network in the manner of Fig. 2: layers as slabs, and a line for all that the decoder gets to remember.

    A slab's height and depth are those of its maps, its thickness grows with the cube root of the channels. A line
    stands for what one encoder stage remembers; its width grows with the square root of the bytes.

    Parameters
    ----------
    model : EncoderDecoder
        On any device; one made under `torch.device("meta")` costs nothing.
    height, width : int
        Of the image.
    image : array or Tensor, (3, H, W) float 0..1, optional
        Shown before the first layer.
    prediction : array, (H, W, 3) uint8, optional
        Shown behind the last one, see `label_maps.colourise`.

    Returns
    -------
    Figure
    """
    model = unwrap(model, required=True)
    slabs, remembered = list(layers(model, height, width)), model.memory(height, width)
    scale = 1.7 / height  # inches a pixel
    lean, picture = LEAN * width * scale, 0.62 * width * scale
    left = 0.15 + (picture + 0.25 if image is not None else 0)
    right = FIGURE_WIDTH - 0.15 - lean - (picture + 0.15 if prediction is not None else 0)
    bounds = _bounds(slabs, left, right)

    lowest = -height * scale / 2
    bottom, top = lowest - 0.2 - LANE * len(remembered), lean - lowest + 0.9
    figure = plt.figure(figsize=(FIGURE_WIDTH, top - bottom), layout="none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, FIGURE_WIDTH), ylim=(bottom, top))
    axes.axis("off")
    for layer, (start, end) in zip(slabs, bounds, strict=True):
        _slab(axes, start, end - start, layer, scale)
    _captions(axes, slabs, bounds, scale)
    _lines(axes, model, slabs, bounds, remembered, scale)
    if image is not None:
        _picture(axes, np.moveaxis(np.asarray(image), 0, -1), 0.15, picture, "image")
    if prediction is not None:
        _picture(axes, prediction, FIGURE_WIDTH - picture - 0.1, picture, "prediction")
    _heading(axes, model, slabs, remembered, f"{height}×{width}")
    return figure


def _bounds(slabs: list[Layer], left: float, right: float) -> list[tuple[float, float]]:
    """Where each slab begins and ends: close within a stage, apart between stages, filling the room."""
    thick = [0.028 * layer.channels ** (1 / 3) for layer in slabs]
    apart = {"upsampling": 0.45}  # a stage of one thin slab needs room for its caption
    gaps = [0.04 if a.stage == b.stage else apart.get(a.kind, 0.16) for a, b in pairwise(slabs)]
    stretch = (right - left) / (sum(thick) + sum(gaps))
    starts = left + stretch * np.cumsum([0, *(t + g for t, g in zip(thick, gaps, strict=False))])
    return [(start, start + stretch * t) for start, t in zip(starts, thick, strict=True)]


def _slab(axes: Axes, x: float, thick: float, layer: Layer, scale: float) -> None:
    h, lean = layer.height * scale, LEAN * layer.width * scale
    y, colour = -h / 2, np.array(to_rgb(_COLOURS[layer.kind]))
    above = [(x, y + h), (x + lean, y + h + lean), (x + thick + lean, y + h + lean), (x + thick, y + h)]
    beside = [(x + thick, y), above[3], above[2], (x + thick + lean, y + lean)]
    front = Rectangle((x, y), thick, h, facecolor=colour)
    top, side = Polygon(above, facecolor=1 - 0.55 * (1 - colour)), Polygon(beside, facecolor=0.75 * colour)
    for face in (front, top, side):
        face.set(edgecolor="white", linewidth=0.5)
        axes.add_patch(face)


def _captions(axes: Axes, slabs: list[Layer], bounds: list[tuple[float, float]], scale: float) -> None:
    """Size and channels above each stage, written towards the waist of the drawing, where there is room."""
    for stage, group in groupby(zip(slabs, bounds, strict=True), key=lambda member: member[0].stage):
        members = list(group)
        layer = members[0][0]
        lean = LEAN * layer.width * scale
        height = layer.height * scale / 2
        shown = [slab.channels for slab, _ in members if slab.kind in ("convolution", "classifier")]
        text = f"{layer.height}×{layer.width}\n{_channels(shown or [layer.channels])}"
        if stage == 0:
            axes.text((members[0][1][0] + members[-1][1][1]) / 2, -height - 0.05, text, ha="center", va="top", size=9)
            continue
        x, side = (members[0][1][0], "left") if stage > 0 else (members[-1][1][1], "right")
        axes.text(x + lean, height + lean + 0.05, text, ha=side, va="bottom", size=9)


def _channels(channels: list[int]) -> str:
    """[512, 512, 512] as "3×512", [512, 512, 256] as "512→256"."""
    if channels[0] != channels[-1]:
        return f"{channels[0]}→{channels[-1]}"
    return f"{len(channels)}×{channels[0]}" if len(channels) > 1 else str(channels[0])


def _lines(
    axes: Axes,
    model: EncoderDecoder,
    slabs: list[Layer],
    bounds: list[tuple[float, float]],
    remembered: list[Remembered],
    scale: float,
) -> None:
    """What is remembered, as lines below the slabs: the deepest stage on top."""
    level = -slabs[0].height * scale / 2 - 0.2
    for kept in sorted(remembered, key=lambda kept: (-kept.stage, kept.kind)):
        ends = _source(model, slabs, kept), _first(slabs, "upsampling", -kept.stage)
        (x, y), (u, v) = ((sum(bounds[i]) / 2, -slabs[i].height * scale / 2) for i in ends)
        colour, _ = _LINES[kept.kind]
        thick = 0.8 + 4 * (kept.bytes / max(r.bytes for r in remembered)) ** 0.5
        axes.plot([x, x, u, u], [y, level, level, v - 0.05], color=colour, linewidth=thick)
        axes.plot(u, v - 0.05, "^", color=colour, markersize=4 + thick)
        text = f"{kept.channels} × {kept.height}×{kept.width}: {megabytes(kept.bytes)}"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text((x + u) / 2, level, text, ha="center", va="center", size=9, bbox=box)
        level -= LANE


def _source(model: EncoderDecoder, slabs: list[Layer], kept: Remembered) -> int:
    """The slab whose output is kept: the pooling for codes; for a map, what entered the stage or its features."""
    if kept.kind == "codes":
        return _first(slabs, "pooling", kept.stage)
    first = _first(slabs, "convolution", kept.stage)
    if "entering" in model.decoders[str(kept.stage)].remembers:
        return first - 1
    return first + sum((layer.kind, layer.stage) == ("convolution", kept.stage) for layer in slabs) - 1


def _first(slabs: list[Layer], kind: str, stage: int) -> int:
    return next(i for i, layer in enumerate(slabs) if (layer.kind, layer.stage) == (kind, stage))


def _picture(axes: Axes, picture: np.ndarray, x: float, width: float, title: str) -> None:
    h = width * picture.shape[0] / picture.shape[1]
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(picture, extent=(x, x + width, -h / 2, h / 2), aspect="auto")
    axes.set(xlim=limits[0], ylim=limits[1])
    axes.text(x + width / 2, h / 2 + 0.06, title, ha="center", va="bottom", size=9)


def _heading(axes: Axes, model: EncoderDecoder, slabs: list[Layer], remembered: list[Remembered], size: str) -> None:
    parameters = sum(p.numel() for p in model.parameters())
    total = megabytes(sum(kept.bytes for kept in remembered)) if remembered else "nothing"
    title = f"{model.config.name}: {parameters / 1e6:.3g} M parameters, remembers {total} of a {size} image"
    top = axes.get_ylim()[1]
    axes.text(0.15, top - 0.05, title, va="top", size=12, weight="bold")

    names = {"convolution": "convolution", "pooling": "max pooling", "classifier": "classifier"}
    names["upsampling"] = ", ".join(dict.fromkeys(decoder.label for decoder in model.decoders.values()))
    handles: list[Artist] = [
        Patch(color=_COLOURS[kind], label=names[kind]) for kind in dict.fromkeys(layer.kind for layer in slabs)
    ]
    for kind in dict.fromkeys(kept.kind for kept in remembered):
        colour, label = _LINES[kind]
        handles.append(Line2D([], [], color=colour, linewidth=3, label=label))
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.15, top - 0.28),
        bbox_transform=axes.transData,
        borderaxespad=0,
        ncols=6,
        handlelength=1.2,
        columnspacing=1.4,
        borderpad=0,
    )
