"""Regenerate the committed results: `python tools/replicate.py SET [--jobs 2]`.

Each set is a row of data below. Trainings run in `runs/<set>/` (interrupt them at any time, the same command
resumes) and what may be given away is then copied to `results/<set>/`: recipe, environment, log and scores; weights
only of sets whose images are our own.
"""

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from segnet_lab._support.folders import runs_dir
from segnet_lab.models import NETWORKS

RESULTS = Path(__file__).parents[1] / "results"
TABLE_1 = list(NETWORKS)[:11]  # eight variants, and the three of the end of Section 3.1
TABLE_3 = ["segnet", "fcn", "fcn_learnt_deconv", "deeplab_large_fov", "deconvnet", "unet", "bayesian_segnet"]
TABLE_4 = ["segnet", "fcn", "fcn_learnt_deconv", "deeplab_large_fov", "deconvnet"]

# At 0.1 the loss of these is nan within the first epoch, once the frequent classes have their full weight: learnt
# deconvolutions without batch normalisation behind them.
SLOWER = dict.fromkeys(
    ["fcn_learnt_deconv", "fcn_basic", "fcn_basic_no_addition", "fcn_basic_no_dim_reduction"], "--learning-rate 0.03"
)


@dataclass(frozen=True)
class Set:
    """Trainings that belong in one table: the same data and recipe for all."""

    models: list[str]
    options: str  # of `segnet-lab train`
    seeds: tuple[int, ...] = (0,)
    weights: tuple[str, ...] = ()  # runs whose weights are given away
    exceptions: dict[str, str] = field(default_factory=dict)  # network -> options of its own


SETS = {
    # scenes made here, so that the lessons have trained networks to look into
    "roadscenes": Set(
        [*TABLE_1, "bayesian_segnet_basic"],
        "--data roadscenes --width 0.5 --epochs 30",
        weights=(
            "segnet_basic",
            "bilinear_interpolation",
            "fcn_basic",
            "segnet_basic_encoder_addition",
            "fixed_indices",
            "bayesian_segnet_basic",
        ),
    ),
    # SegNet-Basic at full width on real CamVid, twelve epochs, three seeds
    "camvid_90x120": Set(["segnet_basic"], "--data camvid --size 90 120 --epochs 12", seeds=(0, 1, 2)),
    # Table 1, both halves, at half width
    "table1_median": Set(TABLE_1, "--data camvid --size 90 120 --width 0.5 --epochs 20 --evaluate-every 2"),
    "table1_natural": Set(
        TABLE_1[:8],
        "--data camvid --size 90 120 --width 0.5 --epochs 20 --evaluate-every 2 --balancing natural",
        exceptions=SLOWER,
    ),
    # Table 3: a quarter of the width, no balancing, one recipe for all. The paper's rate of 1e-3 is for ImageNet's
    # weights and 140,000 iterations; from scratch, dropout of 0.5 takes SegNet after 20 epochs from G 0.77 to 0.65.
    # So 0.1, and no dropout but in the Bayesian network.
    "table3": Set(
        TABLE_3,
        "--data camvid --size 90 120 --width 0.25 --epochs 60 --evaluate-every 3 --batch-size 5 --learning-rate 0.1 "
        "--balancing natural",
        exceptions=SLOWER,
    ),
    # the same at twice the size: SegNet's smallest maps are 6x8 there instead of 3x4. Does the order change?
    "table3_180x240": Set(
        ["segnet", "fcn", "deeplab_large_fov", "deconvnet"],
        "--data camvid --size 180 240 --width 0.25 --epochs 30 --evaluate-every 3 --batch-size 5 --learning-rate 0.1 "
        "--balancing natural",
    ),
    # the same rooms as Table 4's: two networks small enough to be given away, for Fig. 5
    "rooms": Set(
        ["segnet_basic", "deeplab_large_fov"],
        "--data rooms --size 96 128 --width 0.5 --epochs 24 --evaluate-every 8 --batch-size 5 --learning-rate 0.1 "
        "--balancing natural",
        weights=("segnet_basic", "deeplab_large_fov"),
        exceptions={"deeplab_large_fov": "--width 0.1"},
    ),
    # Table 4, on rooms made here where SUN RGB-D is not at hand; the recipe of Table 3
    "table4_rooms": Set(
        TABLE_4,
        "--data rooms --size 96 128 --width 0.25 --epochs 30 --evaluate-every 3 --batch-size 5 --learning-rate 0.1 "
        "--balancing natural",
        exceptions=SLOWER,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, one thread each")
    arguments = parser.parse_args()
    wanted = SETS[arguments.set]
    runs = [(model, seed) for seed in wanted.seeds for model in wanted.models]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        codes = list(pool.map(lambda run: one(arguments.set, *run), runs))
    sys.exit(max(codes))


def one(name: str, model: str, seed: int) -> int:
    """Train one network, or go on with it, and collect what it left."""
    run = model if seed == 0 else f"{model}-seed{seed}"
    folder = runs_dir() / name / run
    command = ["segnet-lab", "train", model, "--run", f"runs/{name}/{run}", *SETS[name].options.split()]
    command += [*SETS[name].exceptions.get(model, "").split(), "--seed", str(seed)]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "output.txt").open("w") as output:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "SEGNET_LAB_HEADLESS": "1"}
        arguments = [sys.executable, "-m", "segnet_lab", *command[1:]]
        code = subprocess.call(arguments, env=environment, stdout=output, stderr=output, cwd=runs_dir().parent)
    print(f"{'done' if code == 0 else f'failed, see {folder}/output.txt'}: {' '.join(command)}", flush=True)
    if code == 0:
        collect(folder, RESULTS / name / run, weights=run in SETS[name].weights)
    return code


def collect(folder: Path, destination: Path, weights: bool) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    for file in ("run.json", "log.csv", "scores.json", *(["best.safetensors"] if weights else [])):
        shutil.copyfile(folder / file, destination / file)


if __name__ == "__main__":
    main()
