"""What is in memory at once while a network runs: the feature maps of each layer, and what waits for the decoder."""

import pandas as pd
import torch
from torch import Tensor, nn

from segnet_lab.models import EncoderDecoder, Remembered
from segnet_lab.models.twin import meta_twin
from segnet_lab.models.wrapped import unwrap


def alive(model: EncoderDecoder, height: int, width: int) -> pd.DataFrame:
    """What must be in memory at once while each layer works on one image, in float32.

    Parameters
    ----------
    model : EncoderDecoder
    height, width : int

    Returns
    -------
    DataFrame
        One row per convolution and deconvolution in the order in which they run, and one for each decoder without
        any; columns "place" (str; "reduce.2" is what decoder 2 does before its map is remembered), "maps" (its input
        and output) and "remembered" (what the encoder has left for decoders that are not done yet), in MB of 10^6
        bytes. Copies that batch normalisation, ReLU or a library make come on top.

    Raises
    ------
    ValueError
        No network of this kit.

    Examples
    --------
    >>> from segnet_lab import create_model
    >>> table = alive(create_model("bilinear_interpolation"), 360, 480)
    >>> float(table["maps"][1])  # conv2: 64 maps of 180x240 in, 64 out, 4 bytes a number
    22.1184
    """
    model = unwrap(model, required=True)
    twin, kept = meta_twin(model).float().eval(), model.memory(height, width)
    rows: list[tuple[str, float, float]] = []
    decoding: set[str] = set()  # numbers of the decoders that have begun

    def watch(module: nn.Module, name: str) -> None:
        def note(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            place = _place(name, decoding)
            maps, waiting = inputs[0].numel() + output.numel(), (r.bytes for r in kept if _waits(r, place))
            rows.append((place, 4 * maps / 1e6, sum(waiting) / 1e6))

        module.register_forward_hook(note)

    for name, module in twin.named_modules():
        if _convolves(module):
            watch(module, name)
    for number, decoder in twin.decoders.items():
        decoder.register_forward_pre_hook(lambda *_, number=number: decoding.add(number))
        if not any(map(_convolves, decoder.modules())):
            watch(decoder, f"decoders.{number}")
    twin(torch.empty(1, 3, height, width, device="meta"))
    return pd.DataFrame(rows, columns=["place", "maps", "remembered"])


def _convolves(module: nn.Module) -> bool:
    """A convolution or a deconvolution, of torch's or your own: its weights are filters."""
    weight = dict(module.named_parameters(recurse=False)).get("weight")
    return weight is not None and weight.dim() == 4


def _place(name: str, decoding: set[str]) -> str:
    """Where a layer is at work, "stages.0" for its part "convs.0.conv"; "reduce.2" if decoder 2's turn has not come."""
    part, _, rest = name.partition(".")
    number = rest.partition(".")[0]
    if part == "decoders" and number not in decoding:
        part = "reduce"
    return f"{part}.{number}" if part in ("stages", "decoders", "reduce") else part


def _waits(kept: Remembered, place: str) -> bool:
    """Whether what a stage left is there already, and still needed."""
    part, _, number = place.partition(".")
    if part == "stages":
        return kept.stage <= int(number)  # numbered from 0: the stages before
    if part == "reduce":
        return kept.stage < int(number)
    if part == "decoders":
        return kept.stage <= int(number)
    return part == "neck"
