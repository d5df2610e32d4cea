"""Every network of the paper as a row of data. Compare two rows to see how two networks differ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from segnet_lab._support.errors import InvalidInput
from segnet_lab.models.decoders import (
    Bilinear,
    Decoder,
    Deconvolve,
    FixedIndices,
    Ports,
    Replicate,
    Unpool,
    UnpoolAdd,
    UnpoolSingleChannel,
    UpConcat,
)

MakesDecoder = Callable[[Ports], Decoder]  # a Decoder class, or a partial of one


@dataclass(frozen=True)
class Block:
    """One encoder stage: its convolutions and how it pools."""

    channels: tuple[int, ...]
    pool: str | None = "2x2"  # "2x2" halves, "stride 1" keeps the size, None does not pool
    dilation: int = 1


@dataclass(frozen=True)
class Filter:
    """One convolution of the neck, e.g. VGG's fc6 turned into a convolution."""

    channels: int
    kernel: int
    dilation: int = 1


@dataclass(frozen=True)
class Network:
    """A row. Channels are the paper's; `create_model(width=...)` scales all but the K classes."""

    encoder: tuple[Block, ...]
    decoder: MakesDecoder | None  # None: there is nothing to undo
    decoder_widths: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # stage -> channels; deepest first
    neck: tuple[Filter, ...] = ()
    score_first: bool = False  # reduce to K channels before decoding; then there is no classifier behind
    small_scores: bool = False  # start class scores near zero, see layers.score_layer
    classifier_kernel: int = 1
    kernel: int = 3  # of encoder and decoder convolutions
    decoder_relu: bool = True
    conv_bias: bool = True  # VGG16's; batch normalisation cancels them
    dropout: float = 0.0
    dropout_at: tuple[str, ...] = ()
    input_transform: str = "none"
    special_decoders: Mapping[int, MakesDecoder] = field(default_factory=dict)  # stage -> another decoder than the rest

    def decoder_of(self, stage: int) -> MakesDecoder:
        """What makes the decoder of a stage.

        Raises
        ------
        ValueError
            The row has channels for such a decoder, and no decoder.
        """
        decoder = self.special_decoders.get(stage, self.decoder)
        if decoder is None:
            raise InvalidInput(f"decoder_widths has stage {stage}, and decoder is None: give a Decoder class")
        return decoder


# ---------------------------------------------------------------------------- Section 3.1: the small networks

BASIC_ENCODER = 4 * (Block((64,)),)
BASIC_DECODER = {4: (64,), 3: (64,), 2: (64,), 1: (64,)}
BASIC_DROPOUT = ("pool3", "pool4", "decoder4", "decoder3")  # Bayesian SegNet-Basic

Basic = partial(
    Network,
    encoder=BASIC_ENCODER,
    decoder_widths=BASIC_DECODER,
    kernel=7,  # "to provide a wide context for smooth labelling"
    decoder_relu=False,  # "no ReLU non-linearity is present in the decoder network"
    conv_bias=False,  # "no biases are used after convolutions"
    dropout_at=BASIC_DROPOUT,
    input_transform="lrn",
)
FCNBasic = partial(Basic, small_scores=True)

# ---------------------------------------------------------------------------- Section 4: the VGG16 networks

VGG16 = (Block((64, 64)), Block((128, 128)), Block(3 * (256,)), Block(3 * (512,)), Block(3 * (512,)))
SEGNET_DECODER = {5: (512, 512, 512), 4: (512, 512, 256), 3: (256, 256, 128), 2: (128, 64), 1: (64,)}
SEGNET_DROPOUT = ("pool3", "pool4", "pool5", "decoder5", "decoder4", "decoder3")

SegNet = partial(
    Network,
    encoder=VGG16,
    decoder=Unpool,
    decoder_widths=SEGNET_DECODER,
    classifier_kernel=3,  # the thirteenth decoder convolution is the classifier
    dropout_at=SEGNET_DROPOUT,
)
FCN8 = partial(  # FCN-8s: scores at 1/32, the reduced pool4 and pool3 added on the way up, then eight times
    Network,
    encoder=VGG16,
    neck=(Filter(4096, 7), Filter(4096, 1)),  # fc6 and fc7 as convolutions
    score_first=True,
    small_scores=True,
    decoder_widths={5: (), 4: (), 1: ()},
    dropout_at=("fc6", "fc7"),
)
LARGE_FOV = (  # pool3 keeps its size (Section 4), pool5 as in DeepLab; dilation makes up for it
    *VGG16[:2],
    replace(VGG16[2], pool="stride 1"),
    replace(VGG16[3], dilation=2),
    replace(VGG16[4], dilation=2, pool="stride 1"),
)

NETWORKS: dict[str, Network] = {
    # Table 1, top to bottom
    "bilinear_interpolation": Basic(decoder=Bilinear, score_first=True),
    "segnet_basic": Basic(decoder=Unpool),
    "segnet_basic_encoder_addition": Basic(decoder=UnpoolAdd),
    "segnet_basic_single_channel_decoder": Basic(decoder=UnpoolSingleChannel),
    "fcn_basic": FCNBasic(decoder=Deconvolve, score_first=True),
    "fcn_basic_no_addition": FCNBasic(decoder=partial(Deconvolve, add=False), score_first=True),
    "fcn_basic_no_dim_reduction": FCNBasic(decoder=partial(Deconvolve, reduce=False)),
    "fcn_basic_no_addition_no_dim_reduction": FCNBasic(decoder=partial(Deconvolve, add=False, reduce=False)),
    # the end of Section 3.1
    "replication": Basic(decoder=Replicate),
    "fixed_indices": Basic(decoder=FixedIndices),
    "no_pooling": Basic(decoder=None, encoder=4 * (Block((64,), pool=None),), decoder_widths={}),
    # Tables 3, 4 and 6
    "segnet": SegNet(),
    "fcn": FCN8(
        decoder=partial(Deconvolve, kernel=4, learnt=False),
        special_decoders={1: partial(Deconvolve, kernel=16, learnt=False)},
    ),
    "fcn_learnt_deconv": FCN8(
        decoder=partial(Deconvolve, kernel=4), special_decoders={1: partial(Deconvolve, kernel=16)}
    ),
    "deeplab_large_fov": Network(
        encoder=LARGE_FOV,
        neck=(Filter(1024, 3, dilation=12), Filter(1024, 1)),
        score_first=True,
        decoder=Bilinear,
        decoder_widths={1: ()},
        dropout_at=("fc6", "fc7"),
    ),
    "deconvnet": Network(
        encoder=VGG16,
        neck=(Filter(1024, 7), Filter(1024, 1), Filter(512, 7)),  # fc6, fc7, and the deconvolution of fc6
        decoder=Unpool,
        decoder_widths={**SEGNET_DECODER, 1: (64, 64)},
        dropout_at=("fc6", "fc7"),
    ),
    "unet": Network(
        encoder=VGG16[:4],  # "There is no conv5 and max-pool five block in U-Net"
        decoder=UpConcat,
        decoder_widths={4: (512, 512, 256), 3: (256, 256, 128), 2: (128, 64), 1: (64, 64)},
        dropout_at=("pool3", "pool4", "decoder4", "decoder3"),
    ),
    # Section 5 and reference [69]
    "bayesian_segnet_basic": Basic(decoder=Unpool, dropout=0.5),
    "bayesian_segnet": SegNet(dropout=0.5),
}
