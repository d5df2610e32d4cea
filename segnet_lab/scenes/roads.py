"""Generated road scenes with exact labels, in the spirit of CamVid: a camera in a car that drives through a town.

A scene is first *described*: the light, the street (its width, pavements, side roads), and a list of things, each
with a place in metres. Then it is *painted*: sky, ground, and every thing from far to near, so that what is nearer
covers what is behind it, in the picture and in the label map alike. One function here describes each kind of street
side; one function in `road_painters.py` paints each kind of thing.

Shapes are filled by the small numpy rasteriser of `painting.py`, which gives the same pixels on every machine.
"""

from collections.abc import Callable, Sequence
from typing import Any

from segnet_lab._support.errors import InvalidInput
from segnet_lab.scenes import road_painters as paint
from segnet_lab.scenes.painting import Camera, Canvas, Dice, Image, Point, check_scene, mix, rgb

LIGHTING = ("day", "dusk", "mixed")

Painter = Callable[..., None]  # of `road_painters`: gets the canvas, the light and the thing
Thing = dict[str, Any]  # the other arguments of its painter
Add = Callable[..., None]  # puts a thing into the scene: its painter, and the arguments of that by name
Side = Callable[[Dice, Add, paint.Street, int], None]  # describes the left (-1) or the right (1) side of a street

# What may stand along the back of the pavement, each as often as it is named
GARDEN_BORDERS: tuple[Painter, ...] = (paint.hedge, paint.fence, paint.low_wall)
PARK_BORDERS: tuple[Painter, ...] = (paint.fence, paint.fence, paint.hedge)
OPEN_BORDERS: tuple[Painter, ...] = (paint.fence, paint.hedge)


def scene(
    index: int, *, seed: int = 0, size: Sequence[int] = (96, 128), clutter: float = 0.5, lighting: str = "mixed"
) -> tuple[Image, Image]:
    """Road scene number `index` and its exact labels.

    Parameters
    ----------
    index, seed : int, 0 .. 2**32 - 1
        Each pair is another scene; the same pair gives the same pixels on every machine.
    size : (H, W), 16 .. 2048
        The same scene at any size; a wider picture sees more of its sides.
    clutter : float, 0 .. 1
        Share of the cars, people, poles and signs that are there: 0 none, 0.5 about as many as in CamVid.
    lighting : {"mixed", "day", "dusk"}
        "mixed" has dusk in three scenes of ten.

    Returns
    -------
    image : ndarray, uint8, (H, W, 3)
    label : ndarray, uint8, (H, W)
        0..10 in CamVid's order (Sky, Building, Pole, Road, Pavement, Tree, SignSymbol, Fence, Car, Pedestrian,
        Bicyclist), 11 void.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> image, label = scene(3, size=(48, 64))
    >>> image.shape, label.shape
    ((48, 64, 3), (48, 64))
    >>> bool(label[0, 32] == paint.SKY), bool(label[40, 32] == paint.ROAD)
    (True, True)
    """
    height, width = check_scene(index, seed, size, clutter)
    if lighting not in LIGHTING:
        raise InvalidInput(f"unknown lighting {lighting!r}; choose one of {', '.join(LIGHTING)}")
    dice = Dice(seed, index)
    camera, light, street, things = describe(dice, clutter, lighting)
    c = Canvas((height, width), paint.VOID, camera, ambient=light.ambient, sun=light.sun, haze=light.haze)
    paint.sky(c, light)
    paint.ground(c, light, street, [thing for painter, thing in things if painter is paint.building])
    for painter, thing in sorted(things, key=_depth, reverse=True):
        painter(c, light, **thing)
    return c.develop(dice.key, grain=10.0 if light.dusk else 6.0), c.label


def _depth(painter_and_thing: tuple[Painter, Thing]) -> float:
    """How far away a thing is: what runs along the street counts by its far end."""
    thing = painter_and_thing[1]
    return thing["z"] if "z" in thing else thing["end"][1]


# ---------------------------------------------------------------------------------------------------------------------
# The description: what is where. Things are placed at random first and kept or not afterwards: clutter moves none.


def describe(
    dice: Dice, clutter: float, lighting: str
) -> tuple[Camera, paint.Light, paint.Street, list[tuple[Painter, Thing]]]:
    """Camera, light, street and things `(painter, arguments)` of a scene."""
    camera = Camera(
        horizon=dice(0.44, 0.53),
        middle=dice(0.38, 0.62),
        focal=1.2,
        eye=1.35,
        clear=dice(150, 700),
        bend=dice(-1, 1) * dice(0, 0.003),
    )
    light = _light(dice, lighting)
    kinds: tuple[Side, ...] = (_shops, _shops, _shops, _houses, _houses, _houses, _park, _park, _open)
    sides = [dice.pick(kinds) for _ in "LR"]
    street = _street(dice, clutter, sides)
    things: list[tuple[Painter, Thing]] = []
    wheels: list[Point] = []

    def add(painter: Painter, **thing: Any) -> None:
        if painter in (paint.car, paint.cyclist):  # never two in one place
            x, z = thing["x"], thing["z"]
            if any(abs(x - a) < 1.4 and abs(z - b) < 5 for a, b in wheels):
                return
            wheels.append((x, z))
        things.append((painter, thing))

    for _ in range(4):
        shape = {"width": dice(15, 45), "height": dice(4, 12), "leafy": dice.chance(0.5)}
        add(paint.skyline, x=dice(-60, 40), z=dice(120, 150), **shape)
    for side, describe_side in zip((-1, 1), sides, strict=True):
        describe_side(dice, add, street, side)
    _traffic(dice, add, street)
    _people(dice, add, street)
    _furniture(dice, add, street)
    if dice.chance(0.75):
        add(paint.bonnet, z=0, height=dice(0.03, 0.1), lean=dice(-0.3, 0.3), colour=dice.pick(paint.PAINTS))
    return camera, light, street, things


def _light(dice: Dice, lighting: str) -> paint.Light:
    dusk = dice() < {"day": 0.0, "dusk": 1.0, "mixed": 0.3}[lighting]
    across, bright, cloudy, tint, slope = dice(-1, 1), dice(0.75, 1.2), dice(), dice(), dice(0.4, 1.5)
    toward = (across, 0.7 if dice.chance(0.3) else -0.7)  # ahead, or behind the camera
    if dusk:  # from a red to a grey evening
        haze, zenith = mix(rgb(226, 150, 98), rgb(176, 176, 186), tint), mix(rgb(58, 72, 112), rgb(96, 104, 122), tint)
        low_sun, ambient = mix(rgb(0.42, 0.24, 0.10), rgb(0.10, 0.10, 0.10), tint), rgb(0.29, 0.30, 0.35) * bright
        return paint.Light(True, ambient, low_sun, toward, 2.5, zenith, haze * bright, cloudy)
    sun = rgb(1.05, 0.94, 0.76) * ((1.2 - cloudy) * bright)
    ambient = mix(rgb(0.38, 0.42, 0.49), rgb(0.68, 0.69, 0.70), cloudy) * bright
    zenith = mix(rgb(142, 190, 246), rgb(226, 232, 238), cloudy)
    return paint.Light(False, ambient, sun, toward, slope, zenith, rgb(246, 249, 250), cloudy)


def _street(dice: Dice, clutter: float, sides: list[Side]) -> paint.Street:
    def yard(describe_side: Side) -> int:
        usual = dice.pick((paint.TREE, paint.VOID))
        known: dict[Side, int] = {_park: paint.TREE, _open: paint.ROAD}
        return known.get(describe_side, usual)

    def side_road(z: float) -> Point:
        return (z, z + dice(6, 9)) if dice.chance(0.5) else (-99, -99)

    half = dice(3.2, 5.4)
    middle, walks = half * dice(0.3, 0.6), (dice(1.4, 3.2), dice(1.6, 3.8))
    yards = yard(sides[0]), yard(sides[1])
    left, right = dice(12, 40), dice(12, 40)
    return paint.Street(
        clutter=clutter,
        middle=middle,
        half=half,
        walks=walks,
        yards=yards,
        side_roads=(side_road(left), side_road(right)),
        zebra=dice(9, 30) if dice.chance(0.25) else -99,
        asphalt=dice(92, 126),
        dash=dice.pick((1.0, 2.0, 4.0)),
        yellow=dice.chance(0.5),
    )


def _shops(dice: Dice, add: Add, street: paint.Street, side: int) -> None:
    """A terrace, most of it with shops at the foot."""
    _row(dice, add, street, side, setback=0, width=(6, 11), storeys=(2.7, 5.9), gap=0.08, shops=0.7)


def _houses(dice: Dice, add: Add, street: paint.Street, side: int) -> None:
    """Houses in gardens."""
    setback = dice(2, 5)
    _row(dice, add, street, side, setback=setback, width=(7, 13), storeys=(2, 4.2), gap=0.3, shops=0)
    _border(dice, add, street, side, dice.pick(GARDEN_BORDERS))
    _trees(dice, add, street, side, share=0.5, setback=(0.8, setback), size=1.1)


def _park(dice: Dice, add: Add, street: paint.Street, side: int) -> None:
    """Grass and tall trees behind railings."""
    _row(dice, add, street, side, setback=dice(25, 40), width=(14, 30), storeys=(2, 6), gap=0.4, shops=0)
    _border(dice, add, street, side, dice.pick(PARK_BORDERS))
    _trees(dice, add, street, side, share=0.9, setback=(1.5, 7), size=1.5)
    _trees(dice, add, street, side, share=0.7, setback=(9, 18), size=1.5)


def _open(dice: Dice, add: Add, street: paint.Street, side: int) -> None:
    """A car park, low buildings behind."""
    _row(dice, add, street, side, setback=dice(16, 26), width=(14, 34), storeys=(1.5, 4), gap=0.2, shops=0.3)
    _trees(dice, add, street, side, share=0.5, setback=(1, 14), size=1.1)
    if dice.chance(0.6):
        _border(dice, add, street, side, dice.pick(OPEN_BORDERS))
    for k in range(7):
        _car(dice, add, street.front(side) + side * 5, 12 + 3 * k, (dice.pick((-1, 1)), 0), street.clutter)


def _row(
    dice: Dice,
    add: Add,
    street: paint.Street,
    side: int,
    *,
    setback: float,
    width: Point,
    storeys: Point,
    gap: float,
    shops: float,
) -> None:
    """Buildings along one side, from beside the camera to the far end."""
    x, z, before = street.front(side) + side * setback, dice(-6, 2), 0
    low, high = street.side_roads[side > 0]
    while z < 100:
        near, z = z, z + dice(*width) + max(z, 0) * 0.4
        if near < high and z > low > 0:  # leave the side road free
            near, z, before = (near, low, before) if low - near > 4 else (high, high + dice(*width), 0)
        floors, where = int(dice(*storeys)), {"start": (x, near), "end": (x, z), "side": side}
        shape = {"storeys": floors, "roof": dice.pick(("flat", "pitched", "gable")), "bare_end": floors > before}
        windows = {"bay": dice(1.7, 3.2), "glazed": dice(0.35, 0.6) if dice.chance(0.8) else 0.85}
        look: Thing = {"colour": dice.pick(paint.WALLS) * dice(0.75, 1.15), "trim": dice.pick(paint.TRIMS)}
        look["shop"] = dice.pick(paint.SHOPS) if dice.chance(shops) else None
        add(paint.building, salt=dice(0, 256) // 1, **where, **shape, **windows, **look)
        before = 0 if dice.chance(gap) else floors
        z += dice(2, 7) if before == 0 else 0.0


def _border(dice: Dice, add: Add, street: paint.Street, side: int, painter: Painter) -> None:
    """Hedge, wall or fence along the back of the pavement, in short lengths."""
    x, height = street.front(side) + side * 0.2, dice(0.9, 1.9)
    low, high = street.side_roads[side > 0]
    colour = dice.pick({paint.fence: paint.RAILS, paint.hedge: paint.LEAVES[:3], paint.low_wall: paint.WALLS}[painter])
    style = {"style": dice.pick(("rails", "boards", "mesh"))} if painter is paint.fence else {}
    z, end = dice(-2, 4), dice(40, 90)
    while z < end:
        near, z = z, z + 4 + max(z, 0) * 0.25
        if not (near < high and z > low):
            add(painter, start=(x, near), end=(x, z), side=side, height=height, colour=colour, **style)


def _trees(dice: Dice, add: Add, street: paint.Street, side: int, *, share: float, setback: Point, size: float) -> None:
    for z in (8.0, 13.0, 19.0, 27.0, 37.0, 50.0):
        rank, x, z, grown = dice(), street.front(side) + side * dice(*setback), z + dice(-3, 3), size * dice(0.75, 1.3)
        look = {"colour": dice.pick(paint.LEAVES) * dice(0.8, 1.2), "bare": dice.chance(0.3), "salt": dice(0, 256)}
        if rank < share:
            add(paint.tree, x=x, z=z, height=6.5 * grown, spread=2.5 * grown, **look)


def _traffic(dice: Dice, add: Add, street: paint.Street) -> None:
    for z in (11, 18, 28, 44):
        _car(dice, add, street.middle - street.half * 0.5, z, (0, 1), street.clutter * 0.8)
        _car(dice, add, street.middle + street.half * 0.5, z + 1, (0, -1), street.clutter * 0.8)
    for side in (-1, 1):
        facing, gap, parked = (0, dice.pick((-1, 1))), dice(5.5, 14), dice(0, 1.6)
        for k in range(5):
            _car(dice, add, street.kerb(side) - side * 1.0, 7 + gap * k, facing, street.clutter * parked)
        crossing = street.side_roads[side > 0][0] + 3
        if crossing > 0:
            _car(dice, add, street.kerb(side) + side * 3, crossing, (-side, 0), street.clutter * 0.8)


def _car(dice: Dice, add: Add, x: float, z: float, heading: tuple[int, int], share: float) -> None:
    rank, x, z = dice(), x + dice(-0.3, 0.3), max(z + dice(-1.5, 1.5), 5.5)
    kind = dice.pick(("hatchback", "hatchback", "hatchback", "saloon", "saloon", "estate", "estate", "van", "bus"))
    colour = dice.pick(paint.PAINTS) * dice(0.8, 1.1)
    if rank < share and not (kind == "bus" and (z < 14 or heading[1] == 0)):
        add(paint.car, x=x, z=z, heading=heading, kind=kind, colour=colour)


def _people(dice: Dice, add: Add, street: paint.Street) -> None:
    for painter, count, share, far in ((paint.pedestrian, 8, 0.9, 32), (paint.cyclist, 3, 0.9, 20)):
        for _ in range(count):
            rank, side, z, across = dice(), dice.pick((-1, 1)), dice(5, far), dice.chance(0.3)
            off = dice(0.3, street.walks[side > 0]) if painter is paint.pedestrian else dice(-2.7, -0.6)
            shape = {"height": dice(1.55, 1.88), "stride": dice(-0.16, 0.16), "skin": dice.pick(paint.SKINS)}
            clothes = {
                "coat": dice.pick(paint.COATS) * dice(0.7, 1.2),
                "legs": dice.pick(paint.COATS[:5]) * dice(0.7, 1.1),
            }
            if rank < street.clutter * share:
                add(painter, x=street.kerb(side) + side * off, z=z, across=across, **shape, **clothes)


def _furniture(dice: Dice, add: Add, street: paint.Street) -> None:
    """Lamp posts, signs, traffic lights, bollards and bins along the kerbs."""
    for side in (-1, 1):
        start, gap, height, iron = dice(5, 16), dice(16, 26), dice(5.5, 8.5), dice.pick(paint.POSTS)
        x = street.kerb(side) + side * 0.5
        for k in range(3):
            if dice() < street.clutter * 0.9:
                add(paint.lamp_post, x=x, z=start + gap * k, side=side, height=height, colour=iron)
    for _ in range(15):
        rank, side, z, off, tall = dice(), dice.pick((-1, 1)), dice(5, 40), dice(0.3, 0.8), dice()
        kind = dice.pick(("disc", "triangle", "board", "banner", "lights", "bollard", "bin"))
        colour, iron = dice.pick(paint.SIGNS), dice.pick(paint.POSTS)
        x = street.kerb(side) + side * off
        if rank > street.clutter:
            continue
        if kind == "bollard":
            add(paint.bollard, x=x, z=z, height=0.8 + 0.3 * tall, colour=iron)
        elif kind == "bin":
            add(paint.litter_bin, x=x, z=z, colour=dice.pick(paint.BINS))
        else:
            add(paint.sign, x=x, z=z, kind=kind, height=2.3 + tall, colour=colour, iron=iron)
