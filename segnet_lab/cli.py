"""The command line: `segnet-lab --help`."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import yaml

from segnet_lab import __version__

EXPECTED = (ValueError, OSError, ArithmeticError, RuntimeError)  # what our own checks raise: shown without traceback


class _Group(click.Group):
    """Shows our errors as one readable line instead of a traceback."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except (click.exceptions.Exit, click.Abort):  # click's own, RuntimeErrors too
            raise
        except EXPECTED as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Teach and analyse pooling-index decoding: SegNet in notebooks, widgets and batch runs."""


@main.command()
@click.option("--epochs", default=16, show_default=True, help="Epochs of each network.")
@click.option("--open", "lab", is_flag=True, help="Open the results in JupyterLab afterwards.")
def demo(epochs: int, lab: bool) -> None:
    """Train a few ways of decoding on scenes made here; look inside, compare, show. Minutes on a laptop."""
    from segnet_lab.demo import run_demo

    run_demo(epochs=epochs, open_lab=lab)


@main.command()
@click.argument("name", required=False)
@click.option("-p", "--parameter", nargs=2, multiple=True, metavar="KEY VALUE", help="Set a parameter; repeatable.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Executed notebook [runs/notebooks/NAME.ipynb].")
@click.option("--refresh", is_flag=True, help="For authors: put fresh outputs into the notebook itself.")
def notebooks(name: str | None, parameter: tuple, output: str | None, refresh: bool) -> None:
    """Run the lesson NAME from top to bottom; without a name, list the lessons and their parameters."""
    from segnet_lab import batch

    if refresh:
        if name is None or parameter or output:
            raise click.UsageError("--refresh takes a NAME, and neither parameters nor an output")
        click.echo(f"refreshed: {batch.refresh(name)}")
        return

    if name is None:
        for lesson in batch.list_notebooks():
            click.echo(lesson)
            for p in batch.parameters(lesson).values():
                click.echo(f"    {p.name}: {p.type} = {p.default!r}  {p.help}")
        return
    click.echo(f"executed: {batch.run_notebook(name, dict(parameter), output)}")


@main.command()
@click.argument("name")
@click.option("-g", "--grid", nargs=2, multiple=True, required=True, metavar="KEY A,B,C", help="Values of a parameter.")
@click.option("-o", "--folder", type=click.Path(file_okay=False), default="runs/sweep", show_default=True)
@click.option("-j", "--jobs", default=1, show_default=True, help="Notebooks at a time.")
def sweep(name: str, grid: tuple, folder: str, jobs: int) -> None:
    """Run the lesson NAME for every combination of parameter values."""
    from segnet_lab import batch

    results = batch.sweep(name, {key: values.split(",") for key, values in grid}, folder, jobs)
    for output, error in results.items():
        click.echo(f"{'failed' if error else 'done  '}  {output}")
    if any(results.values()):
        raise click.ClickException("\n".join(str(error) for error in results.values() if error))


def _recipe_options(command):
    """One option a field of Recipe, so that a setting exists once."""
    from segnet_lab.recipe import Recipe

    for field in reversed(fields(Recipe)):
        option = "--" + field.name.replace("_", "-")
        kind = {"is_flag": True} if field.type is bool else {"type": field.type}
        command = click.option(option, field.name, default=field.default, show_default=True, **kind)(command)
    return command


_data_options = [
    click.option("--data", "dataset", default="roadscenes", show_default=True, help="Name of a data set."),
    click.option("--root", type=click.Path(), help="Where it lies, if not in the usual places."),
    click.option("--size", nargs=2, type=int, metavar="H W", help="Resize to this size."),
    click.option(
        "-D", "options", nargs=2, multiple=True, metavar="KEY VALUE", help="Its own options, e.g. -D images 100."
    ),
]


def _with_data(command):
    for option in reversed(_data_options):
        command = option(command)
    return command


def _load(dataset: str, split: str, root: str | None, size: tuple | None, options: tuple):
    from segnet_lab.data import load_dataset

    given = {"root": root, "size": size or None} | {key: yaml.safe_load(value) for key, value in options}
    return load_dataset(dataset, split=split, **{key: value for key, value in given.items() if value is not None})


@main.command()
@click.argument("model")
@click.option("--run", "run_dir", type=click.Path(file_okay=False), required=True, help="Run directory; goes on there.")
@_with_data
@click.option("--validation", default="val", show_default=True, help="Split that selects the epoch; none: the last.")
@click.option("--width", default=1.0, show_default=True, help="Share of the paper's channels.")
@click.option("--dropout", type=float, help="At the authors' places; the default is the network's own.")
@click.option("--input-transform", help="lrn, lcn, none or imagenet; the default is the network's own.")
@click.option("--init", type=click.Path(), help="ImageNet weights for a VGG16 encoder: a file, 'vgg16' or 'vgg16_bn'.")
@_recipe_options
def train(
    model, run_dir, dataset, root, size, options, validation, width, dropout, input_transform, init, **recipe
) -> None:
    """Train MODEL and leave a run directory. Interrupt it at any time: the same command goes on."""
    from segnet_lab.models import create_model
    from segnet_lab.recipe import Recipe
    from segnet_lab.training import train as run_training

    recipe = Recipe(**recipe)
    data = _load(dataset, "train", root, size, options)
    network = create_model(
        model, data.num_classes, width=width, dropout=dropout, input_transform=input_transform, seed=recipe.seed
    )
    if init:
        from segnet_lab.models.imagenet import load_imagenet

        click.echo(load_imagenet(network, init))
    history = run_training(network, data, recipe, run_dir, validation=None if validation == "none" else validation)
    click.echo(history.to_string(index=False, float_format="{:.3f}".format))
    click.echo(f"weights, log and scores: {run_dir}")


@main.command()
@click.option("--run", "run_dir", type=click.Path(file_okay=False), required=True)
@_with_data
@click.option("--split", default="val", show_default=True)
def evaluate(run_dir, dataset, root, size, options, split) -> None:
    """Score a run's selected weights on a split: G, C, mIoU, BF in percent."""
    from segnet_lab.evaluation import evaluate as score
    from segnet_lab.runs import load_run

    scores = score(load_run(run_dir).model, _load(dataset, split, root, size, options))
    for name in ("G", "C", "mIoU", "BF"):
        click.echo(f"{name:5s}{100 * scores[name]:6.2f}")


@main.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option("--run", "run_dir", type=click.Path(file_okay=False), required=True)
@click.option("--out", type=click.Path(file_okay=False), required=True, help="Folder for the pictures.")
def predict(images, run_dir, out) -> None:
    """Label IMAGES: writes a label PNG, a coloured PNG and an overlay for each."""
    from segnet_lab.inference import write_prediction
    from segnet_lab.runs import RunDirectory, load_run

    model = load_run(run_dir).model
    palette = RunDirectory(run_dir).about()["data"]["palette"]
    for image in images:
        for path in write_prediction(model, image, out, palette):
            click.echo(path)


@main.group()
def data() -> None:
    """Data sets: what there is, getting it, checking it."""


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
@click.option("--root", type=click.Path(file_okay=False), help="Where to put it [SEGNET_LAB_DATA or datasets/].")
def data_get(name: str, root: str | None) -> None:
    """Download NAME from the public source on its card; goes on where it stopped."""
    from segnet_lab.data.download import get

    click.echo(get(name, root))


@data.command("check")
@click.argument("name")
@click.option("--root", type=click.Path(file_okay=False), help="Where it lies, if not in the usual places.")
def data_check(name: str, root: str | None) -> None:
    """Say what of NAME is there, what is missing and which files are broken."""
    from segnet_lab.data.checking import check

    report = check(name, root)
    click.echo(report)
    if not report.complete:
        raise SystemExit(1)


@main.command()
@click.option("--out", type=click.Path(dir_okay=False), default="playground.html", show_default=True)
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
@click.option("--port", default=8866, show_default=True, help="0 takes any free one.")
@click.option("--runs", default="roadscenes", show_default=True, help="The set of runs that the widgets look into.")
@click.option("--yes", is_flag=True, help="Open it to the network without asking.")
@click.option("--stop", is_flag=True, help="Close what is open.")
def classroom(host: str, port: int, runs: str, yes: bool, stop: bool) -> None:
    """Serve the lessons and widgets as apps without code cells, to this computer or to a room."""
    from segnet_lab import classroom as room

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
