"""CamVid in parts: the same pixels and labels come out as went in, and no part is too large."""

import numpy as np
import pytest
from PIL import Image

from segnet_lab import load_dataset
from tools.pack_camvid import pack, unpack

SPLITS = {"train": 5, "val": 2}


@pytest.fixture
def root(tmp_path):
    """CamVid in the authors' layout, of noise, which no compression makes small: 24 x 32 x 3 bytes an image."""
    rng, root = np.random.default_rng(0), tmp_path / "here"
    for split, images in SPLITS.items():
        for folder, shape, most in ((split, (24, 32, 3), 256), (f"{split}annot", (24, 32), 12)):
            (root / folder).mkdir(parents=True)
            for number in range(images):
                pixels = rng.integers(0, most, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(root / folder / f"{number:03}.png")
    return root


def test_what_comes_out_is_what_went_in(root, tmp_path):
    parts = pack(root, tmp_path / "parts", limit=20_000)
    assert len(parts) > 1
    assert all(part.stat().st_size <= 20_000 for part in parts)
    unpack(tmp_path / "parts", tmp_path / "there")
    for split in SPLITS:
        before, after = load_dataset("camvid", split, root=root), load_dataset("camvid", split, root=tmp_path / "there")
        assert [after.identity(i) for i in range(len(after))] == [before.identity(i) for i in range(len(before))]
        for i in range(len(before)):
            assert all(map(np.array_equal, after.raw(i), before.raw(i)))


def test_only_the_splits_that_are_asked_for(root, tmp_path):
    pack(root, tmp_path / "parts", splits=("val",))
    unpack(tmp_path / "parts", tmp_path / "there")
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["val", "val.txt", "valannot"]
