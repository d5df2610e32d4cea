"""Layers of a network by the names of their tensors."""

from collections import Counter
from collections.abc import Iterable


def _layer(tensor: str) -> str:
    """A convolution and its batch normalisation are one layer.

    >>> _layer("stages.0.convs.0.norm.weight"), _layer("decoders.4.deconv.weight")
    ('stages.0.convs.0', 'decoders.4.deconv')
    """
    return tensor.rpartition(".")[0].removesuffix(".conv").removesuffix(".norm")


def count_layers(layers: Iterable[str]) -> str:
    """How many layers of each part.

    >>> count_layers(["decoders.5.convs.0", "decoders.5.convs.1", "classifier"]), count_layers(["classifier"])
    ('2 layers of decoders, 1 of classifier', '1 layer of classifier')
    """
    counts = Counter(layer.partition(".")[0] for layer in layers)
    if not counts:
        return "nothing"
    (part, n), *others = counts.items()
    return ", ".join([f"{n} layer{'s' * (n > 1)} of {part}", *(f"{n} of {part}" for part, n in others)])
