"""Whether a row makes a network: what `register_model` asks before it believes one."""

import torch

from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab.models.build import build
from segnet_lab.models.network import Config, EncoderDecoder
from segnet_lab.models.variants import Network

POOLS = ("2x2", "stride 1", None)
SIZE = (37, 45)  # of the image that is tried: odd, so that upsampled maps have to be cut


def check_row(name: str, row: Network) -> None:
    """Build the network without data, run it, and compare what its decoders see with what they say.

    Raises
    ------
    ValueError
        What is wrong with the row, and what would be right.
    """
    stages = range(1, len(row.encoder) + 1)
    if not row.encoder or not all(block.channels for block in row.encoder):
        raise InvalidInput(f"{name}: give encoder at least one stage, and each stage at least one convolution")
    for block in row.encoder:
        if block.pool not in POOLS:
            raise InvalidInput(f"{name}: a stage has pool={block.pool!r}: give '2x2', 'stride 1' or None")
    if list(row.decoder_widths) != sorted({*row.decoder_widths} & {*stages}, reverse=True):
        raise InvalidInput(
            f"{name}: decoder_widths has stages {list(row.decoder_widths)}: give some of 1 to {len(stages)}, the "
            "deepest first"
        )
    if homeless := {*row.special_decoders} - {*row.decoder_widths}:
        raise InvalidInput(f"{name}: special_decoders has stages {sorted(homeless)}, which decoder_widths has not")
    known = [f"{part}{stage}" for part in ("pool", "decoder") for stage in stages]
    known += [f"fc{number}" for number, _ in enumerate(row.neck, 6)]
    for place in row.dropout_at:
        if place not in known:
            raise InvalidInput(f"{name}: {unknown('place in dropout_at', place, known)}")
    try:
        with torch.device("meta"):
            logits = build(_config(name, row, width=1), row).eval()(torch.empty(1, 3, *SIZE))
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from error
    except Exception as error:  # whatever the row's own code raises
        raise InvalidInput(f"{name} does not run, tried on tensors without data (device meta): {error}") from error
    if logits.shape != (1, 2, *SIZE):
        raise InvalidInput(
            f"{name} gives {tuple(logits.shape[1:])} for 2 classes and an image of {SIZE[0]}x{SIZE[1]}: upsampled maps "
            "have to come out at memory.size, down to the first stage"
        )
    with torch.random.fork_rng():
        check_rows_below(build(_config(name, row, width=0.01), row))


def _config(name: str, row: Network, width: float) -> Config:
    return Config(name, num_classes=2, width=width, dropout=0, input_transform=row.input_transform)


def check_rows_below(model: EncoderDecoder) -> None:
    """Compare the rows that every decoder says it sees with the gradient of a few upsampled rows.

    Raises
    ------
    ValueError
        A row depends on rows below that `rows_below` does not name, or `combine` mixes rows.
    """
    model = model.eval()
    x, memory = model.encode(torch.rand(1, 3, 80, 48, generator=torch.Generator().manual_seed(0)))
    x = model.neck(x)
    for number, decoder in model.decoders.items():
        x = x.detach().requires_grad_()
        upsampled = decoder.upsample(x, memory[number])
        height = upsampled.shape[2]
        for row in range(height // 2, min(height // 2 + 2 * decoder.factor, height)):
            (gradient,) = torch.autograd.grad(upsampled[:, :, row].sum(), x, retain_graph=True)
            seen = gradient.abs().sum((0, 1, 3)).nonzero().flatten().tolist()
            low, high = decoder.rows_below(row, row)
            if seen and not low <= seen[0] <= seen[-1] <= high:
                raise InvalidInput(
                    f"{type(decoder).__name__}.rows_below({row}, {row}) says rows {low} to {high}, and the gradient "
                    f"shows rows {seen[0]} to {seen[-1]}: receptive fields and low_memory=True would be wrong"
                )
        filtered = decoder.convs(upsampled).detach().requires_grad_()
        combined, row = decoder.combine(filtered, memory[number]), height // 2
        (gradient,) = torch.autograd.grad(combined[:, :, row].sum(), filtered)
        mixed = gradient.abs().sum((0, 1, 3)).nonzero().flatten().tolist()
        if mixed not in ([], [row]):
            raise InvalidInput(
                f"{type(decoder).__name__}.combine makes row {row} from rows {mixed[0]} to {mixed[-1]}, may use only "
                "the same row: put what looks at neighbours among the convolutions"
            )
        x = decoder(x, memory[number])
