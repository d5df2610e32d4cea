"""A run directory: everything that one training left, and how to open it again.

    run.json              model, data, recipe, environment: written once, compared on resuming
    log.csv               one row an epoch
    last.safetensors      weights and momentum after the last epoch; previous.safetensors the one before
    best.safetensors      weights of the epoch with the highest validation G (Section 3.3)
    scores.json           scores of those weights; its presence says that the run is finished

Every file is written whole or not at all.
"""

import json
import os
import platform
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch

import segnet_lab
from segnet_lab import checkpoints
from segnet_lab.checkpoints import DamagedCheckpoint
from segnet_lab.files import write_json, write_text
from segnet_lab.models import EncoderDecoder, create_model
from segnet_lab.recipe import Recipe


class Run(NamedTuple):
    """What `load_run` gives."""

    model: EncoderDecoder
    recipe: Recipe
    scores: dict


class RunDirectory:
    """Reads and writes the files of one run."""

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.about_file = self.path / "run.json"
        self.log_file = self.path / "log.csv"
        self.scores_file = self.path / "scores.json"
        self.last = self.path / "last.safetensors"
        self.previous = self.path / "previous.safetensors"
        self.best = self.path / "best.safetensors"

    # ------------------------------------------------------------------ what the run is

    def open(self, about: dict) -> None:
        """Start the run, or go on with it if it is the same; another run's directory is refused."""
        if not self.about_file.exists():
            write_json(self.about_file, {**about, "environment": environment()})
            return
        was = self.about()
        for part in ("model", "data", "recipe"):
            for name, now in about[part].items():
                before = was[part].get(name)
                if before != json.loads(json.dumps(now)):
                    raise ValueError(
                        f"{self.path} holds another run: its {part} has {name}={before!r}, this one {now!r}. "
                        "Give another run_dir, or delete that directory"
                    )

    def about(self) -> dict:
        """Model, data, recipe and environment of the run."""
        try:
            return json.loads(self.about_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{self.path} is no run directory: it has no run.json. Known: {', '.join(_runs_near(self.path))}"
            ) from None

    def finished(self) -> bool:
        return self.scores_file.exists()

    def scores(self) -> dict:
        """Scores of the selected weights; {} while the run is not finished."""
        return json.loads(self.scores_file.read_text(encoding="utf-8")) if self.finished() else {}

    # ------------------------------------------------------------------ writing, after every epoch

    def save_state(self, tensors: dict, note: dict) -> None:
        """Weights and momentum after an epoch; the state before it is kept as well."""
        fresh = self.path / "next.safetensors"
        checkpoints.write(fresh, tensors, note)
        if self.last.exists():
            os.replace(self.last, self.previous)
        os.replace(fresh, self.last)

    def save_best(self, model: EncoderDecoder, note: dict) -> None:
        checkpoints.write(self.best, model.state_dict(), note)

    def save_log(self, log) -> None:
        write_text(self.log_file, log.to_csv(index=False))

    def save_scores(self, scores: dict) -> None:
        write_json(self.scores_file, scores)

    # ------------------------------------------------------------------ reading

    def load_state(self) -> tuple[dict, dict] | None:
        """The newest state that is whole, or None if there is none yet; a damaged one is named in a warning."""
        damaged = None
        for file in (self.last, self.previous):
            try:
                state = checkpoints.read(file)
            except FileNotFoundError:
                continue
            except DamagedCheckpoint as error:
                damaged = error
                os.replace(file, file.with_suffix(".damaged"))  # so that it never takes the place of a good one
                continue
            if damaged:
                warnings.warn(f"{damaged}; going on from {file.name}, epoch {state[1]['epoch']}", stacklevel=2)
            return state
        if damaged:
            raise DamagedCheckpoint(f"{damaged}; there is no other to fall back to: train into a new directory")
        return None

    def load_weights(self) -> dict:
        """The selected weights; the last ones, with a warning, if those are damaged or not there yet."""
        try:
            return checkpoints.read(self.best)[0]
        except (FileNotFoundError, DamagedCheckpoint) as error:
            state = self.load_state()
            if state is None and isinstance(error, DamagedCheckpoint):
                raise
            if state is None:
                raise FileNotFoundError(
                    f"{self.path} has no weights: either no epoch is finished, or only its scores were given away. "
                    f"Train it with the command in {self.about_file}"
                ) from None
            tensors, note = state
            warnings.warn(
                f"{self.best} is missing or damaged ({error}); taking the weights of epoch {note['epoch']}",
                stacklevel=2,
            )
            return {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}


def load_run(run_dir: str | os.PathLike) -> Run:
    """Open what a training left.

    Parameters
    ----------
    run_dir : path
        A directory that `train` wrote.

    Returns
    -------
    Run
        Unpacks to model (on the CPU, in evaluation mode, with the selected weights), recipe and scores
        (a dict; empty while the run is not finished).

    Raises
    ------
    FileNotFoundError
        No run there, or none that has finished an epoch.
    DamagedCheckpoint
        Neither the selected nor the last weights can be read.
    """
    directory = RunDirectory(run_dir)
    about = directory.about()
    model = create_model(**about["model"])
    load_weights(model, directory.load_weights(), directory.best)
    return Run(model.eval(), Recipe.from_dict(about["recipe"]), directory.scores())


def load_weights(model: EncoderDecoder, tensors: dict, source: object) -> None:
    """Put weights into a model; another network's weights are refused, naming the first that does not fit."""
    own = model.state_dict()
    for name in sorted(own.keys() | tensors.keys()):
        if name not in tensors or name not in own:
            where = "missing in" if name not in tensors else "more than the model has in"
            raise ValueError(f"{source} is of another network than {model.config.name}: {name} is {where} it")
        if own[name].shape != tensors[name].shape:
            raise ValueError(
                f"{source} does not fit {model.config}: {name} has shape {tuple(tensors[name].shape)}, the model "
                f"{tuple(own[name].shape)}. Create the model with the num_classes and width it was trained with"
            )
    model.load_state_dict(tensors)


def describe(model: EncoderDecoder, data, validation, recipe: Recipe) -> dict:
    """The part of run.json that must be the same to go on with a run."""
    return {
        "model": asdict(model.config),
        "data": {
            "name": data.name,
            "split": data.split,
            "images": len(data),
            "validation": validation and validation.split,
            "options": {name: value for name, value in data.options.items() if name != "root"},
            "class_names": list(data.class_names),
            "palette": data.palette.tolist(),
            "ignore_index": data.ignore_index,
        },
        "recipe": asdict(recipe),
    }


def environment() -> dict:
    """Where a run was made: enough to understand its times and last digits."""
    return {
        "segnet_lab": segnet_lab.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.system(),
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "command": " ".join(Path(word).name if i == 0 else word for i, word in enumerate(sys.argv)),
    }


def _runs_near(path: Path) -> list[str]:
    return sorted(file.parent.name for file in path.parent.glob("*/run.json")) or ["none here"]
