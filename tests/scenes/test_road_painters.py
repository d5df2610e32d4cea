"""One painter at a time, on a road seen from 1.35 m with a focal length of 120 pixels."""

import numpy as np
import pytest

from segnet_lab.scenes import road_painters as paint
from segnet_lab.scenes.painting import Camera, Canvas, Dice, rgb
from segnet_lab.scenes.roads import describe


def road_canvas():
    white = rgb(1, 1, 1)
    light = paint.Light(False, white, white * 0, (0, -1), 1.0, rgb(200, 200, 250), rgb(220, 220, 220), 0.5)
    camera = Camera(horizon=0.5, middle=0.5, focal=1.2, eye=1.35, clear=500.0)
    return Canvas((100, 140), paint.VOID, camera, ambient=white, sun=white * 0, haze=light.haze), light


def rows_and_columns(mask):
    return [(int(i.min()), int(i.max())) for i in np.nonzero(mask)]


def test_twice_as_far_is_half_as_high():
    for z in (8, 16):
        c, light = road_canvas()
        paint.bollard(c, light, x=0, z=z, height=1.0, colour=rgb(30, 30, 30))
        # 8 m ahead a metre is 15 pixels: rows 50 + 15 * 0.35 .. 50 + 15 * 1.35, columns 70 -+ 1.05
        expected = {8: [(55, 69), (69, 70)], 16: [(53, 59), (69, 70)]}[z]
        assert rows_and_columns(c.label == paint.POLE) == expected


def test_a_far_pole_is_one_pixel_wide():
    c, light = road_canvas()
    paint.bollard(c, light, x=0.3, z=40, height=1.0, colour=rgb(30, 30, 30))  # 0.14 m are 0.42 pixels there
    pole = c.label == paint.POLE
    assert pole.sum() == 3  # a metre is 3 pixels
    assert (pole.sum(1) <= 1).all()


def test_railings_can_be_seen_through_near_by_and_not_far_away():
    for z, low, high in ((3.0, 0.2, 0.8), (60.0, 0.99, 1.0)):
        c, light = road_canvas()
        x = -0.2 * z
        look = {"height": 1.2, "style": "rails", "colour": rgb(40, 40, 40)}
        paint.fence(c, light, start=(x, z), end=(x + 0.5 * z, z), side=-1, **look)
        rows, columns = rows_and_columns(c.label == paint.FENCE)
        filled = (c.label == paint.FENCE)[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1].mean()
        assert low < filled <= high


def test_a_sign_stands_on_a_pole():
    for kind in ("disc", "triangle", "board", "banner", "lights"):
        c, light = road_canvas()
        paint.sign(c, light, x=0, z=6, kind=kind, height=2.3, colour=rgb(180, 20, 20), iron=rgb(40, 40, 40))
        (sign_rows, _), (pole_rows, pole_columns) = (rows_and_columns(c.label == k) for k in (paint.SIGN, paint.POLE))
        assert sign_rows[0] < pole_rows[1]
        assert pole_rows[1] == 76  # the ground 6 m ahead: 50 + 20 * 1.35 = 77
        assert pole_columns[1] - pole_columns[0] <= 2


@pytest.mark.parametrize("kind", paint.CARS)
@pytest.mark.parametrize("heading", [(0, 1), (0, -1), (1, 0), (-1, 0)])
def test_a_car_is_as_large_as_its_measures(kind, heading):
    c, light = road_canvas()
    length, width, _, roof, *_ = paint.CARS[kind]
    z = 14.0
    paint.car(c, light, x=0, z=z, heading=heading, kind=kind, colour=rgb(90, 90, 90))
    rows, columns = rows_and_columns(c.label == paint.CAR)
    across = length if heading[0] else width
    assert columns[1] - columns[0] + 1 == pytest.approx(across * 120 / z, abs=2)
    assert rows[1] - rows[0] + 1 == pytest.approx(roof * 120 / z, abs=3)
    assert len(np.unique(c.label)) == 2  # one class, on what was there


def test_people_are_as_tall_as_they_are():
    look = {"height": 1.8, "stride": 0.1, "coat": rgb(9, 9, 9), "legs": rgb(9, 9, 9), "skin": rgb(200, 170, 140)}
    for painter, label in ((paint.pedestrian, paint.PEDESTRIAN), (paint.cyclist, paint.BICYCLIST)):
        for across in (False, True):
            c, light = road_canvas()
            painter(c, light, x=0, z=8, across=across, **look)
            rows, _ = rows_and_columns(c.label == label)
            assert rows[1] - rows[0] + 1 == pytest.approx(1.8 * 120 / 8, abs=2)


def test_all_markings_are_road():
    c, light = road_canvas()
    street = describe(Dice(0, 0), 0.5, "day")[2]._replace(
        middle=0.0, half=4.0, walks=(2.0, 2.0), zebra=8.0, side_roads=((-99, -99), (-99, -99)), yards=(paint.TREE,) * 2
    )
    paint.ground(c, light, street, [])
    g = c.ground()
    labels = np.select([np.abs(g.s) < 4, np.abs(g.s) < 6], [paint.ROAD, paint.PAVEMENT], paint.TREE)
    assert (c.label[g.block] == labels).all()
    lane = c.image[0, g.block[0]][:, 60:80]
    assert lane.max() > 1.3 * np.median(lane)  # something white is painted there


def test_the_sides_of_a_street_by_hand():
    street = describe(Dice(0, 0), 0.5, "day")[2]._replace(middle=1.0, half=4.0, walks=(2.0, 3.0))
    assert (street.kerb(-1), street.kerb(1)) == (-3.0, 5.0)
    assert (street.front(-1), street.front(1)) == (-5.0, 8.0)


def test_the_sky_ends_at_the_horizon():
    c, light = road_canvas()
    paint.sky(c, light)
    rows, columns = rows_and_columns(c.label == paint.SKY)
    assert (rows, columns) == ((0, 50), (0, 139))  # and the row in which it lies
    assert c.image[:, :50].min() > 150


@pytest.mark.parametrize(
    ("painter", "label", "look"),
    [
        (paint.hedge, paint.TREE, {}),
        (paint.low_wall, paint.BUILDING, {}),
        (paint.fence, paint.FENCE, {"style": "boards"}),
        (paint.fence, paint.FENCE, {"style": "mesh"}),
    ],
)
def test_a_border_stands_on_the_ground_and_has_one_class(painter, label, look):
    c, light = road_canvas()
    painter(c, light, start=(2.0, 6.0), end=(2.0, 12.0), side=1, height=1.0, colour=rgb(90, 90, 90), **look)
    assert set(np.unique(c.label)) == {label, paint.VOID}
    rows, columns = rows_and_columns(c.label == label)
    # x = 2 is seen from column 70 + 120 * 2 / 12 = 90 to 70 + 120 * 2 / 6 = 110, its foot down to row 50 + 20 * 1.35
    assert columns[0] == pytest.approx(90, abs=1)
    assert columns[1] == pytest.approx(109, abs=1)
    assert rows[1] == pytest.approx(76, abs=1)


def test_what_camvid_leaves_out_is_void():
    c, light = road_canvas()
    c.label[:] = paint.ROAD
    paint.litter_bin(c, light, x=0, z=6, colour=rgb(90, 20, 20))
    assert set(np.unique(c.label)) == {paint.ROAD, paint.VOID}
    c.label[:] = paint.ROAD
    paint.bonnet(c, light, z=0, height=0.1, lean=0.0, colour=rgb(90, 20, 20))
    rows, columns = rows_and_columns(c.label == paint.VOID)
    assert (rows[1], columns) == (99, (0, 139))
    assert rows[0] == 90  # a tenth of 100 rows


def test_lamps_glow_at_dusk_only():
    for dusk in (False, True):
        c, light = road_canvas()
        paint.lamp_post(c, light._replace(dusk=dusk), x=0, z=8, side=-1, height=6.0, colour=rgb(40, 40, 40))
        assert (c.image[:, c.label == paint.VOID].max() > 0) == dusk  # light beside the lamp
        assert set(np.unique(c.label)) == {paint.POLE, paint.VOID}
