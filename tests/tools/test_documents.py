"""The page about accelerators, from rows as benchmarks/gpu.py writes them."""

import json

import pytest

from tools import documents

GROUP, STEP = "pool, 12x64x360x480 bfloat16 channels_last", "training step, segnet_basic, batch 12"


def machine():
    about = {
        "date": "2026-12-01",
        "driver": "580",
        "cuda": "13.0",
        "torch": "2.11",
        "triton": "3.6",
        "pooling": "Triton",
        "size": [360, 480],
    }
    return {"group": "machine", "name": "A card"} | about


@pytest.fixture
def on_device(tmp_path, monkeypatch):
    """Writes the file that the page is made of."""
    monkeypatch.setattr(documents, "ON_DEVICE", tmp_path / "gpu.jsonl")
    return lambda *rows: documents.ON_DEVICE.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_without_a_device_it_says_so(on_device):
    assert documents.accelerator() == "**Not yet measured on a device.**"
    on_device(machine())
    assert "2026-12-01: A card, driver 580" in documents.accelerator()
    assert "None of what was aimed at was measured" in documents.accelerator()


@pytest.mark.parametrize(("share", "step", "reached"), [(0.8, 85.0, "yes"), (0.79, 86.0, "no")])
def test_aims(on_device, share, step, reached):
    on_device(
        machine(),
        {"group": GROUP, "name": "torch, int64 indices", "median": 2.0, "ratio": 1.0},
        {"group": GROUP, "name": "kit, 2-bit codes", "median": 1.0, "ratio": 0.5, "share": share},
        {"group": STEP, "name": "naive bfloat16 channels_last", "median": 100.0, "peak_mb": 1000.0, "ratio": 1.0},
        {"group": STEP, "name": "kit bfloat16", "median": step, "peak_mb": 6 * step + 90, "ratio": 0.9},
    )
    page = documents.accelerator()
    assert f"| {GROUP}: share of a copy | at least 0.8 | {share} | {reached} |" in page
    assert f"| {GROUP}: time, ratio to torch's | at most 1 | 0.5 | yes |" in page
    assert f"| {STEP}: time, ratio to naive bfloat16 | at most 0.85 | {step / 100} | {reached} |" in page
    assert f"| {STEP}: memory, ratio to naive bfloat16 | at most 0.6 |" in page
    assert f"| {STEP} | kit bfloat16 | {step:.4g} | 0.9 |" in page


def test_errors_and_table_6_beside_the_papers(on_device):
    costs = {"forward_ms": 1.5, "backward_ms": 3.0, "training_memory_mb": 10.0, "inference_memory_mb": 5.0}
    on_device(
        machine(),
        {"group": GROUP, "name": "kit, 2-bit codes", "error": "RuntimeError: a | b"},
        {"group": "table 6", "name": "segnet", "model_size_mb": 117.9} | costs,
    )
    page = documents.accelerator()
    assert f"| {GROUP} | kit, 2-bit codes | RuntimeError: a / b |" in page
    assert "| segnet | 1.5 | 422.5 | 3 | 488.7 |" in page  # the paper's 422.50 and 488.71 ms
