"""What the kit says of a network, whether it is one of its own or a guest: any module from images to logits."""

from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput
from segnet_lab.models.network import EncoderDecoder
from segnet_lab.runs.records import ModelRecord


def network_name(network: nn.Module) -> str:
    """What a network is called: its name in `list_models`, or the class of a guest.

    >>> network_name(nn.Conv2d(3, 11, 1))
    'Conv2d'
    """
    return network.config.name if isinstance(network, EncoderDecoder) else type(network).__name__


def describe_network(network: nn.Module, num_classes: int) -> ModelRecord:
    """What run.json says of a network.

    Parameters
    ----------
    network : Module
    num_classes : int
        Of the data; a guest need not know it.

    Returns
    -------
    dict of plain values
        Of a network of the kit all that makes it again; of a guest its class and size, by which it is recognised.

    Examples
    --------
    >>> describe_network(nn.Conv2d(3, 11, 1), 11)
    {'name': 'Conv2d', 'num_classes': 11, 'parameters': 44, 'class': 'torch.nn.modules.conv.Conv2d'}
    """
    if isinstance(network, EncoderDecoder):
        config = network.config
        return {
            "name": config.name,
            "num_classes": config.num_classes,
            "width": config.width,
            "dropout": config.dropout,
            "input_transform": config.input_transform,
        }
    kind = type(network)
    return {
        "name": kind.__name__,
        "num_classes": num_classes,
        "parameters": sum(p.numel() for p in network.parameters()),
        "class": f"{kind.__module__}.{kind.__qualname__}",
    }


def check_logits(logits: object, images: Tensor, num_classes: int | None, network: nn.Module) -> None:
    """Refuse what is no score for each class of each pixel, (B, K, H, W) for images (B, 3, H, W).

    With `num_classes=None` any number of classes will do.

    Examples
    --------
    >>> import torch
    >>> images, small = torch.zeros(1, 3, 8, 8), nn.Conv2d(3, 11, 1, stride=2)
    >>> check_logits(small(images), images, 11, small)
    Traceback (most recent call last):
    ...
    segnet_lab...InvalidInput: Conv2d gives (1, 11, 4, 4) for images (1, 3, 8, 8) with 11 classes, not
    logits (1, 11, 8, 8): resize them to the images' size, as F.interpolate(logits, images.shape[-2:]) does
    """
    found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    classes = found[1] if num_classes is None and isinstance(found, tuple) and len(found) == 4 else num_classes
    batch, _, height, width = images.shape
    wanted = (batch, classes, height, width)
    if found == wanted:
        return
    if not isinstance(logits, Tensor):
        way = "give a module whose forward returns the logits alone"
    elif found[:2] == wanted[:2] and len(found) == 4:
        way = "resize them to the images' size, as F.interpolate(logits, images.shape[-2:]) does"
    else:
        way = "give a network with one channel per class"
    of = "" if num_classes is None else f" with {num_classes} classes"
    raise InvalidInput(
        f"{network_name(network)} gives {found} for images {tuple(images.shape)}{of}, not logits "
        f"({batch}, {'K' if num_classes is None else num_classes}, {height}, {width}): {way}"
    )
