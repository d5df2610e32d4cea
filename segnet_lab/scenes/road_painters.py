"""How the things of a road scene look: one short function paints each kind, in the picture and in the label map.

A painter gets the canvas, the light and what `roads.py` drew at random for it: a place in metres, sizes, colours.
`salt` shifts a texture, so that no two houses or trees are alike.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from segnet_lab.scenes.painting import (
    Canvas,
    Colour,
    Field,
    Labels,
    Point,
    Surface,
    cover,
    mix,
    noise,
    repeat,
    rgb,
    smooth_noise,
    speckle,
)

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST, VOID = range(12)

# Colours in white light. Those of different classes overlap: a network has to learn shape and context.
BRICK, BUFF, STONE, RENDER = rgb(140, 88, 70), rgb(170, 148, 112), rgb(138, 134, 126), rgb(204, 200, 190)
CONCRETE, UMBER, SLATE, WHITE = rgb(116, 118, 122), rgb(98, 78, 66), rgb(84, 80, 82), rgb(216, 214, 208)
BLACK, IRON, STEEL, ZINC, SILVER = (
    rgb(22, 22, 24),
    rgb(44, 46, 48),
    rgb(84, 88, 92),
    rgb(128, 130, 128),
    rgb(176, 178, 180),
)
NAVY, RED, GREEN, YELLOW, CREAM = (
    rgb(38, 50, 92),
    rgb(140, 32, 34),
    rgb(34, 74, 54),
    rgb(196, 172, 70),
    rgb(188, 178, 154),
)
WALLS = (BRICK, BRICK, BUFF, BUFF, STONE, RENDER, CONCRETE, UMBER)
PAINTS = (BLACK, IRON, STEEL, ZINC, SILVER, WHITE, NAVY, RED, GREEN)
SHOPS, TRIMS = (NAVY, RED, GREEN, CREAM, BLACK, UMBER), (WHITE, WHITE, IRON, CREAM)
SIGNS, BINS = (RED, NAVY, GREEN, YELLOW, CREAM), (BLACK, RED, GREEN)
POSTS, RAILS = (IRON, STEEL, ZINC), (BLACK, IRON, UMBER, ZINC)
COATS = (BLACK, IRON, UMBER, NAVY, SLATE, RED, CONCRETE, GREEN, CREAM)
LEAVES = (rgb(82, 98, 48), rgb(104, 112, 60), rgb(70, 80, 50), rgb(112, 92, 64), rgb(128, 106, 56), rgb(92, 84, 72))
SKINS = (rgb(216, 172, 146), rgb(170, 122, 94), rgb(112, 78, 60))

#       length width belt roof, and where the cabin lies at the belt and at the roof: 0 rear, 1 front
CARS = {
    "hatchback": (3.9, 1.70, 0.92, 1.45, (0.01, 0.74), (0.10, 0.56)),
    "saloon": (4.5, 1.76, 0.90, 1.42, (0.14, 0.74), (0.28, 0.58)),
    "estate": (4.6, 1.80, 1.00, 1.65, (0.01, 0.76), (0.05, 0.60)),
    "van": (5.0, 1.90, 1.15, 2.10, (0.00, 0.86), (0.01, 0.74)),
    "bus": (9.5, 2.45, 1.30, 3.10, (0.00, 1.00), (0.00, 0.99)),
}


Edge = tuple[Point, Point]  # of a face, in the picture


class Light(NamedTuple):
    """Sun and sky of a scene."""

    dusk: bool
    ambient: Colour  # light on everything
    sun: Colour  # light where the sun reaches
    toward: Point  # where the sun stands: (x, z)
    shadow: float  # metres of shadow per metre of height
    zenith: Colour
    haze: Colour
    clouds: float  # share of the sky

    def on(self, x: float, z: float) -> float:
        """Share of the sunlight on an upright surface that faces (x, z)."""
        return max(x * self.toward[0] + z * self.toward[1], 0.0)


class Street(NamedTuple):
    """The ground of a scene, and how much stands on it."""

    clutter: float
    middle: float  # x of the middle of the road; the camera drives on the left, at x = 0
    half: float  # half of the road's width
    walks: tuple[float, float]  # width of the left and of the right pavement
    yards: tuple[int, int]  # label of what lies behind each: ROAD, VOID, or TREE, since grass counts as that
    side_roads: tuple[Point, Point]  # on the left and on the right: z from, z to
    zebra: float  # z of a crossing
    asphalt: float  # grey of the road
    dash: float  # length of the dashes in the middle
    yellow: bool  # yellow lines along the kerb

    def kerb(self, side: int) -> float:
        """The x of the kerb."""
        return self.middle + side * self.half

    def front(self, side: int) -> float:
        """The x at which the pavement ends and yards or houses begin."""
        return self.kerb(side) + side * self.walks[side > 0]


def sky(c: Canvas, light: Light) -> None:
    """Sky with clouds, from the haze at the horizon to the zenith."""
    block = slice(0, min(max(int(c.row0) + 1, 1), c.height)), slice(0, c.width)
    up = np.maximum(-c.ray_y[block[0]], 0.0)[:, None]
    far = 1.0 / (up + 0.15)  # clouds lie on a plane overhead: far ones are low and flat
    puff = smooth_noise(c.ray_x * far * 12 + light.clouds * 977, far * 24)
    cloud = np.minimum(np.maximum((puff - 1.0 + light.clouds) * 2.5, 0.0), 1.0) * np.minimum(up * 5 + 0.1, 0.8)
    white = mix(light.haze, light.zenith * 0.6, 0.6) if light.dusk else rgb(250, 249, 248)
    c.put(block, True, mix(mix(light.haze, light.zenith, np.minimum(up * 2.2, 1.0)), white, cloud), SKY)


def skyline(c: Canvas, light: Light, x: float, z: float, width: float, height: float, leafy: bool) -> None:
    """A far house or wood that closes the view."""
    w = c.wall((x, z), (x + width, z), 0, height)
    if w is not None:
        step = 0.4 * noise(w.s * 8 + z, 0) if leafy else 0.3 * (repeat(w.s, width * 0.6)[0] > 4)
        colour = (LEAVES[2] if leafy else STONE) * (0.6 + 0.6 * noise(w.s * 4 + x, w.t * 4))
        inside = w.inside & (w.t < height * (1 - step))
        c.put(w.block, inside, c.lit(colour, light.on(0, -1), z), TREE if leafy else BUILDING)


def ground(c: Canvas, light: Light, street: Street, buildings: Iterable[Mapping[str, Any]]) -> None:
    """Road with its markings, kerbs, pavements and yards, in the shadow of the buildings."""
    g = c.ground()
    x, z = g.s - street.middle, g.z
    left = x < 0
    out = np.abs(x) - street.half  # metres beyond the kerb
    turning = np.where(left, *((z > low) & (z < high) for low, high in street.side_roads))
    label = np.where(out < np.where(left, *street.walks), PAVEMENT, np.where(left, *street.yards))
    label[(out < 0) | turning] = ROAD

    grit, stain = noise(x * 40, z * 40) - 0.5, noise(x * 20 + 50, z * 8) - 0.5
    across, along = np.minimum(g.ds, 0.75), np.minimum(g.dt, 0.9)
    slabs = np.maximum(cover(repeat(out, 0.75)[0], 0, 0.04, across), cover(repeat(z, 0.9)[0], 0, 0.05, along))
    grey = np.where(label == PAVEMENT, 122 - 36 * slabs, street.asphalt)
    straight = ~turning
    grey[(out > -0.2) & (out < 0) & straight] *= 0.75  # the gutter
    grey[(out > 0) & (out < 0.16) & straight] = 158.0  # the kerb
    grey *= 1.0 + grit * np.minimum(0.012 / g.ds, 0.35) + stain * 0.1

    white = cover(x, -0.07, 0.07, g.ds)
    white = white * cover(repeat(z, street.dash * 2.5)[0], 0, street.dash, np.minimum(g.dt, street.dash))
    if street.zebra > 0:
        stripes = cover(repeat(x, 1.2)[0], 0.2, 0.8, np.minimum(g.ds, 1.2)) * (out < -0.2)
        white = np.maximum(white, stripes * cover(z, street.zebra, street.zebra + 2.6, g.dt))
    lines = cover(out, -0.5, -0.4, g.ds)
    if street.yellow:
        lines = np.minimum(lines + cover(out, -0.3, -0.2, g.ds), 1.0)
    worn = 0.9 * (grit > -0.35)
    grey = mix(grey, 213.0, white * worn)
    colour = mix(grey, YELLOW if street.yellow else WHITE, lines * (worn * straight))
    earth = rgb(101, 106, 73) * (0.7 + 0.5 * grit + 0.5 * stain)
    np.copyto(colour, earth, where=(label == TREE) | (label == VOID))

    side = 1 if light.toward[0] > 0 else -1  # the houses there throw their shadow across the street
    limit = np.full(z.shape, 1e9)
    for b in buildings:
        if b["side"] == side:
            reach = side * (b["start"][0] - street.middle) - 3.2 * b["storeys"] * light.shadow * abs(light.toward[0])
            limit = np.where((z >= b["start"][1]) & (z < b["end"][1]), reach, limit)
    c.put(g.block, True, c.lit(colour, np.where(side * x > limit, 0.0, 0.7), z), label)


def building(
    c: Canvas,
    light: Light,
    start: Point,
    end: Point,
    side: int,
    bare_end: bool,
    storeys: int,
    colour: Colour,
    trim: Colour,
    bay: float,
    glazed: float,
    roof: str,
    shop: Colour | None,
    salt: float,
) -> None:
    """A house: its front along the street, its roof, and its end wall where the house before it is lower."""
    x, near, far = start[0], max(start[1], 1.0), end[1]
    eaves, ridge, length = 2.9 * storeys + 0.6, x + side * 4, end[1] - start[1]
    rise = 0.0 if roof == "flat" else min(0.4 * length, 2.6)
    w = c.wall(start, (x + side * 8, start[1]), 0, eaves + (rise if roof == "pitched" else 0)) if bare_end else None
    if w is not None:
        slope = eaves + rise * (1 - np.abs(w.s * 0.25 - 1))
        face = colour * (0.7 + 0.4 * noise(w.s * 9 + salt, w.t * 9))
        c.put(w.block, w.inside & (w.t < slope), c.lit(face, light.on(0, -1), near), BUILDING)
    if roof == "pitched" and far > near:
        corners = ((x, eaves, near), (x, eaves, far), (ridge, eaves + rise, far), (ridge, eaves + rise, near))
        tiles = c.lit(mix(SLATE, colour, 0.25), light.on(-side, 0) * 0.8 + 0.2, near)
        c.polygon([c.project(*corner) for corner in corners], tiles, BUILDING)
        for z in (near + 0.1, far - 0.6):  # chimneys
            foot, top = c.project(ridge, eaves + rise - 0.4, z), c.project(ridge, eaves + rise + 1.2, z)
            c.stroke(foot, top, c.focal / z, c.lit(colour * 0.8, light.on(0, -1), z), BUILDING)
    w = c.wall(start, end, 0, eaves + (rise if roof == "gable" else 0))
    if w is not None:
        face, glow, label = _front(w, storeys, colour, trim, bay, glazed, shop, salt)
        face = c.lit(face, light.on(-side, 0), w.z)
        if light.dusk:
            face = mix(face, rgb(230, 184, 116), glow)
        gable = w.t < eaves + rise * (1 - np.abs(w.s * (2 / length) - 1))
        c.put(w.block, w.inside & gable if roof == "gable" else w.inside, face, label)


def _front(
    w: Surface, storeys: int, colour: Colour, trim: Colour, bay: float, glazed: float, shop: Colour | None, salt: float
) -> tuple[Colour, Field | float, Labels]:
    """Colours, lamplight and labels of a front: windows in rows, and a shop or doors at the foot."""
    s, t, ds, dt = w.s, w.t, np.minimum(w.ds, bay), np.minimum(w.dt, 2.9)
    face = colour * (0.6 + 0.5 * noise(s * 10 + salt, t * 24))
    if w.ds.min() > bay:  # windows are smaller than pixels
        return face * 0.8, 0.15, BUILDING
    (cell, i), (level, j) = repeat(s, bay), repeat(t - 0.5, 2.9)
    upper, lamp = (j >= 1) & (j < storeys), speckle(i + salt, j)
    glass = rgb(0.84, 0.92, 1.0) * (34 + 60 * lamp * lamp + 16 * level)
    left, right, middle = bay * (0.5 - glazed / 2), bay * (0.5 + glazed / 2), bay * 0.5
    wide, tall, pane = cover(cell, left, right, ds), cover(level, 0.8, 2.3, dt) * upper, 1.0
    if w.dt.min() < 0.15:  # near enough for ledges and window bars
        ledge = np.maximum(cover(level, 0.62, 0.8, dt) * wide * upper, cover(level, 0.0, 0.14, dt) * 0.5)
        bars = np.maximum(cover(cell, middle - 0.05, middle + 0.05, ds), cover(level, 1.5, 1.58, dt))
        pane = cover(cell, left + 0.1, right - 0.1, ds) * (1 - bars)
        face = mix(face, trim, ledge)
    face = mix(face, mix(trim, glass, pane), wide * tall)
    glow = wide * tall * pane * ((lamp > 0.62) * (0.5 + 0.4 * lamp))
    if shop is None:
        cell, i = repeat(s, bay * 2)
        door = cover(cell, 0.4, 1.35, ds) * cover(t, 0.0, 2.1, dt)
        window = cover(cell, bay * 1.1, bay * 1.85, ds) * cover(t, 0.8, 2.2, dt)
        window = window * (1 - cover(cell, bay * 1.45, bay * 1.5, ds))
        face = mix(mix(face, mix(UMBER, NAVY, speckle(i, salt)), door), glass, window)
        return face, np.maximum(glow, window * (lamp > 0.7) * 0.7), BUILDING
    foot = t < 3.1
    window = cover(repeat(s, bay * 1.6)[0], 0.12, bay * 1.6 - 0.12, ds) * cover(t, 0.5, 2.3, dt)
    goods = 0.5 * noise(s * 14 + salt, t * 24) + 0.5 * noise(s * 3 + salt, 0)
    face = np.where(foot, mix(shop, rgb(0.95, 1.0, 1.0) * (30 + 80 * goods), window), face)
    board = (t > 2.45) & foot & (repeat(s + salt * 0.03, bay * 3.2)[0] < bay * 1.5)  # the name of the shop is a sign
    letters = board & (t > 2.6) & (t < 2.95) & (noise(s * 24, t * 2 + salt) > 0.55)
    face = np.where(letters, CREAM, np.where(board, shop * 1.35, face))
    return face, np.where(foot, window * (0.25 + 0.7 * goods), glow), np.where(board, SIGN, BUILDING)


def hedge(c: Canvas, light: Light, start: Point, end: Point, side: int, height: float, colour: Colour) -> None:
    """A hedge with an uneven top."""
    w = c.wall(start, end, 0, height * 1.2)
    if w is not None:
        leaf = noise(w.s * 24 + start[1] * 24, w.t * 24)
        top = height * (0.8 + 0.4 * noise(w.s * 9 + start[1] * 9, 0))
        c.put(w.block, w.inside & (w.t < top), c.lit(colour * (0.3 + 0.9 * leaf), light.on(-side, 0) * 0.8, w.z), TREE)


def low_wall(c: Canvas, light: Light, start: Point, end: Point, side: int, height: float, colour: Colour) -> None:
    """A garden wall, 0.6 times as high as a hedge."""
    w = c.wall(start, end, 0, height * 0.6)
    if w is not None:
        tone = 0.7 + 0.45 * noise(w.s * 24, w.t * 24) + 0.25 * (w.t > height * 0.5)
        c.put(w.block, w.inside, c.lit(colour * tone, light.on(-side, 0), w.z), BUILDING)


def fence(
    c: Canvas, light: Light, start: Point, end: Point, side: int, height: float, style: str, colour: Colour
) -> None:
    """Boards, or railings and mesh that show what is behind them where a pixel is smaller than a gap."""
    w = c.wall(start, end, 0, height)
    if w is None:
        return
    gap = {"boards": 0.16, "rails": 0.3, "mesh": 0.2}[style]
    cell, i = repeat(w.s, gap)
    inside, tone = w.inside, 0.75 + 0.4 * speckle(i, 0)
    if style != "boards":
        bars = cell < np.maximum(0.06, np.minimum(w.ds, gap * 0.999))
        rails = (w.t > height - 0.1) | (np.abs(w.t - 0.16) < 0.04) | (repeat(w.s, 2.0)[0] < 0.1) | (w.ds > gap * 0.7)
        mesh = repeat(w.t, gap)[0] < np.maximum(0.04, np.minimum(w.dt, gap)) if style == "mesh" else False
        inside = inside & (bars | rails | mesh)
    c.put(w.block, inside, c.lit(colour * tone, light.on(-side, 0) * 0.8, w.z), FENCE)


def tree(
    c: Canvas, light: Light, x: float, z: float, height: float, spread: float, colour: Colour, bare: bool, salt: float
) -> None:
    """A trunk, branches and a crown of leaves, with a shadow by day."""
    _, line, px = _brush(c, x, z, TREE)
    if not light.dusk:
        cast = c.project(x - light.toward[0] * light.shadow * height * 0.4, 0, z)
        c.darken(cast, spread * px, spread * px * 0.2, 0.25 * (1.2 - light.clouds))
    bark = c.lit(rgb(66, 58, 50), 0.3, z)
    line(0.035 * height, bark, (0, 0), (0, height * 0.4))
    for dx, up in ((-0.6, 0.75), (0.2, 0.9), (-0.25, 0.95), (0.6, 0.7))[: 4 if bare else 2]:
        line(0.014 * height, bark, (0, height * 0.4), (dx * spread, height * up))
    w = c.wall((x - spread, z), (x + spread, z), height * 0.22, height)
    if w is not None:
        a, b = w.s * (1 / spread) - 1, (w.t * (1 / height) - 0.61) * (1 / 0.39)
        leaf, clump = noise(w.s * 40 + salt, w.t * 40), noise(w.s * 12 + salt, w.t * 12)
        above = noise(w.s * 12 + salt - 6 * light.toward[0], w.t * 12 + 6)  # a clump shades the one below
        inside = w.inside & (a * a + b * b + 0.5 * leaf < 0.4 + 1.1 * clump) & (leaf > (0.52 if bare else 0.1))
        tone = 0.55 + 0.5 * leaf + 0.9 * (clump - above) + 0.2 * b
        c.put(w.block, inside, c.lit(colour * np.maximum(tone, 0.2), 0.5, z), TREE)


def car(c: Canvas, light: Light, x: float, z: float, heading: tuple[int, int], kind: str, colour: Colour) -> None:
    """A body and a cabin made of flat faces; the flank and the end that look at the camera are painted."""
    length, width, belt, roof, base, top = CARS[kind]
    (fx, fz), (rx, rz) = heading, (heading[1], -heading[0])  # forward, to the right
    middle = z + 0.5 * (abs(fz) * length + abs(rz) * width)
    px = c.focal / z
    close = px > 5  # far cars are windows on wheels

    def at(across: float, up: float, along: float) -> Point:
        a, b = across * width, (along - 0.5) * length
        return c.project(x + rx * a + fx * b, up, middle + rz * a + fz * b)

    def flank(across: float, up: float, ends: Point, inset: float = 0.0) -> Edge:  # an edge along the car
        cut = (ends[1] - ends[0]) * inset
        return at(across, up, ends[0] + cut), at(across, up, ends[1] - cut)

    def cross(half: float, up: float, along: float) -> Edge:  # an edge across it
        return at(-half, up, along), at(half, up, along)

    def face(paint: Colour, sun: float, low: Edge, high: Edge) -> None:
        c.polygon((*low, high[1], high[0]), c.lit(paint, sun, z), CAR)

    c.darken(c.project(x, 0.08, z), (abs(rx) * width + abs(fx) * length) * 0.6 * px, 0.3 * px, 0.8)
    seen = x + c.bend * middle * middle
    ahead, beside = seen * fx + middle * fz, seen * rx + middle * rz  # the car's middle along and across its own axis
    glass = mix(rgb(34, 40, 46), light.haze * light.ambient, 0.25)
    if abs(beside) > width * 0.5:  # a flank is in view
        side = -0.5 if beside > 0 else 0.5
        slope, sun = side * 0.86, light.on(side * 2 * rx, side * 2 * rz)
        face(colour * 0.9, sun, flank(side, 0.28, (0, 1)), flank(side, belt, (0, 1)))
        if close:
            face(colour * 0.8, sun, flank(side, belt, base), flank(slope, roof, top))
        face(glass, 0.2, flank(side, belt + 0.04, base, 0.06), flank(slope, roof - 0.1, top, 0.06))
        for along in (0.19, 0.81):
            hub, size, slim = at(side, 0.32, along), 0.34 * c.focal / middle, 0.35 + 0.65 * abs(fx)
            c.ellipse(hub, size * slim, size, c.lit(BLACK, 0.1, z), CAR)
            if close:
                c.ellipse(hub, size * slim * 0.55, size * 0.55, c.lit(STEEL, 0.1, z), CAR)
                c.stroke(at(side, belt, 0.45), at(slope, roof, 0.42), 0.08 * px, c.lit(colour * 0.8, sun, z), CAR)
    if abs(ahead) > length * 0.5:  # rear or front is in view
        rear = ahead > 0
        end, low, high = (0, base[0], top[0]) if rear else (1, base[1], top[1])
        sun = light.on(-fx, -fz) if rear else light.on(fx, fz)
        if close:
            face(colour * 1.1, 0.8, cross(0.5, belt, end), cross(0.5, belt, low))
        face(colour, sun, cross(0.5, belt, low), cross(0.43, roof, high))
        face(glass, 0.3, cross(0.44, belt + 0.05, low), cross(0.37, roof - 0.12, high))
        for wheel in (-0.4, 0.4):
            c.stroke(at(wheel, 0, end), at(wheel, 0.4, end), 0.2 * px, c.lit(BLACK, 0, z), CAR)
        _car_end(c, light, at(-0.5, belt, end), at(0.5, 0.22, end), colour, sun, z, rear)


def _car_end(
    c: Canvas, light: Light, corner: Point, opposite: Point, colour: Colour, sun: float, z: float, rear: bool
) -> None:
    """Body, bumper, number plate and lamps of a car seen from behind or from the front."""
    left, right = min(corner[0], opposite[0]), max(corner[0], opposite[0])
    top, w, h = corner[1], right - left, opposite[1] - corner[1]
    c.box(left, top, right, top + h, c.lit(colour * 0.95, sun, z), CAR)
    c.box(left, top + 0.68 * h, right, top + h, c.lit(colour * 0.55, sun, z), CAR)
    plate, shine = (YELLOW, RED) if rear else (WHITE, WHITE)
    c.box(left + 0.36 * w, top + 0.5 * h, right - 0.36 * w, top + 0.66 * h, c.lit(plate, 0.5, z), CAR)
    lamp = (rgb(226, 30, 26) if rear else rgb(255, 246, 220)) if light.dusk else c.lit(shine, 0.5, z)
    for k in (0.12, 0.88):
        c.ellipse((left + k * w, top + 0.3 * h), 0.08 * w, 0.12 * h, lamp, CAR)
        if light.dusk:
            c.glow((left + k * w, top + 0.3 * h), 0.2 * h, lamp * 0.5)


def _brush(
    c: Canvas, x: float, z: float, label: int
) -> tuple[Callable[[float, float], Point], Callable[..., None], float]:
    """To draw an upright thing at (x, z): its points in the picture, lines through them, pixels per metre."""
    px = c.focal / z

    def at(dx: float, up: float) -> Point:
        return c.project(x + dx, up, z)

    def line(width: float, colour: Colour, *points: Point) -> None:
        for p, q in pairwise(points):
            c.stroke(at(*p), at(*q), width * px, colour, label)

    return at, line, px


def pedestrian(
    c: Canvas,
    light: Light,
    x: float,
    z: float,
    across: bool,
    height: float,
    stride: float,
    coat: Colour,
    legs: Colour,
    skin: Colour,
) -> None:
    """Someone on foot, standing or walking."""
    at, line, px = _brush(c, x, z, PEDESTRIAN)
    h, coat, legs, skin = height, c.lit(coat, 0.5, z), c.lit(legs, 0.5, z), c.lit(skin, 0.5, z)
    c.darken(at(0, 0), 0.4 * px, 0.08 * px, 0.5)
    for k in (-1, 1):
        line(0.085 * h, legs, (k * 0.07, 0.5 * h), (k * (0.07 + abs(stride) * (1 + across)), 0))
        line(0.05 * h, coat * 0.85, (k * 0.2, 0.8 * h), (k * 0.24 + stride * 0.7, 0.45 * h))
    shoulders = [at(-0.14 * h, 0.8 * h), at(0, 0.88 * h), at(0.14 * h, 0.8 * h)]
    c.polygon([*shoulders, at(0.1 * h, 0.42 * h), at(-0.1 * h, 0.42 * h)], coat, PEDESTRIAN)
    c.ellipse(at(0, 0.925 * h), 0.055 * h * px, 0.075 * h * px, skin, PEDESTRIAN)
    c.ellipse(at(0, 0.965 * h), 0.058 * h * px, 0.04 * h * px, legs * 0.6, PEDESTRIAN)


def cyclist(
    c: Canvas,
    light: Light,
    x: float,
    z: float,
    across: bool,
    height: float,
    stride: float,
    coat: Colour,
    legs: Colour,
    skin: Colour,
) -> None:
    """Seen from the side or from behind; rider and bicycle are one class."""
    at, line, px = _brush(c, x, z, BICYCLIST)
    metal, coat, legs, skin = (c.lit(colour, 0.5, z) for colour in (IRON, coat, legs, skin))
    c.darken(at(0, 0), 0.6 * px, 0.1 * px, 0.5)
    if across:
        for hub in (-0.52, 0.52):
            c.ring(at(hub, 0.35), 0.35 * px, 0.05 * px, metal, BICYCLIST)
        line(0.05, metal, (-0.52, 0.35), (-0.15, 0.8), (0.38, 0.85), (0.52, 0.35))
        line(0.05, metal, (-0.2, 0.9), (-0.05, 0.3), (0.38, 0.8))
        line(0.15, legs, (-0.18, 0.95), (0.12, 0.62), (0.0, 0.25))
        line(0.3, coat, (-0.18, 0.95), (0.1, 1.4))
        line(0.1, coat * 0.85, (0.1, 1.38), (0.38, 1.0))
    else:
        line(0.05, metal, (-0.27, 1.02), (0.27, 1.02))
        for k in (-1, 1):
            line(0.14, legs, (k * 0.1, 0.95), (k * 0.18, 0.6 + k * stride), (k * 0.12, 0.26 + k * stride))
            line(0.1, coat * 0.85, (k * 0.2, 1.4), (k * 0.28, 1.04))
        line(0.09, metal, (0, 0), (0, 0.72))
        c.polygon([at(-0.22, 1.42), at(0, 1.52), at(0.22, 1.42), at(0.16, 0.85), at(-0.16, 0.85)], coat, BICYCLIST)
    face = 0.2 if across else 0.0
    c.ellipse(at(face, height - 0.12), 0.1 * px, 0.14 * px, skin, BICYCLIST)
    c.ellipse(at(face, height - 0.05), 0.12 * px, 0.08 * px, c.lit(CREAM, 0.5, z), BICYCLIST)


def lamp_post(c: Canvas, light: Light, x: float, z: float, side: int, height: float, colour: Colour) -> None:
    """A street lamp that leans over the road; lit at dusk."""
    at, line, px = _brush(c, x, z, POLE)
    iron, tip = c.lit(colour, 0.5, z), at(-side * 1.2, height + 0.15)
    line(0.2, iron, (0, 0), (0, 1.2))
    line(0.12, iron, (0, 1.0), (0, height))
    line(0.08, iron, (0, height), (-side * 1.2, height + 0.15))
    c.ellipse(tip, 0.35 * px, 0.1 * px, rgb(255, 226, 160) if light.dusk else iron * 1.2, POLE)
    if light.dusk:
        c.glow(tip, 0.5 * px, rgb(130, 100, 56))


def bollard(c: Canvas, light: Light, x: float, z: float, height: float, colour: Colour) -> None:
    """A short post."""
    c.stroke(c.project(x, 0, z), c.project(x, height, z), 0.14 * c.focal / z, c.lit(colour, 0.5, z), POLE)


def sign(c: Canvas, light: Light, x: float, z: float, kind: str, height: float, colour: Colour, iron: Colour) -> None:
    """A plate, a banner or traffic lights: the pole is a Pole, the rest a SignSymbol."""
    px = c.focal / z
    col, row = c.project(x, height, z)
    paint, white = c.lit(colour, 0.5, z), c.lit(WHITE, 0.5, z)

    def plate(left: float, bottom: float, right: float, top: float, shade: Colour) -> None:
        c.box(col + left * px, row - top * px, col + right * px, row - bottom * px, shade, SIGN)

    c.stroke(c.project(x, 0, z), (col, row), 0.09 * px, c.lit(iron, 0.5, z), POLE)
    if kind == "disc":
        c.ellipse((col, row), 0.36 * px, 0.36 * px, paint, SIGN)
        c.ellipse((col, row), 0.25 * px, 0.25 * px, white, SIGN)
    elif kind == "triangle":
        for k, shade in ((px, paint), (0.6 * px, white)):
            foot = row + 0.3 * k
            c.polygon([(col - 0.45 * k, foot), (col, foot - 0.8 * k), (col + 0.45 * k, foot)], shade, SIGN)
    elif kind == "board":
        plate(-0.6, -0.45, 0.6, 0.45, white)
        plate(-0.54, -0.39, 0.54, 0.39, paint)
        plate(-0.4, 0.1, 0.3, 0.2, white)
        plate(-0.4, -0.15, 0.1, -0.05, white)
    elif kind == "banner":
        plate(0.06, -1.2, 0.7, 0.5, paint)
        plate(0.16, -0.5, 0.6, 0.1, white)
    else:
        plate(-0.2, -0.5, 0.2, 0.6, c.lit(BLACK, 0.3, z))
        for up, shade in ((0.38, rgb(226, 40, 36)), (0.05, rgb(70, 52, 20)), (-0.28, rgb(16, 52, 34))):
            c.ellipse((col, row - up * px), 0.12 * px, 0.12 * px, shade, SIGN)


def litter_bin(c: Canvas, light: Light, x: float, z: float, colour: Colour) -> None:
    """A litter bin or a pillar box: CamVid leaves such things unlabelled."""
    px = c.focal / z
    c.stroke(c.project(x, 0, z), c.project(x, 1.25, z), 0.5 * px, c.lit(colour, 0.5, z), VOID)
    c.ellipse(c.project(x, 1.25, z), 0.25 * px, 0.12 * px, c.lit(colour * 0.8, 0.5, z), VOID)


def bonnet(c: Canvas, light: Light, z: float, height: float, lean: float, colour: Colour) -> None:
    """The camera's own car at the foot of the picture."""
    first = int(c.height * (1 - height))
    x, y = c.columns * (1 / c.width) - 0.5 - 0.4 * lean, 1.0 - c.rows[first:, None] * (1 / c.height)
    top = height * (1.0 - 2.2 * x * x)
    shine = 0.7 + 0.8 * cover(y, top * 0.55, top * 0.75, 0.02)
    c.put((slice(first, c.height), slice(0, c.width)), y < top, c.lit(colour * shine, 0.4), VOID)
