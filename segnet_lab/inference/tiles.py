"""Large images in overlapping tiles, so that memory does not grow with them.

+--------+--------+--------+    A network sees a tile (2) with a margin of what lies around it, and only the tile
|   1  ..|........|..  3   |    itself is kept. Where the margin is as wide as the network looks, nothing shows
|      . |   2    | .      |    that there were tiles: every pixel has seen what it would have seen in the whole
+------.-+--------+-.------+    image, in the same pooling windows.
|   4  ..|........|..  6   |
"""

from collections.abc import Callable, Iterator
from itertools import chain, product
from typing import NamedTuple

from torch import Tensor, nn

from segnet_lab.models import Config, create_model
from segnet_lab.probe.receptive_fields import places, receptive_field

LARGE = 2**21  # pixels, a little more than full HD: what a network takes whole
SIDE = 1440  # of a tile with its margins, about as many pixels
LEAST = 512  # pixels of a tile without its margins, where those are wide


class Reach(NamedTuple):
    """How far a network looks, in pixels of the image."""

    margin: int  # on each side of a pixel, a multiple of the stride
    stride: int  # of its smallest map: where pooling windows begin


ASSUMED = Reach(margin=256, stride=32)  # of a module that does not say it: enough for VGG16-like networks


def reach(model: nn.Module) -> Reach:
    """How far a network looks: the receptive field of a network of this kit, also an optimized one; else `ASSUMED`.

    >>> from segnet_lab import create_model
    >>> reach(create_model("segnet_basic", width=0.1))  # a field of 202 pixels: 101 and a window on each side
    Reach(margin=128, stride=16)
    """
    config = getattr(model, "config", None)
    if not isinstance(config, Config):
        return ASSUMED
    twin = create_model(config.name, width=1 / 512, seed=0)  # how far it looks does not depend on its width
    fields = [receptive_field(twin, place) for place in places(twin)]
    stride = max(field.stride for field in fields)
    return Reach(margin=-(-(fields[-1].size // 2 + stride) // stride) * stride, stride=stride)


def by_tiles(compute: Callable[[Tensor], Tensor], image: Tensor, reach: Reach, side: int = SIDE) -> Tensor:
    """Labels or logits of a large image, computed tile by tile.

    Parameters
    ----------
    compute : callable
        (1, 3, h, w) -> (1, h, w) or (1, K, h, w).
    image : Tensor, (3, H, W)
    reach : Reach
    side : int
        Of a tile with its margins.

    Returns
    -------
    Tensor, (H, W) or (K, H, W), on the CPU
        That of the whole image, to rounding; where a network looks at more than `reach` says (the "lcn" transform at
        the mean contrast of the whole image, a CRF at all of it) or counts from the frame (bilinear interpolation of
        a map whose size its stride does not divide), about that.
    """
    height, width = image.shape[-2:]
    cuts = list(product(_cuts(height, reach, side), _cuts(width, reach, side)))
    tiles = (
        compute(image[None, :, rows.seen, columns.seen])[0, ..., rows.inside, columns.inside].cpu()
        for rows, columns in cuts
    )
    first = next(tiles)
    result = first.new_empty(*first.shape[:-2], height, width)
    for (rows, columns), tile in zip(cuts, chain([first], tiles), strict=True):
        result[..., rows.kept, columns.kept] = tile
    return result


class _Cut(NamedTuple):
    seen: slice  # of the image
    kept: slice  # of the image
    inside: slice  # of what is seen: the part that is kept


def _cuts(length: int, reach: Reach, side: int) -> Iterator[_Cut]:
    if length <= side:
        yield _Cut(slice(0, length), slice(0, length), slice(0, length))
        return
    step = max(side - 2 * reach.margin, LEAST) // reach.stride * reach.stride
    for start in range(0, length, step):
        stop = min(start + step, length)
        first, last = max(start - reach.margin, 0), min(stop + reach.margin, length)
        yield _Cut(slice(first, last), slice(start, stop), slice(start - first, stop - first))
