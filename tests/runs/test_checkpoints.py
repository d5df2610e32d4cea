"""Tensors on disk: what is read is what was written, or it is said."""

import math

import pytest
import torch
from torch import nn

from segnet_lab.runs.checkpoints import DamagedCheckpoint, checksum, read, write
from tests.training.small import flip_a_bit, truncate


def test_tensors_and_note_come_back(tmp_path):
    tensors = {
        "weight": torch.randn(2, 3),
        "transposed": torch.randn(4, 3).T,
        "half": torch.randn(5).bfloat16(),
        "count": torch.tensor(3),
        "none": torch.empty(0, 4),
        "mask": torch.tensor([True, False]),
    }
    write(tmp_path / "w.safetensors", tensors, {"epoch": 3, "G": math.nan})
    read_back, note = read(tmp_path / "w.safetensors")
    assert note == {"epoch": 3, "G": None}  # JSON has no nan
    assert read_back.keys() == tensors.keys()
    assert all(torch.equal(read_back[name], tensor) for name, tensor in tensors.items())
    assert all(read_back[name].dtype == tensor.dtype for name, tensor in tensors.items())


def test_a_weight_that_two_layers_share_is_written_for_both(tmp_path):
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    state = nn.Sequential(first, second).state_dict()
    write(tmp_path / "w.safetensors", state, {})
    tensors, _ = read(tmp_path / "w.safetensors")
    assert torch.equal(tensors["0.weight"], tensors["1.weight"])
    assert tensors.keys() == state.keys()


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, lambda file: file.write_bytes(b"no safetensors")])
def test_a_damaged_file_is_named(tmp_path, damage):
    file = tmp_path / "w.safetensors"
    write(file, {"weight": torch.arange(100.0)}, {})
    damage(file)
    with pytest.raises(DamagedCheckpoint, match=r"w\.safetensors is damaged"):
        read(file)


def test_the_checksum_is_of_names_and_values():
    one = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0])}
    assert checksum(one) == checksum(dict(reversed(one.items())))
    assert checksum(one) != checksum({"a": one["a"], "c": one["b"]})
    assert checksum(one) != checksum({"a": torch.tensor([1.0, 2.5]), "b": one["b"]})
