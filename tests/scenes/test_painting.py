"""The paintbox of the made-up scenes, against hand-worked arithmetic and brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet_lab.scenes.painting import (
    Camera,
    Canvas,
    Dice,
    _noise_tile,
    cover,
    noise,
    random_bits,
    repeat,
    rgb,
    smooth_noise,
)

GREY, DARK = rgb(100, 100, 100), rgb(0, 0, 0)


def canvas(size=(100, 200), **options):
    """Horizon in the middle, focal length 100 pixels, eye 2 m above the ground, white light, clear air."""
    camera = Camera(horizon=0.5, middle=0.5, focal=100 / size[0], eye=2.0)._replace(**options)
    return Canvas(size, 9, camera, ambient=rgb(1, 1, 1), sun=rgb(1, 1, 1), haze=rgb(200, 200, 200))


# ---- chance


def test_random_bits_are_splitmix64():
    # the first outputs of the published generator started at 0, whose state grows by the same constant each step
    assert [hex(int(x)) for x in random_bits(1, 3)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_dice_depend_on_every_part_of_the_key_and_on_its_order():
    throws = [tuple(Dice(*key)() for _ in range(3)) for key in ((0, 0), (0, 1), (1, 0), (1, 1), (2**32 - 1, 0))]
    assert len(set(throws)) == 5


def test_dice_fill_their_range_evenly():
    dice = Dice(5)
    throws = np.array([dice(2, 4) for _ in range(5000)])
    assert throws.min() >= 2
    assert throws.max() < 4
    share = np.histogram(throws, bins=10, range=(2, 4))[0] / 5000
    assert np.abs(share - 0.1).max() < 0.02  # 4.7 standard deviations of sqrt(0.1 * 0.9 / 5000) = 0.0042
    assert {dice.pick("abc") for _ in range(50)} == set("abc")


def test_noise_takes_every_value_once_and_repeats_without_a_seam():
    tile = _noise_tile().reshape(256, 256)
    assert sorted(tile.ravel() * 256 * 256) == list(range(256 * 256))
    assert noise(np.array([3.0, 259.0, -253.0]), 7.5).tolist() == [tile[7, 3]] * 3
    inner = np.abs(np.diff(tile, axis=1)).mean()
    assert np.abs(tile[:, 0] - tile[:, -1]).mean() < 1.5 * inner


def test_smooth_noise_meets_noise_at_whole_numbers_and_halves_between():
    here, there = noise(np.array(4.0), np.array(6.0)), noise(np.array(5.0), np.array(6.0))
    assert smooth_noise(np.array(4.0), np.array(6.0)) == here
    assert smooth_noise(np.array(4.5), np.array(6.0)) == pytest.approx((here + there) / 2, rel=1e-12)


# ---- measures


def test_cover_conserves_the_area_of_a_line():
    # a line 0.3 wide between pixels of width 1: whatever its place, the shares add up to 0.3
    pixels = np.arange(10) + 0.5
    for low in (3.0, 3.1, 3.85, 4.2):
        assert cover(pixels, low, low + 0.3, 1.0).sum() == pytest.approx(0.3, rel=1e-12)


def test_repeat_wraps_below_zero():
    place, number = repeat(np.array([-0.5, 0.5, 2.5]), 2.0)
    assert place.tolist() == [1.5, 0.5, 0.5]
    assert number.tolist() == [-1, 0, 1]


# ---- camera


def test_projection_by_hand():
    c = canvas()
    # 5 m ahead a metre is 100 / 5 = 20 pixels; the eye is at row 50, the ground 2 m below it at row 90
    assert c.project(1.0, 0.0, 5.0) == (120.0, 90.0)
    assert c.project(0.0, 2.0, 5.0) == (100.0, 50.0)
    # twice as far: half as low, half as far to the side
    assert c.project(1.0, 0.0, 10.0) == (110.0, 70.0)
    # a bend of 0.01 moves what is 10 m ahead by one metre = 10 pixels
    assert canvas(bend=0.01).project(1.0, 0.0, 10.0) == (120.0, 70.0)


@pytest.mark.parametrize("bend", [0.0, 0.004])
def test_ground_and_wall_know_where_their_pixels_are(bend):
    c = canvas(bend=bend)
    g = c.ground()
    rows, columns = np.mgrid[g.block]
    column, row = c.project(g.s, 0.0, g.z)
    np.testing.assert_allclose(row, rows[:, :1] + 0.5, rtol=1e-9)
    np.testing.assert_allclose(column, columns + 0.5, rtol=1e-6)
    assert g.block[0] == slice(50, 100)  # all rows whose centre lies below the horizon

    w = c.wall((-3, 4), (-3, 12), 0.5, 3.0)
    rows, columns = np.mgrid[w.block]
    if bend == 0:
        np.testing.assert_allclose(c.project(-3.0, w.t, w.z)[0], columns[:1] + 0.5, rtol=1e-9)
        np.testing.assert_allclose(w.s, w.z - 4, atol=1e-9)
    np.testing.assert_allclose(c.project(-3.0, w.t, w.z)[1], rows + 0.5, rtol=1e-9)
    assert w.inside.any()
    assert ((w.t >= 0.5) & (w.t <= 3.0))[w.inside].all()


def test_a_wall_in_front_fills_its_rectangle():
    c = canvas()
    w = c.wall((-1, 5), (2, 5), 0, 1)
    c.put(w.block, w.inside, GREY, 3)
    # 5 m ahead: columns 100 - 20 .. 100 + 40, rows 90 - 20 .. 90
    expected = np.full((100, 200), 9)
    expected[70:90, 80:140] = 3
    assert (c.label == expected).all()
    assert (c.image[0] == np.where(expected == 3, 100, 0)).all()


def test_a_wall_that_runs_past_the_camera_is_cut_not_mirrored():
    c = canvas()
    w = c.wall((-2, -20), (-2, 8), 0, 3)
    assert w.block[1] == slice(0, 75)  # from the left edge to 100 - 2 * 100 / 8
    assert w.z.min() >= c.near
    assert c.wall((-2, -20), (-2, -8), 0, 3) is None
    assert c.wall((-2, 5), (-2, 5), 0, 3) is None


# ---- shapes

corner = st.tuples(st.floats(-20, 60, width=16), st.floats(-20, 60, width=16))


@given(st.lists(corner, min_size=3, max_size=3))
def test_a_triangle_holds_the_pixels_whose_centres_lie_in_it(points):
    c = canvas((40, 40))
    c.polygon(points, GREY, 1)
    y, x = np.mgrid[:40, :40] + 0.5
    turns = []
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        turns.append((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0))
    margin = 1e-6  # centres on an edge may fall to either side
    sure = np.logical_or(np.all([t > margin for t in turns], 0), np.all([t < -margin for t in turns], 0))
    never = np.any([t > margin for t in turns], 0) & np.any([t < -margin for t in turns], 0)
    assert (c.label[sure] == 1).all()
    assert (c.label[never] == 9).all()


def test_neighbouring_polygons_leave_no_gap_and_share_no_pixel():
    c = canvas((40, 40))
    count = np.zeros((40, 40), int)
    a, b, d, e, middle = (3, 2), (37, 5), (35, 38), (2, 33), (17.3, 21.1)
    for one, two in ((a, b), (b, d), (d, e), (e, a)):
        c.label[:] = 9
        c.polygon([middle, one, two], GREY, 1)
        count += c.label == 1
    c.label[:] = 9
    c.polygon([a, b, d, e], GREY, 1)
    assert (count == (c.label == 1)).all()


def test_a_stroke_is_never_thinner_than_a_pixel():
    c = canvas((40, 40))
    c.stroke((10.3, 5.0), (10.3, 25.0), 0.1, GREY, 1)
    assert ((c.label == 1).sum(axis=1)[5:25] == 1).all()
    assert (c.label == 1).sum() == 20
    c.stroke((20.0, 30.0), (30.0, 30.0), 4.0, GREY, 2)  # level: 10 x 4 pixels
    assert (c.label == 2).sum() == 40


def test_ellipse_and_ring_have_about_the_area_of_theirs():
    c = canvas((80, 80))
    c.ellipse((40, 40), 30, 20, GREY, 1)
    assert (c.label == 1).sum() == pytest.approx(np.pi * 30 * 20, rel=0.01)
    c.ring((40, 40), 30, 3, GREY, 2)
    assert (c.label == 2).sum() == pytest.approx(np.pi * (30**2 - 27**2), rel=0.02)
    c.ellipse((5.5, 5.5), 0.01, 0.01, GREY, 3)
    assert (c.label == 3).sum() == 1


@pytest.mark.parametrize("shape", ["box", "polygon", "ellipse", "ring", "darken", "glow"])
def test_what_lies_outside_the_picture_paints_nothing(shape):
    c = canvas((40, 40))
    {
        "box": lambda: c.box(-9, -9, -1, -1, GREY, 1),
        "polygon": lambda: c.polygon([(50, 50), (60, 50), (60, 60)], GREY, 1),
        "ellipse": lambda: c.ellipse((-20, 10), 5, 5, GREY, 1),
        "ring": lambda: c.ring((-20, 10), 5, 1, GREY, 1),
        "darken": lambda: c.darken((-20, 10), 5, 5, 0.5),
        "glow": lambda: c.glow((-20, 10), 2, GREY),
    }[shape]()
    assert (c.label == 9).all()
    assert (c.image == 0).all()


def test_shadow_and_glow_leave_the_labels():
    c = canvas((40, 40))
    c.box(0, 0, 40, 40, GREY, 1)
    c.darken((10, 20), 5, 5, 0.5)
    assert c.image[0, 19:21, 9:11].max() == 50  # half the light in the middle
    c.glow((30, 20), 2, GREY)
    assert c.image[0, 20, 30] > 150
    assert (c.label == 1).all()


# ---- light


def test_light_and_haze():
    c = canvas(clear=100.0)
    assert c.lit(GREY, 0.5).ravel().tolist() == [150] * 3  # 100 * (1 + 0.5)
    assert c.lit(GREY, 0.0, 100.0).ravel().tolist() == [150] * 3  # half of it air: (100 + 200) / 2


def test_development_keeps_the_mean_and_adds_the_noise_asked_for():
    c = canvas((200, 200))
    c.box(0, 0, 200, 200, GREY, 1)
    clean, noisy = c.develop(3, 0.0), c.develop(3, 6.0)
    assert clean.dtype == np.uint8
    assert clean.shape == (200, 200, 3)
    middle = noisy[90:110, 90:110].astype(float)
    # two uniform 4-bit numbers, variance (16**2 - 1) / 12 each, scaled by 6 / 15
    assert middle.std() == pytest.approx(np.sqrt(2 * 255 / 12) * 6 / 15, rel=0.05)
    assert middle.mean() == pytest.approx(clean[90:110, 90:110].mean(), abs=0.5)
    assert clean[0, 0, 0] == 90  # 100 * (1 - 0.2 * (1/2**2 + 1/2**2)), the corner
