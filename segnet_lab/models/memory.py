"""What the encoder keeps for the decoder, counted: codes, maps, bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from segnet_lab.models.decoders import Memory
from segnet_lab.pooling import pooled_size

if TYPE_CHECKING:
    from segnet_lab.models.network import EncoderDecoder


@dataclass(frozen=True)
class Remembered:
    """One thing that the encoder keeps for the decoder, counted for one image."""

    stage: int  # 1 is next to the image
    kind: str  # "codes" or "map"
    channels: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        """Pooling windows for codes, values for a map."""
        return self.channels * self.height * self.width

    @property
    def bytes(self) -> int:
        """As this kit keeps it: codes in two bits, maps in float32."""
        return -(-self.elements // 4) if self.kind == "codes" else self.bytes_float32

    @property
    def bytes_float32(self) -> int:
        """As float32: a map; or pooling indices in Caffe's way."""
        return 4 * self.elements

    @property
    def bytes_int64(self) -> int:
        """Codes as torch's int64 pooling indices; a map stays float32."""
        return 8 * self.elements if self.kind == "codes" else self.bytes_float32


def count_memory(memory: Mapping[str, Memory], channels: Sequence[int]) -> Iterator[Remembered]:
    """What the decoders of some stages asked to remember, given the channels of each stage's last convolution."""
    for number, kept in sorted(memory.items()):
        if kept.codes is not None:
            yield Remembered(int(number), "codes", channels[int(number) - 1], *pooled_size(kept.size))
        if kept.map is not None:
            yield Remembered(int(number), "map", *kept.map.shape[1:])


def storage_multiplier(model: "EncoderDecoder") -> float:
    """Table 1's "storage multiplier": what is remembered at half resolution, in float32 maps of that size.

    The paper prints 1 for SegNet-Basic; 64 channels of 2-bit codes are 64 * 2 / 32 = 4 such maps.

    >>> from segnet_lab import create_model
    >>> storage_multiplier(create_model("segnet_basic")), storage_multiplier(create_model("fcn_basic"))
    (4.0, 11.0)
    """
    height, width = 360, 480
    half = pooled_size((height, width))
    kept = sum(r.bytes for r in model.memory(height, width) if (r.height, r.width) == half)
    return kept / (4 * half[0] * half[1])
