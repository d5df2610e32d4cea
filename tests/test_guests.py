"""Somebody's own network, written in plain torch, wherever a network is taken; our scores in somebody's own loop."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

import segnet_lab as sl
from segnet_lab import widgets
from segnet_lab.figures import networks as drawn_networks
from segnet_lab.figures.inside import what_a_pixel_sees
from segnet_lab.inference import predict as predicting
from segnet_lab.inference.dense_crf import DenseCRF, WithDenseCRF
from segnet_lab.inference.mc_dropout import sample_labels
from segnet_lab.inference.prediction_files import find_pictures, in_the_way, write_prediction
from segnet_lab.inference.tiles import ASSUMED, SIDE, reach
from segnet_lab.metrics import SegmentationScores, boundary_f1
from segnet_lab.widgets.trained_networks import Networks
from tests.helpers import Squares

SQUARES = Squares(4)
IMAGE, LABEL = SQUARES[0]


class Guest(nn.Module):
    """Squares are bright: class 1 where a blurred image is. No attribute of ours, so nobody knows its classes."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.blur = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.constant_(self.blur.weight, 1 / 3)
        self.dropout = nn.Dropout2d(dropout)
        self.seen = []

    def forward(self, x):
        self.seen.append(tuple(x.shape[-2:]))
        grey = self.dropout(self.blur(x))
        return 20 * torch.cat([0.28 - grey, grey - 0.28], 1)


class Small(Guest):
    """Logits at half the image's size."""

    def forward(self, x):
        return F.avg_pool2d(super().forward(x), 2)


class InADict(Guest):
    """As torchvision's segmentation networks."""

    def forward(self, x):
        return {"out": super().forward(x)}


def right(label, truth=LABEL):
    return float((torch.as_tensor(label) == truth).float().mean())


# ------------------------------------------------------------------------------------------------ from image to labels


def test_a_single_image_at_its_own_size():
    guest = Guest().train()
    label = sl.predict(guest, IMAGE)
    assert label.shape == LABEL.shape
    assert right(label) > 0.99
    assert set(guest.seen) == {(32, 32)}  # size="run", and no run is known
    assert guest.training
    assert right(predicting.predict_logits(guest, IMAGE).argmax(0)) > 0.99


def test_a_size_that_it_says_or_is_told():
    guest = Guest()
    sl.predict(guest, IMAGE, size=(16, 24))
    guest.trained_on = SimpleNamespace(size=(8, 8))
    sl.predict(guest, IMAGE)
    assert guest.seen == [(16, 24), (8, 8)]


def test_a_large_image_goes_in_tiles_of_the_assumed_reach(monkeypatch):
    monkeypatch.setattr(predicting, "LARGE", 32 * 32)
    guest, wide = Guest(), torch.rand(3, 8, 3000, generator=torch.Generator().manual_seed(0))
    assert reach(guest) is ASSUMED
    label = sl.predict(guest, wide)
    assert len(guest.seen) > 1
    assert max(width for _, width in guest.seen) <= SIDE
    assert torch.equal(label, guest(wide[None])[0].argmax(0))


@pytest.mark.parametrize(
    ("guest", "message"),
    [
        (Small(), r"Small gives \(1, 2, 16, 16\) for images \(1, 3, 32, 32\).*resize them to the images' size"),
        (InADict(), r"InADict gives dict for images \(1, 3, 32, 32\).*returns the logits alone"),
        (nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten()), r"Sequential gives \(1, 2048\) for images"),
    ],
)
def test_what_is_no_score_for_each_pixel_is_refused(guest, message):
    with pytest.raises(ValueError, match=message):
        sl.predict(guest, IMAGE)
    with pytest.raises(ValueError, match=message):
        sl.evaluate(guest, SQUARES)


def test_a_report_needs_logits_too_and_tells_their_size():
    with pytest.raises(ValueError, match=r"InADict gives dict for images \(1, 3, 32, 64\): give a module whose"):
        sl.probe.conformance(InADict())
    assert "output: an image of 32x64 gets logits of 16x32" in str(sl.probe.conformance(Small()))


def test_files(tmp_path):
    Image.fromarray((255 * IMAGE).byte().permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
    pictures = find_pictures([str(tmp_path / "a.png")], tmp_path / "out")
    about = {"weights": "mine", "run_at": "here"}
    write_prediction(Guest(), pictures[0], SQUARES.palette, about=about)
    assert right(np.array(Image.open(pictures[0].output("label")))) > 0.98
    assert in_the_way(pictures, about) == []


def test_with_a_crf_behind_it():
    crf = WithDenseCRF(Guest(), DenseCRF().scaled(0.1))
    assert right(sl.predict(crf, IMAGE)) > 0.98
    assert not hasattr(crf, "num_classes")  # nobody knows
    assert sl.evaluate(crf, SQUARES)["G"] > 0.98


def test_uncertainty_by_its_own_dropout():
    guest = Guest(dropout=0.5)
    found = sl.predict_with_uncertainty(guest, IMAGE, samples=6)
    assert found.label.shape == LABEL.shape
    assert found.variance.max() > 0
    assert sample_labels(guest, IMAGE).shape == (8, 32, 32)
    assert guest.training  # as it was
    with pytest.raises(ValueError, match="no dropout is on in Guest"):
        sl.predict_with_uncertainty(Guest(), IMAGE)


def test_scores():
    assert sl.evaluate(Guest(), SQUARES)["mIoU"] > 0.98
    with pytest.raises(ValueError, match="classes"):
        sl.evaluate(nn.Conv2d(3, 3, 1), SQUARES)


# ------------------------------------------------------------------------------------------------ figures, explorers


def test_what_needs_a_decoder_of_ours_says_so():
    for look in (
        lambda guest: drawn_networks.network(guest, 32, 32),
        lambda guest: what_a_pixel_sees(guest, IMAGE),
        lambda guest: sl.probe.trace(guest, IMAGE),
        lambda guest: sl.probe.places(guest),
        lambda guest: sl.optimize(guest),
    ):
        with pytest.raises(ValueError, match="a network from create_model or load_run, got Guest"):
            look(Guest())


@pytest.fixture
def somebody_looks(monkeypatch):
    for name in ("CI", "SEGNET_LAB_HEADLESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("somebody_looks")
def test_explorers():
    guests = {"mine": Guest(), "yours": nn.Conv2d(3, 2, 1)}
    for explore in (widgets.explore_predictions, widgets.explore_decoders, widgets.explore_own_image):
        explorer = explore(guests, SQUARES)
        assert explorer.view.message == ""
        assert explorer.view.size == [32, 32]
        assert explore(guests).view.message.startswith("mine has no record of its training data")
    predictions = widgets.explore_predictions(guests, SQUARES)
    predictions.set(sort_by="yours", score="BF", rank=2, errors=True)
    assert predictions.view.message == ""
    own = widgets.explore_own_image({"mine": Guest()}, SQUARES)
    assert "It is not known what mine learnt from." in own.view.note
    uncertain = widgets.explore_uncertainty(Guest(dropout=0.5), IMAGE, SQUARES)
    assert uncertain.view.message == ""
    boundaries = widgets.explore_boundary_f1(LABEL, SQUARES, {"mine": sl.predict(Guest(), IMAGE)})
    assert boundaries.view.message == ""
    assert widgets.explore_class_balance(SQUARES).view.message == ""


@pytest.mark.usefixtures("somebody_looks")
def test_explorers_that_need_a_decoder_say_so():
    for explore in (widgets.explore_sparse_maps, widgets.explore_receptive_field):
        assert explore(Guest(), IMAGE).view.message.startswith("expected a network from create_model")


def test_what_explorers_ask_is_computed_once():
    guest = Guest()
    networks = Networks({"mine": guest}, SQUARES)
    for _ in range(2):
        assert networks.worst_first("mine", "mIoU", 4)
    assert len(guest.seen) == 4


# ------------------------------------------------------------------------------------------------ somebody's own loop


def test_scores_in_a_plain_loop():
    guest = Guest()
    scores = SegmentationScores(2, ignore_index=2)
    for images, labels in DataLoader(SQUARES, batch_size=3):
        scores.update(guest(images), labels)
    ours = sl.evaluate(guest, SQUARES)
    assert scores.compute() == pytest.approx({name: ours[name] for name in ("G", "C", "mIoU", "BF")})
    bf = boundary_f1(guest(IMAGE[None])[0].argmax(0), LABEL, 2, ignore_index=2)
    assert 0.9 < bf <= 1


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_scores_in_lightning(tmp_path):
    """Gathered over the batches of an epoch, logged at its end; the second epoch starts from nothing."""
    lightning = pytest.importorskip("lightning")

    class Lit(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = Guest()
            self.scores, self.counted = SegmentationScores(2, ignore_index=2), []

        def training_step(self, batch, number):
            images, labels = batch
            return sl.losses.cross_entropy(self.network(images), labels, ignore_index=2)

        def validation_step(self, batch, number):
            images, labels = batch
            self.scores.update(self.network(images), labels)

        def on_validation_epoch_end(self):
            self.log_dict(self.scores.compute())
            self.counted.append(int(self.scores.confusion.sum()) // LABEL.numel())
            self.scores.reset()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=1,
        default_root_dir=tmp_path,
    )
    module = Lit()
    trainer.fit(module, DataLoader(SQUARES, batch_size=3), DataLoader(SQUARES, batch_size=3))
    assert module.counted == [3, 4, 4]  # images: of the sanity check's one batch, of two epochs
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    ours = sl.evaluate(module.network, SQUARES)
    assert {name: logged[name] for name in ("G", "C", "mIoU", "BF")} == pytest.approx(
        {name: ours[name] for name in ("G", "C", "mIoU", "BF")}
    )
