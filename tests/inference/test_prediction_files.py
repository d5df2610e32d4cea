"""Pictures keep apart what is made of them, and nothing that somebody else made is replaced."""

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segnet_lab.inference import fast
from segnet_lab.inference.fast import optimize
from segnet_lab.inference.prediction_files import KINDS, Picture, find_pictures, in_the_way, made_of, write_prediction
from segnet_lab.models import create_model

PALETTE = [[200, 0, 0], [0, 0, 100]]
ABOUT = {"run": "runs/mine", "size": "run", "classes": ("dark", "bright")}


class Bright(torch.nn.Module):
    """Class 1 where the picture is bright."""

    def forward(self, x):
        grey = x.mean(1)
        return torch.stack([0.5 - grey, grey - 0.5], 1)


@pytest.fixture
def pics(tmp_path, monkeypatch):
    """Files below pics/, each of its own colour; the tests are in tmp_path."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for number, name in enumerate(names):
            path = Path("pics", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (5, 4), (number, 0, 255)).save(path)
        return [str(Path("pics", name)) for name in names]

    return make


def targets(given, out="out"):
    return [p.target.relative_to(out).as_posix() for p in find_pictures(given, out)]


# ------------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.png", "b.jpg"], ["a", "b"]),
        (["mon/a.png", "tue/b.png"], ["a", "b"]),  # flat as long as that will do
        (["mon/a.png", "tue/a.png"], ["mon-a", "tue-a"]),
        (["mon/a.png", "tue/a.jpg", "tue/b.png"], ["mon-a", "tue-a", "tue-b"]),  # all alike
        (["a.png", "a.jpg"], ["a.png", "a.jpg"]),
        (["mon/a.png", "mon/a.jpg", "tue/a.png"], ["mon-a.png", "mon-a.jpg", "tue-a"]),
        (["x/cam/1.png", "y/cam/1.png"], ["x-cam-1", "y-cam-1"]),  # parents of one name
        (["a.b.png", "a.c.png"], ["a.b", "a.c"]),
        (["mon/A.png", "tue/a.png"], ["mon-A", "tue-a"]),  # one name on Windows and macOS
    ],
)
def test_files_of_equal_names_keep_apart(pics, names, expected):
    assert targets(pics(*names)) == expected


def test_whatever_is_given_no_two_outputs_are_one(pics):
    given = pics("a.png", "a.jpg", "mon/a.png", "mon/a.webp", "tue/mon/a.png", "mon-a.png")
    with pytest.raises(ValueError, match=r"mon/a\.png and pics/mon-a\.png|mon-a\.png and"):
        find_pictures(given, "out")  # "mon-a" is taken
    outputs = [path for picture in find_pictures(given[:-1], "out") for path in picture.outputs]
    assert len(outputs) == len(set(outputs)) == 3 * 5


def test_a_folder_is_mirrored(pics):
    pics("a.png", "mon/a.png", "mon/deep/b.jpg", ".hidden.png", "__MACOSX/c.png", "notes/d.TIFF")
    Path("pics/readme.txt").write_text("no picture")
    assert targets(["pics"]) == ["a", "mon/a", "mon/deep/b", "notes/d"]
    assert targets(["pics/mon", "pics/notes"]) == ["a", "deep/b", "d"]


def test_two_folders_with_equal_names_keep_their_own(pics):
    pics("mon/a.png", "tue/a.png", "tue/b.png")
    assert targets(["pics/mon", "pics/tue"]) == ["mon/a", "tue/a", "tue/b"]


def test_nothing_is_given_twice(pics):
    first, second = pics("a.png", "b.png")
    assert targets([first, f"./{first}", second, "pics", os.path.abspath(first)]) == ["a", "b"]


def test_patterns_for_shells_that_leave_them(pics):
    pics("a.png", "b.png", "c.jpg", "mon/d.png", "[1].png")
    assert targets(["pics/*.png"]) == ["[1]", "a", "b"]
    assert targets(["pics/**/*.png"]) == ["[1]", "a", "b", "d"]
    assert targets(["pics/[1].png"]) == ["[1]"]  # a file of that very name
    with pytest.raises(ValueError, match=r"no file fits pics/\*\.gif"):
        find_pictures(["pics/*.gif"], "out")


def test_the_home_folder(pics, monkeypatch, tmp_path):
    pics("a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (picture,) = find_pictures(["~/pics/a.png"], "~/out")
    assert picture == Picture(tmp_path / "pics/a.png", tmp_path / "out/a")


def test_a_folder_without_pictures_says_what_it_holds(pics):
    pics("a.png")
    Path("pics/mon").mkdir()
    for name in ("1.heic", "2.HEIC", "notes.pdf"):
        Path("pics/mon", name).write_bytes(b"x")
    with pytest.raises(ValueError, match=r"pics/mon holds no picture .*\.png.* but 2 \.heic, 1 \.pdf"):
        find_pictures(["pics/mon"], "out")


def test_names_of_one_system_that_are_two_on_another(pics):
    composed, decomposed = (unicodedata.normalize(form, "ä.png") for form in ("NFC", "NFD"))
    given = pics(composed, decomposed)
    if len(os.listdir("pics")) == 1:
        pytest.skip("this file system takes both for one name")
    with pytest.raises(ValueError, match="rename one"):
        find_pictures(given, "out")


# ------------------------------------------------------------------------------------------------ what is written


def test_three_pngs_that_say_what_they_are(pics):
    Path("pics").mkdir()
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:, 2:] = 255
    Image.fromarray(pixels).save("pics/a.png")
    (picture,) = find_pictures(["pics/a.png"], "out/deep")
    write_prediction(Bright(), picture, PALETTE, about=ABOUT)
    assert str(picture).replace("\\", "/") == "out/deep/a_{label,colour,overlay}.png"
    label, colour, overlay = (np.asarray(Image.open(path)) for path in picture.outputs)
    assert label.tolist() == [[0, 0, 1, 1]] * 2
    assert colour[0].tolist() == [PALETTE[0], PALETTE[0], PALETTE[1], PALETTE[1]]
    assert overlay[0].tolist() == [[100, 0, 0]] * 2 + [[128, 128, 178]] * 2  # (255 + 0) / 2 rounds up
    for path in picture.outputs:
        said = made_of(path)
        assert said["run"] == "runs/mine"
        assert said["image"] == "a.png"
        assert said["classes"] == ["dark", "bright"]


def test_many_pictures_take_one_optimized_network(pics, monkeypatch):
    network = optimize(create_model("segnet_basic", 2, width=0.1, seed=0).eval())
    monkeypatch.setattr(fast, "optimize", None)  # nothing is made anew
    for picture in find_pictures(pics("a.png", "b.png"), "out"):
        write_prediction(network, picture, PALETTE)
        assert picture.output("label").exists()


def test_labels_beyond_a_byte_are_not_cut(pics):
    class Last(torch.nn.Module):
        def forward(self, x):
            return torch.arange(300.0)[None, :, None, None].expand(1, 300, *x.shape[-2:])

    (picture,) = find_pictures(pics("a.png"), "out")
    write_prediction(Last(), picture, np.zeros((300, 3)))
    assert (np.asarray(Image.open(picture.output("label"))) == 299).all()


# ------------------------------------------------------------------------------------------------ never over others'


def labelled(given, out="out", about=ABOUT):
    pictures = find_pictures(given, out)
    for picture in pictures:
        write_prediction(Bright(), picture, PALETTE, about=about)
    return pictures


def test_its_own_outputs_are_not_in_its_way(pics):
    pictures = labelled(pics("a.png", "mon/b.png"))
    assert in_the_way(pictures, ABOUT) == []
    assert in_the_way(find_pictures(["pics/mon/b.png", "pics/a.png"], "out"), ABOUT) == []


def user_file(path):
    path.write_bytes(b"my own ground truth")


def user_png(path):
    Image.new("L", (5, 4), 3).save(path)


def painted_in(path):
    """As an editor that keeps texts would save it."""
    image = Image.open(path)
    image.load()
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_itxt("segnet_lab", image.info["segnet_lab"])
    pixels = np.array(image)
    pixels[0, 0] = 1 - pixels[0, 0]
    Image.fromarray(pixels).save(path, pnginfo=text)
    assert made_of(path)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize("change", [user_file, user_png, painted_in, cut_short])
def test_what_somebody_made_or_changed_is_in_the_way(pics, change):
    (picture,) = labelled(pics("a.png"))
    change(picture.output("label"))
    assert in_the_way([picture], ABOUT) == [picture.output("label")]


def test_what_another_run_size_or_picture_gave_is_in_the_way(pics):
    (picture,) = labelled(pics("a.png"))
    for about in (
        {**ABOUT, "run_at": "other", "weights": "other"},
        {**ABOUT, "size": "own"},
        {**ABOUT, "classes": ("a", "b")},
    ):
        assert in_the_way([picture], about) == picture.outputs
    Image.new("RGB", (5, 4)).save("pics/a.png")  # tomorrow's picture of the same name
    assert in_the_way([picture], ABOUT) == picture.outputs


def test_what_the_run_gave_before_it_was_trained_further_is_not_in_the_way(pics):
    (picture,) = labelled(pics("a.png"), about={**ABOUT, "weights": "00ff"})
    assert made_of(picture.output("label"))["weights"] == "00ff"
    assert in_the_way([picture], {**ABOUT, "weights": "11ee"}) == []
    assert in_the_way([picture], {**ABOUT, "weights": "11ee", "run_at": "22dd"}) == picture.outputs


def test_pictures_of_two_folders_one_after_the_other(pics):
    monday, tuesday = pics("mon/a.png", "tue/a.png")
    labelled([monday])
    assert in_the_way(find_pictures([tuesday], "out"), ABOUT) != []


def test_outputs_beside_the_pictures(pics):
    pics("a.png", "mon/b.png")
    first = labelled(["pics"], out="pics")
    assert len(list(Path("pics").rglob("*.png"))) == 2 * (1 + len(KINDS))
    again = find_pictures(["pics"], "pics")  # its own outputs are no pictures to label
    assert again == first
    assert in_the_way(again, ABOUT) == []
    assert find_pictures(["pics/*.png"], "pics") == first[:1]


def test_outputs_in_a_folder_of_the_pictures(pics):
    pics("a.png")
    assert labelled(["pics"], out="pics/out") == find_pictures(["pics"], "pics/out")


def test_pictures_in_a_folder_of_the_outputs(pics):
    pics("a.png")
    assert targets(["pics"], out=".") == ["a"]


def test_a_picture_in_the_place_of_an_output(pics):
    given = pics("a.png", "a_label.png")  # the user's own truth
    with pytest.raises(ValueError, match=r"a_label\.png is one of the pictures"):
        find_pictures(given, "pics")
    with pytest.raises(ValueError, match=r"a_label\.png is one of the pictures"):
        find_pictures(["pics"], "pics")
    assert targets(given) == ["a", "a_label"]


def test_only_outputs_are_given(pics):
    (picture,) = labelled(pics("a.png"))
    with pytest.raises(ValueError, match="made by segnet-lab predict"):
        find_pictures(picture.outputs, "out2")


def test_other_files_say_nothing(tmp_path):
    assert made_of(tmp_path / "nowhere.png") is None
    (tmp_path / "text.png").write_text("no picture")
    assert made_of(tmp_path / "text.png") is None
    Image.new("L", (2, 2)).save(tmp_path / "plain.png")
    assert made_of(tmp_path / "plain.png") is None


def test_what_a_png_says_is_json_that_others_can_read(pics):
    (picture,) = labelled(pics("a.png"), about={"classes": ("Bürgersteig", "道路")})
    with Image.open(picture.output("colour")) as image:
        text = image.info["segnet_lab"]
    assert json.loads(text)["classes"] == ["Bürgersteig", "道路"]
    assert "道路" in text
