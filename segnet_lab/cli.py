"""The command line: `segnet-lab --help`."""

import hashlib
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import click
import yaml

from segnet_lab import __version__
from segnet_lab._support.errors import EXPECTED, in_options
from segnet_lab._support.settings import TRACEBACK


class _Command(click.Command):
    """Shows each of our errors and warnings as one readable line, in the words of the command.

    With --traceback they look as Python shows them.
    """

    def invoke(self, context):
        try:
            with _warnings_in_a_line(context):
                return super().invoke(context)
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):  # click's to handle
            raise
        except EXPECTED as error:
            if context.find_root().params.get("traceback"):
                raise
            raise click.ClickException(_one_line(error, self.get_params(context))) from error


class _Group(click.Group):
    command_class = _Command
    group_class = type

    def invoke(self, context):
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None  # as a shell counts it; what was kept is said by then


@contextmanager
def _warnings_in_a_line(context: click.Context) -> Iterator[None]:
    """For a while, warnings that Python would show are lines on stderr; which it shows is not changed."""

    def show(message, category, filename, lineno, file=None, line=None):
        text = " ".join(_in_words_of(context.command.get_params(context), str(message)).split())
        click.echo(f"warning: {text or category.__name__}", err=True)

    if context.find_root().params.get("traceback"):
        yield
        return
    usual, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = usual


def _in_words_of(parameters: list[click.Parameter], message: str) -> str:
    options = {p.name: max(p.opts, key=len) for p in parameters if isinstance(p, click.Option)}
    return in_options(message, options)


def _one_line(error: Exception, parameters: list[click.Parameter]) -> str:
    return _in_words_of(parameters, str(error) or type(error).__name__)


class _Path(click.Path):
    """A path in which ~ is one's home."""

    def convert(self, value, param, ctx):
        return super().convert(os.path.expanduser(value), param, ctx)


class _RunPath(_Path):
    """A run or a set of runs: its path, or its name among one's own runs or those that came with the kit."""

    def convert(self, value, param, ctx):
        from segnet_lab.runs.places import find

        path = super().convert(value, param, ctx)
        return str(find(path) or path)


FOLDER, FILE = _Path(file_okay=False), _Path(dir_okay=False)
AT_LEAST_ONE, SHARE = click.IntRange(min=1), click.FloatRange(min=0, max=1, max_open=True)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("--traceback", is_flag=True, envvar=TRACEBACK.name, help="Show where an error came from.")
def main(traceback: bool) -> None:
    """Teach and analyse pooling-index decoding: SegNet in notebooks, widgets and batch runs."""


# ------------------------------------------------------------------------------------------------ lessons


@main.command()
@click.option("--epochs", type=AT_LEAST_ONE, default=16, show_default=True, help="Epochs of each network.")
@click.option("--open", "lab", is_flag=True, help="Open the notebooks in JupyterLab afterwards.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in a browser.")
def demo(epochs: int, lab: bool, browser: bool) -> None:
    """Train a few ways of decoding on scenes made here, and show them in one page. Minutes on a laptop."""
    from segnet_lab.lessons.demo import run_demo

    run_demo(epochs=epochs, open_lab=lab, open_page=browser)


@main.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
def lessons(folder: str) -> None:
    """Copy the lessons to DIR, to work in. What is there already stays as it is."""
    from segnet_lab.lessons.copies import copy_lessons

    copied = copy_lessons(folder)
    click.echo(f"{len(copied.written)} files copied to {copied.folder}, solutions in {copied.folder / 'solutions'}")
    if copied.kept:
        click.echo(f"{len(copied.kept)} were there already and stay as they are")
    click.echo(f"Begin with:\n\n    jupyter lab {copied.folder / '00_start_here.ipynb'}")


@main.command()
@click.argument("name", required=False)
@click.option("-p", "--parameter", nargs=2, multiple=True, metavar="KEY VALUE", help="Set a parameter; repeatable.")
@click.option("-o", "--output", type=FILE, help="Executed notebook [runs/notebooks/NAME.ipynb].")
@click.option("--refresh", is_flag=True, help="For authors: put fresh outputs into the notebook itself.")
def notebooks(name: str | None, parameter: tuple, output: str | None, refresh: bool) -> None:
    """Run the lesson NAME from top to bottom; without a name, list the lessons and their parameters."""
    from segnet_lab.lessons import notebooks

    if refresh:
        if name is None or parameter or output:
            raise click.UsageError("--refresh takes a NAME, and neither parameters nor an output")
        click.echo(f"refreshed: {notebooks.refresh(name)}")
        return

    if name is None:
        for lesson in notebooks.list_notebooks():
            click.echo(lesson)
            for p in notebooks.parameters(lesson).values():
                click.echo(f"    {p.name}: {p.type} = {p.default!r}  {p.help}")
        return
    click.echo(f"executed: {notebooks.run_notebook(name, notebooks.parse_parameters(parameter), output)}")


@main.command()
@click.argument("name")
@click.option(
    "-g",
    "--grid",
    nargs=2,
    multiple=True,
    required=True,
    metavar="KEY A,B,C",
    help="Values of a parameter; lists apart by semicolons. Repeatable.",
)
@click.option("-o", "--folder", type=FOLDER, default="runs/sweep", show_default=True, help="Executed notebooks.")
@click.option("-j", "--jobs", type=AT_LEAST_ONE, default=1, show_default=True, help="Notebooks at a time.")
def sweep(name: str, grid: tuple, folder: str, jobs: int) -> None:
    """Run the lesson NAME for every combination of parameter values."""
    from segnet_lab.lessons import notebooks

    results = notebooks.sweep(name, notebooks.parse_grid(name, grid), folder, jobs)
    for output, error in results.items():
        click.echo(f"{'failed' if error else 'done  '}  {output}")
    if any(results.values()):
        raise click.ClickException("\n".join(str(error) for error in results.values() if error))


# ------------------------------------------------------------------------------------------------ networks

RECIPE_HELP = {  # what `train --help` says of each setting of segnet_lab.runs.recipe.Recipe
    "epochs": "How often every image is seen; with more, a finished run goes on.",
    "learning_rate": "0.1 for the Basic networks; 0.001 for those with a VGG16 encoder.",
    "momentum": "Of sgd and rmsprop.",
    "weight_decay": "L2 penalty on the weights.",
    "batch_size": "Images a step; 1 takes images of any size.",
    "balancing": "Class weights: median_frequency, median_frequency_whole_set, published, natural (none), or your own, "
    "one per class: 1,2.5,4.",
    "seed": "Of the weights' first values, the order of images, dropout and augmentation.",
    "evaluate_every": "Epochs between two evaluations.",
    "precision": "auto, float32 or bfloat16; auto takes bfloat16 where the device computes it fast.",
    "checkpointing": "Less memory, more time: recompute activations in the backward pass.",
    "optimizer": "sgd, adam, adamw or rmsprop.",
    "schedule": "Of the learning rate: constant, or a scheduler of torch, such as 'StepLR(step_size=30, gamma=0.1)'.",
    "augmentation": "none, or any of flip,scale,colour.",
    "patience": "Stop after so many evaluations without a higher G; 0 trains all epochs.",
}


class _WithRecipe(_Command):
    """A command with one option per field of Recipe, so that a setting exists once."""

    def get_params(self, context):
        from segnet_lab.runs.recipe import Recipe

        *own, help_option = super().get_params(context)
        for field in fields(Recipe):
            kind = {"is_flag": True} if field.type is bool else {"type": field.type if callable(field.type) else str}
            own.append(
                click.Option(
                    ["--" + field.name.replace("_", "-"), field.name],
                    default=field.default,
                    show_default=True,
                    help=RECIPE_HELP[field.name],
                    **kind,
                )
            )
        return [*own, help_option]


def _data_options(data: str, size: str, default: str | None = None):
    """Options that say which images."""
    options = [
        click.option("--data", "dataset", default=default, show_default=bool(default), help=data),
        click.option("--root", type=_Path(), help="Where the data set lies, if not in the usual places."),
        click.option("--size", nargs=2, type=int, metavar="H W", help=size),
        click.option(
            "-D", "options", nargs=2, multiple=True, metavar="KEY VALUE", help="Its own options, e.g. -D images 100."
        ),
    ]

    def decorate(command):
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


OPTIONS_OF_THEIR_OWN = {
    "name": "give --data",
    "split": "give --split, where the command has it",
    "part": "give --fold to `segnet-lab train`, or use data.part(...) in Python",
    "run": "give --run",
    "strict": "name the data set with --data to take its images as they are now",
    "root": "give --root",
    "size": "give --size H W",
}


def _given(root: str | None, size: tuple | None, options: tuple) -> dict:
    """What the data options change, by name."""
    given = {name: value for name, value in (("root", root), ("size", size)) if value}
    for key, value in options:
        if key in OPTIONS_OF_THEIR_OWN:
            raise click.UsageError(f"-D {key}: {OPTIONS_OF_THEIR_OWN[key]}")
        try:
            given[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise click.UsageError(f"-D {key} {value}: the value is no number, word or list") from None
    return given


class _Device(click.ParamType):
    name = "device"

    def convert(self, value, param, ctx):
        import torch

        try:
            torch.empty(0, device=value)
        except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch raises one or the other
            self.fail(f"{value!r}: {str(error).splitlines()[0]}", param, ctx)
        return value


_device = click.option("--device", type=_Device(), help="cpu, cuda, mps, ... [the accelerator if there is one]")


@main.command(cls=_WithRecipe)
@click.argument("model")
@click.option("--run", "run_dir", type=FOLDER, required=True, help="Run directory; goes on there.")
@_data_options("Name of a data set; see `segnet-lab data list`.", "Resize images to this size.", default="roadscenes")
@click.option(
    "--validation", default="val", show_default=True, help="Split that selects the epoch; none: the last is taken."
)
@click.option(
    "--fold", metavar="I/K", help="Cut the images into K parts at random; train on all but part I, validate on it."
)
@click.option(
    "--width",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Share of the paper's channels.",
)
@click.option("--dropout", type=SHARE, help="At the authors' places; the default is the network's own.")
@click.option("--input-transform", help="lrn, lcn, none or imagenet; the default is the network's own.")
@click.option(
    "--init",
    help="What to start from: a run, also one with other classes; or imagenet, vgg16, vgg16_bn or a file with "
    "ImageNet's weights for a VGG16 encoder.",
)
@click.option("--tensorboard", is_flag=True, help="Write curves for TensorBoard into the run directory.")
@_device
@click.pass_context
def train(
    context,
    model,
    run_dir,
    dataset,
    root,
    size,
    options,
    validation,
    fold,
    width,
    dropout,
    input_transform,
    init,
    tensorboard,
    device,
    **recipe,
) -> None:
    """Train MODEL and leave a run directory. Interrupt it at any time: the same command goes on.

    Prints the scores of every epoch, and at last those of the selected weights.
    """
    from segnet_lab.data import load_dataset
    from segnet_lab.models import create_model
    from segnet_lab.runs.directory import RunDirectory
    from segnet_lab.runs.provenance import in_words
    from segnet_lab.runs.recipe import Recipe
    from segnet_lab.training.loop import train as run_training

    recipe = Recipe(**recipe)
    data = load_dataset(dataset, split="train", **_given(root, size, options))
    validation = None if validation == "none" else validation
    if fold:
        if context.get_parameter_source("validation") is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError("--fold says what validates: leave --validation out")
        data, validation = _fold(data, fold)
    network = create_model(
        model, data.num_classes, width=width, dropout=dropout, input_transform=input_transform, seed=recipe.seed
    )
    on_epoch = None
    if tensorboard:
        from segnet_lab.training.tensorboard import writer

        on_epoch = writer(run_dir)
    run_training(
        network, data, recipe, run_dir, validation=validation, init=init, on_epoch=on_epoch, device=device or None
    )
    run = RunDirectory(run_dir)
    scores = run.scores()
    click.echo(f"{run_dir}: {run.log_rows()} epochs; weights of epoch {scores['epoch']} selected. Their scores:")
    for role in ("train", "val", "test"):
        if role in scores:
            click.echo(f"  {in_words(scores[role]['on'])}\n  {'   '.join(_percent(scores[role]))}")


@main.command()
@click.option("--run", "run_dir", type=_RunPath(file_okay=False), required=True, help="Run directory.")
@_data_options(
    "Another data set than the run's, with the same classes; or the run's own, as it is there now.",
    "Another size than the run's.",
)
@click.option("--split", default="val", show_default=True, help="val: what selected the run's epoch.")
@click.option("--json", "json_file", type=FILE, help="Write all scores, those of each class too, to this file.")
@_device
def evaluate(run_dir, dataset, root, size, options, split, json_file, device) -> None:
    """Score a run's selected weights on its own data set: G, C, mIoU, BF in percent, and what they belong to."""
    from segnet_lab._support.devices import default_device
    from segnet_lab._support.files import write_json
    from segnet_lab.models.from_runs import load_run
    from segnet_lab.results.run_data import beside_training, images_of
    from segnet_lab.runs.provenance import in_words
    from segnet_lab.training.evaluation import evaluate as score

    model = load_run(run_dir).model
    data = images_of(run_dir, dataset, split, **_given(root, size, options))
    scores = score(model.to(device or default_device()), data)
    click.echo(in_words(scores["on"]))
    for said in beside_training(run_dir, data):
        click.echo(f"({said})")
    for line in _percent(scores):
        click.echo(line)
    if json_file:
        write_json(json_file, {"run": run_dir, **scores})


def _percent(scores: dict) -> list[str]:
    return [f"{name:5s}{100 * scores[name]:6.2f}" for name in ("G", "C", "mIoU", "BF")]


def _fold(data, fold: str):
    """Training and validation part of "2/5"."""
    found = re.fullmatch(r"(\d+)/(\d+)", fold)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise click.UsageError(f"--fold {fold}: give the number of the part and how many there are, as in 2/5")
    return data.folds(int(found[2]))[int(found[1]) - 1]


@main.command()
@click.argument("names", metavar="[SET|RUN]...", nargs=-1, type=_RunPath())
@click.option("--split", default="val", show_default=True, help="Whose scores: train, val or test.")
@click.option("--csv", "csv_file", type=FILE, help="Write the table to this file.")
def runs(names: tuple, split: str, csv_file: str | None) -> None:
    """Tabulate runs: those of a SET, such as a folder in runs/, or single ones; without any, all there are.

    What each is, how far it is, and its scores in percent with what they belong to.
    """
    from segnet_lab._support.files import write_text
    from segnet_lab.results.overview import as_text, runs_table

    table = runs_table(names or None, split)
    if csv_file:
        write_text(csv_file, table.to_csv(index=False))
    click.echo(as_text(table) if len(table) else "no runs yet: `segnet-lab train --help`")


@main.command()
def weights() -> None:
    """List the trained weights at hand, which `train --init` and `create_model(name, weights=...)` take."""
    from segnet_lab.models.from_runs import list_weights

    table = list_weights().reset_index()
    click.echo(table.to_string(index=False, na_rep="") if len(table) else "no weights yet: `segnet-lab train --help`")


class _Size(click.ParamType):
    name = "size"

    def convert(self, value, param, ctx):
        if value in ("run", "own"):
            return value
        found = re.fullmatch(r"(\d+)[x,](\d+)", value)
        if found and min(size := (int(found[1]), int(found[2]))) >= 1:
            return size
        self.fail(f"{value!r}: give run, own, or H W in pixels", param, ctx)


class _WithSize(_Command):
    """A command whose `--size` takes one word or two numbers."""

    def parse_args(self, context, args):
        text = re.sub(r"(?<=\0--size\0)(\d+)\0(?=\d+(?:\0|$))", r"\1x", "\0".join(["", *args]))
        return super().parse_args(context, text.split("\0")[1:])


@main.command(cls=_WithSize)
@click.argument("images", nargs=-1, required=True, type=_Path())
@click.option("--run", "run_dir", type=_RunPath(file_okay=False), required=True, help="Run directory.")
@click.option("--out", type=FOLDER, required=True, help="Folder for what is made.")
@click.option(
    "--size",
    type=_Size(),
    default="run",
    show_default=True,
    metavar="run|own|H W",
    help="At what size the network looks: run: with as many pixels as in training; own: the picture's own, large ones "
    "in tiles. Labels are always for the picture's own pixels.",
)
@click.option("--overwrite", is_flag=True, help="Replace files of other making.")
@_device
def predict(images, run_dir, out, size, overwrite, device) -> None:
    """Label IMAGES, files or folders: writes a label PNG, a coloured PNG and an overlay for each.

    Goes on past a file that cannot be read, and then ends with exit code 1. What the same command made before is made
    again, also by a run that was trained further; it stops before the first if other files are in the way.
    """
    from segnet_lab._support.devices import default_device
    from segnet_lab.inference.fast import optimize
    from segnet_lab.inference.prediction_files import find_pictures, in_the_way, write_prediction
    from segnet_lab.models.from_runs import load_run
    from segnet_lab.runs.checkpoints import checksum

    model, place = load_run(run_dir).model, os.path.realpath(run_dir)
    about = {
        "run": "/".join(Path(place).parts[-2:]),
        "run_at": hashlib.sha256(os.fsencode(place)).hexdigest()[:16],  # tells it from others without telling a path
        "weights": checksum(model.state_dict())[:16],
        "model": model.config.name,
        "trained_on": str(model.trained_on),
        "size": size,
        "classes": model.trained_on.class_names,
    }
    pictures = find_pictures(images, out)
    if not overwrite and (others := in_the_way(pictures, about)):
        more = f" and {len(others) - 1} more are" if others[1:] else " is"
        raise click.ClickException(
            f"{others[0]}{more} there already, of other making than by this command from this picture: "
            "give another --out, or --overwrite"
        )
    click.echo(f"{run_dir}: {model.config.name}, trained on {model.trained_on}; {_sees(model, size)}")
    network = optimize(model.to(device or default_device()))
    bad = []
    for picture in pictures:
        try:
            write_prediction(network, picture, model.trained_on.palette, size=size, about=about)
        except EXPECTED as error:
            bad.append(str(picture.file))
            named = "" if str(picture.file) in str(error) else f"{picture.file}: "
            click.echo(f"failed: {named}{error}", err=True)
        else:
            click.echo(f"{picture.file} -> {picture}")
    if bad:
        raise click.ClickException(f"{len(bad)} of {len(pictures)} could not be labelled: {', '.join(bad)}")


def _sees(model, size) -> str:
    if size == "own" or (size == "run" and model.trained_on.size is None):
        return "sees each picture at its own size"
    if size == "run":
        return "sees each picture with as many pixels ({}x{})".format(*model.trained_on.size)
    return "sees each picture at {}x{}".format(*size)


# ------------------------------------------------------------------------------------------------ data


@main.group(cls=_Group)
def data() -> None:
    """Data sets: what there is, getting it, checking it, splitting your own."""


@data.command("list")
def data_list() -> None:
    """Names, classes and licences."""
    from segnet_lab.data import DATASETS
    from segnet_lab.data.cards import load_card

    for name in DATASETS:
        card = load_card(name)
        click.echo(f"{name:15s}{card.num_classes:3d} classes  {card.title}; {card.licence.splitlines()[0]}")


@data.command("get")
@click.argument("name")
@click.option("--root", type=FOLDER, help="Where to put it [SEGNET_LAB_DATA or datasets/].")
def data_get(name: str, root: str | None) -> None:
    """Download NAME from the public source on its card; goes on where it stopped."""
    from segnet_lab.data.download import get

    click.echo(get(name, root))


@data.command("check")
@click.argument("name")
@click.option("--root", type=FOLDER, help="Where it lies, if not in the usual places.")
def data_check(name: str, root: str | None) -> None:
    """Say what of NAME is there, what is missing, which files are broken and what will hurt training."""
    from segnet_lab.data.checking import check

    report = check(name, root)
    click.echo(report)
    if not report.complete:
        raise SystemExit(1)


@data.command("split")
@click.argument("name", metavar="folder")
@click.option("--root", type=FOLDER, required=True, help="The folder that holds card.yaml.")
@click.option("--val", type=SHARE, default=0.2, show_default=True, help="Share of the images that validates.")
@click.option("--test", type=SHARE, default=0.0, show_default=True, help="Share of the images that tests.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same lists."
)
@click.option(
    "--by",
    default="image",
    show_default=True,
    help="prefix keeps images together whose names differ in the number at their end, such as frames of one film.",
)
@click.option("--force", is_flag=True, help="Replace lists that are there.")
def data_split(name: str, root: str, val: float, test: float, seed: int, by: str, force: bool) -> None:
    """Divide your own images at random: writes train.txt, val.txt and test.txt beside the card."""
    from segnet_lab.data.splitting import split_folder

    if name != "folder":
        raise click.UsageError(f"{name} has splits of its own: only 'folder', images of your own, is divided here")
    click.echo(split_folder(root, val=val, test=test, seed=seed, by=by, force=force))


# ------------------------------------------------------------------------------------------------ the rest


@main.command()
@click.option("--out", type=FILE, default="playground.html", show_default=True, help="The file.")
def playground(out: str) -> None:
    """Write the playground as one HTML file that opens offline."""
    from segnet_lab.widgets import write_playground_html

    click.echo(Path(write_playground_html(out)).resolve())


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple) -> None:
    """Measure speed and memory on this machine, in a checkout. ARGUMENTS, such as --quick, go to benchmarks/run.py."""
    script = Path(__file__).parents[1] / "benchmarks" / "run.py"
    if not script.is_file():
        raise click.ClickException("benchmarks come with the source, not with the package: clone it, then `make bench`")
    sys.exit(subprocess.call([sys.executable, script, *arguments]))


@main.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for a room's network."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8866, show_default=True, help="0 takes any free one.")
@click.option("--runs", default="roadscenes", show_default=True, help="The set of runs that the widgets look into.")
@click.option("--yes", is_flag=True, help="Open it to the network without asking.")
@click.option("--stop", is_flag=True, help="Close what is open.")
def classroom(host: str, port: int, runs: str, yes: bool, stop: bool) -> None:
    """Serve the lessons and widgets as apps without code cells, to this computer or to a room."""
    from segnet_lab.lessons import classroom as room

    if stop:
        count = room.stop()
        click.echo(f"closed: {count}" if count else "no classroom is open")
        return
    if room.warning(host):
        click.echo(room.warning(host))
        if not yes:
            click.confirm("Open it?", abort=True)
    room.serve(host, port, runs, say=click.echo)


if __name__ == "__main__":
    main()
