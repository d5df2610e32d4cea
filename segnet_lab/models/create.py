"""Networks by name: `create_model(name)` for any name in `list_models()`; `register_model` adds one."""

import os
import re
from numbers import Integral, Real

import torch

from segnet_lab._support.errors import InvalidInput, is_number
from segnet_lab.models.build import build, find_network
from segnet_lab.models.checked_rows import check_row
from segnet_lab.models.from_runs import trained
from segnet_lab.models.inputs import INPUT_TRANSFORMS
from segnet_lab.models.network import Config, EncoderDecoder
from segnet_lab.models.variants import NETWORKS, Network

OF_THE_KIT = frozenset(NETWORKS)


def list_models() -> list[str]:
    """Names that `create_model` knows: those of the paper's tables in their order, then registered ones.

    >>> list_models()[:2]
    ['bilinear_interpolation', 'segnet_basic']
    """
    return list(NETWORKS)


def register_model(name: str, row: Network, *, overwrite: bool = False) -> None:
    """Make a network of your own known by a name, in this process: one encoder and your way of decoding.

    Everything that takes a network works on it as on the paper's: training, runs, costs, receptive fields, drawings,
    export. To load a run of it in another process, register it there first.

    Parameters
    ----------
    name : str
        Letters, digits and underscores; runs are called after it.
    row : Network
        A row as in `models.variants`; most easily one of `models.NETWORKS` with another decoder.
    overwrite : bool
        Take the place of a network that was registered before, as in a notebook cell that runs again. Networks of
        the kit keep their names.

    Raises
    ------
    ValueError
        The name is taken or not a valid name; the row is no Network, does not give logits of the image's size, or has
        a decoder that sees rows other than those it declares.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from segnet_lab.models import NETWORKS
    >>> from segnet_lab.models.decoders import Decoder
    >>> class Nearest(Decoder):
    ...     label = "nearest neighbour"
    ...     remembers = ()
    ...     low_memory = "rows"
    ...
    ...     def upsample(self, x, memory):
    ...         height, width = memory.size
    ...         x = x.repeat_interleave(self.factor, dim=2).repeat_interleave(self.factor, dim=3)
    ...         return x[..., :height, :width]
    ...
    ...     def rows_below(self, low, high):
    ...         return low // self.factor, high // self.factor
    >>> register_model("nearest", replace(NETWORKS["segnet_basic"], decoder=Nearest))
    >>> create_model("nearest")(torch.rand(1, 3, 45, 61)).shape
    torch.Size([1, 11, 45, 61])
    >>> del NETWORKS["nearest"]  # and it is forgotten
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise InvalidInput(f"name is {_shown(name)}: give letters, digits and underscores, such as 'bicubic'")
    if name in OF_THE_KIT:
        raise InvalidInput(f"{name} is a network of the kit: register yours by another name")
    if name in NETWORKS and not overwrite:
        raise InvalidInput(f"{name} is registered already: take another name, or overwrite=True")
    if not isinstance(row, Network):
        raise InvalidInput(
            f"row is {_shown(row)}: give a Network, such as replace(NETWORKS['segnet_basic'], decoder=...)"
        )
    check_row(name, row)
    NETWORKS[name] = row


def create_model(
    name: str,
    num_classes: int | None = None,
    *,
    width: float | None = None,
    dropout: float | None = None,
    input_transform: str | None = None,
    seed: int | None = None,
    weights: str | os.PathLike[str] | None = None,
) -> EncoderDecoder:
    """A network of the paper, with freshly drawn weights or those of a run.

    Parameters
    ----------
    name : str
        One of `list_models()`.
    num_classes : int, optional
        K >= 1, without void; the default is CamVid's 11.
    width : float, optional
        Share of the paper's channels, 1 by default: 0.5 gives SegNet-Basic 32 instead of 64. At least one is left.
    dropout : float in [0, 1), optional
        At the places where the authors' files have it; the default is the network's own (0, Bayesian 0.5).
    input_transform : str, optional
        "lrn", "lcn", "none" or "imagenet"; the default is the network's own.
    seed : int, optional
        Draw the weights from this seed, -2^63 to 2^64 - 1, and leave torch's generator as it was.
    weights : str or path, optional
        Trained weights, see `list_weights`: a set of runs in which one run has this network; "set/run"; or a run
        directory. Classes, width, dropout and input transform are then the run's.

    Returns
    -------
    EncoderDecoder
        Takes (B, 3, H, W) float images of 0..1, any H, W >= 1; gives (B, K, H, W) logits. With `weights` it is in
        evaluation mode, and `trained_on` says what it learnt from.

    Raises
    ------
    ValueError
        Unknown name, input transform or weights, a value that is no number or out of range, or one that
        contradicts the weights.
    FileNotFoundError
        The run has no weights.

    Examples
    --------
    >>> model = create_model("segnet_basic", num_classes=11)
    >>> model(torch.rand(1, 3, 45, 61)).shape
    torch.Size([1, 11, 45, 61])
    >>> sum(p.numel() for p in model.parameters())  # Table 1 prints 1.425 M
    1416075
    >>> create_model("segnet_basic", weights="roadscenes").trained_on.class_names[:3]
    ('Sky', 'Building', 'Pole')
    """
    _check_types(name, num_classes, width, dropout, input_transform, seed, weights)
    row = find_network(name)
    if weights is not None:
        asked = {"num_classes": num_classes, "width": width, "dropout": dropout, "input_transform": input_transform}
        return trained(name, weights, asked, seed)
    config = Config(
        name=name,
        num_classes=11 if num_classes is None else int(num_classes),
        width=1.0 if width is None else float(width),
        dropout=row.dropout if dropout is None else float(dropout),
        input_transform=row.input_transform if input_transform is None else input_transform,
    )
    if seed is None:
        return build(config)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(config)


def _check_types(
    name: object,
    num_classes: object,
    width: object,
    dropout: object,
    input_transform: object,
    seed: object,
    weights: object,
) -> None:
    if not isinstance(name, str):
        raise InvalidInput(f"name is {_shown(name)}: give one of list_models(), such as 'segnet_basic'")
    numbers = (
        ("num_classes", num_classes, Integral, "a whole number of classes, such as data.num_classes"),
        ("width", width, Real, "a share of the paper's channels above 0, such as 0.5"),
        ("dropout", dropout, Real, "a probability in [0, 1)"),
        ("seed", seed, Integral, "a whole number"),
    )
    for argument, value, kind, wanted in numbers:
        if value is not None and not is_number(value, kind):
            raise InvalidInput(f"{argument}={_shown(value)}: give {wanted}")
    if isinstance(seed, Integral) and not -(2**63) <= int(seed) < 2**64:
        raise InvalidInput(f"seed={seed}: give a whole number from -2^63 to 2^64 - 1")
    if input_transform is not None and not isinstance(input_transform, str):
        raise InvalidInput(f"input_transform={_shown(input_transform)}: give one of {', '.join(INPUT_TRANSFORMS)}")
    if weights is not None and not isinstance(weights, str | os.PathLike):
        raise InvalidInput(f"weights={_shown(weights)}: give a set of runs, set/run or a run directory by its name")


def _shown(value: object) -> str:
    """A value as it was given; of what is longer than a line, its kind."""
    return text if len(text := repr(value)) <= 60 and "\n" not in text else type(value).__name__
