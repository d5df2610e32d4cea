"""A small camera and rasteriser in numpy, with which the scenes (`roadscenes`, `rooms`) are drawn.

World coordinates are metres: x to the right, y up from the ground, z away from the camera. The camera looks along z
and keeps verticals vertical, so a pixel (row, column) sees, at depth z, the point

    x = ray_x[column] * z - bend * z * z        y = eye - ray_y[row] * z

where `bend` lets a straight street run in a curve. Every surface is painted into the picture *and* the label map,
far ones first, so that nearer things cover farther ones.

The same numbers come out on every machine and with every version of numpy. Random numbers are an integer hash, pixels
are computed with + - * / and comparisons in float64, which IEEE 754 fixes to the last bit: no sin, exp, pow, interp,
mean or matrix product, and no drawing library. Shapes are filled by comparing the centres of pixels with their edges.
"""

from collections.abc import Sequence
from functools import cache
from math import ceil, floor, sqrt
from numbers import Real
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from segnet_lab._support.errors import InvalidInput, is_number

Image = npt.NDArray[np.uint8]  # (H, W, 3), or (H, W) for a label map
Field = npt.NDArray[np.float64]  # a number for each pixel of a block, or anything that broadcasts to it
Mask = npt.NDArray[np.bool_]  # the same, of yes and no
Colour = npt.NDArray[
    np.float64
]  # (3, 1, 1), 0..255, or (3, h, w) where each pixel has its own; light has 1 as its unit
Labels = int | npt.NDArray[np.integer]  # one for all pixels, or one for each
Block = tuple[slice, slice]  # rows and columns of the picture
Point = tuple[float, float]  # two coordinates: column and row, x and z, or two lengths
T = TypeVar("T")


def rgb(*values: float) -> Colour:
    """A colour, 0..255, as an array (3, 1, 1) that broadcasts over an image (3, H, W)."""
    return np.array(values, np.float64).reshape(3, 1, 1)


def mix(a: Field, b: Field | float, share: Field | float) -> Field:
    """`a` where `share` is 0, `b` where it is 1."""
    return a + (b - a) * share


def cover(x: Field, low: Field | float, high: Field | float, width: Field | float) -> Field:
    """Share of pixels `width` wide, centred on `x`, that lies in [low, high]: lines without staircases.

    >>> cover(np.array([0.0, 0.5, 1.0]), 0.0, 1.0, 1.0).tolist()
    [0.5, 1.0, 0.5]
    """
    half = width * 0.5
    return np.maximum(np.minimum(x + half, high) - np.maximum(x - half, low), 0.0) / width


def repeat(x: Field, period: float) -> tuple[Field, Field]:
    """Where `x` lies within a pattern that repeats, and in which repeat.

    >>> [x.tolist() for x in repeat(np.array([1.5, 7.0]), 3.0)]
    [[1.5, 1.0], [0.0, 2.0]]
    """
    number = np.floor(x / period)
    return x - number * period, number


# ---------------------------------------------------------------------------------------------------------------------
# Random numbers


def random_bits(key: int, count: int) -> npt.NDArray[np.uint64]:
    """`count` random uint64: the splitmix64 hash of key, key + 1, ..."""
    x = (np.arange(count, dtype=np.uint64) + np.uint64(key & (2**64 - 1))) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x ^ (x >> np.uint64(31))


class Dice:
    """Random choices that depend on the key only.

    >>> Dice(0, 7)() == Dice(0, 7)() != Dice(7, 0)()
    True
    """

    def __init__(self, *key: int) -> None:
        self.key = 0
        for number in key:
            self.key = int(random_bits(self.key + int(number), 2)[1])
        self.left: list[float] = []

    def __call__(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high), all equally likely."""
        if not self.left:
            self.left = ((random_bits(self.key, 1024) >> np.uint64(11)) * 2.0**-53).tolist()
            self.key += 1024
        return low + (high - low) * self.left.pop()

    def chance(self, share: float) -> bool:
        """True in a share of all cases."""
        return self() < share

    def pick(self, options: Sequence[T]) -> T:
        """One of several, all equally likely."""
        return options[int(self() * len(options))]


@cache
def _noise_tile() -> Field:
    """256 x 256 cloud-like noise in [0, 1), every value equally often, seamless: octaves of smoothed random numbers."""
    dice = Dice(1707)
    tile, weight = np.zeros((2, 2)), 1.0
    while len(tile) < 256:
        tile = tile.repeat(2, axis=0).repeat(2, axis=1)
        for axis in (0, 1):
            tile = tile * 0.5 + (np.roll(tile, 1, axis) + np.roll(tile, -1, axis)) * 0.25
        tile = tile + np.array([dice() for _ in range(tile.size)]).reshape(tile.shape) * weight
        weight *= 0.75
    rank = np.empty(tile.size)
    rank[tile.ravel().argsort(kind="stable")] = np.arange(tile.size) / tile.size
    return rank


def noise(x: Field, y: Field | float) -> Field:
    """Cloud-like noise in [0, 1); one cell is 1 x 1, the pattern repeats after 256."""
    column = np.floor(x).astype(np.int64) & 255
    row = np.floor(y).astype(np.int64) & 255
    return _noise_tile().take((row << 8) | column)


def smooth_noise(x: Field, y: Field) -> Field:
    """The same without visible cells, for where a cell is larger than a pixel."""
    x0, y0 = np.floor(x), np.floor(y)
    top = mix(noise(x0, y0), noise(x0 + 1, y0), x - x0)
    return mix(top, mix(noise(x0, y0 + 1), noise(x0 + 1, y0 + 1), x - x0), y - y0)


def speckle(x: Field, y: Field | float) -> Field:
    """Unrelated values in [0, 1) for whole numbers x and y: one for each window of a house, say."""
    return noise(x * 37 + y * 101, y * 59 + x * 83)


# ---------------------------------------------------------------------------------------------------------------------
# Canvas


class Surface(NamedTuple):
    """The pixels of a flat surface: a block of the picture, and where on the surface each pixel looks."""

    block: Block
    inside: Mask  # (h, w)
    s: Field  # metres along a wall (1, w), or x on the ground (h, w)
    t: Field  # metres up a wall (h, w)
    z: Field  # depth, m: (1, w) on a wall, (h, 1) on the ground
    ds: Field  # size of a pixel along s, m
    dt: Field  # size of a pixel along t (on the ground: along z), m


class Camera(NamedTuple):
    """What sees a scene."""

    horizon: float  # row of the horizon as a share of H
    middle: float  # column of the vanishing point as a share of W
    focal: float  # focal length in units of H; with 1.2 a 4:3 picture sees 58 degrees across
    eye: float  # height of the camera, m
    clear: float = 1e9  # depth, m, at which half of what is seen is air
    bend: float = 0.0  # sideways metres per square metre ahead


class Canvas:
    """A picture (3, H, W) and its label map (H, W), seen by one camera under one light.

    Parameters
    ----------
    size : (H, W)
    void : int
        Label of what nobody paints.
    camera : Camera
    ambient, sun : (3, 1, 1)
        Light on everything, and light added where a surface faces the sun.
    haze : (3, 1, 1)
        Colour of far air.
    """

    near = 0.4  # m; nothing nearer is drawn

    def __init__(
        self, size: tuple[int, int], void: int, camera: Camera, *, ambient: Colour, sun: Colour, haze: Colour
    ) -> None:
        self.height, self.width = size
        self.image: Field = np.zeros((3, *size))
        self.label: Image = np.full(size, void, np.uint8)
        self.focal, self.eye, self.bend = camera.focal * self.height, camera.eye, camera.bend
        self.row0, self.column0 = camera.horizon * self.height, camera.middle * self.width
        self.columns: Field = np.arange(self.width, dtype=np.float64) + 0.5
        self.rows: Field = np.arange(self.height, dtype=np.float64) + 0.5
        self.ray_x = (self.columns - self.column0) / self.focal
        self.ray_y = (self.rows - self.row0) / self.focal
        self.ambient, self.sun, self.haze, self.clear = ambient, sun, haze, camera.clear

    # ---- where things are in the picture

    def project(self, x: float, y: float, z: float) -> Point:
        """Column and row of a point; pixel (0, 0) reaches from 0 to 1."""
        scale = self.focal / z
        return self.column0 + (x + self.bend * z * z) * scale, self.row0 + (self.eye - y) * scale

    def block(self, left: float, top: float, right: float, bottom: float) -> Block | None:
        """The pixels whose centres lie in a rectangle, cut to the picture; None if there are none."""
        c0, c1 = max(ceil(left - 0.5), 0), min(ceil(right - 0.5), self.width)
        r0, r1 = max(ceil(top - 0.5), 0), min(ceil(bottom - 0.5), self.height)
        return (slice(r0, r1), slice(c0, c1)) if r0 < r1 and c0 < c1 else None

    def ground(self) -> Surface:
        """All of the ground: `s` is x there, and `t` is not used."""
        first = min(max(floor(self.row0 + 0.5), 0), self.height)
        z = (self.eye / np.maximum(self.ray_y[first:], 1e-3))[:, None]
        x = self.ray_x * z - self.bend * z * z
        ds = z / self.focal
        block = slice(first, self.height), slice(0, self.width)
        return Surface(block, np.ones_like(x, bool), x, np.zeros((1, 1)), z, ds, ds * z / self.eye)

    def wall(self, start: Point, end: Point, bottom: float, top: float) -> Surface | None:
        """An upright rectangle from (x, z) `start` to `end`; None if it cannot be seen."""
        (x0, z0), (x1, z1) = start, end
        x0, x1 = x0 + self.bend * z0 * z0, x1 + self.bend * z1 * z1
        dx, dz = x1 - x0, z1 - z0
        length = sqrt(dx * dx + dz * dz)
        if max(z0, z1) <= self.near or length == 0:
            return None
        a = (self.near - z0) / dz if z0 < self.near else 0.0  # the share of it in front of the camera
        b = (self.near - z0) / dz if z1 < self.near else 1.0
        za, zb = z0 + a * dz, z0 + b * dz
        left, right = sorted((self.column0 + (x0 + k * dx) * self.focal / z for k, z in ((a, za), (b, zb))))
        high = self.row0 + self.focal * min((self.eye - top) / za, (self.eye - top) / zb)
        low = self.row0 + self.focal * max((self.eye - bottom) / za, (self.eye - bottom) / zb)
        block = self.block(left, high, right, low)
        if block is None:
            return None
        ray = self.ray_x[None, block[1]]
        k = np.minimum(np.maximum((ray * z0 - x0) / (dx - ray * dz), a), b)  # never 0 / 0: these columns see it
        z = z0 + k * dz
        t = self.eye - self.ray_y[block[0]][:, None] * z
        dt = z / self.focal
        ds = np.minimum(dt * z * length / max(abs(x0 * z1 - x1 * z0), 1e-9), length)
        return Surface(block, (t >= bottom) & (t <= top), k * length, t, z, ds, dt)

    # ---- painting

    def lit(self, colour: Colour, sun: Field | float = 0.0, z: Field | float = 0.0) -> Colour:
        """What the camera sees of a surface: its colour in ambient light and a share of sun, behind `z` m of air."""
        air = z / (z + self.clear)
        return colour * ((self.ambient + self.sun * sun) * (1.0 - air)) + self.haze * air

    def put(self, block: Block, inside: Mask | bool, colour: Colour, label: Labels) -> None:
        """Paint pixels, and their labels."""
        np.copyto(self.image[:, block[0], block[1]], colour, where=inside)
        np.copyto(self.label[block], label, where=inside, casting="unsafe")

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour, label: int) -> None:
        """An upright rectangle of the picture."""
        block = self.block(left, top, right, bottom)
        if block is not None:
            self.image[:, block[0], block[1]] = colour
            self.label[block] = label

    def polygon(self, points: Sequence[Point], colour: Colour, label: int) -> None:
        """A convex polygon, given by its (column, row) corners in order."""
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        block = self.block(min(xs), min(ys), max(xs), max(ys))
        if block is None:
            return
        rows, columns = self.rows[block[0], None], self.columns[block[1]]
        turn = (xs[1] - xs[0]) * (ys[2] - ys[1]) - (ys[1] - ys[0]) * (xs[2] - xs[1])
        left: Field | None = None  # the bounds of each row
        right: Field | None = None
        for i in range(len(xs)):
            dy = ys[i] - ys[i - 1]
            if dy != 0:
                slope = (xs[i] - xs[i - 1]) / dy
                edge = rows * slope + (xs[i] - ys[i] * slope)
                if (dy > 0) == (turn > 0):
                    right = edge if right is None else np.minimum(right, edge)
                else:
                    left = edge if left is None else np.maximum(left, edge)
        if left is not None and right is not None:
            self.put(block, (columns >= left) & (columns < right), colour, label)

    def stroke(self, start: Point, end: Point, width: float, colour: Colour, label: int) -> None:
        """A straight line, at least one pixel wide, between two (column, row) points."""
        (x0, y0), (x1, y1) = start, end
        dx, dy = x1 - x0, y1 - y0
        half = max(width, 1.0) * 0.5
        if abs(dx) < 1.0:  # upright, as most are
            x = (x0 + x1) * 0.5
            self.box(x - half, min(y0, y1), x + half, max(y0, y1), colour, label)
        elif abs(dy) < 1.0:
            y = (y0 + y1) * 0.5
            self.box(min(x0, x1), y - half, max(x0, x1), y + half, colour, label)
        else:
            scale = half / sqrt(dx * dx + dy * dy)
            nx, ny = -dy * scale, dx * scale
            corners = [(x0 - nx, y0 - ny), (x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny)]
            self.polygon(corners, colour, label)

    def ellipse(self, centre: Point, radius_x: float, radius_y: float, colour: Colour, label: int) -> None:
        """An upright ellipse, at least one pixel, around a (column, row) point."""
        around = self._around(centre, max(radius_x, 0.6), max(radius_y, 0.6))
        if around:
            block, far = around
            self.put(block, far <= 1.0, colour, label)

    def ring(self, centre: Point, radius: float, width: float, colour: Colour, label: int) -> None:
        """A circle drawn with a line at least one pixel wide."""
        hole = max(radius - max(width, 1.0), 0.0) / radius
        around = self._around(centre, radius, radius)
        if around:
            block, far = around
            self.put(block, (far <= 1.0) & (far >= hole * hole), colour, label)

    def darken(self, centre: Point, radius_x: float, radius_y: float, share: float) -> None:
        """A soft shadow in an ellipse; labels stay."""
        around = self._around(centre, radius_x, radius_y)
        if around:
            (rows, columns), far = around
            self.image[:, rows, columns] *= 1.0 - share * np.minimum(np.maximum(1.0 - far, 0.0) * 2.5, 1.0)

    def glow(self, centre: Point, radius: float, colour: Colour) -> None:
        """Light that spills around a lamp; labels stay."""
        around = self._around(centre, 4 * radius, 4 * radius)
        if around:
            (rows, columns), far = around
            self.image[:, rows, columns] += colour * np.maximum(1.0 / (1.0 + 16 * far) - 1 / 17, 0.0)

    def _around(self, centre: Point, radius_x: float, radius_y: float) -> tuple[Block, Field] | None:
        """The pixels around a point, and their squared distance from it in radii; None if there are none."""
        (x, y), a, b = centre, radius_x, radius_y
        block = self.block(x - a, y - b, x + a, y + b)
        if block is None:
            return None
        dx, dy = (self.columns[block[1]] - x) / a, (self.rows[block[0]] - y) / b
        return block, dx * dx + (dy * dy)[:, None]

    def develop(self, key: int, grain: float) -> Image:
        """The picture as a sensor records it, uint8 (H, W, 3): a little lens blur, darker corners, noise."""
        image = self.image.astype(np.float32)
        for axis in (1, 2):
            old, new = image.swapaxes(0, axis), (image * 0.76).swapaxes(0, axis)
            spill = old * 0.12
            new[1:] += spill[:-1]
            new[:-1] += spill[1:]
            new[0] += spill[0]
            new[-1] += spill[-1]
            image = new.swapaxes(0, axis)
        bits = random_bits(key, (image.size + 7) // 8).astype("<u8").view(np.uint8)[: image.size].reshape(image.shape)
        grains = ((bits & 15) + (bits >> 4)).astype(np.float32) * (grain / 15) - grain  # most often near 0
        image *= _vignette(self.height, self.width)
        image += grains
        image += 0.5
        return np.minimum(np.maximum(image, 0.0), 255.0).astype(np.uint8).transpose(1, 2, 0).copy()


@cache
def _vignette(height: int, width: int) -> npt.NDArray[np.float32]:
    x = (np.arange(width) + 0.5) / width - 0.5
    y = (np.arange(height) + 0.5) / height - 0.5
    return (1.0 - 0.2 * (x * x + (y * y)[:, None])).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Checks


def check_scene(index: int, seed: int, size: Sequence[int], clutter: float) -> tuple[int, int]:
    """(H, W) as two ints, after a ValueError for anything that no scene can be made of."""
    for name, value in (("index", index), ("seed", seed)):
        if not hasattr(value, "__index__") or not 0 <= value < 2**32:
            raise InvalidInput(f"{name} must be a whole number from 0 to 2**32 - 1, got {value!r}")
    try:
        height, width = (n.__index__() for n in size)
    except (TypeError, ValueError, AttributeError):
        height = width = 0
    if not (16 <= height <= 2048 and 16 <= width <= 2048):
        raise InvalidInput(f"size must be (height, width), whole numbers from 16 to 2048, got {size!r}")
    if not (is_number(clutter, Real) and 0 <= clutter <= 1):
        raise InvalidInput(f"clutter must lie in 0..1 (0 bare, 0.5 usual, 1 crowded), got {clutter!r}")
    return height, width
