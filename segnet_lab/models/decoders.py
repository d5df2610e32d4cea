"""The ways of decoding: one short class each. What differs between them is what you see.

A decoder belongs to one encoder stage. It takes the map from below and rebuilds the map that *entered*
that stage: same size, same channels (Section 3). For that it may ask the encoder to remember something:

    remember(stage)        called while encoding: keep what will be needed, and nothing else
    forward(x, memory)     called while decoding

Everything else that the stage made is forgotten, so a decoder's `remember` *is* its memory.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segnet_lab.models.layers import ConvBN, Deconvolution, score
from segnet_lab.models.recompute import Maker, backward_may_follow, how
from segnet_lab.pooling import max_unpool_2x2, packed_bytes


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
    small_scores: bool  # see layers.score

    def convs(self, inputs: int, **options) -> nn.Sequential:
        """The decoder's trainable filter bank, which makes a sparse or blocky map dense."""
        layers = []
        for outputs in self.widths:
            layers.append(ConvBN(inputs, outputs, self.kernel, relu=self.relu, bias=self.bias, **options))
            inputs = outputs
        return nn.Sequential(*layers)


class Decoder(nn.Module):
    """Remembers nothing but the size, and has a trainable filter bank."""

    def __init__(self, ports: Ports):
        super().__init__()
        self.convs = ports.convs(ports.below)
        self.outputs = ports.widths[-1]

    def remember(self, stage: Stage) -> Memory:
        return Memory(stage.size)

    def upsample(self, x: Tensor, memory: Memory) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        return self.convs(self.upsample(x, memory))


class Unpool(Decoder):
    """SegNet: every value goes back to where the maximum was; the filters make the sparse map dense."""

    def remember(self, stage):
        return Memory(stage.size, codes=stage.codes)

    def upsample(self, x, memory):
        return max_unpool_2x2(x, memory.codes, memory.size)

    def forward(self, x, memory):
        sparse = self.upsample(x, memory)
        if backward_may_follow():
            below = how(x)
            Maker(lambda: self.upsample(below(), memory)).makes(sparse)  # three quarters of it are zero
        return self.convs(sparse)


class UnpoolSingleChannel(Unpool):
    """As SegNet, but every filter sees only its own map: 64 times fewer weights."""

    def __init__(self, ports):
        super().__init__(ports)
        self.convs = ports.convs(ports.below, groups=ports.below)


class UnpoolAdd(Unpool):
    """SegNet-Basic-EncoderAddition: as SegNet, then the map that entered the encoder stage is added."""

    def remember(self, stage):
        return Memory(stage.size, codes=stage.codes, map=stage.entering)

    def forward(self, x, memory):
        x = super().forward(x, memory)
        return x if memory.map is None else x + memory.map


class FixedIndices(Decoder):
    """Every value goes to the top-left corner: sparse as in SegNet, but the place says nothing."""

    def upsample(self, x, memory):
        top_left = torch.zeros(packed_bytes(x.numel()), dtype=torch.uint8, device=x.device)
        return max_unpool_2x2(x, top_left, memory.size)


class Replicate(Decoder):
    """Every value fills its whole window."""

    def upsample(self, x, memory):
        return F.interpolate(x, scale_factor=2.0)[..., : memory.size[0], : memory.size[1]]


class Bilinear(Decoder):
    """Fixed bilinear interpolation; nothing is learnt."""

    def __init__(self, ports):
        nn.Module.__init__(self)
        self.outputs = ports.below

    def forward(self, x, memory):
        return F.interpolate(x, size=memory.size, mode="bilinear", align_corners=False)


class Deconvolve(Decoder):
    """FCN: upsample by (learnt) deconvolution; add the map that entered the stage, reduced to as many channels.

    Parameters
    ----------
    kernel : int
        8 in Section 3.1.
    add : bool
        False forgets the encoder's map (NoAddition).
    reduce : bool
        The map is compressed to K channels *before* it is remembered; False keeps all of it.
    learnt : bool
        False keeps the bilinear filters fixed.
    """

    def __init__(self, ports, *, kernel: int = 8, add: bool = True, reduce: bool = True, learnt: bool = True):
        nn.Module.__init__(self)
        self.deconv = Deconvolution(ports.below, ports.factor, kernel, learnt)
        self.outputs = ports.below
        self.add = add and ports.entering > 0
        self.reduce = nn.Identity()
        if self.add and reduce:
            self.reduce = score(ports.entering, ports.classes, small=ports.small_scores)

    def remember(self, stage):
        return Memory(stage.size, map=self.reduce(stage.entering) if self.add else None)

    def forward(self, x, memory):
        x = self.deconv(x, memory.size)
        return x if memory.map is None else x + memory.map


class UpConcat(Decoder):
    """U-Net: deconvolve, put the encoder's whole map beside it, convolve both."""

    def __init__(self, ports):
        nn.Module.__init__(self)
        self.deconv = nn.ConvTranspose2d(ports.below, ports.below, 2, stride=2)
        self.convs = ports.convs(ports.below + ports.features)
        self.outputs = ports.widths[-1]

    def remember(self, stage):
        return Memory(stage.size, map=stage.features)  # before its ReLU, which costs nothing to repeat

    def upsample(self, x, memory):
        h, w = memory.size
        return torch.cat([self.deconv(x)[..., :h, :w], memory.map.relu()], dim=1)
