"""How a room is painted: every piece of furniture is a few boxes, every box a few faces, some with a pattern.

Room coordinates: a runs to the right along the far wall, b into the room, y up, in metres; the camera stands at
a = b = 0 and is turned in the room, so that side walls come into view.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from segnet_lab.scenes.painting import (
    Camera,
    Canvas,
    Colour,
    Field,
    Mask,
    Point,
    Surface,
    cover,
    mix,
    noise,
    repeat,
    rgb,
    speckle,
)

CLASS_NAMES = (
    *("Wall", "Floor", "Cabinet", "Bed", "Chair", "Sofa", "Table", "Door", "Window", "Bookshelf", "Picture"),
    *("Counter", "Blinds", "Desk", "Shelves", "Curtain", "Dresser", "Pillow", "Mirror", "Floor mat", "Clothes"),
    *("Ceiling", "Books", "Fridge", "TV", "Paper", "Towel", "Shower curtain", "Box", "Whiteboard", "Person"),
    *("Night stand", "Toilet", "Sink", "Lamp", "Bathtub", "Bag"),
)
VOID = len(CLASS_NAMES)
LABELS = {name: k for k, name in enumerate((*CLASS_NAMES, "void"))}
BLACK, WHITE, STEEL = rgb(30, 30, 32), rgb(236, 234, 228), rgb(168, 170, 172)


Corner = tuple[float, float, float]  # a, b, y
Pattern = Callable[[Surface, Point, Colour], Colour]  # what a surface of this length and height looks like


class Light(NamedTuple):
    """Light in a room."""

    ambient: Colour
    sun: Colour
    toward: Point  # where the light comes from: (a, b)

    def on(self, a: float, b: float) -> float:
        """Share of that light on an upright face that looks along (a, b)."""
        return max(a * self.toward[0] + b * self.toward[1], 0.0)


class Room(NamedTuple):
    """A room without its furniture, in metres."""

    left: float  # a of the left wall
    right: float
    deep: float  # b of the far wall
    high: float
    wall: tuple[Colour, Pattern]
    floor: tuple[Colour, Pattern]


class Box(NamedTuple):
    """A box along the axes of the room."""

    low: Corner
    high: Corner
    label: str
    colour: Colour
    pattern: Pattern | None = None
    faces: str = "aby"  # which faces have the pattern: those across a, b or y
    shape: str = "box"  # or "oval", "cloth"


class RoomCanvas(Canvas):
    """A canvas in room coordinates. `turn` is (cosine, sine) of the angle between camera and room."""

    def __init__(self, size: tuple[int, int], camera: Camera, turn: Point, light: Light) -> None:
        super().__init__(size, VOID, camera, ambient=light.ambient, sun=light.sun, haze=rgb(0, 0, 0))
        self.turn, self.light = turn, light

    def seen(self, a: float, b: float) -> Point:
        """The x and z of a place in the room."""
        return a * self.turn[0] + b * self.turn[1], b * self.turn[0] - a * self.turn[1]

    def corner(self, a: float, b: float, y: float) -> Point:
        """Column and row of a point in the room."""
        x, z = self.seen(a, b)
        return self.project(x, y, z)

    def upright(self, start: Point, end: Point, low: float, high: float) -> Surface | None:
        """An upright face between two places (a, b); `t` counts from its foot."""
        w = self.wall(self.seen(*start), self.seen(*end), low, high)
        return None if w is None else w._replace(t=w.t - low)

    def level(self, y: float, a0: float, b0: float, a1: float, b1: float) -> Surface | None:
        """A level face, seen from above or below: `s` along a, `t` along b."""
        corners = [self.seen(a, b) for a, b in ((a0, b0), (a1, b0), (a1, b1), (a0, b1))]
        down = self.eye > y
        if min(z for _, z in corners) > self.near:
            spots = [self.project(x, y, z) for x, z in corners]
            columns, rows = zip(*spots, strict=True)
            block = self.block(min(columns), min(rows), max(columns), max(rows))
        else:  # it reaches under or over the camera
            top, bottom = (self.row0, self.height) if down else (0, self.row0)
            block = self.block(0, top, self.width, bottom)
        if block is None:
            return None
        ray = self.ray_y[block[0]][:, None]
        ray = np.maximum(ray, 1e-3) if down else np.minimum(ray, -1e-3)
        z = (self.eye - y) / ray
        x = self.ray_x[block[1]] * z
        a, b = x * self.turn[0] - z * self.turn[1], x * self.turn[1] + z * self.turn[0]
        inside = (a >= a0) & (a <= a1) & (b >= b0) & (b <= b1)
        return Surface(block, inside, a - a0, b - b0, z, z / self.focal, np.abs(z * z / (self.focal * (self.eye - y))))


def far_to_near(boxes: Sequence[Box], eye: float) -> list[Box]:
    """Boxes in an order in which none covers one that comes later, seen from (0, 0, `eye`).

    Box p cannot cover q if a plane parallel to a face lies between them with the eye on the side of q.
    """
    low, high = np.array([b.low for b in boxes]), np.array([b.high for b in boxes])
    here, slack = np.array([0.0, 0.0, eye]), 1e-6
    below = (high[:, None] <= low[None] + slack) & (here >= high[:, None] - slack)  # p, plane, q and the eye
    above = (low[:, None] >= high[None] - slack) & (here <= low[:, None] + slack)
    covers: Mask = ~np.logical_or.reduce(below | above, axis=2)
    np.fill_diagonal(covers, False)
    middle = (low + high) * 0.5 - here
    distance = middle[:, 0] * middle[:, 0] + middle[:, 1] * middle[:, 1]  # decides where boxes lock into each other
    waiting, order = covers.sum(1), []
    for _ in boxes:
        first = min(range(len(boxes)), key=lambda i: (waiting[i], -distance[i]))
        order.append(boxes[first])
        waiting = waiting - covers[:, first]
        waiting[first] = 10**6
    return order


def paint_shell(c: RoomCanvas, room: Room) -> None:
    """Floor, ceiling and walls, darker towards the corners."""
    left, right, deep, high = room.left, room.right, room.deep, room.high
    ceiling = c.level(high, left, -1, right, deep), (right - left, deep + 1)
    floor = c.level(0, left, -1, right, deep), (right - left, deep + 1)
    _shell(c, ceiling, rgb(232, 230, 224), None, 0.3, "Ceiling")
    _shell(c, floor, *room.floor, 0.7, "Floor")
    for start, end, normal in (
        ((left, -1), (left, deep), (1, 0)),
        ((right, -1), (right, deep), (-1, 0)),
        ((left, deep), (right, deep), (0, -1)),
    ):
        wall = c.upright(start, end, 0, high), (abs(end[0] - start[0]) + end[1] - start[1], high)
        _shell(c, wall, *room.wall, c.light.on(*normal), "Wall")


def _shell(
    c: RoomCanvas, face: tuple[Surface | None, Point], colour: Colour, pattern: Pattern | None, sun: float, name: str
) -> None:
    w, (length, height) = face
    if w is None:
        return
    shade = colour if pattern is None else pattern(w, (length, height), colour)
    if name == "Wall":
        shade = np.where(w.t < 0.09, mix(WHITE, colour, 0.3), shade)  # skirting board
    edge = np.minimum(np.minimum(w.s, length - w.s), np.minimum(w.t, height - w.t))
    c.put(w.block, w.inside, c.lit(shade * (0.72 + 0.28 * np.minimum(edge * 1.8, 1.0)), sun), LABELS[name])


def paint_shadows(c: RoomCanvas, boxes: Sequence[Box]) -> None:
    """Soft shadows on the floor under what stands on it or a little above; labels stay."""
    for box in boxes:
        (a0, b0, y), (a1, b1, _) = box.low, box.high
        if y > 0.8 or (a1 - a0) * (b1 - b0) < 0.06:
            continue
        soft = 0.12 + 0.3 * y
        w = c.level(0, a0 - soft, b0 - soft, a1 + soft, b1 + soft)
        if w is not None:
            out = np.minimum(np.minimum(w.s, a1 - a0 + 2 * soft - w.s), np.minimum(w.t, b1 - b0 + 2 * soft - w.t))
            dark = np.where(w.inside, np.minimum(out / (2 * soft), 1.0) * (0.5 - 0.4 * y), 0.0)
            c.image[:, w.block[0], w.block[1]] *= 1.0 - dark


def light_falls_off(c: RoomCanvas, side: float) -> None:
    """Brighter towards the window or lamp at one side of the picture, darker away from it."""
    x = (c.columns * (1 / c.width) - 0.5 - 0.35 * side) * 1.3
    y = c.rows[:, None] * (1 / c.height) - 0.35
    c.image *= 0.72 + 0.5 / (1.0 + 2.5 * (x * x + y * y))


def paint_box(c: RoomCanvas, box: Box) -> None:
    """Paint what the camera sees of a box."""
    (a0, b0, y0), (a1, b1, y1) = box.low, box.high
    x, z = c.seen((a0 + a1) * 0.5, (b0 + b1) * 0.5)
    if z < c.near:
        return
    label, px = LABELS[box.label], c.focal / z
    wide = max(a1 - a0, b1 - b0) * px
    if box.shape != "box":
        SHAPES[box.shape](c, box, x, z, px, label)
    elif wide < 1.5 < (y1 - y0) * px:  # a leg, a pole: at least one pixel
        c.stroke(c.project(x, y0, z), c.project(x, y1, z), wide, c.lit(box.colour, 0.4), label)
    else:
        for axis, sun, start, end in _faces(c, box):
            _paint_face(c, box, axis, sun, start, end, label)


def _faces(c: RoomCanvas, box: Box) -> Iterator[tuple[str, float, Corner, Corner]]:
    """The faces that look at the camera: across which axis, share of light, two opposite corners."""
    (a0, b0, y0), (a1, b1, y1) = box.low, box.high
    if a0 > 0:
        yield "a", c.light.on(-1, 0), (a0, b0, y0), (a0, b1, y1)
    elif a1 < 0:
        yield "a", c.light.on(1, 0), (a1, b0, y0), (a1, b1, y1)
    if b0 > 0:
        yield "b", c.light.on(0, -1), (a0, b0, y0), (a1, b0, y1)
    if y1 < c.eye:
        yield "y", 0.9, (a0, b0, y1), (a1, b1, y1)
    elif y0 > c.eye:
        yield "y", 0.0, (a0, b0, y0), (a1, b1, y0)


def _paint_face(c: RoomCanvas, box: Box, axis: str, sun: float, start: Corner, end: Corner, label: int) -> None:
    (a0, b0, y0), (a1, b1, y1) = start, end
    pattern = box.pattern if axis in box.faces else None
    others = ((a1, b0, y0), (a0, b1, y0)) if axis == "y" else ((a1, b1, y0), (a0, b0, y1))
    corners = (start, others[0], end, others[1])
    if pattern is None and min(c.seen(a, b)[1] for a, b, _ in corners) > c.near:
        c.polygon([c.corner(*corner) for corner in corners], c.lit(box.colour, sun), label)
        return
    if axis == "y":
        w, size = c.level(y0, a0, b0, a1, b1), (a1 - a0, b1 - b0)
    else:
        w, size = c.upright((a0, b0), (a1, b1), y0, y1), (a1 - a0 + b1 - b0, y1 - y0)
    if w is not None:
        colour = box.colour if pattern is None else pattern(w, size, box.colour)
        inside = w.inside & book_tops(w, size) if box.pattern is spines else w.inside
        c.put(w.block, inside, c.lit(colour, sun), label)


def _oval(c: RoomCanvas, box: Box, x: float, z: float, px: float, label: int) -> None:
    """Pillows, lamp shades, bowls, heads."""
    width = abs(box.high[0] - box.low[0]) * c.turn[0] + abs((box.high[1] - box.low[1]) * c.turn[1])
    y = (box.low[2] + box.high[2]) * 0.5
    column, row = c.project(x, y, z)
    rx, ry = width * 0.5 * px, (box.high[2] - box.low[2]) * 0.5 * px
    ry += max(c.eye - y, 0.0) / z * (box.high[1] - box.low[1]) * 0.5 * px  # seen from above
    c.ellipse((column, row), rx, ry, c.lit(box.colour, 0.15), label)
    c.ellipse((column - rx * 0.08, row - ry * 0.12), rx * 0.86, ry * 0.8, c.lit(box.colour, 0.7), label)


def _cloth(c: RoomCanvas, box: Box, x: float, z: float, px: float, label: int) -> None:
    """Clothes, bags, leaves: a soft outline."""
    half = (box.high[0] - box.low[0] + box.high[1] - box.low[1]) * 0.35
    w = c.wall((x - half, z), (x + half, z), box.low[2], box.high[2])
    if w is not None:
        tall = box.high[2] - box.low[2]
        s, t = w.s / half - 1, (w.t - box.low[2]) / tall
        fold = noise(w.s * 80 + box.low[0] * 50, w.t * 40)
        inside = w.inside & (s * s * s * s + t * t * t * t < 0.55 + 0.45 * noise(w.s * 40 + box.low[1] * 90, w.t * 40))
        c.put(w.block, inside, c.lit(box.colour * (0.6 + 0.7 * fold), 0.4), label)


SHAPES = {"oval": _oval, "cloth": _cloth}


# ---------------------------------------------------------------------------------------------------------------------
# Patterns: (surface, (length, height), colour) -> colours


def grain(w: Surface, size: Point, colour: Colour) -> Colour:
    """Wood."""
    return colour * (0.84 + 0.32 * noise(w.s * 5 + size[0] * 99, w.t * 60))


def plaster(w: Surface, size: Point, colour: Colour) -> Colour:
    """A painted wall, a little uneven."""
    return colour * (0.95 + 0.06 * noise(w.s * 50, w.t * 50) + 0.04 * noise(w.s * 3, w.t * 3))


def wallpaper(w: Surface, size: Point, colour: Colour) -> Colour:
    """Broad upright bands."""
    band = repeat(w.s, 0.3)[0] < 0.15
    return colour * (0.93 + 0.07 * band + 0.05 * noise(w.s * 50, w.t * 50))


def weave(w: Surface, size: Point, colour: Colour) -> Colour:
    """Cloth and carpet."""
    return colour * (0.82 + 0.22 * noise(w.s * 60, w.t * 60) + 0.16 * noise(w.s * 8 + size[0] * 99, w.t * 8))


def planks(w: Surface, size: Point, colour: Colour) -> Colour:
    """A floor of boards with seams, each in its own tone."""
    board, i = repeat(w.s, 0.14)
    along, j = repeat(w.t + 0.7 * speckle(i, 3 * i), 1.3)
    seam = np.maximum(cover(board, 0, 0.008, np.minimum(w.ds, 0.14)), cover(along, 0, 0.01, np.minimum(w.dt, 1.3)))
    return colour * (0.8 + 0.25 * speckle(i, j) + 0.2 * noise(w.s * 60, w.t * 6) - 0.35 * seam)


def tiles(w: Surface, size: Point, colour: Colour, side: float = 0.33) -> Colour:
    """Square tiles with joints; `side` in metres."""
    (s, i), (t, j) = repeat(w.s, side), repeat(w.t, side)
    joint = cover(s, 0, 0.012, np.minimum(w.ds, side)) + cover(t, 0, 0.012, np.minimum(w.dt, side))
    return colour * (0.94 + 0.1 * speckle(i, j) - 0.3 * np.minimum(joint, 1.0))


def small_tiles(w: Surface, size: Point, colour: Colour) -> Colour:
    """The tiles of a bathroom wall."""
    return tiles(w, size, colour, 0.12)


def stripes(w: Surface, size: Point, colour: Colour) -> Colour:
    """Upright stripes on cloth."""
    band = repeat(w.s, 0.24)[0] < 0.1
    return np.where(band, mix(colour, WHITE, 0.55), colour) * (0.85 + 0.25 * noise(w.s * 40, w.t * 40))


def checks(w: Surface, size: Point, colour: Colour) -> Colour:
    """Checked cloth."""
    dark = (repeat(w.s, 0.2)[0] < 0.1) * 0.2 + (repeat(w.t, 0.2)[0] < 0.1) * 0.2
    return colour * (0.95 - dark + 0.2 * noise(w.s * 40, w.t * 40))


def folds(w: Surface, size: Point, colour: Colour) -> Colour:
    """A curtain that hangs in waves."""
    wave = np.abs(repeat(w.s + 0.03 * noise(w.s * 4, w.t * 3), 0.17)[0] / 0.085 - 1)
    return colour * (0.62 + 0.45 * wave + 0.12 * noise(w.s * 30, w.t * 4))


def slats(w: Surface, size: Point, colour: Colour) -> Colour:
    """Blinds, with cords."""
    slat = repeat(w.t, 0.055)[0]
    gap = cover(slat, 0, 0.014, np.minimum(w.dt, 0.055))
    cord = cover(repeat(w.s, 0.45)[0], 0.2, 0.215, np.minimum(w.ds, 0.45))
    return colour * (1.0 - 0.35 * gap - 0.15 * cord + 0.1 * slat / 0.055)


def panes(w: Surface, size: Point, colour: Colour) -> Colour:
    """A window: sky, a house and trees outside, by day or by night, behind frame and bars."""
    length, height = size
    mood, leaf = speckle(np.floor(length * 977), 1), noise(w.s * 30, w.t * 30)
    sky = mix(rgb(250, 252, 255), rgb(150, 190, 236), mood) if mood < 0.75 else rgb(44, 52, 84)
    house = (w.s > length * mood) & (w.s < length * (mood + 0.4)) & (w.t < height * (0.4 + 0.5 * mood))
    trees = w.t < height * (0.2 + 0.4 * noise(w.s * 10 + length * 80, 0))
    dim = 0.3 if mood >= 0.75 else 1.0
    outside = np.where(house, rgb(176, 150, 130) * dim * (0.9 + 0.2 * leaf), sky)
    outside = np.where(trees, rgb(120, 136, 100) * dim * (0.6 + 0.7 * leaf), outside)
    clear = cover(w.s, 0.06, length - 0.06, w.ds) * cover(w.t, 0.06, height - 0.06, w.dt)
    bars = cover(repeat(w.s, length * 0.5)[0], 0, 0.04, np.minimum(w.ds, length * 0.5))
    clear = clear * (1 - bars) * (1 - cover(w.t, height * 0.6, height * 0.6 + 0.04, w.dt))
    return mix(colour, outside * 1.2, clear)


def doors(w: Surface, size: Point, colour: Colour) -> Colour:
    """Cupboard doors with handles."""
    leaf, high = size[0] / max(int(size[0] / 0.5 + 0.5), 1), size[1]
    s, ds = repeat(w.s, leaf)[0], np.minimum(w.ds, leaf)
    line = cover(s, 0, 0.015, ds) + cover(w.t, 0.06, 0.075, w.dt)
    handle = cover(s, leaf * 0.84, leaf * 0.84 + 0.025, ds) * cover(w.t, high * 0.45, high * 0.6, w.dt)
    wood = colour * (0.88 + 0.24 * noise(w.s * 50, w.t * 5) - 0.4 * np.minimum(line, 1.0))
    return mix(wood, BLACK, handle)


def drawers(w: Surface, size: Point, colour: Colour) -> Colour:
    """Drawers with knobs, two beside each other in a wide piece."""
    wide, high = size[0] / (2 if size[0] > 0.8 else 1), size[1] / max(int(size[1] / 0.22 + 0.5), 1)
    s, t, ds, dt = repeat(w.s, wide)[0], repeat(w.t, high)[0], np.minimum(w.ds, wide), np.minimum(w.dt, high)
    line = cover(t, 0, 0.015, dt) + cover(s, 0, 0.015, ds)
    knob = cover(s, wide * 0.5 - 0.05, wide * 0.5 + 0.05, ds) * cover(t, high * 0.5, high * 0.5 + 0.025, dt)
    wood = colour * (0.88 + 0.24 * noise(w.s * 6, w.t * 60) - 0.4 * np.minimum(line, 1.0))
    return mix(wood, BLACK, knob)


def spines(w: Surface, size: Point, colour: Colour) -> Colour:
    """A row of books of different height and colour."""
    i = np.floor(w.s / 0.045)
    hue = speckle(i + size[1] * 977, 0)
    tone = 0.35 + 0.8 * speckle(i, 7 + size[1] * 31)
    red, blue, buff, green = rgb(150, 50, 44), rgb(50, 74, 120), rgb(190, 180, 150), rgb(60, 84, 64)
    ink = np.where(hue < 0.5, np.where(hue < 0.3, red, blue), np.where(hue < 0.7, buff, green))
    title = cover(w.t, size[1] * 0.5, size[1] * 0.62, w.dt) * 0.5
    edge = cover(repeat(w.s, 0.045)[0], 0, 0.006, np.minimum(w.ds, 0.045))
    return mix(ink * tone, WHITE, title) * (1 - 0.5 * edge)


def book_tops(w: Surface, size: Point) -> Mask:
    """Which pixels of a row of books belong to one: each book has its own height."""
    return w.t < size[1] * (0.72 + 0.28 * speckle(np.floor(w.s / 0.045), 3))


def art(w: Surface, size: Point, colour: Colour) -> Colour:
    """A framed picture."""
    length, height = size
    inner = cover(w.s, 0.04, length - 0.04, w.ds) * cover(w.t, 0.04, height - 0.04, w.dt)
    sheet = cover(w.s, 0.1, length - 0.1, w.ds) * cover(w.t, 0.1, height - 0.1, w.dt)
    paint = noise(w.s * 30 + length * 999, w.t * 30 + height * 999)
    ochre, teal, red = rgb(190, 160, 110), rgb(96, 120, 130), rgb(150, 84, 70)
    image = np.where(paint > 0.6, ochre, np.where(paint > 0.35, teal, red)) * (0.6 + 0.6 * paint)
    return mix(mix(colour, WHITE, inner), image, sheet)


def screen(w: Surface, size: Point, colour: Colour) -> Colour:
    """A television or a monitor, switched on in one of two."""
    length, height = size
    lit = cover(w.s, 0.03, length - 0.03, w.ds) * cover(w.t, 0.03, height - 0.03, w.dt)
    on = speckle(np.floor(length * 977), np.floor(height * 977)) > 0.5
    scene = noise(w.s * 24 + length * 99, w.t * 24)
    image = rgb(70, 120, 170) * (0.5 + 1.2 * scene) if on else rgb(34, 36, 40) * (0.7 + w.t / height + 0.3 * scene)
    return mix(colour, image, lit)


def glass(w: Surface, size: Point, colour: Colour) -> Colour:
    """A mirror: it shows a dim room."""
    length, height = size
    inner = cover(w.s, 0.03, length - 0.03, w.ds) * cover(w.t, 0.03, height - 0.03, w.dt)
    shine = repeat(w.s + w.t * 0.6, 0.9)[0] < 0.25
    floor = w.t < height * (0.3 + 0.3 * noise(w.s * 6 + length * 99, 0))
    room = np.where(floor, rgb(120, 110, 100), rgb(176, 182, 186))
    return mix(colour, room * (1 + 0.18 * shine), inner)


def scribble(w: Surface, size: Point, colour: Colour) -> Colour:
    """Lines of writing on paper or a whiteboard."""
    length, height = size
    t, line = repeat(w.t, height / 9)
    words, end = noise(w.s * (70 / length), line * 9) > 0.4, length * (0.5 + 0.5 * speckle(line, 5))
    written = (t < height / 30) & words & (w.s < end)
    sheet = cover(w.s, length * 0.06, length * 0.94, w.ds) * cover(w.t, height * 0.08, height * 0.92, w.dt)
    return mix(colour * (0.9 + 0.1 * sheet), rgb(60, 70, 130), 0.35 * written * sheet)


def panels(w: Surface, size: Point, colour: Colour) -> Colour:
    """A door: two sunk panels and a handle."""
    length, height = size
    rim: Field | float = 0.0
    for inset, sign in ((0.0, 1), (0.025, -1)):
        wide = cover(w.s, length * 0.15 + height * inset, length * 0.85 - height * inset, w.ds)
        for low, high in ((0.12, 0.46), (0.54, 0.92)):
            rim = rim + sign * wide * cover(w.t, height * (low + inset), height * (high - inset), w.dt)
    handle = cover(w.s, length * 0.88, length * 0.95, w.ds) * cover(w.t, height * 0.48, height * 0.51, w.dt)
    return mix(colour * (0.92 + 0.14 * noise(w.s * 40, w.t * 4) - 0.2 * rim), STEEL * 0.8, handle)


def tape(w: Surface, size: Point, colour: Colour) -> Colour:
    """A cardboard box."""
    strip = cover(w.s, size[0] * 0.45, size[0] * 0.55, w.ds)
    return mix(colour, rgb(206, 190, 150), strip * 0.7) * (0.88 + 0.2 * noise(w.s * 30, w.t * 30))
