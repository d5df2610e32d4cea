"""Tensors on disk: safetensors with a checksum, written whole or not at all. Nothing is unpickled."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from segnet_lab._support.errors import SegNetLabError
from segnet_lab._support.files import atomic, finite


class DamagedCheckpoint(SegNetLabError, OSError):
    """A file of weights that cannot be read, or whose tensors are not those that were written."""


def write(path: str | Path, tensors: dict[str, Tensor], note: Mapping[str, object]) -> None:
    """Write tensors and a note (anything JSON takes; nan becomes None) to one safetensors file."""
    tensors = dict(_apart(tensors))
    header = {"note": json.dumps(finite(note), allow_nan=False), "sha256": checksum(tensors)}
    with atomic(path) as draft:
        draft.write_bytes(save(tensors, header))


def read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and note of a file that `write` wrote.

    Raises
    ------
    DamagedCheckpoint
        The file is cut short, is no safetensors file, or its checksum does not fit.
    FileNotFoundError
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise DamagedCheckpoint(f"{path} is damaged: {error}") from error
    if header.get("sha256") != checksum(tensors):
        raise DamagedCheckpoint(f"{path} is damaged: its tensors do not fit its checksum")
    return tensors, json.loads(header["note"])


def _apart(tensors: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """In the processor's memory, each in a place of its own: safetensors writes no weight that two layers share."""
    places = set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        yield name, tensor.clone() if place in places else tensor
        places.add(place)


def checksum(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of names and values, in hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
