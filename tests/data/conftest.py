"""Tiny data sets in the real layouts, made where a test needs them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.server import served


class Trees:
    """Writes files below `root`; labels are given as arrays, images are grey noise of the same size."""

    def __init__(self, root: Path):
        self.root = root

    def png(self, name, pixels):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
        return path

    def photo(self, name, size=(6, 8), seed=0):
        return self.png(name, np.random.default_rng(seed).integers(0, 256, (*size, 3)))

    def text(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def camvid(self, counts, size=(6, 8), below=""):
        """The authors' layout: counts = {"train": 3}; pixel (0, 0) of label i is i, the rest void."""
        for split, count in counts.items():
            lines = []
            for i in range(count):
                label = np.full(size, 11)
                label[0, 0] = i
                self.photo(f"{below}{split}/{split}_{i:02d}.png", size, seed=i)
                self.png(f"{below}{split}annot/{split}_{i:02d}.png", label)
                name = f"{split}_{i:02d}.png"
                lines.append(f"/SegNet/CamVid/{split}/{name} /SegNet/CamVid/{split}annot/{name}\n")
            self.text(f"{below}{split}.txt", "".join(lines))
        return self.root

    def folder(self, classes="- Road: [10, 0, 0]\n- Car: [0, 20, 0]"):
        self.text("card.yaml", f"classes:\n{classes}\nvoid: {{index: 255, colour: [0, 0, 0]}}\n")
        return self.root


@pytest.fixture
def trees(tmp_path):
    return Trees(tmp_path)


@pytest.fixture
def source():
    with served() as source:
        yield source


@pytest.fixture(autouse=True)
def no_data_of_this_machine(monkeypatch):
    monkeypatch.delenv("SEGNET_LAB_DATA", raising=False)
