"""Table 1 in the minutes that there are: `python tools/train_in_time.py --minutes 5 --out DIR [--data FOLDER]`.

Each of the eight variants has an equal share of the time. How long an epoch takes is measured first; then `train` gets
as many epochs as fit, with the rate falling to 0 and flips. --data is a folder of CamVid; without it, scenes made here.
DIR/table1.jsonl has a line for each; DIR/table1_1.tar, table1_2.tar ..., of less than 15 MB each, have its run.json,
log.csv and scores.json, and its weights as float16. For a look: the runs in results/ come from tools/replicate.py.
"""

import argparse
import json
import tarfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import torch
from safetensors.torch import save_file
from torch import nn

from segnet_lab import Recipe, create_model, load_dataset, paper
from segnet_lab.data.base import SegmentationDataset
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.training.loop import TrainingDiverged, train

TABLE_1 = [paper.NAMES[variant] for variant in paper.table(1)["variant"]]
RATES = (0.1, 0.03)  # the second where the loss does not stay finite at the first
LIMIT = 15e6  # bytes of an archive
SCORING = 0.2  # of the first network's share, for scores and start-up; then as measured


class EnoughError(Exception):
    """The training has run as long as it should."""


@dataclass(frozen=True)
class Trainings:
    """What all trainings of a call have in common."""

    data: SegmentationDataset
    validation: SegmentationDataset
    device: str
    width: float
    out: Path

    def train(self, name: str, folder: Path, recipe: Recipe, on_epoch: Callable[[dict[str, float]], None]) -> nn.Module:
        model = create_model(name, self.data.num_classes, width=self.width, seed=0)
        with suppress(EnoughError):
            train(
                model,
                self.data,
                recipe,
                folder,
                validation=self.validation,
                on_epoch=on_epoch,
                device=self.device,
                show_progress=False,
            )
        return model

    def pace(self, name: str, rate: float) -> float:
        """Seconds of an epoch: the second one's, when kernels are chosen and images read."""
        seconds: list[float] = []

        def note(row: dict[str, float]) -> None:
            seconds.append(row["seconds"])
            if len(seconds) == 2:
                raise EnoughError

        with TemporaryDirectory() as folder:
            self.train(name, Path(folder, "pace"), a_recipe(99, rate), note)
        return seconds[-1]

    def one(self, name: str, share: float, scoring: float) -> dict[str, object]:
        """Train a network within its share; the first rate at which the loss stays finite is taken."""
        start = time.monotonic()
        for rate in RATES:
            try:
                pace = self.pace(name, rate)
                left = share - (time.monotonic() - start)
                recipe = a_recipe(epochs_that_fit(left, pace, scoring), rate)
                return self.one_at(name, recipe, start + share) | {"share": round(share, 1), "epoch_s": round(pace, 2)}
            except TrainingDiverged as diverged:
                error = str(diverged)
        return {"model": name, "error": error}

    def one_at(self, name: str, recipe: Recipe, end: float) -> dict[str, object]:
        """Train it with a recipe, until a point of time at the latest."""
        start, done = time.monotonic(), []

        def watch(row: dict[str, float]) -> None:
            done.append(row["loss"])
            if time.monotonic() > end and len(done) < recipe.epochs:
                raise EnoughError

        with TemporaryDirectory() as folder:
            run = RunDirectory(Path(folder, name))
            model = self.train(name, run.path, recipe, watch)
            seconds, scores = time.monotonic() - start, run.scores()
            halved = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
            save_file({k: v.contiguous().cpu() for k, v in halved.items()}, run.path / "weights.safetensors")
            keep(run.path, self.out)
        row = {"model": name, "epochs": len(done), "planned": recipe.epochs, "rate": recipe.learning_rate}
        row |= {"seconds": round(seconds, 1), "loss": [round(loss, 4) for loss in (done[0], done[-1])]}
        for role in ("train", "val"):
            if role in scores:
                row[role] = {score: round(scores[role][score], 4) for score in ("G", "C", "mIoU", "BF")}
        return row


def a_recipe(epochs: int, rate: float) -> Recipe:
    return Recipe(
        epochs=epochs,
        learning_rate=rate,
        evaluate_every=epochs,
        schedule="PolynomialLR(power=0.9)",
        augmentation="flip",
    )


def epochs_that_fit(seconds: float, pace: float, scoring: float) -> int:
    """At least one.

    >>> epochs_that_fit(30, 2, 5), epochs_that_fit(1, 2, 5)
    (12, 1)
    """
    return max(1, int((seconds - scoring) / max(pace, 1e-3)))


def keep(run: Path, out: Path) -> None:
    """Add what a run left, but its float32 weights, to the last archive, or to a new one if that is full."""
    files = [run / name for name in ("run.json", "log.csv", "scores.json", "weights.safetensors")]
    files = [file for file in files if file.exists()]
    archives = sorted(out.glob("table1_*.tar"), key=lambda path: int(path.stem.rpartition("_")[2]))
    size = sum(2 * tarfile.BLOCKSIZE + file.stat().st_size for file in files) + tarfile.RECORDSIZE  # at most
    if not archives or archives[-1].stat().st_size + size > LIMIT:
        archives.append(out / f"table1_{len(archives) + 1}.tar")
    with tarfile.open(archives[-1], "a") as archive:
        for file in files:
            archive.add(file, f"{run.name}/{file.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="a folder of CamVid")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, nargs=2, default=(360, 480), metavar=("H", "W"))
    options = parser.parse_args()
    start, names = psutil.Process().create_time(), list(TABLE_1)  # importing torch is in the time, too
    options.out.mkdir(parents=True, exist_ok=True)
    rehearsal = torch.device(options.device).type == "cpu"
    sets = [data_set(split, options.data, tuple(options.size), rehearsal) for split in ("train", "val")]
    trainings = Trainings(*sets, options.device, 0.1 if rehearsal else 1.0, options.out)
    scoring = 0.0  # seconds that a network takes beside its epochs, at most
    with (options.out / "table1.jsonl").open("w", encoding="utf-8") as file:
        while names:
            left = 60 * options.minutes - (time.time() - start)
            name, share = names[0], left / len(names)
            try:
                if share < 1:
                    row = {"model": name, "error": "no time was left"}
                else:
                    begun = time.monotonic()
                    row = trainings.one(name, share, scoring or SCORING * share)
                    if "epoch_s" in row:
                        beside = time.monotonic() - begun - (row["epochs"] + 2) * row["epoch_s"]
                        scoring = max(scoring, beside)
            except Exception as error:  # the next one may work
                row = {"model": name, "error": repr(error)[:400], "trace": traceback.format_exc()[-800:]}
            line = json.dumps(row)
            print(line, file=file, flush=True)
            print(line, flush=True)
            del names[0]


def data_set(split: str, root: Path | None, size: tuple[int, int], rehearsal: bool) -> SegmentationDataset:
    """CamVid of a folder, or scenes made here; a few of them for a rehearsal."""
    if root is None:
        return load_dataset("roadscenes", split, images=12 if rehearsal else 200, size=size)
    data = load_dataset("camvid", split, root=root, size=size)
    return data.part(range(0, len(data), len(data) // 12)) if rehearsal else data


if __name__ == "__main__":
    main()
