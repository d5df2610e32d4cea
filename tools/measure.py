"""Regenerate the committed results that need no training of a network: `python tools/measure.py WHAT`.

    table2       random forests on CamVid, with and without the CRF, and what it is worth to have seen the same drive
    table3_crf   DeepLab-LargeFOV of runs/table3 followed by the CRF, settings searched on training images
    table4_crf   the same for runs/table4_rooms
    table6       what the networks cost at 360x480
    lessons      how long each lesson runs

Minutes each on one core. What comes out lies in `results/<table>/`, with where it was made.
"""

import argparse
import os
import platform
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from replicate import RESULTS, TABLE_1, collect

from segnet_lab import load_dataset, load_run
from segnet_lab._support.files import write_json, write_text
from segnet_lab.baselines.random_forest import train_forest
from segnet_lab.inference.crf_search import grid_search
from segnet_lab.inference.dense_crf import DenseCRF, WithDenseCRF, dense_crf
from segnet_lab.inference.predict import predict_logits
from segnet_lab.lessons.notebooks import list_notebooks, run_notebook
from segnet_lab.metrics import SegmentationScores
from segnet_lab.metrics.conventions import SCORES
from segnet_lab.models import create_model
from segnet_lab.probe.costs import compare_costs, peak_memory
from segnet_lab.runs.directory import RunDirectory, environment
from segnet_lab.runs.places import find_runs
from segnet_lab.training.evaluation import evaluate

SIZE = (90, 120)
CLIP = "0016E5"  # the drive that CamVid's validation clip was cut out of
SEARCH_IMAGES = 16


def table2() -> None:
    """Forests from different training images, scored on the validation clip."""
    train, val = (load_dataset("camvid", split=split, size=SIZE) for split in ("train", "val"))
    other_drives = [i for i in range(len(train)) if CLIP not in train.file_name(i)]
    chosen = {
        "60 images": evenly(train, 60),
        "all images": range(len(train)),
        "no image of that drive": other_drives,
        "as many, of all drives": evenly(train, len(other_drives)),
    }
    rows = {}
    for name, numbers in chosen.items():
        forest = train_forest(train.part(numbers), images=len(numbers))
        found = [(forest.predict_proba(sample.image), sample) for sample in val]
        rows[name] = score(((p.argmax(0), s.label) for p, s in found), val) | {"images": len(numbers)}
        smooth = DenseCRF().scaled(SIZE[0] / 360)
        refined = ((dense_crf(p, s.image, smooth).argmax(0), s.label) for p, s in found)
        rows[f"{name}, CRF"] = score(refined, val) | {"images": len(numbers)}
        print(pd.DataFrame(rows).T[["images", "G", "C", "mIoU", "BF"]], flush=True)
    about = {"data": "camvid", "size": SIZE, "class_names": val.class_names, "environment": environment()}
    write_json(RESULTS / "table2" / "forests.json", about | {"scores": rows})


def crf_row(runs: str) -> None:
    """A run like the others, without weights: the network of another run, and the CRF."""
    source = RunDirectory(find_runs(runs) / "deeplab_large_fov")
    data, network = source.about()["data"], load_run(source.path).model
    train, val = (load_dataset(data["name"], split=split, **data["options"]) for split in ("train", "val"))
    scaled = DenseCRF().scaled(train[0].label.shape[0] / 360)
    grid = {
        "appearance_weight": (4, 8),
        "appearance_position_std": (scaled.appearance_position_std, 2 * scaled.appearance_position_std),
        "appearance_colour_std": (3, 6, 10),
        "smoothness_position_std": (scaled.smoothness_position_std,),
    }
    samples = [(predict_logits(network, s.image).softmax(0), s.image, s.label) for s in some(train, SEARCH_IMAGES)]
    found = grid_search(samples, grid, num_classes=val.num_classes, ignore_index=val.ignore_index)
    print(found.to_string())
    best = found[found["iterations"] > 0].iloc[0]  # with none, the network alone may come first
    searched = DenseCRF(**best.drop(list(SCORES)))
    for suffix, settings in (("dense_crf", searched), ("dense_crf_not_scaled", DenseCRF())):
        scores = evaluate(WithDenseCRF(network, settings), val)
        print(suffix, {name: round(100 * scores[name], 2) for name in SCORES})
        target = RunDirectory(source.path.with_name(f"{source.path.name}-{suffix}"))
        target.path.mkdir(exist_ok=True)
        write_json(target.about_file, source.about() | {"crf": asdict(settings), "environment": environment()})
        shutil.copyfile(source.log_file, target.log_file)
        target.save_scores({"epoch": source.scores()["epoch"], val.split: scores})
        collect(target.path, RESULTS / runs / target.path.name, weights=False)


def table6() -> None:
    """In float32, as the paper's: times and inference memory of one image, training memory of four; and Table 1's."""
    large = ("segnet", "deeplab_large_fov", "fcn", "fcn_learnt_deconv", "deconvnet", "unet")
    one = compare_costs(made(large), 360, 480, precision="float32")
    four = [peak_memory(model, (4, 3, 360, 480), "float32")["training_memory_mb"] for model in made(large)]
    basic = compare_costs(made(TABLE_1[:8]), 360, 480, precision="float32")
    table = pd.concat([one.assign(training_memory_mb=four), basic.drop(columns="training_memory_mb")])
    where = RESULTS / "table6" / table["device"].iloc[0].split(":")[0]
    write_text(where / "costs.csv", table.to_csv(float_format="%.6g"))
    write_json(where / "environment.json", environment())
    print(table.T.to_string())


def lessons() -> None:
    """Seconds from start to end, and of the processor, of every lesson with its own parameters on one core."""
    os.environ["OMP_NUM_THREADS"] = "1"
    rows, about = {}, environment() | {"threads": 1, "processor": processor(), "cores": os.cpu_count()}
    for name in list_notebooks():
        load, start, busy = os.getloadavg()[0], time.perf_counter(), seconds_of_children()
        with TemporaryDirectory() as folder:
            run_notebook(name, output=f"{folder}/{name}.ipynb")
        rows[name] = {
            "seconds": round(time.perf_counter() - start, 1),
            "processor_seconds": round(seconds_of_children() - busy, 1),
            "load_before": round(load, 1),
        }
        print(name, rows[name], flush=True)
        write_json(RESULTS / "lessons" / "seconds.json", {"environment": about, "lessons": rows})


def seconds_of_children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def processor() -> str:
    file = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in file.open() if "model name" in line] if file.exists() else []
    return names[0] if names else platform.machine()


def made(names):
    return [create_model(name, seed=0) for name in names]


def score(pairs, data) -> dict:
    """Scores of (prediction, label) pairs in the form of scores.json."""
    scores = SegmentationScores(num_classes=data.num_classes, ignore_index=data.ignore_index)
    for prediction, label in pairs:
        scores.update(prediction, label)
    by_class = {f"class_{name}": values.tolist() for name, values in scores.per_class().items()}
    return scores.compute() | by_class


def evenly(data, count: int) -> np.ndarray:
    return np.linspace(0, len(data) - 1, count).round().astype(int)


def some(data, count: int):
    return data.part(evenly(data, count))


WHAT = {
    "table2": table2,
    "table3_crf": lambda: crf_row("table3"),
    "table4_crf": lambda: crf_row("table4_rooms"),
    "table6": table6,
    "lessons": lessons,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=WHAT)
    WHAT[parser.parse_args().what]()
