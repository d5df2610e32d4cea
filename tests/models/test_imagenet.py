"""ImageNet weights from fabricated files, without a network. The oracle is torchvision's VGG16, built here."""

import json
import pickle
import random
import warnings

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from segnet_lab import create_model, list_models
from segnet_lab.models import imagenet
from segnet_lab.models.imagenet import has_vgg16_encoder, load_imagenet
from segnet_lab.models.variants import NETWORKS

# torchvision's configuration "D"
VGG16 = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]
CONVOLUTIONS = {
    "vgg16": [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28],
    "vgg16_bn": [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40],
}


def features(kind):
    """VGG16 as torchvision makes it, weights drawn so that signals neither die nor explode."""
    layers, channels = [], 3
    for entry in VGG16:
        if entry == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(channels, entry, 3, padding=1))
        nn.init.normal_(layers[-1].weight, std=(2 / (9 * channels)) ** 0.5)
        if kind == "vgg16_bn":
            norm = nn.BatchNorm2d(entry)
            for tensor in (norm.weight, norm.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (norm.bias, norm.running_mean):
                nn.init.normal_(tensor, std=0.1)
            layers.append(norm)
        layers.append(nn.ReLU())
        channels = entry
    return nn.Sequential(*layers).eval()


@pytest.fixture(scope="module")
def vgg():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {kind: features(kind) for kind in CONVOLUTIONS}


def state_of(network):
    """A state dict with the names of torchvision's file; classifier.6 is in every such file and of no use here."""
    return {f"features.{name}": tensor for name, tensor in network.state_dict().items()} | {
        "classifier.6.weight": torch.zeros(1000, 1),
        "classifier.6.bias": torch.zeros(1000),
    }


@pytest.fixture
def write(tmp_path):
    def file(tensors, name="weights.safetensors"):
        save_file(tensors, tmp_path / name) if name.endswith("safetensors") else torch.save(tensors, tmp_path / name)
        return tmp_path / name

    return file


def segnet(name="segnet", **options):
    return create_model(name, **{"num_classes": 2, "input_transform": "imagenet", "seed": 0, **options})


def picture():
    return torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_indices_follow_from_the_list_of_channels(kind, vgg):
    names = [theirs for _, theirs in imagenet._pairs(NETWORKS["segnet"], state_of(vgg[kind]))]
    convolutions = [int(n.split(".")[1]) for n in names if n.endswith("weight")]
    if kind == "vgg16_bn":
        assert convolutions[1::2] == [i + 1 for i in convolutions[::2]], "each norm is one behind its convolution"
        convolutions = convolutions[::2]
    assert convolutions == CONVOLUTIONS[kind]


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_the_encoder_computes_what_vgg16_computes(kind, vgg, write):
    model = segnet().eval()
    report = load_imagenet(model, write(state_of(vgg[kind])))
    # 13 convolutions of weight and bias; four tensors of each norm
    assert len(report.loaded) == 26 + (52 if kind == "vgg16_bn" else 0)
    if kind == "vgg16":  # norms as drawn divide by sqrt(1 + eps); without it they are the identity
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.0
    image = picture()
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = vgg[kind]((image - mean[:, None, None]) / deviation[:, None, None])
        actual, _ = model.encode(image)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, row in NETWORKS.items() if has_vgg16_encoder(row)])
def test_every_network_with_a_vgg16_encoder_takes_it(name, vgg, write):
    with torch.device("meta"):  # fcn's fc6 alone has 103 million weights; what is not loaded needs no numbers
        model = segnet(name)
    model.stages.to_empty(device="cpu")
    report = load_imagenet(model, write(state_of(vgg["vgg16_bn"])))
    convolutions = 10 if name == "unet" else 13
    assert len(report.loaded) == 6 * convolutions
    for conv, index in zip(
        [c.conv for stage in model.stages for c in stage.convs], CONVOLUTIONS["vgg16_bn"], strict=False
    ):
        assert torch.equal(conv.weight, vgg["vgg16_bn"][index].weight)
        assert torch.equal(conv.bias, vgg["vgg16_bn"][index].bias)


def test_which_networks_have_a_vgg16_encoder():
    assert [name for name in list_models() if has_vgg16_encoder(NETWORKS[name])] == [
        "segnet",
        "fcn",
        "fcn_learnt_deconv",
        "deeplab_large_fov",
        "deconvnet",
        "unet",
        "bayesian_segnet",
    ]


def test_fc6_and_fc7_become_convolutions(vgg, monkeypatch):
    """A 7x7 convolution over a 7x7 map is VGG16's fc6, a matrix product with the flattened map."""
    with torch.device("meta"):
        model = segnet("fcn")
    model.stages.to_empty(device="cpu")
    model.neck[0].to_empty(device="cpu")
    model.neck[2].to_empty(device="cpu")
    row = torch.linspace(-1, 1, 512 * 7 * 7)  # the same for each output, so that the matrix needs no memory
    tensors = state_of(vgg["vgg16"]) | {
        "classifier.0.weight": row.expand(4096, -1),
        "classifier.0.bias": torch.randn(4096),
        "classifier.3.weight": torch.randn(4096, 4096),
        "classifier.3.bias": torch.randn(4096),
    }
    monkeypatch.setattr(imagenet, "_read", lambda source: tensors)
    report = load_imagenet(model, "vgg16")
    fc6, fc7 = model.neck[0].conv, model.neck[2].conv
    pool5 = torch.rand(512, 7, 7)
    by_convolution = nn.functional.conv2d(pool5, fc6.weight[-1:]).flatten()[0]
    torch.testing.assert_close(by_convolution, row @ pool5.flatten(), rtol=1e-3, atol=1e-3)
    assert torch.equal(fc6.bias, tensors["classifier.0.bias"])
    assert torch.equal(fc7.weight[:, :, 0, 0], tensors["classifier.3.weight"])
    assert torch.equal(fc7.bias, tensors["classifier.3.bias"])
    assert report.loaded["neck.0.conv.weight"] == "classifier.0.weight"
    assert report.unused == ("classifier.6",)


def test_networks_without_room_for_fc6_leave_it(vgg, monkeypatch):
    tensors = state_of(vgg["vgg16"]) | {"classifier.0.weight": torch.zeros(1).expand(4096, 25088)}
    monkeypatch.setattr(imagenet, "_read", lambda source: tensors)
    with torch.device("meta"):
        model = segnet()
    assert "classifier.0" in load_imagenet(model, "vgg16").unused


def test_report_says_layer_by_layer(vgg, write):
    with torch.device("meta"):
        model = segnet()
    report = load_imagenet(model, write(state_of(vgg["vgg16"])))
    lines = str(report).splitlines()
    assert lines[0].endswith("weights.safetensors -> segnet: 26 tensors of 13 layers")
    assert lines[1].split() == ["stages.0.convs.0.conv", "from", "features.0"]
    assert lines[13].split() == ["stages.4.convs.2.conv", "from", "features.28"]
    # 13 norms of the encoder; 12 convolutions and 12 norms of the decoder; the thirteenth is the classifier
    assert lines[14] == "as drawn: 13 layers of stages, 24 of decoders, 1 of classifier"
    assert lines[15] == "not used: 1 layer of classifier"
    assert report.as_drawn[0] == "stages.0.convs.0.norm"


@pytest.mark.parametrize("zipped", [True, False])  # the public files are in the format before torch 1.6
def test_reads_what_torch_saved(vgg, tmp_path, zipped):
    file = tmp_path / "vgg16.pth"
    torch.save(state_of(vgg["vgg16"]), file, _use_new_zipfile_serialization=zipped)
    model = segnet()
    load_imagenet(model, file)
    assert torch.equal(model.stages[4].convs[2].conv.weight, vgg["vgg16"][28].weight)


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_public_files_are_fetched_with_their_hash(kind, vgg, monkeypatch):
    def fetch(url, **options):
        assert url == imagenet.URLS[kind]
        assert options["check_hash"] is options["weights_only"] is True
        return state_of(vgg[kind])

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    with torch.device("meta"):
        model = segnet()
    assert load_imagenet(model, kind).source == kind


def test_says_what_to_do_without_a_network(monkeypatch):
    def fetch(url, **options):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fetch)
    with (
        torch.device("meta"),
        pytest.raises(OSError, match=r"could not get .*vgg16_bn.*no route to host.*pass load_imag"),
    ):
        load_imagenet(segnet())


@pytest.fixture(scope="module")
def untouched():
    model = segnet()
    return model, {name: tensor.clone() for name, tensor in model.state_dict().items()}


def without(tensors, name):
    return {key: tensor for key, tensor in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: without(t, "features.28.bias"),
            r"no tensor features.28.bias, wanted for stages.4.convs.2.conv.bias",
        ),
        (
            lambda t: t | {"features.28.weight": torch.zeros(512, 512, 1, 1)},
            r"features.28.weight has shape \(512, 512, 1, 1\), stages.4.convs.2.conv.weight needs \(512, 512, 3, 3\)",
        ),
        (
            lambda t: {f"module.{n}": tensor for n, tensor in t.items()},
            "it holds module.classifier.6.bias",
        ),
        (lambda t: {}, "no tensor features.0.weight, wanted for stages.0.convs.0.conv.weight; it holds nothing"),
    ],
)
def test_a_mismatch_names_the_tensor_and_leaves_the_model(change, message, vgg, write, untouched):
    model, before = untouched
    with pytest.raises(ValueError, match=message):
        load_imagenet(model, write(change(state_of(vgg["vgg16"]))))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_vgg19_is_no_vgg16(vgg, write):
    """Its fourth convolution of block 3 stands at 16, so 17 is a ReLU."""
    tensors = state_of(vgg["vgg16"])
    tensors["features.16.weight"] = tensors.pop("features.17.weight")
    with torch.device("meta"), pytest.raises(ValueError, match=r"no tensor features.17.weight"):
        load_imagenet(segnet(), write(tensors))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"name": "segnet_basic"}, "segnet_basic has no VGG16 encoder; these have: segnet, fcn"),
        ({"width": 0.5}, r"segnet has width=0.5.*create_model\('segnet', width=1\)"),
        ({"input_transform": None}, r"input_transform='none'.*create_model\('segnet', input_transform=\"imagenet\"\)"),
    ],
)
def test_refuses_a_model_that_cannot_use_them(model, message):
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        load_imagenet(segnet(**model), "nowhere.pth")


class Harmful:
    def __reduce__(self):
        return print, ("unpickled",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00garbage", "is damaged, or holds more than tensors"),
        (b"", "is damaged, or holds more than tensors"),
        (pickle.dumps({"features.0.weight": Harmful()}, protocol=2), "is damaged, or holds more than tensors"),
    ],
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_refuses_files_that_hold_something_else(content, message, suffix, tmp_path, capsys):
    file = tmp_path / f"weights.{suffix}"
    file.write_bytes(content)
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        load_imagenet(segnet(), file)
    assert capsys.readouterr().out == "", "nothing of the file was run"


@pytest.mark.parametrize("kind", ["zip", "pickle", "safetensors"])
def test_a_damaged_file_is_named_whatever_its_reader_says(kind, tmp_path):
    """Cut or with other bits, 200 times: read, or refused by a ValueError with the file's name."""
    tensors = {f"features.{i}.{name}": torch.rand(3, 3) for i in (0, 2, 5) for name in ("weight", "bias")}
    whole, file = tmp_path / "whole", tmp_path / f"damaged.{'safetensors' if kind == 'safetensors' else 'pth'}"
    if kind == "safetensors":
        save_file(tensors, whole)
    else:
        torch.save(tensors, whole, _use_new_zipfile_serialization=kind == "zip")
    content, said = whole.read_bytes(), []
    for number in range(200):
        chance = random.Random(number)
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(min(len(content), 1500))] ^= 1 << chance.randrange(8)
        if number % 4 == 0:
            damaged = damaged[: chance.randrange(len(content))]
        file.write_bytes(damaged)
        with warnings.catch_warnings(action="ignore"):  # torch's own, of odd archives
            try:
                tensors = imagenet._read(file)
                imagenet._check_tensor(tensors, "features.5.weight", torch.rand(3, 3), "ours", file)
            except ValueError as error:
                said.append(str(error))
    assert len(said) > 50
    assert all(str(file) in message for message in said)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.full((64, 3, 3, 3), torch.nan), "weights.pth is damaged: features.0.weight holds infinity or nan"),
        (torch.full((64, 3, 3, 3), -torch.inf), "weights.pth is damaged: features.0.weight holds infinity or nan"),
        (torch.zeros(64, 3, 3, 3, dtype=torch.int32), "weights.pth is damaged or no VGG16: features.0.weight holds"),
        (torch.zeros(64, 3, 3, 3).to_sparse(), "weights.pth is damaged or no VGG16: features.0.weight holds"),
    ],
)
def test_refuses_tensors_that_are_no_weights(tensor, message, vgg, write, untouched):
    model, before = untouched
    with pytest.raises(ValueError, match=message):
        load_imagenet(model, write(state_of(vgg["vgg16"]) | {"features.0.weight": tensor}, "weights.pth"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.started_from is None


def test_refuses_names_that_are_no_names(write):
    with torch.device("meta"), pytest.raises(ValueError, match=r"weights.pth holds no state dict of tensors but: 0"):
        load_imagenet(segnet(), write({0: torch.zeros(3)}, "weights.pth"))


def test_the_model_says_what_it_started_from(vgg, write):
    file, model = write(state_of(vgg["vgg16"])), segnet("unet")
    report = load_imagenet(torch.compile(model, backend="eager"), file)
    assert model.started_from == {"imagenet": str(file), "loaded": 20, "as_drawn": list(report.as_drawn)}
    assert json.loads(json.dumps(model.started_from)) == model.started_from


def test_refuses_a_training_checkpoint(write):
    with torch.device("meta"), pytest.raises(ValueError, match="holds no state dict of tensors but: epoch, state_dict"):
        load_imagenet(segnet(), write({"epoch": 3, "state_dict": {}}, "checkpoint.pth"))


def test_refuses_a_file_that_is_not_there():
    with (
        torch.device("meta"),
        pytest.raises(FileNotFoundError, match=r"no file vgg16_nb.*Did you mean 'vgg16_bn'\? Known: vgg16_bn, vgg16"),
    ):
        load_imagenet(segnet(), "vgg16_nb")
