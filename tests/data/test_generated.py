"""Data sets that are drawn: as many images as asked for, the same each time, no scene in two splits."""

import numpy as np
import pytest
import torch

from segnet_lab.data import load_dataset


@pytest.mark.parametrize("name", ["roadscenes", "rooms"])
class TestGenerated:
    def test_numbers_of_images_are_the_cards_unless_given(self, name):
        assert [len(load_dataset(name, split)) for split in ("train", "val", "test")] == [300, 60, 60]
        data = load_dataset(name, images=5)
        assert (len(data), len(data.with_split("val"))) == (5, 5)

    def test_size_and_labels(self, name):
        data = load_dataset(name, images=2, size=(30, 41))
        image, label = data[1]
        assert image.shape == (3, 30, 41)
        assert label.shape == (30, 41)
        assert load_dataset(name, images=1)[0].image.shape == (3, 96, 128)
        assert set(label.unique().tolist()) <= {*range(data.num_classes), data.ignore_index}
        assert np.array_equal(data.raw(1)[1], label)

    def test_the_same_scene_each_time_and_another_with_another_seed(self, name):
        one, again, other = (load_dataset(name, images=2, seed=seed, size=(48, 64)) for seed in (3, 3, 4))
        assert torch.equal(one[1].image, again[1].image)
        assert not torch.equal(one[1].image, other[1].image)

    def test_splits_never_meet(self, name):
        splits = [load_dataset(name, split, images=3, size=(48, 64)) for split in ("train", "val", "test")]
        names = [data.file_name(i) for data in splits for i in range(3)]
        assert len(set(names)) == 9
        assert len({data[i].image.numpy().tobytes() for data in splits for i in range(3)}) == 9

    @pytest.mark.parametrize("images", [0, -1, 1_000_001, 2.5])
    def test_an_impossible_number_of_images(self, name, images):
        with pytest.raises(ValueError, match=rf"images={images}: give how many scenes 'train' has, 1 to 1000000"):
            load_dataset(name, images=images)

    def test_an_impossible_option_is_refused_at_once(self, name):
        with pytest.raises(ValueError, match="clutter"):
            load_dataset(name, clutter=7)

    def test_options_make_it_again(self, name):
        data = load_dataset(name, "val", images=2, seed=5, clutter=0.9, size=(48, 64))
        again = load_dataset(data.name, data.split, **data.options)
        assert torch.equal(again[1].image, data[1].image)


def test_lighting_is_passed_on():
    day, dusk = (load_dataset("roadscenes", images=8, lighting=light, size=(48, 64)) for light in ("day", "dusk"))
    mean = [sum(float(data[i].image.mean()) for i in range(8)) / 8 for data in (day, dusk)]
    assert mean[0] > mean[1]


def test_called_says_what_is_not_the_default():
    assert load_dataset("rooms", images=1, clutter=0.5).called == "rooms"
    assert load_dataset("rooms", images=1, clutter=0.25, seed=4).called == "rooms (seed 4, clutter 0.25)"


def test_a_scene_is_known_by_its_seed_number_and_options():
    data = load_dataset("roadscenes", "val", images=2, seed=3)
    first = data.card.layout["first_scene"]["val"]
    assert [data.file_name(i) for i in (0, -1)] == [f"roadscenes_3_{first:07d}", f"roadscenes_3_{first + 1:07d}"]
    assert data.label_bytes(0) == data.label_bytes(1)  # their names tell them apart
    assert data.label_bytes(0) != load_dataset("roadscenes", "val", images=1, clutter=0.1).label_bytes(0)
