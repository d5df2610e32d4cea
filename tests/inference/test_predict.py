"""A network looks at a picture at its own size of training, and labels the picture's own pixels."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import segnet_lab as sl
from segnet_lab.figures import networks
from segnet_lab.inference import predict, tiles
from segnet_lab.inference.dense_crf import WithDenseCRF
from segnet_lab.inference.predict import enlarge_labels, input_size, predict_logits
from segnet_lab.metrics import SegmentationScores
from segnet_lab.runs.places import find_runs
from tests.helpers import Squares


class Bright(torch.nn.Module):
    """Class 1 where the picture is bright; notes the sizes that it sees. `size`: what it was trained at."""

    def __init__(self, size=None):
        super().__init__()
        self.sizes = []
        if size != "unknown":
            self.trained_on = SimpleNamespace(size=size)

    def forward(self, x):
        self.sizes.append(tuple(x.shape[-2:]))
        grey = x.mean(1)
        return torch.stack([0.5 - grey, grey - 0.5], 1)


def halves(height, width):
    """Dark left, bright right."""
    picture = torch.zeros(3, height, width)
    picture[:, :, width // 2 :] = 1
    return picture


# ------------------------------------------------------------------------------------------------ at what size


@pytest.mark.parametrize(
    ("image", "size", "expected"),
    [
        ((720, 960), (90, 120), (90, 120)),  # one eighth, exactly
        ((3000, 4000), (96, 128), (96, 128)),
        ((4000, 3000), (96, 128), (128, 96)),  # upright: as many pixels
        ((90, 120), (90, 120), (90, 120)),
        ((45, 60), (90, 120), (90, 120)),  # smaller pictures grow
        ((100, 100), (50, 200), (100, 100)),
        ((1, 1), (90, 120), (104, 104)),  # sqrt(10800) = 103.9
        ((1, 100_000), (10, 10), (1, 3162)),  # sqrt(100 * 100000) = 3162.3
    ],
)
def test_as_many_pixels_as_in_training_in_the_pictures_own_shape(image, size, expected):
    assert input_size(Bright(size), image) == expected


@given(st.tuples(st.integers(1, 600), st.integers(1, 600)), st.integers(1, 12), st.integers(1, 12))
def test_a_picture_of_the_runs_shape_is_seen_at_exactly_its_size(size, a, b):
    assert input_size(Bright((a * size[0], a * size[1])), (b * size[0], b * size[1])) == (a * size[0], a * size[1])


def test_where_nothing_is_known_of_training_a_picture_keeps_its_size():
    for model in (Bright("unknown"), Bright(None), sl.create_model("segnet_basic", width=0.1)):
        assert input_size(model, (33, 50)) == (33, 50)
    assert input_size(Bright((10, 10)), (33, 50), "own") == (33, 50)
    assert input_size(Bright((10, 10)), (33, 50), (20, 30)) == (20, 30)


@pytest.mark.parametrize("size", ["runs", "", (0, 5), (5, -1)])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match="size="):
        sl.predict(Bright((10, 10)), halves(4, 4), size=size)


def test_the_networks_own_size_reaches_it_and_labels_fit_the_picture():
    model = Bright((12, 16))
    label = sl.predict(model, halves(300, 400))
    assert set(model.sizes) == {(12, 16)}
    assert label.shape == (300, 400)
    assert label.dtype == torch.int64
    assert (label[:, :180] == 0).all()
    assert (label[:, 220:] == 1).all()


def test_a_picture_of_the_runs_size_is_not_touched(monkeypatch):
    monkeypatch.setattr(predict, "resize_image", None)
    x = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0))  # not on the 256 levels of a file
    model = sl.create_model("segnet_basic", width=0.25, seed=0).eval()
    before = sl.predict(model, x)
    model.trained_on = SimpleNamespace(size=(48, 64))
    assert torch.equal(sl.predict(model, x), before)
    assert torch.equal(before, sl.optimize(model).labels(x[None])[0])


def test_a_file_is_resized_as_its_data_set_would_resize_it(tmp_path):
    data = sl.load_dataset("roadscenes", "val", images=1, size=(96, 128))
    picture = data[0].image.permute(1, 2, 0).mul(255).round().to(torch.uint8).numpy()
    Image.fromarray(picture).save(tmp_path / "a.png")
    small = np.asarray(Image.fromarray(picture).resize((64, 48), Image.Resampling.BILINEAR))
    model = sl.create_model("segnet_basic", width=0.25, seed=0).eval()
    model.trained_on = SimpleNamespace(size=(48, 64))
    logits = predict_logits(model, small)
    expected = F.interpolate(logits[None], scale_factor=2, mode="bilinear")[0]
    torch.testing.assert_close(predict_logits(model, tmp_path / "a.png"), expected)
    torch.testing.assert_close(predict_logits(model, data[0].image), expected)
    assert (sl.predict(model, tmp_path / "a.png") == expected.argmax(0)).float().mean() > 0.999


def test_the_shipped_network_knows_its_own_scenes_when_they_come_larger():
    """It scored 15 (mIoU, percent) on its scenes enlarged four times, of 49 at their own size."""
    model = sl.load_run(find_runs("roadscenes") / "segnet_basic").model
    data = sl.load_dataset("roadscenes", "val", images=3, size=(384, 512))
    scores = {}
    for size in ("run", "own"):
        counted = SegmentationScores(num_classes=11, ignore_index=11, boundary=False)
        for image, label in data:
            counted.update(sl.predict(model, image, size=size)[None], label[None])
        scores[size] = float(counted.compute()["mIoU"])
    assert scores["run"] > 0.4
    assert scores["own"] < 0.25


def test_any_module_and_what_wraps_it():
    model = sl.create_model("segnet_basic", width=0.1, seed=0).eval()
    model.trained_on = SimpleNamespace(size=(24, 32))
    x = torch.rand(3, 48, 64)
    expected = sl.predict(model, x)
    assert torch.equal(sl.predict(torch.compile(model, backend="eager"), x), expected)
    assert torch.equal(sl.predict(torch.nn.DataParallel(model), x), expected)
    assert torch.equal(sl.predict(sl.optimize(model), x), expected)
    assert sl.predict(torch.nn.Conv2d(3, 4, 1), x).shape == (48, 64)
    assert sl.predict(torch.nn.Identity(), x).shape == (48, 64)  # without any weight


def test_with_a_crf_behind_it_a_network_still_knows_what_it_was_trained_on():
    from segnet_lab.inference.dense_crf import WithDenseCRF

    model = sl.create_model("segnet_basic", width=0.1, seed=0).eval()
    model.trained_on = SimpleNamespace(size=(24, 32))
    assert input_size(WithDenseCRF(model), (480, 640)) == (24, 32)


# ------------------------------------------------------------------------------------------------ enlarging


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(1, 400),
)
def test_bands_are_the_whole(shape, size, band):
    logits = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))
    whole = F.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)[0]
    before, predict.BAND = predict.BAND, band
    try:
        label = enlarge_labels(logits, size)
    finally:
        predict.BAND = before
    best = whole.gather(0, label[None])[0]
    assert (whole.max(0).values - best).max() < 1e-12  # the same class, or one that is as good


def test_ties_take_the_first_class():
    assert (enlarge_labels(torch.zeros(4, 2, 2), (5, 7)) == 0).all()


def test_logits_and_labels_agree():
    model = sl.create_model("fcn_basic", width=0.1, seed=0).eval()
    model.trained_on = SimpleNamespace(size=(24, 32))
    x = torch.rand(3, 31, 77)
    logits = predict_logits(model, x)
    assert logits.shape == (11, 31, 77)
    assert (logits.argmax(0) == sl.predict(model, x)).float().mean() > 0.999


# ------------------------------------------------------------------------------------------------ large pictures


def test_a_large_picture_goes_in_tiles_at_its_own_size_and_as_one_at_the_runs(monkeypatch):
    monkeypatch.setattr(predict, "LARGE", 100 * 100)
    picture = halves(60, 3000)
    model = Bright((30, 40))
    assert torch.equal(sl.predict(model, picture, size="own"), sl.predict(Bright("unknown"), picture))
    assert len(model.sizes) > 1
    assert max(w for _, w in model.sizes) <= tiles.SIDE
    model.sizes.clear()
    sl.predict(model, picture)
    assert {h * w for h, w in model.sizes} == {5 * 245}  # sqrt(30 * 40 * 60 / 3000) = 4.9 rows


def test_logits_by_tiles(monkeypatch):
    monkeypatch.setattr(predict, "LARGE", 1)
    picture = halves(20, 2000)
    torch.testing.assert_close(predict_logits(Bright(), picture), Bright()(picture[None])[0])


# ------------------------------------------------------------------------------------------------ other things


SQUARES = Squares(2)


@pytest.mark.parametrize(
    "call",
    [
        lambda given: sl.predict(given, SQUARES[0].image),
        lambda given: predict_logits(given, SQUARES[0].image),
        lambda given: sl.evaluate(given, SQUARES),
        lambda given: sl.train(given, SQUARES, run_dir="never made"),
        lambda given: sl.optimize(given),
        lambda given: sl.predict_with_uncertainty(given, SQUARES[0].image),
        lambda given: sl.costs(given, 8, 8, measure=False),
        lambda given: sl.compare_costs([given], 8, 8, measure=False),
        lambda given: sl.start_from(given, "roadscenes"),
        lambda given: sl.load_imagenet(given),
        lambda given: networks.network(given),
        lambda given: WithDenseCRF(given),
    ],
)
def test_whatever_takes_a_network_takes_no_name(call):
    with pytest.raises(ValueError, match=r"^'runs/m' is a name: give the network, load_run\('runs/m'\)\.model$"):
        call("runs/m")
    with pytest.raises(ValueError, match=r"^'segnet' is a name: give the network, create_model\('segnet'\)$"):
        call("segnet")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (SQUARES, "is a data set: give one of its images, data"),
        (SQUARES[0], "is an image with its label: give the image alone, sample.image"),
        (tuple(SQUARES[0]), "is a tuple: give a file"),
        (None, "is a NoneType: give a file, a PIL image, an array or a tensor"),
    ],
)
def test_what_is_no_image_says_which_may_be_meant(image, message):
    for look in (sl.predict, sl.predict_with_uncertainty):
        with pytest.raises(ValueError, match=message):
            look(sl.create_model("bayesian_segnet_basic", width=0.1), image)


def test_a_full_memory_says_what_to_do():
    class Greedy(Bright):
        def forward(self, x):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    with pytest.raises(
        RuntimeError, match=r"too small for 1 image of 9x7 at once: give optimize\(model, low_memory=True"
    ):
        sl.predict(Greedy(), torch.rand(3, 9, 7))
