"""The ways of decoding: one short class each. What differs between them is what you see.

A decoder belongs to one encoder stage. It takes the feature map from below and rebuilds the map that *entered*
that stage: same size, same channels (Section 3). Every class says all of itself, and whoever streams, measures or
draws a network asks it:

    label                   what it does, in a few words
    remembers               what it asks the encoder to keep: "codes", the "entering" map, the "features"
    upsample(x, memory)     the map from below at the size of the entering map
    rows_below(low, high)   which rows from below the upsampled rows low..high are made of
    low_memory              whether `upsample` works on a few rows at a time

Everything else that the stage made is forgotten, so what a decoder `remembers` *is* its memory. Behind the
upsampling stand trainable filters (`convs`), and `combine` for what is done in the end. To add a decoder of your
own, see `segnet_lab.register_model`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput
from segnet_lab.models.declarations import check_declarations
from segnet_lab.models.layers import ConvBN, Deconvolution, score_layer
from segnet_lab.pooling import max_unpool_2x2, packed_bytes

Remembers = tuple[Literal["codes", "entering", "features"], ...]
LowMemory = Literal["rows", "whole map", "refused"]


class Stage(NamedTuple):
    """What an encoder stage has in hand when it asks its decoder what to remember."""

    size: tuple[int, int]  # of the entering map
    entering: Tensor | None  # (B, C', H, W), the output of the pool above; None for the first stage: the image
    features: Tensor  # (B, C, H, W), before ReLU and pooling
    codes: Tensor | None  # packed 2-bit pooling codes; None where the stage does not pool 2x2


class Memory(NamedTuple):
    """What a decoder keeps of its stage. The size is free; the rest is what a network pays for."""

    size: tuple[int, int]
    codes: Tensor | None = None
    map: Tensor | None = None


def needed(kept: Tensor | None) -> Tensor:
    """The codes or the map without which a decoder cannot work; ValueError where its stage had none to keep."""
    if kept is None:
        raise InvalidInput(
            "this decoder needs codes or a map that its encoder stage does not have: "
            "a stage has codes if it pools 2x2, and an entering map unless it is the first"
        )
    return kept


@dataclass(frozen=True)
class Ports:
    """Where a decoder is plugged in."""

    below: int  # channels of the map from below
    entering: int  # channels of the map that entered the stage; 0 for the image
    features: int  # channels of the stage before pooling
    factor: int  # how many times the map grows
    widths: tuple[int, ...]  # channels of the decoder's own convolutions
    classes: int  # K
    kernel: int  # of the convolutions
    relu: bool
    bias: bool
    small_scores: bool  # see layers.score_layer

    def convs(self, inputs: int, groups: int = 1) -> nn.Sequential:
        """The decoder's trainable filter bank, which makes a sparse or blocky map dense."""
        layers = nn.Sequential()
        for outputs in self.widths:
            layers.append(ConvBN(inputs, outputs, self.kernel, relu=self.relu, bias=self.bias, groups=groups))
            inputs = outputs
        return layers


class Decoder(nn.Module, ABC):
    """One way of decoding: upsample, filter, combine. A subclass declares what the module's docstring lists.

    A class with an `upsample` of its own says all five itself; one that only changes filters or `combine` inherits
    the rest.

    Parameters
    ----------
    ports : Ports
        Where it is plugged in.
    convs : nn.Sequential of ConvBN, optional
        Filters behind the upsampling. By default a bank of `ports.widths`; an empty one for a decoder without.

    Attributes
    ----------
    label : str
        What it does, in a few words: "bilinear interpolation".
    remembers : tuple of str
        "codes" (pooling codes), "entering" (the map that entered the stage), "features" (the stage's last map before
        ReLU and pooling); at most one map. Empty if it remembers nothing.
    low_memory : "rows" | "whole map" | "refused"
        What it does under `optimize(low_memory=True)`. "rows": `upsample` gives the same rows from a part of the map,
        if it gets the neighbours that `rows_below` names, and zeros beyond the map. "whole map": all rows are there
        before it begins. "refused": not at all.
    recomputed : bool
        Whether training recomputes the upsampled map in the backward pass instead of storing it: where that costs
        little and gives the same again. False unless the class that upsamples says so.

    Raises
    ------
    ValueError
        Its class does not say all of itself, or says what cannot be; `convs` holds something else.
    """

    label: str
    remembers: Remembers
    low_memory: LowMemory
    recomputed: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "upsample" in vars(cls):
            cls.recomputed = vars(cls).get("recomputed", False)  # what holds for another upsampling is not inherited

    def __new__(cls, *_: object, **__: object) -> Self:
        """A decoder of a class that leaves nothing to guess."""
        check_declarations(cls)
        return super().__new__(cls)

    def __init__(self, ports: Ports, convs: nn.Sequential | None = None) -> None:
        super().__init__()
        self.factor = ports.factor
        self.convs = ports.convs(ports.below) if convs is None else convs
        self.outputs = ports.below
        for layer in self.convs:
            if not isinstance(layer, ConvBN):
                raise InvalidInput(f"{type(self).__name__}.convs holds a {type(layer).__name__}: make it of ConvBN")
            self.outputs = layer.conv.out_channels

    @abstractmethod
    def upsample(self, x: Tensor, memory: Memory) -> Tensor:
        """The map from below, (B, C, h, w), at `memory.size`: (B, C', H, W)."""

    @abstractmethod
    def rows_below(self, low: int, high: int) -> tuple[int, int]:
        """First and last row from below that rows low..high of the upsampled map depend on, the frame ignored.

        The first is above the last where they depend on none.
        """

    def reduced(self, kept: Tensor) -> Tensor:
        """What is remembered of the map: all of it, unless a decoder compresses it first."""
        return kept

    def combine(self, x: Tensor, memory: Memory) -> Tensor:
        """What is done with the filtered map in the end, row by row; nothing, unless a decoder adds its map."""
        return x

    def remember(self, stage: Stage) -> Memory:
        """Called while encoding: keep what `remembers` names, and nothing else."""
        kept = None
        if "entering" in self.remembers:
            kept = stage.entering
        elif "features" in self.remembers:
            kept = stage.features
        return Memory(
            stage.size,
            codes=stage.codes if "codes" in self.remembers else None,
            map=None if kept is None else self.reduced(kept),
        )

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Called while decoding."""
        return self.combine(self.convs(self.upsample(x, memory)), memory)


class Unpool(Decoder):
    """SegNet: every value goes back to where the maximum was; the filters make the sparse map dense."""

    label = "unpooling by codes"
    remembers: Remembers = ("codes",)
    low_memory = "rows"
    recomputed = True  # three quarters of the map are zero

    def upsample(self, x: Tensor, memory: Memory) -> Tensor:
        """A sparse map: every value in the corner that its code names, zeros elsewhere."""
        return max_unpool_2x2(x, needed(memory.codes), memory.size)

    def rows_below(self, low: int, high: int) -> tuple[int, int]:
        """The windows that they lie in."""
        return low // 2, high // 2


class UnpoolSingleChannel(Unpool):
    """As SegNet, but every filter sees only its own map: 64 times fewer weights."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(ports)
        self.convs = ports.convs(ports.below, groups=ports.below)


class UnpoolAdd(Unpool):
    """SegNet-Basic-EncoderAddition: as SegNet, then the map that entered the encoder stage is added."""

    remembers = ("codes", "entering")

    def combine(self, x: Tensor, memory: Memory) -> Tensor:
        """Add the map that entered the stage; the first stage has none."""
        return x if memory.map is None else x + memory.map


class FixedIndices(Decoder):
    """Every value goes to the top-left corner: sparse as in SegNet, but the place says nothing."""

    label = "unpooling to the top-left"
    remembers = ()
    low_memory = "rows"
    recomputed = True

    def upsample(self, x: Tensor, memory: Memory) -> Tensor:
        """A sparse map: every value in the top-left corner, zeros elsewhere."""
        top_left = torch.zeros(packed_bytes(x.numel()), dtype=torch.uint8, device=x.device)
        return max_unpool_2x2(x, top_left, memory.size)

    def rows_below(self, low: int, high: int) -> tuple[int, int]:
        """The windows that they lie in; odd rows hold nothing."""
        return -(-low // 2), high // 2


class Replicate(Decoder):
    """Every value fills its whole window."""

    label = "replication"
    remembers = ()
    low_memory = "rows"
    recomputed = True

    def upsample(self, x: Tensor, memory: Memory) -> Tensor:
        """Every value four times."""
        return F.interpolate(x, scale_factor=2.0)[..., : memory.size[0], : memory.size[1]]

    def rows_below(self, low: int, high: int) -> tuple[int, int]:
        """The windows that they lie in."""
        return low // 2, high // 2


class Bilinear(Decoder):
    """Fixed bilinear interpolation; nothing is learnt."""

    label = "bilinear interpolation"
    remembers = ()
    low_memory = "whole map"  # an odd size is no exact multiple, so a row's weights depend on all of them

    def __init__(self, ports: Ports) -> None:
        super().__init__(ports, convs=nn.Sequential())

    def upsample(self, x: Tensor, memory: Memory) -> Tensor:
        """Weighted means of the four values around."""
        return F.interpolate(x, size=memory.size, mode="bilinear", align_corners=False)

    def rows_below(self, low: int, high: int) -> tuple[int, int]:
        """Row y lies at (y + 1/2) / factor - 1/2, between two rows."""
        first, last = ((2 * row + 1 - self.factor) // (2 * self.factor) for row in (low, high))
        return first, last + 1


class Deconvolve(Decoder):
    """FCN: upsample by (learnt) deconvolution; add the map that entered the stage, reduced to K channels first.

    Parameters
    ----------
    ports : Ports
    kernel : int
        8 in Section 3.1.
    add : bool
        False forgets the encoder's map (NoAddition).
    reduce : bool
        The map is compressed to K channels *before* it is remembered; False keeps all of it.
    learnt : bool
        False keeps the bilinear filters fixed.
    """

    label = "deconvolution"
    remembers: Remembers = ("entering",)
    low_memory = "rows"

    def __init__(
        self, ports: Ports, *, kernel: int = 8, add: bool = True, reduce: bool = True, learnt: bool = True
    ) -> None:
        super().__init__(ports, convs=nn.Sequential())
        self.deconv = Deconvolution(ports.below, ports.factor, kernel, learnt)
        self.reduce: nn.Module = nn.Identity()
        if not (add and ports.entering):
            self.remembers = ()
        elif reduce:
            self.reduce = score_layer(ports.entering, ports.classes, small=ports.small_scores)

    def reduced(self, kept: Tensor) -> Tensor:
        """The entering map in K channels; as it is with `reduce=False`."""
        return self.reduce(kept)

    def upsample(self, x: Tensor, memory: Memory) -> Tensor:
        """Transposed convolution, cut to the size."""
        return self.deconv(x, memory.size)

    def rows_below(self, low: int, high: int) -> tuple[int, int]:
        """Row i from below reaches upsampled rows i * factor - padding to i * factor - padding + kernel - 1."""
        kernel, padding = self.deconv.weight.shape[-1], self.deconv.padding
        return -((kernel - 1 - padding - low) // self.factor), (high + padding) // self.factor

    def combine(self, x: Tensor, memory: Memory) -> Tensor:
        """Add the map that entered the stage, if one was kept."""
        return x if memory.map is None else x + memory.map


class UpConcat(Decoder):
    """U-Net: deconvolve, put the encoder's whole map beside it, convolve both."""

    label = "deconvolution"
    remembers = ("features",)  # before their ReLU, which costs nothing to repeat
    low_memory = "rows"

    def __init__(self, ports: Ports) -> None:
        deconv = nn.ConvTranspose2d(ports.below, ports.below, 2, stride=2)
        super().__init__(ports, ports.convs(ports.below + ports.features))
        self.deconv = deconv

    def upsample(self, x: Tensor, memory: Memory) -> Tensor:
        """Transposed convolution, then the encoder's map beside it."""
        h, w = memory.size
        return torch.cat([self.deconv(x)[..., :h, :w], needed(memory.map).relu()], dim=1)

    def rows_below(self, low: int, high: int) -> tuple[int, int]:
        """The windows that they lie in."""
        return low // 2, high // 2
