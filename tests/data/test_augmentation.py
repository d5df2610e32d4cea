"""Augmented images: image and label change together, and the same seed gives the same copy."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet_lab.data.augmentation import Augmented, augment, seed_of
from segnet_lab.data.base import Sample
from tests.helpers import Squares

VOID = 9


def scene(h=12, w=16, seed=0):
    """An image whose red channel is its label / 10: whatever is done to one must be done to the other."""
    label = torch.randint(0, 5, (h, w), generator=torch.Generator().manual_seed(seed))
    label = label.repeat_interleave(2, 0).repeat_interleave(2, 1)[:h, :w]
    return Sample((label / 10.0).expand(3, h, w).contiguous(), label)


def test_flip_mirrors_image_and_label_half_of_the_time():
    sample = scene()
    flipped = 0
    for seed in range(400):
        image, label = augment(sample, ("flip",), VOID, seed)
        same = torch.equal(label, sample.label)
        assert torch.equal(label, sample.label if same else sample.label.flip(-1))
        assert torch.equal(image, sample.image if same else sample.image.flip(-1))
        flipped += not same
    assert 160 < flipped < 240  # 200 with a standard deviation of 10


@given(seed=st.integers(0, 2**60), h=st.integers(1, 20), w=st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_scale_keeps_the_size_and_invents_no_label(seed, h, w):
    sample = scene(h, w)
    image, label = augment(sample, ("scale",), VOID, seed)
    assert (image.shape, label.shape) == (sample.image.shape, sample.label.shape)
    assert (image.dtype, label.dtype) == (torch.float32, torch.int64)
    assert set(label.unique().tolist()) <= {*sample.label.unique().tolist(), VOID}
    assert 0 <= image.min() <= image.max() <= 1


def test_scaled_labels_lie_where_the_scaled_image_has_them():
    label = torch.zeros(40, 60, dtype=torch.int64)
    label[10:30, 20:45] = 5
    sample = Sample((label / 10.0).expand(3, 40, 60).contiguous(), label)
    for seed in range(20):
        image, moved = augment(sample, ("scale",), VOID, seed)
        inside = moved != VOID
        seen = (image[0] > 0.25) == (moved == 5)  # halfway between 0 and 0.5
        assert seen[inside].float().mean() > 0.97  # but for the blurred edge
        assert torch.allclose(image[:, ~inside], sample.image.mean())  # void is grey


def test_scale_looks_closer_and_wider():
    sample = scene(20, 20)
    shares = [(augment(sample, ("scale",), VOID, seed).label == VOID).float().mean().item() for seed in range(60)]
    assert max(shares) <= 1 - 0.75**2 + 0.06  # the widest view: 3/4 of each side, rounded
    assert 10 < sum(share == 0 for share in shares) < 50


def test_colour_leaves_labels_and_shapes():
    sample = Sample(torch.rand(3, 8, 10, generator=torch.Generator().manual_seed(1)), torch.zeros(8, 10).long())
    copies = [augment(sample, ("colour",), VOID, seed) for seed in range(30)]
    assert all(torch.equal(copy.label, sample.label) for copy in copies)
    assert all(0 <= copy.image.min() <= copy.image.max() <= 1 for copy in copies)
    means = torch.tensor([copy.image.mean() for copy in copies])
    assert 0.1 < means.std() / means.mean() < 0.3  # brightness, uniform in +-30 %: 17 %


def test_one_change_does_not_disturb_another():
    sample = scene()
    for seed in range(10):
        alone, both = augment(sample, ("flip",), VOID, seed), augment(sample, ("flip", "colour"), VOID, seed)
        assert torch.equal(alone.label, both.label)


def test_the_given_sample_stays_as_it_is():
    sample = scene()
    before = [part.clone() for part in sample]
    augment(sample, ("flip", "scale", "colour"), VOID, 3)
    assert all(map(torch.equal, before, sample))


def test_copies_follow_from_seed_epoch_and_image_alone():
    data, names = Squares(5), ("flip", "scale", "colour")
    first, again = (Augmented(data, names, seed=7, epoch=3) for _ in range(2))
    assert all(torch.equal(first[i].image, again[i].image) for i in (4, 0, 2))
    other = Augmented(data, names, seed=7, epoch=4)
    assert not torch.equal(first[0].image, other[0].image)
    assert len(first) == 5


def test_seeds_of_neighbours_differ():
    seeds = {seed_of(s, e, i) for s in (-1, 0, 1) for e in range(1, 20) for i in range(50)}
    assert len(seeds) == 3 * 19 * 50
    with pytest.raises((ValueError, OverflowError)):
        seed_of(0, -1, 0)


@pytest.mark.parametrize(("names", "reads"), [(("flip", "colour"), False), (("scale",), True)])
def test_which_changes_read_a_number_of_the_image(names, reads):
    """On the meta device there are none. Where images lie on an accelerator, it would be waited for."""
    sample = Sample(torch.empty(3, 8, 8, device="meta"), torch.zeros(8, 8, dtype=torch.int64, device="meta"))
    if reads:
        with pytest.raises(RuntimeError, match="meta"):
            augment(sample, names, VOID, 0)
    else:
        assert augment(sample, names, VOID, 0).image.device.type == "meta"
