"""From a row of `variants` to a network: encoder stages, neck, decoders, classifier."""

import math

from torch import nn

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.models.decoders import Decoder, Ports
from segnet_lab.models.inputs import INPUT_TRANSFORMS
from segnet_lab.models.layers import ConvBN, score_layer
from segnet_lab.models.network import Config, EncoderDecoder, EncoderStage
from segnet_lab.models.variants import NETWORKS, Network


def find_network(name: str) -> Network:
    """The row of that name; ValueError, with the names there are, if there is none."""
    if name not in NETWORKS:
        raise InvalidInput(
            f"{unknown('model', name, NETWORKS)}. If it is a network of your own, register it first: "
            "segnet_lab.register_model"
        )
    return NETWORKS[name]


def build(config: Config, row: Network | None = None) -> EncoderDecoder:
    """The network that a configuration describes, with freshly drawn weights.

    Parameters
    ----------
    config : Config
    row : Network, optional
        The default is the row of the name in the configuration.

    Raises
    ------
    ValueError
        No network of that name, or a number out of range.
    """
    row = find_network(config.name) if row is None else row
    _check(config)

    def scaled(channels: int) -> int:
        return max(1, round(channels * config.width))

    stages, entering, channels = [], {}, 3
    for number, block in enumerate(row.encoder, 1):
        entering[number] = channels if number > 1 else 0
        convs = []
        for outputs in block.channels:
            convs.append(ConvBN(channels, scaled(outputs), row.kernel, dilation=block.dilation, bias=row.conv_bias))
            channels = scaled(outputs)
        convs[-1].relu = False  # it follows the pooling
        stages.append(EncoderStage(convs, block.pool))

    neck = nn.Sequential()
    for number, filters in enumerate(row.neck, 6):  # VGG counts its fully connected layers from six
        outputs = scaled(filters.channels)
        neck.append(ConvBN(channels, outputs, filters.kernel, dilation=filters.dilation, bias=row.conv_bias))
        if f"fc{number}" in row.dropout_at:
            neck.append(nn.Dropout(config.dropout))
        channels = outputs
    if row.score_first:
        neck.append(score_layer(channels, config.num_classes, small=row.small_scores))
        channels = config.num_classes

    decoders, deeper = {}, len(stages) + 1
    for number, widths in row.decoder_widths.items():
        halvings = sum(block.pool == "2x2" for block in row.encoder[number - 1 : deeper - 1])
        ports = Ports(
            below=channels,
            entering=entering[number],
            features=scaled(row.encoder[number - 1].channels[-1]),
            factor=2**halvings,
            widths=tuple(scaled(w) for w in widths),
            classes=config.num_classes,
            kernel=row.kernel,
            relu=row.decoder_relu,
            bias=row.conv_bias,
            small_scores=row.small_scores,
        )
        decoder = row.decoder_of(number)(ports)
        if not isinstance(decoder, Decoder):
            raise InvalidInput(
                f"decoder {number} is a {type(decoder).__name__}: derive it from models.decoders.Decoder"
            )
        decoders[number] = decoder
        channels, deeper = decoders[number].outputs, number

    classifier: nn.Module = nn.Identity()
    if not row.score_first:
        classifier = score_layer(channels, config.num_classes, row.classifier_kernel, row.small_scores)
    dropout_at = tuple(place for place in row.dropout_at if not place.startswith("fc"))
    normalise = INPUT_TRANSFORMS[config.input_transform]()
    return EncoderDecoder(config, normalise, stages, neck, decoders, classifier, dropout_at)


def _check(config: Config) -> None:
    if config.num_classes < 1:
        raise InvalidInput(f"num_classes={config.num_classes}: a classifier needs at least one class")
    if not 0 < config.width < math.inf:
        raise InvalidInput(f"width={config.width:g}: give a share of the paper's channels above 0, such as 0.5")
    if not 0 <= config.dropout < 1:
        raise InvalidInput(f"dropout={config.dropout:g}: give a probability in [0, 1)")
    if config.input_transform not in INPUT_TRANSFORMS:
        raise InvalidInput(unknown("input transform", config.input_transform, INPUT_TRANSFORMS))
