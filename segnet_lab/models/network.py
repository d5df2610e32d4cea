"""The one loop behind every network of the kit: encode, and remember what each decoder asks for; then decode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from segnet_lab._support.errors import InvalidInput
from segnet_lab.models.decoders import Decoder, Memory, Stage
from segnet_lab.models.layers import ConvBN, conv_layers
from segnet_lab.models.memory import Remembered, count_memory
from segnet_lab.models.twin import meta_twin
from segnet_lab.pooling import relu_max_pool_2x2
from segnet_lab.runs.provenance import TrainedOn


@dataclass(frozen=True)
class Config:
    """What defines a network but its weights; saved with every run."""

    name: str
    num_classes: int
    width: float
    dropout: float
    input_transform: str


class EncoderStage(nn.Module):
    """Convolutions, then pooling. The last ReLU comes after the pooling: the two commute, and the map is smaller.

    Parameters
    ----------
    convs : list of ConvBN
        The last one without its ReLU.
    pool : "2x2" | "stride 1" | None
        2x2 halves the map, rounding up; "stride 1" is DeepLab's 3x3 pooling that keeps the size.
    """

    def __init__(self, convs: list[ConvBN], pool: str | None):
        super().__init__()
        self.convs = nn.Sequential(*convs)
        self.pool = pool

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Map (B, C', H, W) -> pooled map, features before ReLU and pooling, packed codes if it pools 2x2.

        The pooled map is (B, C, h, w) with h = ceil(H / 2), w = ceil(W / 2), or H, W if it keeps the size; the
        features are (B, C, H, W).
        """
        features = self.convs(x)
        if self.pool == "2x2":
            x, codes = relu_max_pool_2x2(features)
            return x, features, codes
        x = features.relu()
        return (max_pool_stride_1(x) if self.pool else x), features, None


def max_pool_stride_1(x: Tensor) -> Tensor:
    """3x3 max pooling that keeps the size; its indices are recomputed in the backward pass, not stored."""
    if not (torch.is_grad_enabled() and x.requires_grad):
        return F.max_pool2d(x, 3, stride=1, padding=1)
    return checkpoint(F.max_pool2d, x, 3, 1, 1, use_reentrant=False)


class EncoderDecoder(nn.Module):
    """An encoder, one way of decoding, and a classifier: images (B, 3, H, W) -> logits (B, K, H, W).

    `create_model` builds it. Stages are numbered from the image down; `decoders["4"]` rebuilds the map that
    entered `stages[3]`.

    Parameters
    ----------
    config : Config
    normalise : Module
        Input transform, the first thing done to an image of 0..1.
    stages : list of EncoderStage
    neck : Module
        What lies between encoder and decoder: nothing in SegNet, fc6 and fc7 in FCN.
    decoders : dict, stage number -> Decoder
        Deepest first.
    classifier : Module
        Features of the last decoder to logits.
    dropout_at : tuple of str
        Places such as "pool4" or "decoder3".
    """

    stages: Sequence[EncoderStage]  # an nn.ModuleList
    decoders: Mapping[str, Decoder]  # an nn.ModuleDict

    def __init__(
        self,
        config: Config,
        normalise: nn.Module,
        stages: Sequence[EncoderStage],
        neck: nn.Sequential,
        decoders: Mapping[int, Decoder],
        classifier: nn.Module,
        dropout_at: Sequence[str],
    ) -> None:
        super().__init__()
        self.config = config
        self.normalise = normalise
        self.add_module("stages", nn.ModuleList(stages))
        self.neck = neck
        self.add_module("decoders", nn.ModuleDict({str(number): decoder for number, decoder in decoders.items()}))
        self.classifier = classifier
        self.dropout = nn.ModuleDict({place: nn.Dropout(config.dropout) for place in dropout_at})
        self.checkpointing = False  # True: training stores what enters a stage or decoder, and recomputes the rest
        self.trained_on: TrainedOn | None = None  # once trained or loaded
        self.started_from: dict[str, object] | None = None  # where its weights came from; None: as drawn

    @property
    def num_classes(self) -> int:
        """K, without void."""
        return self.config.num_classes

    def forward(self, image: Tensor) -> Tensor:
        """Float images (B, 3, H, W) of 0..1 -> logits (B, K, H, W), any H, W >= 1."""
        x, memory = self.encode(image)
        return self.decode(x, memory)

    def encode(self, image: Tensor) -> tuple[Tensor, dict[str, Memory]]:
        """Images -> the smallest map, and for each decoder, by stage number, what it asked to remember."""
        check_image(image)
        x, memory = self.normalise(image), {}
        for number, stage in enumerate(self.stages, 1):
            entering = x if number > 1 else None
            size = tuple(x.shape[-2:])
            x, features, codes = self._run(stage, x)
            if str(number) in self.decoders:
                memory[str(number)] = self.decoders[str(number)].remember(Stage(size, entering, features, codes))
            x = self._drop(f"pool{number}", x)
        return x, memory

    def decode(self, x: Tensor, memory: dict[str, Memory]) -> Tensor:
        """The smallest map and the memory -> logits. `memory` is emptied on the way: each stage's after its use."""
        x = self.neck(x)
        for number, decoder in self.decoders.items():
            x = self._run(decoder, x, memory.pop(number))
            x = self._drop(f"decoder{number}", x)
        return self.classifier(x)

    def memory(self, height: int, width: int) -> list[Remembered]:
        """What the encoder remembers for the decoder, for one image of that size, stage by stage.

        Counted on a twin without data, so it is what `remember` really keeps.

        Examples
        --------
        >>> from segnet_lab import create_model
        >>> codes = create_model("segnet_basic").memory(360, 480)
        >>> [(r.stage, r.kind, r.channels, r.height, r.width, r.bytes) for r in codes][0]
        (1, 'codes', 64, 180, 240, 691200)
        >>> sum(r.bytes for r in codes), sum(r.bytes_float32 for r in codes), sum(r.bytes_int64 for r in codes)
        (918240, 14691840, 29383680)
        """
        twin = meta_twin(self).float().eval()
        _, memory = twin.encode(torch.empty(1, 3, height, width, device="meta"))
        channels = [conv_layers(stage.convs)[-1].conv.out_channels for stage in self.stages]
        return list(count_memory(memory, channels))

    def _run(self, module: nn.Module, *inputs: Tensor | Memory) -> Any:
        if self.checkpointing and self.training and torch.is_grad_enabled():
            return checkpoint(module, *inputs, use_reentrant=False)
        return module(*inputs)

    def _drop(self, place: str, x: Tensor) -> Tensor:
        return self.dropout[place](x) if place in self.dropout else x


def check_image(image: Tensor) -> None:
    """Refuse, as ValueError, what is not a batch of float images with three channels."""
    if image.dim() != 4 or image.shape[1] != 3 or not image.is_floating_point() or 0 in image.shape:
        raise InvalidInput(
            f"expected float images (B, 3, H, W) of 0..1, got {image.dtype} of shape {tuple(image.shape)}; "
            "segnet_lab.predict takes files, arrays and single images"
        )
