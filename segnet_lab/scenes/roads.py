"""Made-up road scenes with exact labels, in the spirit of CamVid: a camera in a car that drives through a town.

A scene is first *described*: the light, the street (its width, pavements, side roads), and a list of things, each
with a place in metres. Then it is *painted*: sky, ground, and every thing from far to near, so that what is nearer
covers what is behind it, in the picture and in the label map alike. One function here describes each kind of street
side; one function in `road_painters.py` paints each kind of thing.

Shapes are filled by the small numpy rasteriser of `painting.py`, which gives the same pixels on every machine.
"""

from segnet_lab._support.errors import InvalidInput
from segnet_lab.scenes import road_painters as paint
from segnet_lab.scenes.painting import Canvas, Dice, check_scene, mix, rgb

LIGHTING = ("day", "dusk", "mixed")


def scene(index, *, seed=0, size=(96, 128), clutter=0.5, lighting="mixed"):
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
    size = check_scene(index, seed, size, clutter)
    if lighting not in LIGHTING:
        raise InvalidInput(f"unknown lighting {lighting!r}; choose one of {', '.join(LIGHTING)}")
    dice = Dice(seed, index)
    camera, light, street, things = describe(dice, clutter, lighting)
    c = Canvas(size, paint.VOID, ambient=light.ambient, sun=light.sun, haze=light.haze, **camera)
    paint.sky(c, light)
    paint.ground(c, light, street, [thing for painter, thing in things if painter is paint.building])
    for painter, thing in sorted(things, key=_depth, reverse=True):
        painter(c, light, **thing)
    return c.develop(dice.key, grain=10.0 if light.dusk else 6.0), c.label


def _depth(painter_and_thing):
    """How far away a thing is: what runs along the street counts by its far end."""
    thing = painter_and_thing[1]
    return thing["z"] if "z" in thing else thing["end"][1]


# ---------------------------------------------------------------------------------------------------------------------
# The description: what is where. Things are thrown first and kept or not afterwards, so clutter moves none of them.


def describe(dice, clutter, lighting):
    """Camera, light, street and things `(painter, arguments)` of a scene."""
    camera = {"horizon": dice(0.44, 0.53), "middle": dice(0.38, 0.62), "focal": 1.2, "eye": 1.35}
    camera |= {"clear": dice(150, 700), "bend": dice(-1, 1) * dice(0, 0.003)}
    light = _light(dice, lighting)
    sides = [dice.pick((_shops, _shops, _shops, _houses, _houses, _houses, _park, _park, _open)) for _ in "LR"]
    street = _street(dice, clutter, sides)
    things, wheels = [], []

    def add(painter, **thing):
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


def _light(dice, lighting):
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


def _street(dice, clutter, sides):
    half = dice(3.2, 5.4)
    return paint.Street(
        clutter=clutter,
        middle=half * dice(0.3, 0.6),
        half=half,
        walks=(dice(1.4, 3.2), dice(1.6, 3.8)),
        yards=tuple({_park: paint.TREE, _open: paint.ROAD}.get(s, dice.pick((paint.TREE, paint.VOID))) for s in sides),
        side_roads=tuple((z, z + dice(6, 9)) if dice.chance(0.5) else (-99, -99) for z in (dice(12, 40), dice(12, 40))),
        zebra=dice(9, 30) if dice.chance(0.25) else -99,
        asphalt=dice(92, 126),
        dash=dice.pick((1.0, 2.0, 4.0)),
        yellow=dice.chance(0.5),
    )


def _shops(dice, add, street, side):
    """A terrace, most of it with shops at the foot."""
    _row(dice, add, street, side, setback=0, width=(6, 11), storeys=(2.7, 5.9), gap=0.08, shops=0.7)


def _houses(dice, add, street, side):
    """Houses in gardens."""
    setback = dice(2, 5)
    _row(dice, add, street, side, setback=setback, width=(7, 13), storeys=(2, 4.2), gap=0.3, shops=0)
    _border(dice, add, street, side, dice.pick((paint.hedge, paint.fence, paint.low_wall)))
    _trees(dice, add, street, side, share=0.5, setback=(0.8, setback), size=1.1)


def _park(dice, add, street, side):
    """Grass and tall trees behind railings."""
    _row(dice, add, street, side, setback=dice(25, 40), width=(14, 30), storeys=(2, 6), gap=0.4, shops=0)
    _border(dice, add, street, side, dice.pick((paint.fence, paint.fence, paint.hedge)))
    _trees(dice, add, street, side, share=0.9, setback=(1.5, 7), size=1.5)
    _trees(dice, add, street, side, share=0.7, setback=(9, 18), size=1.5)


def _open(dice, add, street, side):
    """A car park, low buildings behind."""
    _row(dice, add, street, side, setback=dice(16, 26), width=(14, 34), storeys=(1.5, 4), gap=0.2, shops=0.3)
    _trees(dice, add, street, side, share=0.5, setback=(1, 14), size=1.1)
    if dice.chance(0.6):
        _border(dice, add, street, side, dice.pick((paint.fence, paint.hedge)))
    for k in range(7):
        _car(dice, add, street.front(side) + side * 5, 12 + 3 * k, (dice.pick((-1, 1)), 0), street.clutter)


def _row(dice, add, street, side, *, setback, width, storeys, gap, shops):
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
        look = {"colour": dice.pick(paint.WALLS) * dice(0.75, 1.15), "trim": dice.pick(paint.TRIMS)}
        look["shop"] = dice.pick(paint.SHOPS) if dice.chance(shops) else None
        add(paint.building, salt=dice(0, 256) // 1, **where, **shape, **windows, **look)
        before = 0 if dice.chance(gap) else floors
        z += dice(2, 7) if before == 0 else 0.0


def _border(dice, add, street, side, painter):
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


def _trees(dice, add, street, side, *, share, setback, size):
    for z in (8, 13, 19, 27, 37, 50):
        rank, x, z, grown = dice(), street.front(side) + side * dice(*setback), z + dice(-3, 3), size * dice(0.75, 1.3)
        look = {"colour": dice.pick(paint.LEAVES) * dice(0.8, 1.2), "bare": dice.chance(0.3), "salt": dice(0, 256)}
        if rank < share:
            add(paint.tree, x=x, z=z, height=6.5 * grown, spread=2.5 * grown, **look)


def _traffic(dice, add, street):
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


def _car(dice, add, x, z, heading, share):
    rank, x, z = dice(), x + dice(-0.3, 0.3), max(z + dice(-1.5, 1.5), 5.5)
    kind = dice.pick(("hatchback", "hatchback", "hatchback", "saloon", "saloon", "estate", "estate", "van", "bus"))
    colour = dice.pick(paint.PAINTS) * dice(0.8, 1.1)
    if rank < share and not (kind == "bus" and (z < 14 or heading[1] == 0)):
        add(paint.car, x=x, z=z, heading=heading, kind=kind, colour=colour)


def _people(dice, add, street):
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


def _furniture(dice, add, street):
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
