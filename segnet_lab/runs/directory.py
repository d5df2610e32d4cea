"""A run directory: everything that one training left, and how to open it again.

    run.json              model, start, data, recipe, environment: what the run is, compared on resuming
    log.csv               one row per epoch
    last.safetensors      weights and momentum after the last epoch; previous.safetensors the one before
    best.safetensors      weights of the epoch with the highest validation G (Section 3.3)
    scores.json           scores of those weights; its presence says that the run is finished

Every file is written whole or not at all.
"""

import csv
import json
import math
import os
import platform
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from torch import Tensor, nn

import segnet_lab
from segnet_lab._support.errors import InvalidInput, NotFound
from segnet_lab._support.files import write_json, write_text
from segnet_lab.data.cards import load_card
from segnet_lab.metrics.conventions import TOLERANCE
from segnet_lab.runs import checkpoints
from segnet_lab.runs.checkpoints import DamagedCheckpoint
from segnet_lab.runs.compare import first_difference
from segnet_lab.runs.places import find_runs, no_run, said
from segnet_lab.runs.records import RunRecord, ScoredOn, Scores

if TYPE_CHECKING:
    import pandas as pd


class Selected(TypedDict):
    """The epoch whose weights are kept, and its validation G; nan if nothing could be scored."""

    epoch: int
    G: float


class RunDirectory:
    """Reads and writes the files of one run."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.about_file = self.path / "run.json"
        self.log_file = self.path / "log.csv"
        self.scores_file = self.path / "scores.json"
        self.last = self.path / "last.safetensors"
        self.previous = self.path / "previous.safetensors"
        self.best = self.path / "best.safetensors"

    # ------------------------------------------------------------------ what the run is

    def open(self, about: RunRecord) -> None:
        """Start the run, or go on with it if it is the same; another run's directory is refused, and nothing is lost.

        A directory in which no epoch was finished yet belongs to nobody. More epochs than before are the same run,
        made longer; fewer are, too, as long as no more are done.
        """
        if not self.begun():
            if self.about_file.exists():
                self.about()  # somebody else's run.json is not written over
            write_json(self.about_file, {**about, "environment": environment()})
            return
        if not self.about_file.exists():
            held = "weights" if self.has_weights() else "scores"
            raise InvalidInput(
                f"{self.path} holds {held} but no run.json to say which run they belong to: give another run_dir, "
                "or delete that directory"
            )
        was = self.about()
        if difference := first_difference(was, about):
            raise InvalidInput(
                f"{self.path} holds another run: {difference}. Give another run_dir, or delete that directory"
            )
        self._check_epochs(was["recipe"], about["recipe"]["epochs"])

    def _check_epochs(self, recipe: Mapping[str, Any], epochs: int) -> None:
        """Refuse fewer epochs than are done, and to go on without the state after the last of them."""
        log = self.read_log()
        done = len(log)
        every = recipe.get("evaluate_every", 1)
        can_end_here = not done or done % every == 0 or self.finished() or "G" in log[-1]  # its last epoch is validated
        least = done if can_end_here else done + 1
        if epochs < least:
            raise InvalidInput(
                f"{self.path} has done {done} epochs already: give epochs={least} or more, or another run_dir"
            )
        begun = done or self.finished() or self._selected_epoch() > 1  # stopped in the first epoch, nothing is lost
        if begun and not self.has_state() and not self.finished_after(epochs):
            selected = f"; init={self.path} starts from the weights that were selected" if self.best.exists() else ""
            raise InvalidInput(
                f"{self.path} cannot go on: {self.last.name}, the weights and momentum after its last epoch, is not "
                f"there. Train into another run_dir{selected}"
            )

    def set_epochs(self, epochs: int) -> None:
        """Note that the run is to have this many epochs; scores of a run with another number are deleted.

        Called when the first of its further epochs is about to be saved: until then the run is what it was.
        """
        about = self.about()
        if about["recipe"]["epochs"] != epochs:
            self.scores_file.unlink(missing_ok=True)  # first, so that a longer run never counts as finished
            write_json(self.about_file, {**about, "recipe": {**about["recipe"], "epochs": epochs}})

    def about(self) -> RunRecord:
        """Model, data, recipe, start and environment of the run."""
        try:
            about = json.loads(self.about_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(no_run(self.path)) from None
        except ValueError as error:  # cut short, or no text
            raise InvalidInput(
                f"{self.about_file} is damaged ({error}): restore it from a copy, or train into another run_dir"
            ) from None
        parts = [about.get(part) if isinstance(about, dict) else None for part in ("model", "data", "recipe")]
        if not all(isinstance(part, dict) for part in parts):
            raise InvalidInput(
                f"{self.about_file} was not written by this kit: it lacks the model, data or recipe of a run. "
                "Give another run_dir, or remove that file"
            )
        return about

    def begun(self) -> bool:
        """Whether an epoch was finished here; of a run that was given away without weights, log and scores say so."""
        return self.has_weights() or self.log_file.exists() or self.finished()

    def has_weights(self) -> bool:
        """Whether weights of some epoch lie here."""
        return any(file.exists() for file in (self.last, self.previous, self.best))

    def has_state(self) -> bool:
        """Whether there is something to go on from."""
        return self.last.exists() or self.previous.exists()

    def finished(self) -> bool:
        """Whether the selected weights were scored, which is done last."""
        return self.scores_file.exists()

    def finished_after(self, epochs: int) -> bool:
        """Whether the run is finished, with this many epochs."""
        return self.finished() and self.about()["recipe"]["epochs"] == epochs

    def scores(self) -> Scores:
        """Scores of the selected weights, by role ("train", "val", ...); {} while the run is not finished.

        What could not be scored is nan. Each entry's "on" says what was scored, see `provenance.scored_on`; older runs
        have it from their run.json.
        """
        if not self.finished():
            return {}
        try:
            scores = json.loads(self.scores_file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InvalidInput(
                f"{self.scores_file} is damaged ({error}): delete it, and the same training scores its weights again"
            ) from None
        if not isinstance(scores, dict) or "epoch" not in scores:
            raise InvalidInput(
                f"{self.scores_file} is damaged (it does not say of which epoch): delete it, and the same training "
                "scores its weights again"
            )
        for role, entry in scores.items():
            if isinstance(entry, dict):
                scores[role] = _nan_for_none(entry)
                if "on" not in entry:
                    scores[role]["on"] = self._scored_on(role)
        return scores

    def _scored_on(self, role: str) -> ScoredOn:
        """For a run of an older version, in which training and validation were always splits of one set."""
        about = self.about()["data"]
        images: int | None = about["images"]
        if role != about["split"]:
            images = about["options"].get("images") or load_card(about["name"]).splits.get(role)
        return {
            "data": about["name"],
            "split": role,
            "images": images,
            "size": about["options"].get("size"),
            "part": None,
            "convention": "paper",
            "tolerance": TOLERANCE,
            "fingerprint": None,
        }

    # ------------------------------------------------------------------ writing, after every epoch

    def save_state(self, tensors: dict[str, Tensor], note: Mapping[str, object]) -> None:
        """Weights and momentum after an epoch; the state before it is kept as well."""
        fresh = self.path / "next.safetensors"
        checkpoints.write(fresh, tensors, note)
        if self.last.exists():
            os.replace(self.last, self.previous)
        os.replace(fresh, self.last)

    def save_best(self, model: nn.Module, note: Mapping[str, object]) -> None:
        """The weights of an epoch that validated best so far; the note has its number and its G."""
        checkpoints.write(self.best, model.state_dict(), note)

    def selected(self) -> Selected | None:
        """Epoch and G of the weights that are selected so far; None if there are none, or of before G was noted."""
        with suppress(FileNotFoundError, DamagedCheckpoint):
            note = checkpoints.read(self.best)[1]
            if "G" in note:
                return {"epoch": note["epoch"], "G": math.nan if note["G"] is None else note["G"]}
        return None

    def _selected_epoch(self) -> int:
        """Of which epoch the selected weights are; 0 if there are none that can be read."""
        with suppress(FileNotFoundError, DamagedCheckpoint):
            return checkpoints.read(self.best)[1]["epoch"]
        return 0

    def log_rows(self) -> int:
        """How many epochs log.csv has."""
        return max(0, len(self.log_file.read_text(encoding="utf-8").splitlines()) - 1) if self.log_file.exists() else 0

    def read_log(self) -> list[dict[str, float]]:
        """The rows of log.csv as they were written; scores stand in those of epochs that were validated."""
        if not self.log_file.exists():
            return []
        with self.log_file.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        whole = ("epoch", "iteration")
        return [{name: int(v) if name in whole else float(v) for name, v in row.items() if v} for row in rows]

    def save_log(self, log: "pd.DataFrame") -> None:
        """One row per epoch, to log.csv."""
        write_text(self.log_file, log.to_csv(index=False))

    def save_scores(self, scores: Scores) -> None:
        """Scores of the selected weights, by role: the run is finished."""
        write_json(self.scores_file, scores)

    # ------------------------------------------------------------------ reading

    def load_state(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
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

    def load_weights(self) -> dict[str, Tensor]:
        """The selected weights; the last ones, with a warning, if those are damaged or not there yet."""
        return self.load_selected()[0]

    def load_selected(self) -> tuple[dict[str, Tensor], int]:
        """The selected weights and the epoch that they are of, see `load_weights`."""
        try:
            tensors, note = checkpoints.read(self.best)
            return tensors, note["epoch"]
        except (FileNotFoundError, DamagedCheckpoint) as error:
            state = self.load_state()
            if state is None and isinstance(error, DamagedCheckpoint):
                raise
            if state is None:
                raise NotFound(
                    f"{self.path} has no weights: either no epoch is finished, or only its scores were given away. "
                    f"Train it with the command in {self.about_file}"
                ) from None
            tensors, note = state
            warnings.warn(
                f"{self.best} is missing or damaged ({error}); taking the weights of epoch {note['epoch']}",
                stacklevel=2,
            )
            weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
            return weights, note["epoch"]


def runs_of(name: str | os.PathLike[str]) -> list[RunDirectory]:
    """The runs of a set, by name.

    A folder whose run.json cannot be read as that of a run is left out, with a warning that names the file.

    Raises
    ------
    ValueError
        There is no such set, or none of its runs can be read.
    """
    folder, readable, unread = find_runs(name), [], []
    for file in sorted(folder.glob("*/run.json")):
        run = RunDirectory(file.parent)
        try:
            str(run.about()["model"]["name"])
        except (ValueError, KeyError, OSError) as error:
            unread.append(f"{error}" if isinstance(error, ValueError) else f"{file} cannot be read ({error!r})")
        else:
            readable.append(run)
    if not readable:
        raise InvalidInput(f"{said(name, folder)} holds no run that can be read: {'; '.join(sorted(unread))}")
    for message in sorted(unread):
        warnings.warn(f"left out: {message}", stacklevel=3)
    return readable


def environment() -> dict[str, object]:
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


def _nan_for_none(scores: Scores) -> Scores:
    """JSON has no nan: it is written as null."""

    def number(value: float | None) -> float:
        return math.nan if value is None else value

    return {
        name: value if name == "on" else list(map(number, value)) if isinstance(value, list) else number(value)
        for name, value in scores.items()
    }
