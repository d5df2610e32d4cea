"""Commands about networks and their runs: train, evaluate, predict, runs, weights."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segnet_lab._support.errors import EXPECTED
from segnet_lab.cli.options import (
    FILE,
    FOLDER,
    SHARE,
    RunPath,
    UserPath,
    WithRecipe,
    data_options,
    device_option,
    given,
    run_option,
)
from segnet_lab.cli.shown import Command

if TYPE_CHECKING:
    from segnet_lab.data import SegmentationDataset
    from segnet_lab.runs.provenance import TrainedOn

Options = tuple[tuple[str, str], ...]  # what -D took


@click.command(cls=WithRecipe)
@click.argument("model")
@click.option("--run", "run_dir", type=FOLDER, required=True, help="Run directory; a run that is there is resumed.")
@data_options("Name of a data set; see `segnet-lab data list`.", "Resize images to this size.", default="roadscenes")
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
@click.option("--dropout", type=SHARE, help="Of units at the authors' places; the default is the network's own.")
@click.option("--input-transform", help="lrn, lcn, none or imagenet; the default is the network's own.")
@click.option(
    "--init",
    help="What to start from: a run, also one with other classes; or imagenet, vgg16, vgg16_bn or a file with "
    "ImageNet's weights for a VGG16 encoder.",
)
@click.option("--tensorboard", is_flag=True, help="Write curves for TensorBoard into the run directory.")
@device_option
@click.pass_context
def train(
    context: click.Context,
    /,
    model: str,
    run_dir: str,
    dataset: str,
    root: str | None,
    size: tuple[int, int] | None,
    options: Options,
    validation: str,
    fold: str | None,
    width: float,
    dropout: float | None,
    input_transform: str | None,
    init: str | None,
    tensorboard: bool,
    device: str | None,
    **settings: Any,
) -> None:
    """Train MODEL and leave a run directory. Interrupt it at any time: the same command resumes it.

    Prints the scores of every epoch, and at the end those of the selected weights.
    """
    from segnet_lab.data import load_dataset
    from segnet_lab.models import create_model
    from segnet_lab.runs.directory import RunDirectory
    from segnet_lab.runs.provenance import in_words
    from segnet_lab.runs.recipe import Recipe
    from segnet_lab.training.loop import train as run_training

    recipe = Recipe(**settings)
    data = load_dataset(dataset, split="train", **given(root, size, options))
    validated_on: SegmentationDataset | str | None = None if validation == "none" else validation
    if fold:
        if context.get_parameter_source("validation") is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError("--fold says what validates: leave --validation out")
        data, validated_on = _fold(data, fold)
    network = create_model(
        model, data.num_classes, width=width, dropout=dropout, input_transform=input_transform, seed=recipe.seed
    )
    on_epoch = None
    if tensorboard:
        from segnet_lab.training.tensorboard import writer

        on_epoch = writer(run_dir)
    run_training(network, data, recipe, run_dir, validation=validated_on, init=init, on_epoch=on_epoch, device=device)
    run = RunDirectory(run_dir)
    scores = run.scores()
    click.echo(f"{run_dir}: {run.log_rows()} epochs; weights of epoch {scores['epoch']} selected. Their scores:")
    for role in ("train", "val", "test"):
        if role in scores:
            click.echo(f"  {in_words(scores[role]['on'])}\n  {'   '.join(_percent(scores[role]))}")


@click.command(cls=Command)
@run_option
@data_options(
    "Another data set than the run's, with the same classes; or the run's own, as it is there now.",
    "Another size than the run's.",
)
@click.option("--split", default="val", show_default=True, help="val: what selected the run's epoch.")
@click.option("--json", "json_file", type=FILE, help="Write all scores, those of each class too, to this file.")
@device_option
def evaluate(
    run_dir: str,
    dataset: str | None,
    root: str | None,
    size: tuple[int, int] | None,
    options: Options,
    split: str,
    json_file: str | None,
    device: str | None,
) -> None:
    """Score a run's selected weights on its own data set: G, C, mIoU, BF in percent, and what they belong to."""
    from segnet_lab._support.devices import default_device
    from segnet_lab._support.files import write_json
    from segnet_lab.models.from_runs import load_run
    from segnet_lab.results.run_data import beside_training, images_of
    from segnet_lab.runs.provenance import in_words
    from segnet_lab.training.evaluation import evaluate as score

    model = load_run(run_dir).model
    data = images_of(run_dir, dataset, split, **given(root, size, options))
    scores = score(model.to(device or default_device()), data)
    click.echo(in_words(scores["on"]))
    for said in beside_training(run_dir, data):
        click.echo(f"({said})")
    for line in _percent(scores):
        click.echo(line)
    if json_file:
        write_json(json_file, {"run": run_dir, **scores})


def _percent(scores: Mapping[str, Any]) -> list[str]:
    from segnet_lab.metrics.conventions import SCORES

    return [f"{name:5s}{100 * scores[name]:6.2f}" for name in SCORES]


def _fold(data: "SegmentationDataset", fold: str) -> tuple["SegmentationDataset", "SegmentationDataset"]:
    """Training and validation part of "2/5"."""
    found = re.fullmatch(r"(\d+)/(\d+)", fold)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise click.UsageError(f"--fold {fold}: give the number of the part and how many there are, as in 2/5")
    return data.folds(int(found[2]))[int(found[1]) - 1]


@click.command(cls=Command)
@click.argument("names", metavar="[SET|RUN]...", nargs=-1, type=RunPath())
@click.option("--split", default="val", show_default=True, help="Whose scores: train, val or test.")
@click.option("--csv", "csv_file", type=FILE, help="Write the table to this file.")
def runs(names: tuple[str, ...], split: str, csv_file: str | None) -> None:
    """Tabulate runs: those of a SET, such as a folder in runs/, or single ones; without any, all there are.

    What each is, how far it is, and its scores in percent with what they belong to.
    """
    from segnet_lab._support.files import write_text
    from segnet_lab.results.overview import as_text, runs_table

    table = runs_table(names or None, split)
    if csv_file:
        write_text(csv_file, table.to_csv(index=False))
    click.echo(as_text(table) if len(table) else "no runs yet: `segnet-lab train --help`")


@click.command(cls=Command)
def weights() -> None:
    """List the trained weights at hand, which `train --init` and `create_model(name, weights=...)` take."""
    from segnet_lab.models.from_runs import list_weights

    table = list_weights().reset_index()
    click.echo(table.to_string(index=False, na_rep="") if len(table) else "no weights yet: `segnet-lab train --help`")


class PictureSize(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5
    """`run`, `own`, or H and W."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | tuple[int, int]:
        """A word as it is, numbers as (H, W)."""
        if value in ("run", "own"):
            return str(value)
        found = re.fullmatch(r"(\d+)[x,](\d+)", value)
        if found and min(size := (int(found[1]), int(found[2]))) >= 1:
            return size
        self.fail(f"{value!r}: give run, own, or H W in pixels", param, ctx)


class WithSize(Command):
    """A command whose `--size` takes one word or two numbers."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Join two numbers behind --size to one value."""
        text = re.sub(r"(?<=\0--size\0)(\d+)\0(?=\d+(?:\0|$))", r"\1x", "\0".join(["", *args]))
        return super().parse_args(context, text.split("\0")[1:])


@click.command(cls=WithSize)
@click.argument("images", nargs=-1, required=True, type=UserPath())
@run_option
@click.option("--out", type=FOLDER, required=True, help="Folder for the pictures.")
@click.option(
    "--size",
    type=PictureSize(),
    default="run",
    show_default=True,
    metavar="run|own|H W",
    help="At what size the network looks: run: with as many pixels as in training; own: the picture's own, large ones "
    "in tiles. Labels are always for the picture's own pixels.",
)
@click.option("--overwrite", is_flag=True, help="Replace any other files, too.")
@device_option
def predict(
    images: tuple[str, ...], run_dir: str, out: str, size: str | tuple[int, int], overwrite: bool, device: str | None
) -> None:
    """Label IMAGES, files or folders: writes a label PNG, a coloured PNG and an overlay for each.

    Goes on past a file that cannot be read, and then ends with exit code 1. Files that the same command wrote are
    replaced, also after the run was trained further; any other file in the way stops it before the first picture.
    """
    from segnet_lab._support.devices import default_device
    from segnet_lab.inference.fast import optimize
    from segnet_lab.inference.prediction_files import find_pictures, in_the_way, write_prediction
    from segnet_lab.models.from_runs import load_run
    from segnet_lab.runs.checkpoints import checksum
    from segnet_lab.runs.directory import RunDirectory
    from segnet_lab.runs.provenance import TrainedOn

    model = load_run(run_dir).model
    trained_on = TrainedOn.of_run(RunDirectory(run_dir).about()["data"])
    place = os.path.realpath(run_dir)
    about = {
        "run": "/".join(Path(place).parts[-2:]),
        "run_at": hashlib.sha256(os.fsencode(place)).hexdigest()[:16],  # tells it from others without telling a path
        "weights": checksum(model.state_dict())[:16],
        "model": model.config.name,
        "trained_on": str(trained_on),
        "size": size,
        "classes": trained_on.class_names,
    }
    pictures = find_pictures(images, out)
    if not overwrite and (others := in_the_way(pictures, about)):
        more, were = (f" and {len(others) - 1} more are", "were") if others[1:] else (" is", "was")
        raise click.ClickException(
            f"{others[0]}{more} there already and {were} not written by this command from this picture: "
            "give another --out, or --overwrite"
        )
    click.echo(f"{run_dir}: {model.config.name}, trained on {trained_on}; {_sees(trained_on, size)}")
    network = optimize(model.to(device or default_device()))
    bad = []
    for picture in pictures:
        try:
            write_prediction(network, picture, trained_on.palette, size=size, about=about)
        except EXPECTED as error:
            bad.append(str(picture.file))
            named = "" if str(picture.file) in str(error) else f"{picture.file}: "
            click.echo(f"failed: {named}{error}", err=True)
        else:
            click.echo(f"{picture.file} -> {picture}")
    if bad:
        raise click.ClickException(f"{len(bad)} of {len(pictures)} could not be labelled: {', '.join(bad)}")


def _sees(trained_on: "TrainedOn", size: str | tuple[int, int]) -> str:
    if not isinstance(size, str):
        return "sees each picture at {}x{}".format(*size)
    if size == "own" or trained_on.size is None:
        return "sees each picture at its own size"
    return "sees each picture with as many pixels ({}x{})".format(*trained_on.size)
