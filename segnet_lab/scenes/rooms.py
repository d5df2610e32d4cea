"""Generated rooms with exact labels and the 37 classes of SUN RGB-D.

A room is a floor, three walls, a ceiling and a list of boxes. Its kind (bedroom, kitchen, ...) says which pieces of
furniture are tried along the walls and in the middle; `furniture.py` builds each piece out of boxes, `room_painters.py`
paints the boxes from far to near, in the picture and in the label map alike.

Shapes are filled by the small numpy rasteriser of `painting.py`, which gives the same pixels on every machine.
"""

from collections.abc import Callable, Iterable, Sequence

from segnet_lab.scenes import furniture as f
from segnet_lab.scenes import room_painters as p
from segnet_lab.scenes.furniture import Piece, Place
from segnet_lab.scenes.painting import Camera, Dice, Image, Point, check_scene, mix, rgb
from segnet_lab.scenes.room_painters import CLASS_NAMES, Box, Light, Pattern, Room, RoomCanvas

__all__ = ["CLASS_NAMES", "scene"]


Furnish = Callable[["Layout"], None]  # fills a room of its kind
Chance = tuple[Piece, float]  # a piece of furniture, and how often it is there

# Each as often as it is named
WALL_PATTERNS: tuple[Pattern, ...] = (p.plaster, p.plaster, p.wallpaper)
DROPPED: tuple[f.SmallThing, ...] = (f.bag, f.carton, f.clothes, f.books, f.paper)


def scene(index: int, *, seed: int = 0, size: Sequence[int] = (96, 128), clutter: float = 0.5) -> tuple[Image, Image]:
    """Room number `index` and its exact labels.

    Parameters
    ----------
    index, seed : int, 0 .. 2**32 - 1
        Each pair is another room; the same pair gives the same pixels on every machine.
    size : (H, W), 16 .. 2048
        The same room at any size.
    clutter : float, 0 .. 1
        How many small things lie about: 0 none, 1 a mess.

    Returns
    -------
    image : ndarray, uint8, (H, W, 3)
    label : ndarray, uint8, (H, W)
        0..36 in the order of `CLASS_NAMES` (Table 5 of the paper), 37 void.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> image, label = scene(0, size=(48, 64))
    >>> image.shape, label.shape
    ((48, 64, 3), (48, 64))
    >>> CLASS_NAMES[label[47, 32]]
    'Floor'
    """
    height, width = check_scene(index, seed, size, clutter)
    dice = Dice(seed, index)
    camera, turn, light, room, boxes = describe(dice, clutter)
    c = RoomCanvas((height, width), camera, turn, light)
    p.paint_shell(c, room)
    p.paint_shadows(c, boxes)
    for box in p.far_to_near(boxes, c.eye):
        p.paint_box(c, box)
    p.light_falls_off(c, light.toward[0])
    return c.develop(dice.key, grain=7.0), c.label


# ---------------------------------------------------------------------------------------------------------------------
# The description: what stands where


def describe(dice: Dice, clutter: float) -> tuple[Camera, Point, Light, Room, list[Box]]:
    """Camera, its turn (cosine, sine), light, room and boxes of a scene."""
    t = dice(-0.25, 0.25)  # tangent of half the angle, so that cosine and sine need nothing but + * /
    turn = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    camera = Camera(horizon=dice(0.12, 0.36), middle=0.5, focal=dice(0.95, 1.15), eye=dice(1.25, 1.65))
    warm, bright = dice(), dice(0.85, 1.25)
    ambient = mix(rgb(0.60, 0.62, 0.64), rgb(0.66, 0.58, 0.48), warm) * bright
    light = Light(ambient, rgb(0.46, 0.45, 0.42) * bright, (dice.pick((-0.9, 0.9)), dice.pick((-0.5, -0.2))))
    kinds: tuple[Furnish, ...] = (_bedroom, _living_room, _office, _kitchen, _bathroom, _meeting_room)
    furnish = dice.pick(kinds)
    room = _room(dice, furnish)
    layout = Layout(dice, clutter, room)
    furnish(layout)
    layout.finish()
    return camera, turn, light, room, layout.boxes


def _room(dice: Dice, furnish: Furnish) -> Room:
    small = furnish in (_bathroom, _kitchen)
    width, off = dice(2.4, 3.2) if small else dice(3.2, 4.8), dice(0.35, 0.65)
    deep, high = dice(2.3, 3.0) if small else dice(2.8, 4.2), dice(2.3, 2.7)
    paint = dice.pick((f.LINEN, rgb(196, 200, 204), rgb(206, 190, 160), rgb(170, 186, 180), rgb(190, 168, 156)))
    colour, pattern = paint * dice(0.85, 1.1), dice.pick(WALL_PATTERNS)
    floor = dice.pick(((dice.pick(f.WOODS), p.planks), (dice.pick(f.CLOTHS), p.weave), (f.LINEN, p.tiles)))
    if small:
        pattern = p.small_tiles if furnish is _bathroom and dice.chance(0.5) else p.plaster
        floor = (f.LINEN * dice(0.5, 0.9), p.tiles)
    return Room(-width * off, width * (1 - off), deep, high, (colour, pattern), floor)


class Wall:
    """A wall that fills up from one end: `take` gives the next free place that is wide enough."""

    def __init__(self, place: Place, length: float) -> None:
        self.place, self.length, self.used = place, length, 0.0

    def take(self, width: float, gap: float) -> Place | None:
        """The next free place of this width, after a gap; None if the wall is full."""
        start = self.used + gap
        if start + width > self.length:
            return None
        self.used = start + width
        return self.place.moved(start)


# Width of a piece: least and most, m
WIDTHS: dict[Piece, Point] = {
    f.bed: (1.0, 1.8),
    f.night_stand: (0.45, 0.55),
    f.dresser: (1.0, 1.5),
    f.wardrobe: (0.9, 1.6),
    f.low_cabinet: (0.5, 1.3),
    f.bookshelf: (0.8, 1.3),
    f.rack: (0.8, 1.3),
    f.desk_and_chair: (1.1, 1.7),
    f.sofa: (1.1, 2.3),
    f.tv_stand: (1.1, 1.6),
    f.kitchen_row: (1.6, 2.3),
    f.fridge: (0.6, 0.7),
    f.toilet: (0.6, 0.7),
    f.wash_stand: (0.7, 1.1),
    f.bathtub: (1.5, 1.7),
    f.boxes: (0.8, 0.9),
    f.radiator: (0.7, 1.2),
    f.coats: (0.7, 0.7),
    f.window: (0.8, 1.8),
    f.picture: (0.5, 1.0),
    f.mirror: (0.4, 0.7),
    f.whiteboard: (1.0, 2.2),
    f.wall_tv: (0.9, 1.4),
    f.door: (0.9, 0.9),
    f.towel: (0.5, 0.5),
    f.plant: (0.5, 0.5),
    f.floor_lamp: (0.45, 0.45),
    f.waste_bin: (0.35, 0.35),
}
# What may hang above a low piece
ABOVE: dict[Piece, tuple[Piece, ...]] = {
    f.bed: (f.picture, f.picture, f.window),
    f.dresser: (f.mirror, f.picture, f.wall_tv),
    f.low_cabinet: (f.picture, f.mirror, f.wall_tv, f.wall_shelf, f.whiteboard),
    f.desk_and_chair: (f.window, f.wall_shelf, f.whiteboard, f.picture),
    f.sofa: (f.picture, f.picture, f.window),
    f.radiator: (f.window,),
    f.toilet: (f.picture, f.wall_shelf, f.towel),
    f.bathtub: (f.towel, f.window),
    f.boxes: (f.picture, f.coats),
}


class Layout:
    """A room that is being furnished: its walls, its middle, and the boxes so far."""

    def __init__(self, dice: Dice, clutter: float, room: Room) -> None:
        self.dice, self.clutter = dice, clutter
        self.boxes: list[Box] = []
        self.width, self.deep, self.high = room.right - room.left, room.deep, room.high
        corner = room.deep - 0.9  # the rest of the side walls is behind what stands along the far wall
        self.back = Wall(f.Place(room.left, room.deep, (1, 0), (0, -1), self.boxes), self.width)
        self.sides = [
            Wall(f.Place(room.left, corner, (0, -1), (1, 0), self.boxes), corner - 0.5),
            Wall(f.Place(room.right, corner, (0, -1), (-1, 0), self.boxes), corner - 0.5),
        ]
        if dice.chance(0.5):
            self.sides.reverse()
        self.walls = [self.back, *self.sides]
        self.middle = f.Place(room.left, 0.0, (1, 0), (0, 1), self.boxes)

    def line(self, wall: Wall, pieces: Iterable[Chance], shuffle: bool = False) -> None:
        """Put pieces, each with its chance, along a wall one after the other, and hang something above low ones."""
        dice, queue = self.dice, list(pieces)
        while queue:
            piece, share = queue.pop(int(dice() * len(queue)) if shuffle else 0)
            there, width, gap = dice(), dice(*WIDTHS[piece]), dice(0.02, 0.25)
            place = wall.take(width, gap) if there < share else None
            if place is None:
                continue
            piece(place, dice, width, self.clutter)
            if piece in ABOVE and dice.chance(0.75):
                wide = min(width, dice(0.7, 1.5))
                dice.pick(ABOVE[piece])(place.moved((width - wide) * 0.5), dice, wide, self.clutter)

    def dining(self, s: float, d: float, w: float, deep: float) -> None:
        """A table with chairs along both sides; people stand where some are missing."""
        dice = self.dice
        f.table(self.middle, dice, s, d, w, deep, 0.75, self.clutter)
        colour, count = dice.pick((*f.CLOTHS, *f.WOODS)), max(int(w / 0.6), 1)
        for k in range(count):
            x = s + (k + 0.5) * w / count - 0.22
            for facing, far in ((1, d + deep + 0.05), (-1, d - 0.55)):
                if dice.chance(0.75):
                    f.chair(self.middle, dice, x, far + dice(-0.12, 0.12), facing, colour)
                elif dice() < self.clutter and facing > 0:
                    f.person(self.middle, dice, x, far + 0.1)

    def passer_by(self, d: float) -> None:
        """Perhaps someone who stands d metres into the room."""
        if self.dice() < self.clutter * 0.5:
            f.person(self.middle, self.dice, self.dice(0.8, self.width - 0.8), d)

    def finish(self) -> None:
        """Fill what is still free along the walls, drop things on the floor, hang up a lamp."""
        dice, clutter = self.dice, self.clutter
        spare: list[Chance] = [
            (f.low_cabinet, 0.6),
            (f.plant, 0.4),
            (f.boxes, clutter),
            (f.picture, 0.7),
            (f.radiator, 0.3),
        ]
        for wall in self.walls:
            self.line(wall, [*spare, (f.coats, clutter * 0.5)], shuffle=True)
        for _ in range(5):
            thing = dice.pick(DROPPED)
            s, d = dice(0.5, self.width - 0.8), dice(1.6, self.deep - 0.8)
            if dice() < clutter * 0.5:
                thing(self.middle, dice, s, d, 0)
        if dice.chance(0.6):
            f.ceiling_lamp(self.middle, dice, self.width * dice(0.35, 0.65), self.deep * dice(0.5, 0.8), self.high)


def _bedroom(room: Layout) -> None:
    dice = room.dice
    beside: Chance = (f.night_stand, 0.8)
    first, *others = room.walls if dice.chance(0.7) else (room.sides[0], room.back, room.sides[1])
    room.line(first, [beside, (f.bed, 1), beside, (f.wardrobe, 0.8), (f.boxes, room.clutter)])
    pieces: list[Chance] = [(f.dresser, 1), (f.wardrobe, 0.6), (f.door, 0.6), (f.window, 0.8), (f.mirror, 0.4)]
    for wall in others:
        room.line(wall, [*pieces, (f.coats, room.clutter), (f.desk_and_chair, 0.5)], shuffle=True)
    if dice.chance(0.5):
        f.rug(room.middle, dice, 0.4, room.deep * 0.3, dice(1.4, 2.2), dice(0.8, 1.4))


def _living_room(room: Layout) -> None:
    dice = room.dice
    pieces: list[Chance] = [
        (f.bookshelf, 0.8),
        (f.window, 0.7),
        (f.floor_lamp, 0.8),
        (f.plant, 0.5),
        (f.picture, 0.5),
        (f.door, 0.4),
    ]
    pieces += [(f.low_cabinet, 0.5), (f.radiator, 0.4)]
    for wall, first in zip(room.walls, ((f.sofa, 0.85), (f.tv_stand, 0.8), (f.sofa, 0.4)), strict=True):
        room.line(wall, [(f.floor_lamp, 0.3), first])
        room.line(wall, pieces, shuffle=True)
    if dice.chance(0.75):
        s, d, w = dice(0.8, 1.4), room.deep - dice(1.9, 2.2), dice(0.8, 1.2)
        f.rug(room.middle, dice, s - 0.3, d - 0.2, w + 0.6, 1.0)
        f.table(room.middle, dice, s, d, w, 0.6, 0.45, room.clutter)


def _office(room: Layout) -> None:
    pieces: list[Chance] = [
        (f.desk_and_chair, 0.8),
        (f.desk_and_chair, 0.8),
        (f.bookshelf, 0.7),
        (f.rack, 0.6),
        (f.low_cabinet, 0.8),
    ]
    pieces += [(f.whiteboard, 0.5), (f.window, 0.5), (f.door, 0.4), (f.waste_bin, 0.5), (f.boxes, room.clutter)]
    for wall in room.walls:
        room.line(wall, pieces, shuffle=True)
    room.passer_by(room.deep * 0.55)


def _kitchen(room: Layout) -> None:
    dice = room.dice
    row: list[Chance] = [(f.kitchen_row, 1), (f.fridge, 0.9)]
    room.line(room.back, row if dice.chance(0.5) else row[::-1])
    for wall in room.sides:
        room.line(wall, [(f.door, 0.6), (f.window, 0.7), (f.rack, 0.6), (f.low_cabinet, 0.8)], shuffle=True)
    if dice.chance(0.5):
        room.dining(dice(0.7, 1.1), room.deep - dice(2.0, 2.2), dice(0.7, 1.1), 0.6)
    elif dice.chance(0.7):
        f.rug(room.middle, dice, 0.5, room.deep - 1.5, dice(0.8, 1.3), 0.6)
    room.passer_by(room.deep - 1.1)


def _bathroom(room: Layout) -> None:
    dice = room.dice
    pieces: list[Chance] = [(f.wash_stand, 1), (f.towel, 0.8), (f.window, 0.4)]
    room.line(room.back, [(f.bathtub, 0.6)])
    room.line(room.back, [(f.toilet, 1), *pieces], shuffle=True)
    for wall in room.sides:
        room.line(wall, [*pieces, (f.waste_bin, 0.6), (f.door, 0.5), (f.low_cabinet, 0.5)], shuffle=True)
    if dice.chance(0.7):
        f.rug(room.middle, dice, dice(0.4, 1.0), room.deep - 1.6, 0.8, 0.5)


def _meeting_room(room: Layout) -> None:
    dice = room.dice
    pieces: list[Chance] = [(f.whiteboard, 0.8), (f.wall_tv, 0.6), (f.door, 0.6), (f.window, 0.7), (f.low_cabinet, 0.5)]
    for wall in room.walls:
        room.line(wall, [*pieces, (f.radiator, 0.4), (f.plant, 0.5)], shuffle=True)
    room.dining(0.7, room.deep * dice(0.4, 0.5), min(dice(1.6, 2.6), room.width - 1.4), dice(0.8, 1.1))
