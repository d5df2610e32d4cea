"""Road scenes: the same pixels everywhere, exact labels, CamVid's shares."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.scenes import road_painters as paint
from segnet_lab.scenes.painting import Canvas, Dice
from segnet_lab.scenes.roads import LIGHTING, _depth, describe, scene

# Pixels of each class in the 367 training labels of CamVid (360 x 480, the authors' 11 classes and void = 11), counted
# with np.bincount over all of them, and the number of those images in which the class has a pixel.
CAMVID = {
    "Sky": (10_682_767, 366),
    "Building": (14_750_079, 365),
    "Pole": (623_349, 366),
    "Road": (20_076_880, 367),
    "Pavement": (2_845_085, 349),
    "Tree": (6_166_762, 319),
    "SignSymbol": (743_859, 351),
    "Fence": (714_595, 173),
    "Car": (3_719_877, 360),
    "Pedestrian": (405_385, 317),
    "Bicyclist": (184_967, 201),
    "Void": (2_503_995, 367),
}


@pytest.fixture(scope="module")
def scenes():
    return [scene(i) for i in range(300)]


def shares_and_presence(labels, first=0):
    counts = np.array([np.bincount(label.ravel(), minlength=12) for label in labels])
    return counts.sum(0) / counts.sum(), (counts > 0).mean(0)


def test_the_same_pixels_on_every_machine():
    digests = [sha256(b"".join(a.tobytes() for a in scene(i, **options))).hexdigest()[:16] for i, options in KNOWN]
    assert digests == [
        "5bb8f65a3e043f76",
        "0b0cbaf6a143b1fa",
        "8e56f4bad298b595",
        "b21c602280a4707c",
        "49f2bfaccd05e363",
    ]


KNOWN = [
    (0, {}),
    (1, {"seed": 7}),
    (2**32 - 1, {"clutter": 1.0, "lighting": "dusk"}),
    (3, {"size": (45, 61), "clutter": 0.0, "lighting": "day"}),
    (4, {"size": (180, 240)}),
]


def test_every_class_has_about_the_share_of_pixels_that_it_has_in_camvid(scenes):
    counted = np.array([pixels for pixels, _ in CAMVID.values()])
    assert counted.sum() == 367 * 360 * 480
    ours, _ = shares_and_presence([label for _, label in scenes])
    ratio = dict(zip(CAMVID, ours / (counted / counted.sum()), strict=True))
    assert all(1 / 1.5 < r < 1.5 for r in ratio.values()), ratio


def test_every_class_is_in_about_as_many_pictures_as_in_camvid(scenes):
    _, ours = shares_and_presence([label for _, label in scenes])
    camvid = np.array([images / 367 for _, images in CAMVID.values()])
    assert np.abs(ours - camvid).max() < 0.2, dict(zip(CAMVID, ours.round(2), strict=True))


def test_colours_of_classes_overlap(scenes):
    # no threshold on brightness tells road from building, or tree from fence: their ranges share most values
    for one, two in ((paint.ROAD, paint.BUILDING), (paint.TREE, paint.FENCE), (paint.ROAD, paint.PAVEMENT)):
        a, b = (
            np.histogram(
                np.concatenate([image[label == k].mean(1) for image, label in scenes[::5]]), 32, (0, 256), density=True
            )[0]
            * 8
            for k in (one, two)
        )
        assert np.minimum(a, b).sum() > 0.5


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(16, 120), st.integers(16, 160)),
    st.floats(0, 1),
    st.sampled_from(LIGHTING),
)
def test_any_scene_of_any_size(index, size, clutter, lighting):
    image, label = scene(index, size=size, clutter=clutter, lighting=lighting)
    assert (image.shape, image.dtype) == ((*size, 3), np.uint8)
    assert (label.shape, label.dtype) == (size, np.uint8)
    assert label.max() <= paint.VOID
    assert image.std() > 5
    assert paint.ROAD in label
    assert paint.SKY not in label[int(0.54 * size[0]) + 1 :]  # the horizon lies at 0.53 H at most


def test_seed_and_index_are_independent():
    seen = {scene(i, seed=s, size=(24, 32))[0].tobytes() for i in range(12) for s in range(12)}
    assert len(seen) == 144


def test_a_scene_does_not_depend_on_what_was_made_before():
    first = scene(5, size=(24, 32))
    scene(6, size=(48, 32))
    again = scene(5, size=(24, 32))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    again[1][:] = 0  # the arrays are the caller's own
    assert (scene(5, size=(24, 32))[1] == first[1]).all()


def test_the_same_scene_at_another_size():
    # the middle of each 3 x 3 block is the pixel whose centre lies where the small picture's does
    agree = [(scene(i)[1] == scene(i, size=(288, 384))[1][1::3, 1::3]).mean() for i in range(6)]
    assert min(agree) > 0.97  # the rest: what is drawn at least one pixel wide


def test_light_changes_no_label_and_dusk_is_darker():
    for i in range(6):
        (day, at_day), (dusk, at_dusk) = scene(i, lighting="day"), scene(i, lighting="dusk")
        assert (at_day == at_dusk).all()
        assert dusk.mean() < 0.8 * day.mean()
    dusk = [describe(Dice(0, i), 0.5, "mixed")[1].dusk for i in range(400)]
    assert np.mean(dusk) == pytest.approx(0.3, abs=0.07)  # 3 standard deviations of sqrt(0.3 * 0.7 / 400)


def test_clutter_adds_things():
    def busy(clutter):
        share, _ = shares_and_presence([scene(i, clutter=clutter)[1] for i in range(20)])
        return share[[paint.POLE, paint.CAR, paint.PEDESTRIAN, paint.BICYCLIST]]

    none, some, many = busy(0.0), busy(0.4), busy(1.0)
    assert (none == 0).all()
    assert (many > 0).all()
    assert (some < many)[:3].all()  # cars can crowd cyclists out


def test_clutter_leaves_street_and_light_alone():
    def fixed(clutter):
        camera, light, street, things = describe(Dice(0, 3), clutter, "mixed")
        walls = [thing["start"] for painter, thing in things if painter is paint.building]
        return camera, light.toward, street._replace(clutter=None), walls

    assert fixed(0.0) == fixed(1.0)


def test_near_covers_far():
    for i in range(12):
        camera, light, _, things = describe(Dice(0, i), 0.5, "mixed")
        painter, nearest = min((t for t in things if t[0] is not paint.bonnet), key=_depth)
        alone = Canvas((96, 128), 99, camera, ambient=light.ambient, sun=light.sun, haze=light.haze)
        painter(alone, light, **nearest)
        label, drawn = scene(i)[1], alone.label != 99
        free = label != paint.VOID  # the bonnet of the camera's own car is nearer still
        assert (label == alone.label)[drawn & free].all()


# ---- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (8, 128)}, r"size must be \(height, width\), whole numbers from 16 to 2048, got \(8, 128\)"),
        ({"size": 96}, r"size must be .* got 96"),
        ({"size": (96.0, 128)}, r"size must be .* got \(96.0, 128\)"),
        ({"size": (96, 128, 3)}, r"size must be .* got \(96, 128, 3\)"),
        ({"size": (96, 4096)}, r"size must be .* got \(96, 4096\)"),
        ({"clutter": 1.5}, r"clutter must lie in 0..1 .* got 1.5"),
        ({"clutter": float("nan")}, "clutter must lie in 0..1 .* got nan"),
        ({"clutter": "much"}, "clutter must lie in 0..1 .* got 'much'"),
        ({"lighting": "night"}, "unknown lighting 'night'; choose one of day, dusk, mixed"),
        ({"seed": -1}, r"seed must be a whole number from 0 to 2\*\*32 - 1, got -1"),
        ({"index": 0.5}, "index must be a whole number .* got 0.5"),
        ({"index": 2**32}, "index must be a whole number .* got 4294967296"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        scene(**{"index": 0, **options})
