"""`make demo`: train three ways of decoding on scenes made here, look inside, compare, show. Minutes on a laptop.

It ends in one page, `demo_page`, which opens by itself where somebody looks.

All of it is lessons run in batch, two at a time, each in a process of its own on one core; on two cores that is faster
than one after the other on both. What is finished, and newer than what it was made from, is not run again.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pandas as pd

from segnet_lab import paper, results
from segnet_lab._support.folders import runs_dir
from segnet_lab._support.settings import environment
from segnet_lab.lessons import notebooks
from segnet_lab.lessons.choices import scored_in_words
from segnet_lab.lessons.demo_page import show, write_demo_page
from segnet_lab.lessons.parameters_cell import read_notebook
from segnet_lab.runs.directory import RunDirectory
from segnet_lab.runs.places import held, is_set

EPOCHS = 16
NETWORKS = ("segnet_basic", "bilinear_interpolation", "fcn_basic")  # the longest first
TRAINING = {"dataset": "roadscenes", "size": "96,128", "width": 0.5, "images": 0, "val_images": 0, "evaluate_every": 2}
LESSONS = ("06_sparse_maps", "10_table1_decoders", "20_qualitative")
JOBS = 2  # notebooks at a time


def run_demo(epochs: int = EPOCHS, open_lab: bool = False, open_page: bool = True) -> pd.DataFrame:
    """Train, look inside, compare, show; then say what came out and where it lies.

    Parameters
    ----------
    epochs : int
        Of each network. All goes to `runs/demo`, or `runs/demo-<epochs>` for another number than usual.
    open_lab : bool
        Open the executed lessons in JupyterLab at the end.
    open_page : bool
        Show the page in a browser at the end, if this machine has one that somebody looks at.

    Returns
    -------
    DataFrame
        G, C, mIoU, BF of each network on the validation scenes, in percent.

    Raises
    ------
    NotebookFailed
        A notebook failed. What was finished before is kept, and the same call resumes from there.
    """
    name = "demo" if epochs == EPOCHS else f"demo-{epochs}"
    trainings, lessons = plan(name, epochs)
    start = time.perf_counter()
    print(f"Training {len(trainings)} networks for {epochs} epoch{'s' * (epochs != 1)}, {JOBS} at a time", flush=True)
    perform(trainings)
    print("Looking inside, comparing, showing", flush=True)
    perform(lessons)
    runs = str(lessons[0].parameters["runs"])
    table = results.scores_table(runs)[list(results.SCORES)]
    notebooks = [task.output for task in (*lessons, *trainings)]
    folder = notebooks[0].parent
    lab = [sys.executable, "-m", "jupyterlab", str(folder)]
    command = " ".join([near(sys.executable), *lab[1:3], near(folder)])
    page = write_demo_page(runs, folder / "index.html", notebooks, command)
    shown = " (in your browser)" if open_page and show(page) else ""
    print(f"\n{summary(table)}\n\nOurs: {scored_in_words(runs)}")
    print(f"\nDone in {time.perf_counter() - start:.0f} s. All of it on one page{shown}:\n\n    {near(page)}\n")
    print(f"The notebooks behind it, {', '.join(book.stem for book in notebooks)}, in JupyterLab:\n\n    {command}")
    if open_lab:
        subprocess.call(lab)  # noqa: S603  our own command line
    return table


def plan(name: str, epochs: int) -> tuple[list["Task"], list["Task"]]:
    """The trainings of a set of runs of that name, and the lessons that look at what they leave."""
    folder = runs_dir().resolve() / name
    trainings, scores = [], []
    for network in NETWORKS:
        run = RunDirectory(folder / network)
        given = TRAINING | {"model": network, "epochs": epochs, "run_dir": run.path}
        trainings.append(Task(network, "05_train", given, folder / f"05_train-{network}.ipynb", run=run))
        scores.append(run.scores_file)
    elsewhere = [found for found in held(name, is_set) if found.resolve() != folder]
    runs = near(folder) if elsewhere else name
    return trainings, [Task(lesson, lesson, {"runs": runs}, folder / f"{lesson}.ipynb", scores) for lesson in LESSONS]


def summary(table: pd.DataFrame) -> str:
    """Scores of the networks, and what the paper printed for BF."""
    printed = paper.table(1).assign(variant=lambda t: t["variant"].map(paper.NAMES)).set_index("variant")
    shown = table.round(1).assign(**{"BF in the paper": printed["median_test_BF"]})
    ours, theirs = (
        bf["segnet_basic"] - bf["bilinear_interpolation"] for bf in (table["BF"], printed["median_test_BF"])
    )
    gain = f"{ours:+.1f} points of BF (in the paper {theirs:+.1f})"
    return f"{shown.to_string()}\n\nDecoding with pooling indices instead of interpolation: {gain}"


@dataclass(eq=False)
class Task:
    """A lesson to run in batch."""

    title: str
    lesson: str
    parameters: Mapping[str, object]
    output: Path  # the executed notebook; what it prints to the terminal lies beside it
    inputs: list[Path] = field(default_factory=list)  # what it is made from, beside the lesson itself
    run: RunDirectory | None = None  # what it trains

    def done(self) -> bool:
        """Whether it was run to its end, and since its inputs changed."""
        if (self.run and not self.run.finished()) or not self.output.exists():
            return False
        inputs = [notebooks.find_notebook(self.lesson), *self.inputs]
        fresh = self.output.stat().st_mtime >= max(path.stat().st_mtime for path in inputs)
        return fresh and not notebooks.unexecuted_cells(self.output) and not self._errors()

    def _errors(self) -> list[nbformat.NotebookNode]:
        """What stopped it: an exception, or somebody who pressed Ctrl-C."""
        cells = read_notebook(self.output).cells
        return [o for cell in cells for o in cell.get("outputs", []) if o.output_type == "error"]

    def start(self) -> None:
        """Run it in a process of its own."""
        command = [sys.executable, "-m", "segnet_lab", "notebooks", self.lesson, "-o", str(self.output)]
        for name, value in self.parameters.items():
            command += ["-p", name, str(value)]
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.said, self.started = len(self._log()), time.perf_counter()
        with self._terminal.open("w", encoding="utf-8") as terminal:
            self.process = subprocess.Popen(  # noqa: S603  our own command line
                command, env=environment({"OMP_NUM_THREADS": "1"}), stdout=terminal, stderr=subprocess.STDOUT
            )

    def report(self) -> bool:
        """Say what is new; True when it has ended.

        Raises
        ------
        NotebookFailed
            It ended with an error.
        """
        ended = self.process.poll()  # before reading the log, so that the last line is said too
        log = self._log()
        for row in log.iloc[self.said :].dropna(subset=["G"]).itertuples() if len(log) else ():
            print(
                f"  {self.title:24s} epoch {row.epoch:3d}  loss {row.loss:.2f}  G {row.G:.2f}  BF {row.BF:.2f}",
                flush=True,
            )
        self.said = len(log)
        if ended == 0:
            print(f"  {self.title:24s} done in {time.perf_counter() - self.started:.0f} s", flush=True)
        elif ended is not None:
            lines = self._terminal.read_text(encoding="utf-8").splitlines()
            raise notebooks.NotebookFailed(
                f"{self.title} failed; all of it in {near(self._terminal)}\n" + "\n".join(lines[-8:])
            )
        return ended is not None

    def stop(self) -> None:
        """End the process, and wait until it has ended."""
        self.process.terminate()
        self.process.wait()

    @property
    def _terminal(self) -> Path:
        return self.output.with_suffix(".txt")

    def _log(self) -> pd.DataFrame:
        return pd.read_csv(self.run.log_file) if self.run and self.run.log_file.exists() else pd.DataFrame()


def perform(tasks: list[Task]) -> None:
    """Run what is not done yet, `JOBS` at a time, and say how it goes; on an error or Ctrl-C the others stop too."""
    waiting: list[Task] = []
    running: list[Task] = []
    for task in tasks:
        if task.done():
            print(f"  {task.title:24s} already there", flush=True)
        else:
            waiting.append(task)
    try:
        while waiting or running:
            while waiting and len(running) < JOBS:
                running.append(waiting.pop(0))
                running[-1].start()
            time.sleep(0.5)
            running = [task for task in running if not task.report()]
    finally:
        for task in running:
            task.stop()


def near(path: str | os.PathLike[str]) -> str:
    """A path as one would type it here.

    >>> near(Path.cwd() / "runs" / "demo").replace(os.sep, "/")
    'runs/demo'
    """
    path = Path(path)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
