"""Inference beside what a user would pick instead: `python benchmarks/run.py peers unet`.

A peer computes what naive.py does, from the same weights: before anything is timed, its labels are compared with the
naive network's, and one that computes something else is not timed. A peer whose package or hardware is not here becomes
a row that says why. The U-Net is another network, with labels of its own.
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, library

from benchmarks.naive import NaiveSegNet
from benchmarks.networks import BATCH, CLASSES, SIZE, compare
from segnet_lab import create_model, optimize
from segnet_lab._support.devices import compute_dtype
from segnet_lab.models import EncoderDecoder

Form = Callable[[Tensor], Tensor]  # images to logits


class NotHere(RuntimeError):
    """A form cannot be measured on this machine; the message says why."""


# ---------------------------------------------------------------------------- one network in many forms


def naive(model: EncoderDecoder, image: Tensor, precision: str) -> Form:
    """As it is usually written."""
    return NaiveSegNet(model).eval()


def kit(model: EncoderDecoder, image: Tensor, precision: str) -> Form:
    """What `optimize` gives."""
    if precision == "auto" and not bfloat16_units():
        raise NotHere("on this processor it is optimize float32")
    return optimize(model, precision)


def by_hand(model: EncoderDecoder, image: Tensor, precision: str) -> Form:
    """The naive network as a user of PyTorch makes it faster by hand."""
    dtype = getattr(torch, precision)
    return _channels_last(NaiveSegNet(model), dtype)


def compiled(model: EncoderDecoder, image: Tensor, precision: str) -> Form:
    """That through torch.compile, which needs a C++ compiler."""
    return torch.compile(by_hand(model, image, precision))


def onnx_runtime(model: EncoderDecoder, image: Tensor, precision: str) -> Form:
    """ONNX Runtime on the CPU, where it computes in float32."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(onnx(model, image), options, providers=["CPUExecutionProvider"])
    return lambda image: torch.from_numpy(session.run(None, {"image": image.numpy()})[0])


def openvino(model: EncoderDecoder, image: Tensor, precision: str) -> Form:
    """OpenVINO, asked to answer one image soonest. Without bfloat16 units it would compute in float32 unasked."""
    from openvino import Core

    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    options["INFERENCE_PRECISION_HINT"] = {"float32": "f32", "bfloat16": "bf16"}[precision]
    core = Core()
    network = core.compile_model(core.read_model(onnx(model, image)), "CPU", options)
    return lambda image: torch.from_numpy(network(image.numpy())[0])


def unet(model: EncoderDecoder, image: Tensor, precision: str) -> Form:
    """U-Net with a ResNet34 of segmentation_models.pytorch; the image is padded to multiples of 32, which it needs."""
    network = _channels_last(
        segmentation_models().Unet("resnet34", encoder_weights=None, classes=CLASSES), getattr(torch, precision)
    )
    below, right = (-size % 32 for size in image.shape[-2:])
    return lambda image: network(F.pad(image, (0, right, 0, below)))


FORMS = {  # name: how it is made, in which precision; the others are compared with the first
    "naive": (naive, "float32"),
    "optimize float32": (kit, "float32"),
    "optimize (default)": (kit, "auto"),
    "optimize bfloat16": (kit, "bfloat16"),
    "naive bfloat16 channels_last": (by_hand, "bfloat16"),
    "torch.compile float32": (compiled, "float32"),
    "torch.compile bfloat16": (compiled, "bfloat16"),
    "ONNX Runtime float32": (onnx_runtime, "float32"),
    "OpenVINO float32": (openvino, "float32"),
    "OpenVINO bfloat16": (openvino, "bfloat16"),
    "smp U-Net ResNet34 float32": (unet, "float32"),
    "smp U-Net ResNet34 bfloat16": (unet, "bfloat16"),
}
# Least % of pixels with the naive network's class. The logits of fresh weights are near each other, so rounding shows:
# 0.1 to 0.3 % of SegNet's pixels between two ways in float32, 13 to 17 % in bfloat16 at a quarter of the width. What
# computes something else is far below: with plain ReLUs in MaskedSegNet it is 20 and 43 %.
LEAST = {"float32": 99, "auto": 75, "bfloat16": 75}


def bfloat16_units() -> bool:
    """Whether this processor multiplies bfloat16."""
    return compute_dtype(torch.device("cpu")) == torch.bfloat16


def _channels_last(network: torch.nn.Module, dtype: torch.dtype) -> Form:
    network = network.eval().to(dtype, memory_format=torch.channels_last)
    return lambda image: network(image.to(dtype, memory_format=torch.channels_last))


# ---------------------------------------------------------------------------- for engines that know no unpooling


class MaskedSegNet(NaiveSegNet):
    """The naive network without indices: its unpooling is nearest-neighbour enlargement times a mask.

    The mask is where the features equal their pooled and enlarged map. Where no value of a window is positive, all
    four would be equal behind a ReLU, while indices name the first; so the ReLU is max(x, 0) in that corner and
    max(x, -1) in the others: the same maximum, in one place.
    """

    def forward(self, image: Tensor) -> Tensor:
        x, masks = self.normalise(image), []
        for convs in self.encoder:
            features = convs[:-1](x)  # without its ReLU
            row, column = (torch.arange(size) % 2 for size in features.shape[-2:])
            features = torch.maximum(features, -(row[:, None] | column).to(features.dtype))
            x = F.max_pool2d(features, 2, ceil_mode=True)
            masks.append(features == _enlarged(x, features))
        for convs in self.decoder:
            mask = masks.pop()
            x = convs(_enlarged(x, mask) * mask)
        return self.classifier(x)


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    """Every value four times; what is beyond an odd size is cut off."""
    return F.interpolate(x, scale_factor=2, mode="nearest")[..., : like.shape[-2], : like.shape[-1]]


def onnx(model: EncoderDecoder, image: Tensor) -> bytes:
    """The network as an ONNX file, for images of that size."""
    import onnxscript  # noqa: F401 - without it, the exporter would name another reason

    network = MaskedSegNet(model).eval()
    program = torch.onnx.export(network, (image,), input_names=["image"], dynamo=True, verbose=False)
    return program.model_proto.SerializeToString()


@cache
def segmentation_models():
    """segmentation_models.pytorch, also beside a CPU build of torch.

    torchvision's operators load only beside the very build of torch that they were made for, and it cannot be imported
    without two of them. U-Net calls neither, so it is enough that they have a name.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        segmentation_models.names = library.Library("torchvision", "DEF")  # they live as long as this
        for name in ("nms", "qnms"):
            segmentation_models.names.define(f"{name}(Tensor boxes) -> Tensor")
    import segmentation_models_pytorch

    return segmentation_models_pytorch


# ---------------------------------------------------------------------------- what is measured


def peers(quick: bool = False) -> list[dict]:
    """One image through every form, in turns; rows as in networks.py, or `not_measured` with the reason."""
    rows = []
    image = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    for network in BATCH:
        group = f"inference beside peers, {network}"
        forms, agreed, missing = checked(network, image)
        calls = {name: lambda form=form: form(image) for name, form in forms.items()}
        with torch.inference_mode():
            timed = compare(group, calls, 2 if quick else 7)
        rows += [row | {"agreement_%": agreed.get(row["name"], "")} for row in timed]
        rows += [{"group": group, "name": name, "not_measured": reason} for name, reason in missing.items()]
    return rows


def checked(network: str, image: Tensor, width: float = 1) -> tuple[dict[str, Form], dict[str, float], dict[str, str]]:
    """The forms that can be timed; the % of pixels to which each gives the naive network's class; why others cannot."""
    forms, agreed, missing = {}, {}, {}
    for name, (made_by, precision) in FORMS.items():
        try:
            if precision == "bfloat16" and not bfloat16_units():
                raise NotHere("this processor has no bfloat16 units")
            form = made_by(create_model(network, CLASSES, width=width, seed=0).eval(), image, precision)
            with torch.inference_mode():
                labels = form(image).argmax(1)
            if made_by is naive:
                expected = labels
            if made_by is not unet:
                agreed[name] = round(100 * (labels == expected).float().mean().item(), 2)
                if agreed[name] < LEAST[precision]:
                    raise NotHere(f"{agreed.pop(name)} % of its labels are the naive network's: it computes another")
            forms[name] = form
        except (ImportError, RuntimeError) as reason:
            missing[name] = str(reason).splitlines()[0]
    return forms, agreed, missing


def unet_peer(quick: bool = False) -> list[dict]:
    """The kit's own U-Net beside segmentation_models.pytorch's with a VGG16; ImportError where that is missing."""
    image = torch.rand(1, 3, 352, 480)  # it takes multiples of 32
    peer = segmentation_models().Unet("vgg16_bn", encoder_weights=None, classes=CLASSES).eval()
    ours = create_model("unet", CLASSES, seed=0).eval()
    with torch.inference_mode():
        calls = {"segmentation_models.pytorch U-Net VGG16": lambda: peer(image)}
        for name, precision in (("kit unet, optimize float32", "float32"), ("kit unet, optimize (default)", "auto")):
            fast = optimize(ours, precision)
            calls[name] = lambda fast=fast: fast(image)
        return compare("inference time, unet, 352x480", calls, 2 if quick else 7)
