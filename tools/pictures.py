"""Regenerate docs/pictures/: `make pictures`, or `python tools/pictures.py NAME ...` for some that are drawn here.

The name "previews" makes the small pictures of segnet_lab/widgets/previews/, which the classroom's front page shows.

Widgets are photographed by the browser tests, which leave their pictures in screenshots/; the other pictures are drawn
here from what is committed under results/ and from scenes made by the kit. All become PNGs of at most 256 colours.
"""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image, ImageDraw
from scipy.cluster.vq import kmeans2
from scipy.spatial import KDTree

import segnet_lab as sl
from segnet_lab.figures import compared, inside, label_maps, maps, qualitative
from segnet_lab.figures.scene import Scene, classes, numbers, still
from segnet_lab.figures.style import LINE, MARK
from segnet_lab.probe.tracing import trace
from segnet_lab.results.run_data import data_of
from segnet_lab.widgets.gallery import EXHIBITS
from segnet_lab.widgets.trained_networks import Networks

ROOT = Path(__file__).parents[1]
PICTURES, SCREENSHOTS, RUNS = ROOT / "docs" / "pictures", ROOT / "screenshots", ROOT / "results" / "roadscenes"
EXPLORERS = [name for name in sl.widgets.__all__ if name.startswith("explore_")]
PHOTOGRAPHED = {  # name in screenshots/ -> name in docs/pictures/
    "playground_light": "playground_light",
    "playground_dark": "playground_dark",
    "playground_phone": "playground_phone",
    "playground_phone_formula": "playground_phone_formula",
    "playground_jupyterlab": "playground_jupyterlab",
    "classroom": "classroom",
    "classroom_front": "classroom_front",
    "demo_light": "demo",
    **{f"{name[8:]}_{theme}": f"{name}_{theme}" for name in EXPLORERS for theme in ("light", "dark")},
}
WIDEST = 1500  # pixels
HEAVIEST, HEAVIEST_TOGETHER = 150_000, 2_500_000  # bytes
DPI = 100
COLOURS, FLAT = 256, 0.0001  # and the share of a picture from which a colour counts as flat
SCENES = (1, 5, 6)  # of the validation split
CHANNEL = 22  # shows the kerb, which most maps of the first stage pass over


def roadscenes() -> Figure:
    """What networks are trained on where there is no download."""
    return label_maps.contact_sheet(sl.load_dataset("roadscenes", "val", size=(192, 256)), range(16), columns=8)


def rooms() -> Figure:
    """The same indoors: 37 classes, as in SUN RGB-D."""
    return label_maps.contact_sheet(sl.load_dataset("rooms", "val", size=(192, 256)), range(12), columns=6)


def decoders() -> Figure:
    """One encoder, five decoders: from the one that remembers most to the one that remembers nothing."""
    names = ("fcn_basic", "segnet_basic_encoder_addition", "segnet_basic", "fixed_indices", "bilinear_interpolation")
    data = data_of(RUNS / names[0])
    samples = {f"val {number}": tuple(data[number]) for number in SCENES}
    predicted, notes = {}, {}
    for name in names:
        model = sl.load_run(RUNS / name).model
        judged = {row: compared.judge(sl.predict(model, image), truth, data) for row, (image, truth) in samples.items()}
        predicted[name] = {row: one.label for row, one in judged.items()}
        notes[name] = {row: f"mIoU {100 * s['mIoU']:.0f}, BF {100 * s['BF']:.0f}" for row, (_, s) in judged.items()}
    return qualitative.qualitative(samples, predicted, data, notes=notes)


def inside_segnet() -> Figure:
    """Codes, sparse and dense map of every decoder stage of a trained SegNet-Basic."""
    model, data = sl.load_run(RUNS / "segnet_basic").model, data_of(RUNS / "segnet_basic")
    image, truth = data[SCENES[0]]
    found = trace(model, image)
    own = [
        inside.sparse_maps(found).pictures[0],
        classes("truth", truth, data),
        classes("prediction", found.label, data),
    ]
    rows = [
        inside.sparse_maps(found, view=view, channel=CHANNEL).pictures[:0:-1] for view in inside.SPARSE_MAP_VIEWS[1:]
    ]
    figure = still(Scene([picture for first, row in zip(own, rows, strict=True) for picture in (first, *row)]))
    names = (*maps.CODE_NAMES, maps.ZERO_WINDOW)
    swatches = [Patch(color=colour, label=name) for colour, name in zip((*maps.CODE_COLOURS, LINE), names, strict=True)]
    figure.legend(handles=swatches, loc="outside lower center", ncols=5, handlelength=1.2, frameon=False, fontsize=9)
    return figure


def stage() -> Figure:
    """The last decoder stage of one channel, and a piece of it in numbers and arrows."""
    model, data = sl.load_run(RUNS / "segnet_basic").model, data_of(RUNS / "segnet_basic")
    found = trace(model, data[SCENES[0]].image)
    encoder, decoder = found.encoders[0], found.decoders[-1]
    pooled, corners = encoder.pooled[0, CHANNEL], encoder.corners[0, CHANNEL]
    below, sparse, dense = (m[0, CHANNEL] for m in (decoder.below, decoder.upsampled, decoder.dense))
    return maps.decoder_stage(below, corners, sparse, dense, (26, 34), pooled == 0)


SEEN = {
    "sparse_maps": (2, 3),
    "decoders": (2, 4),
    "predictions": (0, 2),
    "boundary_f1": (1, 3),
}  # pictures of its scene
PREVIEW = 180, 135  # pixels of each of the two, beside each other


def previews() -> None:
    """Two pictures of every exhibit, as its widget shows them."""
    networks = Networks("roadscenes")
    data, image, label = networks.data, *networks.data[1]
    for exhibit in EXHIBITS:
        if exhibit.name == "playground":
            values = np.array(sl.widgets.Playground().values)
            pooled, codes = sl.pooling.max_pool_2x2(torch.from_numpy(values)[None, None])
            sparse = sl.pooling.max_unpool_2x2(pooled, codes, values.shape)[0, 0].numpy()
            corners = (
                sl.pooling.unpack(codes, pooled.shape)[0, 0].repeat_interleave(2, 0).repeat_interleave(2, 1).numpy()
            )
            empty = corners != 2 * (np.arange(8)[:, None] % 2) + np.arange(8) % 2
            scene = [numbers("input", values), numbers("upsampled", sparse, empty=empty)]
        else:
            model = networks.models["bayesian_segnet_basic" if exhibit.name == "uncertainty" else "segnet_basic"]
            named = {"model": model, "runs": networks.models, "data": data, "image": image, "label": label}
            explorer = eval(exhibit.code, {name: getattr(sl.widgets, name) for name in EXPLORERS} | named)
            if exhibit.name == "class_balance":
                explorer.set(number=1)
                explorer.children[0].children[0].value = "median_frequency"
            scene = [explorer.scene.pictures[n] for n in SEEN.get(exhibit.name, (0, -1))]
        both = Image.new("RGB", (2 * PREVIEW[0] + 6, PREVIEW[1]), "white")
        for n, picture in enumerate(scene):
            both.paste(_with_marks(picture).resize(PREVIEW, Image.Resampling.NEAREST), (n * (PREVIEW[0] + 6), 0))
        exhibit.picture.parent.mkdir(exist_ok=True)
        in_few_colours(both).save(exhibit.picture, optimize=True)
        print(f"{exhibit.picture.stat().st_size:>8} bytes  {exhibit.picture.relative_to(ROOT)}")


def _with_marks(picture) -> Image.Image:
    scale = max(1, 256 // picture.pixels.shape[1])
    drawn = Image.fromarray(picture.rgb.repeat(scale, 0).repeat(scale, 1))
    for row, column, height, width in picture.marks:
        box = [scale * column, scale * row, scale * (column + width) - 1, scale * (row + height) - 1]
        ImageDraw.Draw(drawn).rectangle(box, outline=MARK, width=4)
    return drawn


DRAWN = {"roadscenes": roadscenes, "rooms": rooms, "decoders": decoders, "inside": inside_segnet, "stage": stage}


def keep(picture: Image.Image, name: str) -> None:
    """Into docs/pictures/, no wider than WIDEST, in 256 colours."""
    picture = picture.convert("RGB")
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS)
    file = PICTURES / f"{name}.png"
    in_few_colours(picture).save(file, optimize=True)
    print(f"{file.stat().st_size:>8} bytes  {picture.width}x{picture.height}  {file.relative_to(ROOT)}")
    if file.stat().st_size > HEAVIEST:
        raise SystemExit(f"{file.name} is heavier than {HEAVIEST} bytes: show less in it")


def in_few_colours(picture: Image.Image) -> Image.Image:
    """256 of them: flat ones, such as those of classes, stay as they are; what is left is grouped by k-means."""
    pixels = np.asarray(picture).reshape(-1, 3)
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    often = np.argsort(-counts)
    flat, palette = np.split(colours[often], [min(np.count_nonzero(counts > FLAT * len(pixels)), COLOURS // 2)])
    if len(colours) > COLOURS:
        palette, _ = kmeans2(palette.astype(float), COLOURS - len(flat), minit="++", seed=0)
    palette = np.concatenate([flat, palette.round().astype(np.uint8)])
    nearest = KDTree(palette).query(pixels)[1].astype(np.uint8)
    few = Image.fromarray(nearest.reshape(picture.height, picture.width), "P")
    few.putpalette(palette.tobytes())
    return few


def main() -> None:
    wanted = sys.argv[1:]
    if wanted == ["previews"]:
        return previews()
    unknown = set(wanted) - DRAWN.keys()
    if unknown:
        raise SystemExit(f"no picture is drawn under the name {', '.join(unknown)}: there are {', '.join(DRAWN)}")
    PICTURES.mkdir(exist_ok=True)
    if not wanted:
        previews()
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "pictures", ROOT / "tests/browser"], check=True)
        for source, name in PHOTOGRAPHED.items():
            keep(Image.open(SCREENSHOTS / f"{source}.png"), name)
    for name in wanted or DRAWN:
        drawn = io.BytesIO()
        DRAWN[name]().savefig(drawn, dpi=DPI)
        keep(Image.open(drawn), name)
    together = sum(file.stat().st_size for file in PICTURES.iterdir())
    print(f"{together:>8} bytes together")
    if together > HEAVIEST_TOGETHER:
        raise SystemExit(f"together they are heavier than {HEAVIEST_TOGETHER} bytes: leave one out")


if __name__ == "__main__":
    main()
