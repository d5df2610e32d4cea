"""Pixels by class: counted by hand, and on CamVid."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from segnet_lab._support.folders import shipped
from segnet_lab.data.base import Sample
from segnet_lab.data.class_counts import ClassCounts, count_classes


class Labels(list):
    """A data set of label maps without images."""

    num_classes, ignore_index = 3, 255

    def __getitem__(self, i):
        return Sample(torch.zeros(0), torch.tensor(super().__getitem__(i)))


def test_by_hand():
    counts = count_classes(Labels([[[0, 0, 1], [0, 255, 1]], [[0, 0]], [[255]]]))
    assert counts.pixels.tolist() == [5, 2, 0]
    assert counts.pixels_where_present.tolist() == [6 + 2, 6, 0]  # void counts towards the size of an image
    assert counts.share.tolist() == pytest.approx([5 / 7, 2 / 7, 0])


def test_of_nothing():
    for data in (Labels(), Labels([[[255, 255]]])):
        counts = count_classes(data)
        assert counts.pixels.tolist() == counts.pixels_where_present.tolist() == [0, 0, 0]
        assert counts.share.isnan().all()


def test_what_is_no_data_set():
    with pytest.raises(ValueError, match="SimpleNamespace is no segmentation data set: it lacks num_classes"):
        count_classes(SimpleNamespace(ignore_index=3))


def test_shares_do_not_overflow():
    assert ClassCounts(torch.tensor([2**62, 2**61]), torch.zeros(2)).share.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_counts_of_camvid_are_those_of_its_labels(camvid):
    data = camvid("train", cache=False)
    counts = count_classes(data)
    kept = pd.read_csv(shipped("datasets") / "camvid" / "class_counts.csv")
    assert kept["class"].tolist() == list(data.class_names)
    assert kept["pixels"].tolist() == counts.pixels.tolist()
    assert kept["pixels_where_present"].tolist() == counts.pixels_where_present.tolist()
