"""Is it SegNet? Somebody's network beside the paper's, layer by layer."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from segnet_lab._support.devices import device_of
from segnet_lab._support.errors import InvalidInput, unknown
from segnet_lab._support.modes import evaluating
from segnet_lab.models import EncoderDecoder, create_model
from segnet_lab.models.inputs import INPUT_TRANSFORMS
from segnet_lab.models.variants import NETWORKS
from segnet_lab.models.wrapped import unwrap
from segnet_lab.probe.recording import (
    ACTIVATIONS,
    MAXIMA,
    NORMALISATIONS,
    UNPOOLING,
    Convolution,
    Dropout,
    Layer,
    Pooling,
    Recording,
    Upsampling,
    record,
)

REFERENCES = {"segnet_basic": "SegNet-Basic", "segnet": "SegNet"}
EVEN = (32, 64)  # an image that five poolings halve without rest
ODD = (33, 63)  # rounded up, its height is odd at each pooling; rounded down, its width


class Deviation(NamedTuple):
    """One way in which a network is not the paper's."""

    aspect: str  # "rounding", "indices", "shared weights", ...
    places: tuple[str, ...]  # layers, by their place: "conv1", "pool1", "decoder1", "classifier"
    text: str

    def __str__(self) -> str:
        return f"{self.aspect}: {self.text}"


@dataclass(frozen=True)
class Conformance:
    """What `conformance` reports; `print` it.

    Attributes
    ----------
    reference : str
        "segnet_basic" or "segnet".
    deviations : tuple of Deviation
        Empty where the network is the paper's.
    notes : tuple of str
        Worth knowing, but not deviations: its width, its input transform, statistics that were never gathered.
    parameters, of_reference, of_paper : int
        Parameters of the network; of the reference at its width; of the reference at the paper's width. All for the
        network's number of classes.
    table : DataFrame
        One row per layer, in order: place, module (its name in the network), here and paper (the layer in words),
        statistics (of its batch normalisation: "gathered", or "as made"), deviates (aspects, empty where it agrees).
    """

    reference: str
    deviations: tuple[Deviation, ...]
    notes: tuple[str, ...]
    parameters: int
    of_reference: int
    of_paper: int
    table: pd.DataFrame

    @property
    def conforms(self) -> bool:
        """Whether there is no deviation."""
        return not self.deviations

    def __str__(self) -> str:
        title, found = REFERENCES[self.reference], len(self.deviations)
        head = f"{found} deviation{'s'[: found - 1]} from" if found else "conforms to"
        width = "" if self.of_reference == self.of_paper else f", {self.of_reference:,} at this width"
        lines = [f"{head} the paper's {title}", f"{self.parameters:,} parameters; {title} has {self.of_paper:,}{width}"]
        lines += [f"- {deviation}" for deviation in self.deviations]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join([*lines, "", self.table.to_string(index=False)])


def conformance(module: nn.Module, reference: str | None = None) -> Conformance:
    """Where somebody's "SegNet" agrees with the paper's, and where not.

    Two images go through it, one whose sizes are halved without rest and one where each pooling must round. What
    counts is what the network does, not how it is written: modules and functions are seen alike.

    Parameters
    ----------
    module : Module
        Images (B, 3, H, W) of 0..1 to logits (B, K, H, W). It stays as it is; its mode is put back afterwards.
    reference : {"segnet_basic", "segnet"}, optional
        What to compare with; the default is the one with the nearer number of convolutions, 9 or 26.

    Returns
    -------
    Conformance
        Channels are compared at the network's own width: a network with half of all channels conforms, and says so.

    Raises
    ------
    ValueError
        Another reference; or a module that cannot be run on an image of 32x64, that gives no logits, or that has no
        convolution to be seen, like a scripted one.

    Notes
    -----
    Aspects of a deviation: "convolutions" (how many), "kernel", "channels", "bias", "batch normalisation",
    "activation", "statistics", "pooling", "rounding", "indices" (is the map unpooled to its maxima?), "pairing" (to
    those of the right pooling?), "shared weights", "dropout", "output", "softmax", "parameters" (that no other
    deviation explains). Statistics of batch normalisation as they were made are a deviation if other layers have
    gathered theirs, or scales and shifts have been learnt; in a network that was never trained they are a note. A bias
    before batch normalisation changes nothing but the count.

    Examples
    --------
    >>> report = conformance(create_model("segnet_basic", width=0.25))
    >>> report.conforms, report.parameters == report.of_reference, report.of_paper
    (True, True, 1416075)
    >>> model = create_model("replication", width=0.25)
    >>> print(*conformance(model).deviations)
    indices: nearest interpolation at unpool4, unpool3, unpool2, unpool1, where SegNet-Basic unpools with the indices
    of the pooling
    """
    module = unwrap(module)
    even, odd = _run(module, EVEN), _try(module, ODD)
    convolutions = [layer for layer in even.layers if isinstance(layer, Convolution)]
    if not convolutions:
        raise InvalidInput(
            f"{type(module).__name__} calls no convolution of torch that could be seen: give the plain module, "
            "neither scripted nor exported"
        )
    reference = _reference(reference, len(convolutions))
    classes, width = even.logits.shape[1], _width(convolutions, reference)
    model = create_model(reference, classes, width=width, seed=0).eval()
    paper = _placed(record(model, _image(EVEN)).layers)
    case = _Case(REFERENCES[reference], NETWORKS[reference].dropout_at, _placed(even.layers), paper, even, odd)
    parameters, of_reference = _count(module), _count(model)
    found = [deviation for check in _CHECKS for deviation in check(case)]
    if parameters != of_reference and not _EXPLAINING & {deviation.aspect for deviation in found}:
        text = f"{parameters:,}, where {case.title} of this width has {of_reference:,}"
        found.append(Deviation("parameters", (), text))
    return Conformance(
        reference=reference,
        deviations=tuple(found),
        notes=tuple(_notes(case, isinstance(module, EncoderDecoder), width)),
        parameters=parameters,
        of_reference=of_reference,
        of_paper=of_reference if width == 1 else _count(create_model(reference, classes, seed=0)),
        table=_table(case, found),
    )


# ------------------------------------------------------------------------------------------------ two recordings


Key = tuple[str, int]  # a place, and the number of the layer in it


class _Case(NamedTuple):
    """The network under test (here) and the paper's."""

    title: str
    dropout_at: tuple[str, ...]
    here: dict[Key, Layer]
    paper: dict[Key, Layer]
    even: Recording
    odd: Recording | None  # None: it cannot be run at such a size

    def name(self, key: Key) -> str:
        """Of a layer: its place, numbered where it is not alone."""
        place, number = key
        return place if (place, 2) not in self.here and (place, 2) not in self.paper else f"{place}_{number}"

    def pairs(self) -> Iterator[tuple[Key, Layer, Layer]]:
        """Layers that both have."""
        for key, layer in self.here.items():
            if key in self.paper:
                yield key, layer, self.paper[key]

    def convolutions(self) -> dict[Key, Convolution]:
        """Those of the network under test."""
        return {key: layer for key, layer in self.here.items() if isinstance(layer, Convolution)}


def _image(size: tuple[int, int]) -> Tensor:
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))


def _run(module: nn.Module, size: tuple[int, int]) -> Recording:
    """What an image makes of it; a sentence where it cannot be run."""
    weight = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    try:
        with evaluating(module):
            return record(module, _image(size).to(device_of(module), weight.dtype))
    except InvalidInput:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise InvalidInput(
            "{} cannot be run on an image (1, 3, {}, {}): {}".format(type(module).__name__, *size, said)
        ) from error


def _try(module: nn.Module, size: tuple[int, int]) -> Recording | None:
    try:
        return _run(module, size)
    except InvalidInput:
        return None


def _reference(name: str | None, convolutions: int) -> str:
    if name is None:
        return min(REFERENCES, key=lambda known: abs(len(_channels(known)) + 1 - convolutions))
    if name not in REFERENCES:
        raise InvalidInput(unknown("reference", name, REFERENCES))
    return name


def _channels(reference: str) -> list[int]:
    """Of all convolutions but the classifier, in order."""
    row = NETWORKS[reference]
    return [c for block in row.encoder for c in block.channels] + [c for w in row.decoder_widths.values() for c in w]


def _width(convolutions: list[Convolution], reference: str) -> float:
    """The share of the paper's channels that fits most layers."""
    pairs = [(conv.outputs, paper) for conv, paper in zip(convolutions[:-1], _channels(reference), strict=False)]

    def fitting(width: float) -> int:
        return sum(here == max(1, round(paper * width)) for here, paper in pairs)

    return max((1.0, *(here / paper for here, paper in pairs)), key=fitting)


def _placed(layers: list[Layer]) -> dict[Key, Layer]:
    """Layers by place: conv1, pool1, ... in the encoder, unpool4, decoder4, ... in the decoder, and the classifier."""
    encoder = takewhile(lambda layer: not isinstance(layer, Upsampling), layers)
    depth = sum(isinstance(layer, Pooling) for layer in encoder)
    last = next((layer for layer in reversed(layers) if isinstance(layer, Convolution)), None)
    placed: dict[Key, Layer] = {}
    counts: Counter[str] = Counter()
    pools = ups = 0
    for layer in layers:
        pools += isinstance(layer, Pooling)
        ups += isinstance(layer, Upsampling)
        stage = depth + 1 - ups
        if isinstance(layer, Convolution):
            place = "classifier" if layer is last else f"decoder{stage}" if ups else f"conv{pools + 1}"
        elif isinstance(layer, Pooling):
            place = f"pool{pools}"
        elif isinstance(layer, Upsampling):
            place = f"unpool{stage}"
        else:
            place = "dropout"
        counts[place] += 1
        placed[place, counts[place]] = layer
    return placed


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# ---------------------------------------------------------------------------------------------- what may deviate


def _number_of_layers(case: _Case) -> Iterator[Deviation]:
    for aspect, kind, noun in (
        ("convolutions", Convolution, "convolutions"),
        ("pooling", Pooling, "poolings"),
        ("indices", Upsampling, "upsamplings"),
    ):
        here, paper = (
            Counter(place for (place, _), layer in layers.items() if isinstance(layer, kind))
            for layers in (case.here, case.paper)
        )
        if here.total() != paper.total():
            places = tuple(place for place in here | paper if here[place] != paper[place])
            detail = ", ".join(f"{place} {here[place]} instead of {paper[place]}" for place in places)
            text = f"{here.total()} {noun}, where {case.title} has {paper.total()} ({detail})"
            yield Deviation(aspect, places, text)


def _convolutions(case: _Case) -> Iterator[Deviation]:
    """Aspects of each convolution; layers that deviate alike are said together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    uneven = {place for deviation in _number_of_layers(case) for place in deviation.places}
    for key, here, paper in case.pairs():
        if isinstance(here, Convolution) and isinstance(paper, Convolution):
            for aspect, say in _ASPECTS.items():
                if say(here) != say(paper) and not (aspect == "channels" and key[0] in uneven):
                    found.setdefault((aspect, say(here), say(paper)), []).append(case.name(key))
    for (aspect, said, papers), places in found.items():
        text = f"{said} at {', '.join(places)}, where {case.title} has {papers}"
        yield Deviation(aspect, tuple(places), text)


def _kernel(conv: Convolution) -> str:
    extra = f" of stride {conv.stride}" if conv.stride > 1 else ""
    extra += f", dilated {conv.dilation} times" if conv.dilation > 1 else ""
    extra += f" in {conv.groups} groups" if conv.groups > 1 else ""
    return "{}x{}".format(*conv.kernel) + extra


def _normalisation(conv: Convolution) -> str:
    norms = [name for name in conv.then if name in NORMALISATIONS]
    if not norms:
        return "no batch normalisation"
    behind = norms[0] != conv.then[0] and conv.then[0] in ACTIVATIONS
    return norms[0].replace("batch_norm", "batch normalisation") + (" behind the activation" if behind else "")


def _activation(conv: Convolution) -> str:
    names = [name for name in conv.then if name in ACTIVATIONS]
    return " and ".join(name.replace("relu", "ReLU") for name in names) or "no activation"


_ASPECTS: dict[str, Callable[[Convolution], str]] = {
    "kernel": _kernel,
    "channels": lambda conv: f"{conv.outputs} channels",
    "bias": lambda conv: "a bias" if conv.bias else "no bias",
    "batch normalisation": _normalisation,
    "activation": _activation,
}


def _statistics(case: _Case) -> Iterator[Deviation]:
    norms = {case.name(key): conv.norm for key, conv in case.convolutions().items() if conv.norm}
    none = tuple(place for place, norm in norms.items() if norm.gathered is None)
    if none:
        text = f"{', '.join(none)} keep none, so that what an image gets depends on the images beside it"
        yield Deviation("statistics", none, text)
    stale = tuple(place for place, norm in norms.items() if norm.gathered is False)
    if stale and (len(stale) < len(norms) or any(norm.learnt for norm in norms.values())):
        text = (
            f"mean 0 and variance 1 at {', '.join(stale)}, as they were made: send the training images through the "
            "network in training mode before it is evaluated"
        )
        yield Deviation("statistics", stale, text)


def _poolings(case: _Case) -> Iterator[Deviation]:
    for key, layer in case.here.items():
        if isinstance(layer, Pooling) and layer.kind != MAXIMA:
            yield Deviation("pooling", (key[0],), f"{layer.kind} at {key[0]}, where {case.title} has {MAXIMA}")


def _rounding(case: _Case) -> Iterator[Deviation]:
    size = "an image of {}x{}".format(*ODD)
    if case.odd is None:
        yield Deviation("rounding", (), f"{size} cannot be run; {case.title} takes any size, its poolings round up")
        return
    poolings = [layer for layer in case.odd.layers if isinstance(layer, Pooling)]
    down = tuple(f"pool{n}" for n, layer in enumerate(poolings, 1) if layer.rounds_up is False)
    output = _output_size(case.odd)
    if down:
        text = f"{', '.join(down)} round down, where {case.title} rounds up: a row or column is lost at odd sizes"
        lost = f", and {size} gets logits of {output}" if output else ""
        yield Deviation("rounding", down, text + lost)
    elif output and not _output_size(case.even):
        yield Deviation("output", (), f"{size} gets logits of {output}")


def _upsamplings(case: _Case) -> Iterator[Deviation]:
    others: dict[str, list[str]] = {}
    wrong: dict[str, int] = {}
    for (place, _), here, paper in case.pairs():
        if isinstance(here, Upsampling) and isinstance(paper, Upsampling):
            if here.indices_of is None:
                others.setdefault(here.kind, []).append(place)
            elif here.indices_of != paper.indices_of:
                wrong[place] = here.indices_of
    for kind, places in others.items():
        text = f"{kind} at {', '.join(places)}, where {case.title} unpools with the indices of the pooling"
        yield Deviation("indices", tuple(places), text)
    if wrong:
        pairs = ", ".join(f"{place} takes the indices of pool{pool}" for place, pool in wrong.items())
        yield Deviation("pairing", tuple(wrong), f"{pairs}: what was pooled last is to be unpooled first")


def _shared_weights(case: _Case) -> Iterator[Deviation]:
    users: dict[int, list[str]] = {}
    for key, conv in case.convolutions().items():
        users.setdefault(conv.weight.untyped_storage().data_ptr(), []).append(case.name(key))
    for places in users.values():
        if len(places) > 1:
            text = f"{', '.join(places)} have the same weights, where each layer of {case.title} has its own"
            yield Deviation("shared weights", tuple(places), text)


def _dropouts(case: _Case) -> Iterator[Deviation]:
    usual, found = case.dropout_at, _dropout_places(case)
    if found and set(found) != set(usual):
        text = f"after {', '.join(found)}; the authors have none, or at {', '.join(usual)}"
        yield Deviation("dropout", tuple(found), text)


def _dropout_places(case: _Case) -> dict[str, float]:
    """Place behind which a dropout is -> its probability. Behind the last convolution of a block, that is the block."""
    found, before = {}, ""
    keys = list(case.here)
    for key, layer in case.here.items():
        if isinstance(layer, Dropout):
            found[before] = layer.probability
        elif isinstance(layer, Convolution) and (key[0], key[1] + 1) in keys:
            before = case.name(key)
        else:
            before = key[0]
    return found


def _output(case: _Case) -> Iterator[Deviation]:
    if output := _output_size(case.even):
        yield Deviation("output", (), "an image of {}x{} gets logits of {}".format(*EVEN, output))
    logits = case.even.logits
    for name, shares in (("softmax", logits), ("log-softmax", logits.exp())):
        if logits.shape[1] > 1 and bool((shares >= 0).all()) and float((shares.sum(1) - 1).abs().max()) < 0.01:
            text = f"the output went through a {name}, where {case.title} gives logits: losses here take those"
            yield Deviation("softmax", (), text)


def _output_size(run: Recording) -> str | None:
    """Of the logits, where it is not the image's."""
    size = tuple(run.logits.shape[-2:])
    return None if size == tuple(run.image.shape[-2:]) else "{}x{}".format(*size)


_CHECKS: tuple[Callable[[_Case], Iterator[Deviation]], ...] = (
    *(_number_of_layers, _convolutions, _statistics, _poolings, _rounding, _upsamplings),
    *(_shared_weights, _dropouts, _output),
)
_EXPLAINING = {  # another number of parameters
    *("convolutions", "kernel", "channels", "bias", "batch normalisation", "activation", "indices", "shared weights"),
}


# ---------------------------------------------------------------------------------------------------- the report


def _notes(case: _Case, packed: bool, width: float) -> Iterator[str]:
    if width != 1:
        yield f"it has {width:g} times the paper's channels"
    ups = [layer for layer in case.here.values() if isinstance(layer, Upsampling)]
    if any(layer.kind == UNPOOLING for layer in ups):
        own = "packed codes, 2 bits a window" if packed else "by code of its own"
        torchs = "torch's int64 indices, 64 bits a window"
        yield f"indices are kept as {torchs if any(layer.called for layer in ups) else own}"
    norms = [conv.norm for conv in case.convolutions().values() if conv.norm]
    if norms and not any(norm.gathered or norm.learnt for norm in norms):
        yield "statistics of batch normalisation are as they were made: it has not been trained"
    if found := _dropout_places(case):
        yield "dropout " + ", ".join(f"{p:g} after {place}" for place, p in found.items())
    entering, image = case.even.entering, case.even.image
    names = [name for name, of in INPUT_TRANSFORMS.items() if entering is not None and _close(of()(image), entering)]
    yield f"input transform: {names[0] if names else 'one of its own'}; the paper's SegNet-Basic has lrn, SegNet none"


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-4)


def _table(case: _Case, deviations: Iterable[Deviation]) -> pd.DataFrame:
    """One row a layer, of the network under test and then those that only the paper's has."""
    missing = [key for key in case.paper if key not in case.here]
    rows = []
    for key in [*case.here, *missing]:
        here, name = case.here.get(key), case.name(key)
        aspects = [deviation.aspect for deviation in deviations if {name, key[0]} & set(deviation.places)]
        rows.append(
            {
                "place": name,
                "module": here.module if here else "",
                "here": _in_words(here),
                "paper": _in_words(case.paper.get(key)),
                "statistics": _state(here),
                "deviates": ", ".join(dict.fromkeys(aspects)),
            }
        )
    return pd.DataFrame(rows)


def _state(layer: Layer | None) -> str:
    if not isinstance(layer, Convolution) or layer.norm is None:
        return ""
    return {True: "gathered", False: "as made", None: "none"}[layer.norm.gathered]


def _in_words(layer: Layer | None) -> str:
    if isinstance(layer, Convolution):
        then = [say(layer) for say in (_ASPECTS["bias"], _normalisation, _activation)]
        kind = "deconvolution" if layer.transposed else "convolution"
        said = ", ".join(word for word in then if not word.startswith("no "))
        return f"{_kernel(layer)} {kind} {layer.inputs} -> {layer.outputs}{said and f', {said}'}"
    if isinstance(layer, Pooling):
        return layer.kind
    if isinstance(layer, Upsampling):
        return f"{layer.kind} to the maxima of pool{layer.indices_of}" if layer.indices_of else layer.kind
    return f"dropout {layer.probability:g}" if layer else ""
