"""Convolution with 7x7 filters by FFT (overlap-save): half the time of the direct way, and more exact.

A Fourier transform turns a convolution into a product. The map is cut into overlapping tiles of 16x16 (overlap-save);
of each frequency of a tile, a small matrix takes the input channels to the output channels; transformed back, the 10x10
numbers in which no filter has reached over the tile's edge are the result. For a pixel and a pair of channels that is
6 multiplications in place of 49. The transforms are matrix products, too, with tables of cosines and sines, so that
the same well-kept routine does all the work, and some tiles at a time stay in the cache.

For inference on a CPU, in float32 or float64 (`segnet_lab.inference.fast` decides). benchmarks/ measures it.
"""

import math

import torch
from torch import Tensor, nn

from segnet_lab._support.errors import InvalidInput

TILE = 16
FREQUENCIES = TILE // 2 + 1  # along the rows of a real tile; the others are their conjugates
LEAST_CHANNELS = 64  # with 32 it depends on the processor; with fewer, the transforms take longer than they save
AT_A_TIME = 64  # tiles: with fewer, the matrices are too small to be multiplied quickly; more leave the cache


def pays(conv: nn.Conv2d) -> bool:
    """Whether a convolution gains by it: 7x7, 64 channels or more in and out, float32 or float64, on a CPU."""
    weight = conv.weight
    plain = (conv.groups, conv.stride, conv.dilation, conv.padding) == (1, (1, 1), (1, 1), (3, 3))
    here = weight.dtype in (torch.float32, torch.float64) and weight.device.type == "cpu"
    return plain and here and conv.kernel_size == (7, 7) and min(weight.shape[:2]) >= LEAST_CHANNELS


class FFTConv(nn.Module):
    """What a 7x7 convolution computes: (B, C, H, W) -> (B, O, H, W), any H, W >= 1; without gradients.

    A nan or an infinity reaches every result of its tile, not only those whose filter covers it.

    Parameters
    ----------
    conv : nn.Conv2d
        Square odd filter of at most 15x15, zero padding that keeps the size; one group, no dilation.

    Raises
    ------
    ValueError
        The convolution is another one.

    Examples
    --------
    >>> conv = nn.Conv2d(3, 5, 7, padding=3, dtype=torch.float64).requires_grad_(False)
    >>> x = torch.rand(1, 3, 20, 31, dtype=torch.float64)
    >>> torch.allclose(FFTConv(conv)(x), conv(x))
    True
    """

    real: Tensor  # the transformed filters: (frequencies, C, O)
    imaginary: Tensor
    to_u: Tensor  # the transforms, see `_tables`
    to_v: Tensor
    from_v: Tensor
    from_u: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        (k, across), plain = conv.kernel_size, (conv.groups, conv.stride, conv.dilation) == (1, (1, 1), (1, 1))
        if not (plain and k == across < TILE and k % 2 and conv.padding == (k // 2, k // 2)):
            raise InvalidInput(f"{conv} is no square odd filter below {TILE} that keeps the size: call it as it is")
        self.padding = k // 2
        self.step = TILE - 2 * self.padding  # pixels of a tile that are results
        weight = conv.weight.detach().double().permute(2, 3, 1, 0)  # i j C O
        for name, table in (_tables(self.step) | _spectrum(weight)).items():
            self.register_buffer(name, table.to(conv.weight.dtype).contiguous())
        self.bias = conv.bias

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """A row of tiles at a time, or several if they are short."""
        x = x.permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        down, across = math.ceil(h / self.step), math.ceil(w / self.step)  # tiles
        result = x.new_empty(b, down, self.step, across, self.step, self.real.shape[2])
        some = max(1, AT_A_TIME // across)
        for image, place in zip(x, result, strict=True):
            for top in range(0, down, some):
                rows = min(some, down - top)
                first, height = top * self.step - self.padding, rows * self.step + 2 * self.padding  # of their pixels
                inside = image[max(first, 0) : first + height]
                above = max(-first, 0)
                band = x.new_zeros(height, across * self.step + 2 * self.padding, c)
                band[above : above + len(inside), self.padding : self.padding + w] = inside
                place[top : top + rows] = self._tiles(band)
        return result.flatten(3, 4).flatten(1, 2)[:, :h, :w].permute(0, 3, 1, 2)

    def _tiles(self, band: Tensor) -> Tensor:
        """(height, width, C) -> (down, 10, across, 10, O). u, v: frequencies; i, j: rows and columns of a tile."""
        tiles = band.unfold(0, TILE, self.step).unfold(1, TILE, self.step).permute(3, 4, 0, 1, 2)
        down, across, c = tiles.shape[2:]
        t = down * across
        rows = (self.to_u @ tiles.reshape(TILE, -1)).view(FREQUENCIES, 2 * TILE, t * c)  # u | 2 j | t C
        x_real, x_imaginary = (_each(m, rows).view(FREQUENCIES * TILE, t, c) for m in self.to_v)  # u v | t | C
        y_real = torch.bmm(x_real, self.real).baddbmm_(x_imaginary, self.imaginary, alpha=-1)
        y_imaginary = torch.bmm(x_real, self.imaginary).baddbmm_(x_imaginary, self.real)
        sizes = FREQUENCIES, TILE, t * y_real.shape[2]
        columns = _each(self.from_v[0], y_real.view(sizes))  # u | 2 j | t O
        columns.baddbmm_(self.from_v[1].expand(FREQUENCIES, -1, -1), y_imaginary.view(sizes))
        y = self.from_u @ columns.view(2 * FREQUENCIES, -1)  # i | j t O
        y = y.view(self.step, self.step, down, across, -1)
        if self.bias is not None:
            y += self.bias
        return y.permute(2, 0, 3, 1, 4)


def _each(matrix: Tensor, columns: Tensor) -> Tensor:
    """One matrix times each of a stack, which `@` would copy first."""
    return torch.bmm(matrix.expand(len(columns), -1, -1), columns)


def _spectrum(weight: Tensor) -> dict[str, Tensor]:
    """The transform of filters (k, k, C, O), conjugated because a convolution layer correlates: (frequencies, C, O)."""
    i = torch.arange(len(weight), dtype=torch.float64)
    u, v = torch.arange(FREQUENCIES), torch.arange(TILE)
    angle = 2 * math.pi / TILE * (u[:, None, None, None] * i[:, None] + v[:, None, None] * i)  # u v | i j
    matrix = torch.stack([angle.cos(), angle.sin()]).flatten(3).flatten(1, 2)
    real, imaginary = (matrix @ weight.flatten(2).flatten(0, 1)).unflatten(2, weight.shape[2:])
    return {"real": real, "imaginary": imaginary}


def _tables(step: int) -> dict[str, Tensor]:
    """The transforms of a tile as matrices of real numbers; a complex number is a pair (real, imaginary).

    The rows of a tile are real, so half of their frequencies say all. What comes back is cut to `step` places.
    """
    n = torch.arange(TILE, dtype=torch.float64)
    angle = 2 * math.pi / TILE * n[:, None] * n
    cos, sin = angle.cos(), angle.sin()
    c, s = cos[:step] / TILE, sin[:step] / TILE
    twice = torch.full((FREQUENCIES, 1), 2.0, dtype=torch.float64)  # each stands for its conjugate, too
    twice[0] = twice[-1] = 1
    return {
        "to_u": torch.stack([cos, -sin], 1)[:FREQUENCIES].flatten(0, 1),  # u 2 | i
        "to_v": torch.stack([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)]),  # 2 | v | 2 j
        "from_v": torch.stack([torch.cat([c, s]), torch.cat([-s, c])]),  # 2 | 2 j | v
        "from_u": (torch.stack([c, -s], 2)[:, :FREQUENCIES] * twice).flatten(1),  # i | u 2
    }
