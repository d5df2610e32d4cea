"""Pieces of furniture, each a handful of boxes in its own coordinates.

A piece stands at a `Place`: s runs along the wall, d out of the wall into the room, y up. `place.box(s, d, y, ...)`
adds a box over those three ranges. Classes go by their names in SUN RGB-D; "void" is what it does not label.
"""

from collections.abc import Callable
from typing import NamedTuple

from segnet_lab.scenes import room_painters as p
from segnet_lab.scenes.painting import Colour, Dice, Point, mix, rgb
from segnet_lab.scenes.room_painters import BLACK, STEEL, WHITE, Box, Pattern

Range = tuple[float, float]  # from, to, in metres

WOODS = (
    *(rgb(150, 108, 70), rgb(110, 72, 46), rgb(186, 152, 108)),
    *(rgb(84, 60, 46), rgb(206, 182, 146), rgb(222, 216, 206)),
)
CLOTHS = (
    *(rgb(120, 50, 50), rgb(60, 74, 110), rgb(150, 140, 124), rgb(86, 96, 76), rgb(70, 66, 70), rgb(176, 150, 110)),
    *(rgb(196, 190, 180), rgb(130, 96, 110), rgb(64, 100, 110), rgb(40, 40, 46)),
)
SKINS = (rgb(216, 172, 146), rgb(170, 122, 94), rgb(112, 78, 60))
CARDBOARD, LINEN = rgb(172, 136, 96), rgb(214, 208, 196)


class Place(NamedTuple):
    """Where a piece stands: its corner at the wall, which way s and d run, and the list that its boxes are added to."""

    a: float
    b: float
    along: tuple[int, int]
    out: tuple[int, int]
    boxes: list[Box]

    def at(self, s: float, d: float) -> Point:
        """The a and b of a point."""
        return self.a + s * self.along[0] + d * self.out[0], self.b + s * self.along[1] + d * self.out[1]

    def moved(self, s: float) -> "Place":
        """The place s metres further along."""
        a, b = self.at(s, 0)
        return self._replace(a=a, b=b)

    def box(
        self,
        s: Range,
        d: Range,
        y: Range,
        label: str,
        colour: Colour,
        pattern: Pattern | None = None,
        faces: str | None = None,
        shape: str = "box",
    ) -> None:
        """Add a box over the ranges s, d and y. `faces`: "front" (along the wall), "top", or all if not given."""
        (a0, b0), (a1, b1) = self.at(s[0], d[0]), self.at(s[1], d[1])
        front = "b" if self.out[0] == 0 else "a"
        names = {None: "aby", "front": front, "top": "y"}[faces]
        low, high = (min(a0, a1), min(b0, b1), y[0]), (max(a0, a1), max(b0, b1), y[1])
        self.boxes.append(Box(low, high, label, colour, pattern, names, shape))

    def legs(
        self, s: Range, d: Range, high: float, label: str, colour: Colour, thick: float = 0.04, inset: float = 0.02
    ) -> None:
        """Four legs at the corners of s and d."""
        for s0 in (s[0] + inset, s[1] - inset - thick):
            for d0 in (d[0] + inset, d[1] - inset - thick):
                self.box((s0, s0 + thick), (d0, d0 + thick), (0, high), label, colour)


# ---------------------------------------------------------------------------------------------------------------------
# Small things, on top of something

SmallThing = Callable[[Place, Dice, float, float, float], None]  # at (s, d), on a surface at height y
Piece = Callable[[Place, Dice, float, float], None]  # its width in metres, and how much clutter is on it


def books(place: Place, dice: Dice, s: float, d: float, y: float) -> None:
    """A pile."""
    for _ in range(int(dice(1, 4))):
        place.box((s, s + dice(0.16, 0.24)), (d, d + dice(0.14, 0.2)), (y, y + 0.04), "Books", dice.pick(CLOTHS))
        y += 0.04


def paper(place: Place, dice: Dice, s: float, d: float, y: float) -> None:
    """A sheet."""
    place.box((s, s + 0.21), (d, d + 0.3), (y, y + 0.006), "Paper", WHITE, p.scribble, "top")


def carton(place: Place, dice: Dice, s: float, d: float, y: float) -> None:
    """A cardboard box."""
    w, h = dice(0.25, 0.5), dice(0.2, 0.4)
    place.box((s, s + w), (d, d + w * 0.8), (y, y + h), "Box", CARDBOARD * dice(0.8, 1.15), p.tape)


def bag(place: Place, dice: Dice, s: float, d: float, y: float) -> None:
    """A bag with a handle."""
    w, colour = dice(0.28, 0.42), dice.pick(CLOTHS)
    place.box((s, s + w), (d, d + 0.2), (y, y + w), "Bag", colour, shape="cloth")
    place.box((s + w * 0.45, s + w * 0.55), (d + 0.08, d + 0.11), (y + w, y + w + 0.12), "Bag", colour * 0.7)


def clothes(place: Place, dice: Dice, s: float, d: float, y: float) -> None:
    """A heap."""
    w = dice(0.35, 0.6)
    place.box((s, s + w), (d, d + 0.4), (y, y + dice(0.12, 0.25)), "Clothes", dice.pick(CLOTHS), shape="cloth")


def table_lamp(place: Place, dice: Dice, s: float, d: float, y: float) -> None:
    """A foot and a shade."""
    place.box((s + 0.1, s + 0.14), (d + 0.1, d + 0.14), (y, y + 0.26), "Lamp", STEEL * 0.6)
    place.box((s, s + 0.24), (d, d + 0.24), (y + 0.22, y + 0.44), "Lamp", rgb(250, 232, 190) * 1.2, shape="oval")


def monitor(place: Place, dice: Dice, s: float, d: float, y: float) -> None:
    """SUN RGB-D's 37 classes have no computer: void."""
    place.box((s + 0.22, s + 0.28), (d + 0.06, d + 0.1), (y, y + 0.12), "void", BLACK)
    place.box((s, s + 0.5), (d + 0.02, d + 0.06), (y + 0.1, y + 0.42), "void", BLACK, p.screen, "front")


# Each as often as it is named
SMALL: tuple[SmallThing, ...] = (books, paper, carton, bag)
ON_A_BED: tuple[SmallThing, ...] = (clothes, bag, books)
ON_A_DRESSER: tuple[SmallThing, ...] = (table_lamp, books, clothes, bag)
ON_A_TABLE: tuple[SmallThing, ...] = (*SMALL, paper)
BLANKETS: tuple[Pattern, ...] = (p.stripes, p.checks, p.weave, p.weave)
RUGS: tuple[Pattern, ...] = (p.stripes, p.checks, p.weave)


# ---------------------------------------------------------------------------------------------------------------------
# Pieces that stand on the floor, w metres wide


def bed(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """Headboard, mattress, blanket, one pillow or two, and clutter."""
    wood, blanket = dice.pick(WOODS), dice.pick(CLOTHS)
    pattern, linen = dice.pick(BLANKETS), mix(blanket, WHITE, dice(0.5, 1.0))
    place.box((0, w), (0, 0.07), (0, dice(0.8, 1.15)), "Bed", wood, p.grain)
    place.box((0, w), (0.07, 2.0), (0.08, 0.3), "Bed", wood * 0.9)
    place.box((0, w), (0.07, 0.75), (0.3, 0.52), "Bed", linen, p.weave)
    place.box((-0.02, w + 0.02), (0.75, 2.02), (0.26, 0.54), "Bed", blanket, pattern)
    for k in range(1 if w < 1.2 else 2):
        s, wide = w * (0.06 if w < 1.2 else 0.04 + 0.5 * k), w * (0.85 if w < 1.2 else 0.42)
        place.box((s, s + wide), (0.12, 0.5), (0.5, 0.68), "Pillow", mix(linen, WHITE, 0.5), shape="oval")
    if dice() < clutter:
        dice.pick(ON_A_BED)(place, dice, w * 0.3, dice(1.0, 1.5), 0.54)


def night_stand(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A small chest, with a lamp or books."""
    place.box((0, w), (0.02, 0.42), (0, 0.55), "Night stand", dice.pick(WOODS), p.drawers, "front")
    if dice.chance(0.7):
        table_lamp(place, dice, w * 0.5 - 0.12, 0.08, 0.55)
    elif dice() < clutter:
        books(place, dice, w * 0.3, 0.12, 0.55)


def dresser(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A chest of drawers, with things on it."""
    high = dice(0.75, 1.05)
    place.box((0, w), (0.02, 0.48), (0, high), "Dresser", dice.pick(WOODS), p.drawers, "front")
    for s in (0.1, w * 0.6):
        if dice() < clutter:
            dice.pick(ON_A_DRESSER)(place, dice, s, 0.12, high)


def wardrobe(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A cabinet as high as a door."""
    place.box((0, w), (0.02, 0.6), (0, dice(1.8, 2.15)), "Cabinet", dice.pick(WOODS), p.doors, "front")


def low_cabinet(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A cabinet as high as a table or a little higher, with things on it."""
    high = dice(0.7, 1.0)
    place.box((0, w), (0.02, 0.45), (0, high), "Cabinet", dice.pick((*WOODS, STEEL)), p.doors, "front")
    for s in (0.1, w * 0.55):
        if dice() < clutter:
            dice.pick(SMALL)(place, dice, s, 0.1, high)


def bookshelf(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """Back, sides and boards; on the boards rows of books and other things."""
    wood, deep, boards, label = dice.pick(WOODS), 0.3, 5, "Bookshelf"
    step = dice(0.34, 0.4)
    place.box((0, w), (0.0, 0.02), (0, boards * step), label, wood * 0.7)
    for s in (0, w - 0.03):
        place.box((s, s + 0.03), (0.02, deep), (0, boards * step), label, wood)
    for k in range(boards + 1):
        place.box((0.03, w - 0.03), (0.02, deep), (k * step, k * step + 0.03), label, wood)
        if k < boards:
            _shelf_load(place, dice, 0.05, w - 0.08, (0.06, deep - 0.04), k * step + 0.03, step - 0.07, clutter)


def _shelf_load(
    place: Place, dice: Dice, start: float, end: float, d: Range, y: float, high: float, clutter: float
) -> None:
    """Books in most of a shelf, a box in the rest."""
    filled = start + (end - start) * dice(0.25, 1.0)
    kind = dice()
    if kind < 0.2 + 0.6 * clutter:
        place.box((start, filled), d, (y, y + high * dice(0.75, 1.0)), "Books", WHITE, p.spines, "front")
    if end - filled > 0.25 and dice() < clutter:
        colour = dice.pick((CARDBOARD, *CLOTHS))
        place.box((filled + 0.05, filled + 0.22), d, (y, y + high * 0.7), "Box", colour, p.tape)


def rack(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """Open shelves on thin posts, with boxes and bags."""
    metal, high = dice.pick((STEEL, BLACK, WHITE)), dice(1.5, 1.9)
    place.legs((0, w), (0.02, 0.42), high, "Shelves", metal, 0.03, 0.0)
    for k in range(4):
        y = 0.1 + k * (high - 0.14) / 3
        place.box((0, w), (0.02, 0.42), (y, y + 0.03), "Shelves", metal)
        s = 0.04
        while s < w - 0.35 and k < 3:
            kind, wide, colour = dice(), dice(0.2, 0.34), dice.pick((CARDBOARD, CARDBOARD, *CLOTHS))
            if kind < clutter * 1.6:
                label = "Box" if kind < clutter else "Bag"
                pattern = p.tape if label == "Box" else p.weave
                place.box((s, s + wide), (0.06, 0.36), (y + 0.03, y + dice(0.2, 0.36)), label, colour, pattern)
            s += wide + dice(0.02, 0.15)


def desk(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A table top on legs or drawers, with a monitor and clutter."""
    wood = dice.pick(WOODS)
    place.box((0, w), (0.02, 0.7), (0.71, 0.75), "Desk", wood, p.grain, "top")
    if dice.chance(0.5):
        place.legs((0, w), (0.02, 0.7), 0.71, "Desk", dice.pick((STEEL, BLACK, wood)))
    else:
        place.box((0, 0.4), (0.05, 0.66), (0, 0.71), "Desk", wood, p.drawers, "front")
        place.box((w - 0.04, w), (0.05, 0.66), (0, 0.71), "Desk", wood * 0.9)
    if dice.chance(0.7):
        monitor(place, dice, w * 0.35, 0.08, 0.75)
    for s, thing in ((0.05, table_lamp), (w * 0.15, books), (w * 0.4, paper), (w - 0.28, paper), (w - 0.3, books)):
        if dice() < clutter * 0.9:
            thing(place, dice, s, dice(0.1, 0.36), 0.75)


def chair(place: Place, dice: Dice, s: float, d: float, facing: int, colour: Colour) -> None:
    """A chair at (s, d) that looks back to the wall (facing 1) or away from it (-1)."""
    wide, high = 0.44, dice(0.8, 0.95)
    metal = dice.pick((STEEL, BLACK, colour * 0.7))
    back = (d + wide - 0.04, d + wide) if facing > 0 else (d, d + 0.04)
    place.legs((s, s + wide), (d, d + wide), 0.43, "Chair", metal, 0.03)
    place.box((s, s + wide), (d, d + wide), (0.43, 0.48), "Chair", colour, p.weave, "top")
    place.box((s, s + wide), back, (0.55, high), "Chair", colour, p.weave)
    for post in (s, s + wide - 0.03):
        place.box((post, post + 0.03), back, (0.48, 0.55), "Chair", metal)


def desk_and_chair(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A desk, and a chair before it."""
    desk(place, dice, w, clutter)
    chair(place, dice, w * dice(0.4, 0.6), dice(0.72, 0.9), 1, dice.pick(CLOTHS))


def sofa(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """One to three seats with pillows, perhaps with someone on it."""
    cloth, arm = dice.pick(CLOTHS), dice(0.14, 0.24)
    place.box((0, w), (0.02, 0.25), (0.06, dice(0.7, 0.88)), "Sofa", cloth, p.weave)
    place.box((arm, w - arm), (0.25, 0.88), (0.06, 0.3), "Sofa", cloth * 0.85)
    seats = 1 if w < 1.2 else 2 if w < 1.9 else 3
    for k in range(seats):
        step = (w - 2 * arm) / seats
        s = arm + k * step
        place.box((s + 0.01, s + step - 0.01), (0.25, 0.9), (0.3, 0.44), "Sofa", cloth, p.weave)
    for s in (0, w - arm):
        place.box((s, s + arm), (0.02, 0.88), (0.06, 0.6), "Sofa", cloth, p.weave)
    for s in (arm + 0.02, w - arm - 0.42):
        if dice() < clutter * 1.3:
            place.box((s, s + 0.4), (0.28, 0.48), (0.44, 0.78), "Pillow", dice.pick(CLOTHS), shape="oval")
    if dice() < clutter * 0.5:
        person(place, dice, w * 0.45, 0.3, seat=0.44)


def table(place: Place, dice: Dice, s: float, d: float, w: float, deep: float, high: float, clutter: float) -> None:
    """A top on four legs, w x deep metres, with things on it."""
    wood, top = dice.pick(WOODS), high - 0.04
    place.box((s, s + w), (d, d + deep), (top, high), "Table", wood, p.grain, "top")
    place.legs((s, s + w), (d, d + deep), top, "Table", wood * 0.9, 0.05)
    for k in range(4):
        if dice() < clutter:
            thing, out = dice.pick(ON_A_TABLE), dice(0.05, deep - 0.4)
            thing(place, dice, s + w * (0.08 + 0.22 * k), d + out, high)


def tv_stand(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A low cabinet with a television."""
    low, wide = dice(0.4, 0.6), dice(0.8, min(w, 1.3))
    place.box((0, w), (0.02, 0.45), (0, low), "Cabinet", dice.pick(WOODS), p.doors, "front")
    s = (w - wide) * 0.5
    place.box((s, s + wide), (0.14, 0.2), (low + 0.06, low + 0.06 + wide * 0.58), "TV", BLACK, p.screen, "front")
    place.box((s + wide * 0.4, s + wide * 0.6), (0.12, 0.24), (low, low + 0.06), "TV", BLACK)


def floor_lamp(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A pole with a shade."""
    place.box((0.08, 0.32), (0.1, 0.34), (0, 0.03), "Lamp", BLACK, shape="oval")
    place.box((0.19, 0.21), (0.21, 0.23), (0.03, 1.4), "Lamp", BLACK)
    place.box((0, 0.4), (0.02, 0.42), (1.35, 1.7), "Lamp", rgb(250, 232, 190) * 1.2, shape="oval")


def kitchen_row(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """Cupboards under a counter with a sink and a stove, cupboards above, tiles between."""
    front, slab = dice.pick(WOODS), dice.pick((rgb(70, 66, 64), rgb(186, 180, 170), rgb(120, 100, 84)))
    stove, sink = (w * 0.62, w * 0.62 + 0.6), (w * 0.15, w * 0.15 + 0.55)
    place.box((0, stove[0]), (0.02, 0.6), (0, 0.86), "Cabinet", front, p.doors, "front")
    place.box((0, stove[0]), (0.02, 0.64), (0.86, 0.9), "Counter", slab)
    place.box(stove, (0.02, 0.62), (0, 0.9), "void", dice.pick((WHITE, STEEL, BLACK)), p.panels, "front")
    if w - stove[1] > 0.2:
        place.box((stove[1], w), (0.02, 0.6), (0, 0.86), "Cabinet", front, p.doors, "front")
        place.box((stove[1], w), (0.02, 0.64), (0.86, 0.9), "Counter", slab)
    place.box(sink, (0.14, 0.54), (0.9, 0.91), "Sink", STEEL, shape="oval")
    place.box((sink[0] + 0.26, sink[0] + 0.29), (0.1, 0.13), (0.91, 1.12), "Sink", STEEL)
    place.box((0, w), (0.0, 0.36), (1.45, 2.1), "Cabinet", front, p.doors, "front")
    for s, thing in ((0.02, carton), (sink[1] + 0.05, bag), (sink[1] + 0.3, paper), (stove[1] + 0.05, books)):
        if dice() < clutter and s < w - 0.3:
            thing(place, dice, s, dice(0.05, 0.2), 0.9)
    if dice() < clutter:
        place.box((stove[0] - 0.3, stove[0] - 0.02), (0.61, 0.65), (0.35, 0.8), "Towel", dice.pick(CLOTHS), p.stripes)


def fridge(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A fridge with a freezer below."""
    place.box((0, w), (0.02, 0.66), (0.03, 0.6), "Fridge", dice.pick((WHITE, WHITE, STEEL)) * 0.96, p.panels, "front")
    place.box((0, w), (0.02, 0.66), (0.62, dice(1.5, 1.8)), "Fridge", WHITE * 0.94, p.doors, "front")


def toilet(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """Tank, foot and bowl, perhaps with a roll of paper."""
    s = w * 0.5
    place.box((s - 0.22, s + 0.22), (0.02, 0.2), (0.38, 0.8), "Toilet", WHITE)
    place.box((s - 0.12, s + 0.12), (0.1, 0.5), (0, 0.34), "Toilet", WHITE * 0.9)
    place.box((s - 0.2, s + 0.2), (0.2, 0.68), (0.3, 0.42), "Toilet", WHITE, shape="oval")
    if dice() < clutter:
        place.box((s - 0.1, s + 0.05), (0.05, 0.16), (0.8, 0.9), "Paper", WHITE, shape="oval")


def wash_stand(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A sink on a cabinet or a foot, below a mirror."""
    high = 0.84
    if dice.chance(0.6):
        place.box((0, w), (0.02, 0.5), (0, high - 0.05), "Cabinet", dice.pick(WOODS), p.doors, "front")
        place.box((0, w), (0.02, 0.53), (high - 0.05, high), "Counter", dice.pick((WHITE, rgb(186, 180, 170))))
    else:
        place.box((w * 0.4, w * 0.6), (0.05, 0.25), (0, high - 0.1), "Sink", WHITE * 0.92)
        place.box((w * 0.15, w * 0.85), (0.02, 0.48), (high - 0.14, high), "Sink", WHITE)
    place.box((w * 0.22, w * 0.78), (0.1, 0.46), (high, high + 0.01), "Sink", WHITE * 0.85, shape="oval")
    place.box((w * 0.5, w * 0.5 + 0.03), (0.06, 0.09), (high, high + 0.18), "Sink", STEEL)
    place.box((w * 0.1, w * 0.9), (0.0, 0.03), (1.15, 1.95), "Mirror", STEEL, p.glass, "front")
    if dice() < clutter:
        place.box((w - 0.25, w - 0.05), (0.1, 0.3), (high + 0.01, high + 0.12), "Towel", dice.pick(CLOTHS), p.stripes)


def bathtub(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A bathtub, perhaps with a curtain."""
    place.box((0, w), (0.0, 0.78), (0, 0.5), "Bathtub", WHITE)
    place.box((0.08, w - 0.08), (0.08, 0.7), (0.5, 0.51), "Bathtub", WHITE * 0.82, shape="oval")
    place.box((0.1, 0.13), (0.38, 0.41), (0.51, 0.65), "Bathtub", STEEL)
    if dice.chance(0.7):
        start = 0 if dice.chance(0.5) else w * 0.55
        cloth = mix(dice.pick(CLOTHS), WHITE, 0.5)
        place.box((start, start + w * 0.45), (0.79, 0.84), (0.3, 2.0), "Shower curtain", cloth, p.folds)


def radiator(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """SUN RGB-D's 37 classes have no radiator: void."""
    place.box((0, w), (0.02, 0.12), (0.12, 0.7), "void", WHITE * 0.95, p.folds, "front")


def plant(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """SUN RGB-D's 37 classes have no plant: void."""
    place.box((0.1, 0.35), (0.1, 0.35), (0, 0.3), "void", rgb(150, 90, 60))
    place.box((0, 0.45), (0.02, 0.45), (0.3, dice(0.9, 1.4)), "void", rgb(70, 104, 54), shape="cloth")


def waste_bin(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """SUN RGB-D's 37 classes have no bin: void."""
    place.box((0.05, 0.3), (0.05, 0.3), (0, 0.35), "void", dice.pick((BLACK, STEEL)))


def boxes(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A carton, perhaps with a bag beside it."""
    carton(place, dice, 0.02, 0.05, 0)
    if dice.chance(0.5):
        bag(place, dice, w * 0.55, 0.1, 0)


def person(place: Place, dice: Dice, s: float, d: float, seat: float = 0.0) -> None:
    """Standing, or sitting at a height; looks along d."""
    coat, trousers, skin, hair = dice.pick(CLOTHS), dice.pick(CLOTHS), dice.pick(SKINS), dice.pick((BLACK, *WOODS))
    hip = 0.86 if seat == 0 else seat + 0.1
    for k in (0, 0.18):
        if seat:
            place.box((s + k, s + k + 0.15), (d + 0.1, d + 0.55), (seat, hip), "Person", trousers)
            place.box((s + k, s + k + 0.14), (d + 0.55, d + 0.68), (0.0, hip), "Person", trousers * 0.9)
        else:
            place.box((s + k, s + k + 0.15), (d + 0.05, d + 0.22), (0.0, hip), "Person", trousers)
    place.box((s - 0.03, s + 0.36), (d, d + 0.24), (hip, hip + 0.58), "Person", coat, p.weave)
    for k in (-0.12, 0.37):
        place.box((s + k, s + k + 0.09), (d + 0.06, d + 0.2), (hip + 0.02, hip + 0.55), "Person", coat * 0.85)
    place.box((s + 0.07, s + 0.26), (d + 0.02, d + 0.22), (hip + 0.6, hip + 0.86), "Person", skin, shape="oval")
    place.box((s + 0.06, s + 0.27), (d, d + 0.2), (hip + 0.74, hip + 0.88), "Person", hair, shape="oval")


# ---------------------------------------------------------------------------------------------------------------------
# Things that hang on a wall, w metres wide


def window(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """With blinds, curtains or nothing before it."""
    low, high, dress = dice(0.8, 1.1), dice(1.9, 2.15), dice()
    place.box((0, w), (0, 0.03), (low, high), "Window", WHITE * 0.9, p.panes, "front")
    if dress < 0.35:
        drop = low + (high - low) * dice(0.0, 0.5)
        place.box((0, w), (0.04, 0.07), (drop, high + 0.05), "Blinds", mix(WHITE, CARDBOARD, dice(0, 0.5)), p.slats)
    elif dress < 0.8:
        cloth, foot, wide = dice.pick(CLOTHS), dice.pick((0.1, low - 0.15)), w * dice(0.18, 0.34)
        for s in (-0.15, w + 0.15 - wide):
            place.box((s, s + wide), (0.05, 0.13), (foot, high + 0.12), "Curtain", cloth * 1.1, p.folds)
        place.box((-0.2, w + 0.2), (0.08, 0.1), (high + 0.12, high + 0.15), "Curtain", BLACK)


def picture(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A framed picture."""
    wide, low, frame = w * dice(0.5, 1.0), dice(1.35, 1.5), dice.pick((*WOODS, BLACK))
    place.box((0, wide), (0, 0.03), (low, low + wide * dice(0.6, 1.1)), "Picture", frame, p.art, "front")


def mirror(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A mirror at eye level."""
    place.box((0, w), (0, 0.03), (1.1, 1.9), "Mirror", dice.pick((*WOODS, STEEL)), p.glass, "front")


def whiteboard(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A whiteboard with writing."""
    place.box((0, w), (0, 0.03), (0.9, 2.0), "Whiteboard", WHITE * 1.02, p.scribble, "front")


def wall_tv(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A television on the wall."""
    place.box((0, w), (0.02, 0.08), (1.1, 1.1 + w * 0.57), "TV", BLACK, p.screen, "front")


def door(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A closed door in its frame, perhaps with clothes on it."""
    place.box((0, 0.06), (0, 0.05), (0, 2.05), "Door", WHITE * 0.85)
    place.box((0.84, 0.9), (0, 0.05), (0, 2.05), "Door", WHITE * 0.85)
    place.box((0.06, 0.84), (0, 0.03), (0, 2.0), "Door", dice.pick(WOODS), p.panels, "front")
    if dice() < clutter * 0.4:
        place.box((0.2, 0.6), (0.03, 0.12), (1.0, 1.75), "Clothes", dice.pick(CLOTHS), shape="cloth")


def wall_shelf(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """One or two boards with things on them."""
    y = dice(1.3, 1.5)
    for k in range(int(dice(1, 3))):
        place.box((0, w), (0, 0.22), (y + 0.35 * k, y + 0.35 * k + 0.03), "Shelves", dice.pick(WOODS))
        _shelf_load(place, dice, 0.03, w - 0.05, (0.03, 0.2), y + 0.35 * k + 0.03, 0.24, clutter)


def towel(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """A towel on a rail, which is void."""
    place.box((0, 0.5), (0.06, 0.08), (1.28, 1.3), "void", STEEL)
    place.box((0.05, dice(0.3, 0.45)), (0.04, 0.1), (dice(0.6, 0.9), 1.3), "Towel", dice.pick(CLOTHS), p.stripes)


def coats(place: Place, dice: Dice, w: float, clutter: float) -> None:
    """Two coats on hooks."""
    for k in range(2):
        place.box((0.35 * k, 0.35 * k + 0.3), (0.02, 0.14), (0.85, 1.65), "Clothes", dice.pick(CLOTHS), shape="cloth")


# ---------------------------------------------------------------------------------------------------------------------
# Things in the middle


def rug(place: Place, dice: Dice, s: float, d: float, w: float, deep: float) -> None:
    """A rug of w x deep metres."""
    pattern = dice.pick(RUGS)
    place.box((s, s + w), (d, d + deep), (0, 0.012), "Floor mat", dice.pick(CLOTHS), pattern, "top")


def ceiling_lamp(place: Place, dice: Dice, s: float, d: float, high: float) -> None:
    """A lamp that hangs, or one under the ceiling."""
    if dice.chance(0.5):
        drop = dice(0.3, 0.6)
        place.box((s, s + 0.02), (d, d + 0.02), (high - drop, high), "Lamp", BLACK)
        shade = (high - drop - 0.2, high - drop)
        place.box((s - 0.18, s + 0.2), (d - 0.18, d + 0.2), shade, "Lamp", WHITE * 1.2, shape="oval")
    else:
        place.box((s - 0.3, s + 0.3), (d - 0.6, d + 0.6), (high - 0.05, high), "Lamp", WHITE * 1.25)
