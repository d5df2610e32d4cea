"""Somebody's SegNet-Basic in plain torch is told apart from one with a single planted deviation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segnet_lab.models import create_model
from segnet_lab.pooling import max_pool_2x2, max_unpool_2x2
from segnet_lab.probe.conformance import _Case, _upsamplings, conformance
from segnet_lab.probe.recording import UNPOOLING, Upsampling

K, C = 11, 8  # classes, channels
DECODERS = ("decoder4", "decoder3", "decoder2", "decoder1")
UNPOOLED = ("unpool4", "unpool3", "unpool2", "unpool1")
POOLED = ("pool1", "pool2", "pool3", "pool4")
BASIC = "segnet_basic"


def block(inputs, outputs, relu, bias=False, kernel=7):
    layers = [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *[nn.ReLU(inplace=True)] * relu)


class Plain(nn.Module):
    """SegNet-Basic as its paper says, of torch's own layers; arguments plant a deviation."""

    def __init__(self, channels=C, ceil=True, bias=False, decoder_relu=False, shared=False):
        super().__init__()
        self.lrn = nn.LocalResponseNorm(5, 1e-4, 0.75, 1)
        self.encoder = nn.ModuleList(block(3 if n == 0 else channels, channels, True, bias) for n in range(4))
        self.pool = nn.MaxPool2d(2, return_indices=True, ceil_mode=ceil)
        self.unpool = nn.MaxUnpool2d(2)
        made = [block(channels, channels, decoder_relu, bias) for _ in range(1 if shared else 4)]
        self.decoder = nn.ModuleList(made * (4 if shared else 1))
        self.classifier = nn.Conv2d(channels, K, 1)

    def forward(self, image):
        x, memory = self.lrn(255 * image), []
        for stage in self.encoder:
            x = stage(x)
            size = x.shape[-2:]
            x, indices = self.pool(x)
            memory.append((indices, size))
        for stage in self.decoder:
            x = stage(self.up(x, memory))
        return self.classifier(x)

    def up(self, x, memory):
        indices, size = memory.pop()
        return self.unpool(x, indices, output_size=size)


class Bilinear(Plain):
    def up(self, x, memory):
        return F.interpolate(x, size=memory.pop()[1], mode="bilinear")


class TopLeft(Plain):
    def up(self, x, memory):
        _, size = memory.pop()
        return max_unpool_2x2(x, torch.zeros((x.numel() + 3) // 4, dtype=torch.uint8), tuple(size))


class OwnPooling(Plain):
    """Without any pooling of torch: what this kit's lessons do."""

    def forward(self, image):
        x, memory = self.lrn(255 * image), []
        for stage in self.encoder:
            x = stage(x)
            size = x.shape[-2:]
            x, codes = max_pool_2x2(x)
            memory.append((codes, size))
        for stage in self.decoder:
            codes, size = memory.pop()
            x = stage(max_unpool_2x2(x, codes, tuple(size)))
        return self.classifier(x)


class Functional(Plain):
    """The same in functions, and no module but those that hold weights."""

    def forward(self, image):
        def normalised(conv, norm, x):
            x = F.conv2d(x, conv.weight, conv.bias, padding=3)
            return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, self.training)

        x, memory = 255 * image, []
        for conv, norm, _ in self.encoder:
            x = normalised(conv, norm, x).clamp(min=0)
            size = x.shape[-2:]
            x, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            memory.append((indices, size))
        for conv, norm in self.decoder:
            indices, size = memory.pop()
            x = normalised(conv, norm, F.max_unpool2d(x, indices, 2, output_size=size))
        return F.conv2d(x, self.classifier.weight, self.classifier.bias)


def trained(model, gather=True):
    """With scales and shifts as if learnt, and statistics of a few images if these were gathered."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.uniform_(-0.1, 0.1, generator=generator)
    if gather:
        with torch.no_grad():
            model.train()(torch.rand(4, 3, 32, 48, generator=generator))
    return model.eval()


def told(module, reference=None):
    """Each deviation as its aspect and places."""
    return [(deviation.aspect, deviation.places) for deviation in conformance(module, reference).deviations]


# ------------------------------------------------------------------------------------------------ what conforms


def test_a_plain_segnet_basic_of_the_papers_width_conforms():
    model = trained(Plain(64))
    # 4 x 7 x 7 filters of 3 or 64 to 64 channels and back, batch normalisation of 8 layers, the classifier
    count = 7 * 7 * 64 * (3 + 3 * 64) + 4 * 7 * 7 * 64 * 64 + 8 * 2 * 64 + 64 * K + K
    assert count == 1_416_075 == sum(p.numel() for p in create_model(BASIC).parameters())
    report = conformance(model)
    assert report.conforms
    assert report.deviations == ()
    assert report.reference == BASIC
    assert report.parameters == report.of_reference == report.of_paper == count
    assert str(report).startswith("conforms to the paper's SegNet-Basic\n1,416,075 parameters")
    assert report.table.place.tolist() == [
        *("conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "conv4", "pool4"),
        *("unpool4", "decoder4", "unpool3", "decoder3", "unpool2", "decoder2", "unpool1", "decoder1", "classifier"),
    ]
    assert report.table.module[0] == "encoder.0.0"
    assert report.table.here[0] == "7x7 convolution 3 -> 64, batch normalisation, ReLU"
    assert report.table.here[8] == "unpooling to the maxima of pool4"
    assert report.table.here.tolist() == report.table.paper.tolist()
    assert set(report.table.deviates) == {""}
    assert report.table.statistics[[0, 1, 9, 16]].tolist() == ["gathered", "", "gathered", ""]
    assert "indices are kept as torch's int64 indices, 64 bits a window" in report.notes
    assert any(note.startswith("input transform: lrn") for note in report.notes)


@pytest.mark.parametrize("kind", [Plain, OwnPooling, Functional])
def test_however_it_is_written_and_however_narrow(kind):
    report = conformance(trained(kind()))
    assert report.deviations == ()
    assert report.parameters == report.of_reference == sum(p.numel() for p in Plain().parameters())
    assert "it has 0.125 times the paper's channels" in report.notes


@pytest.mark.parametrize("name", [BASIC, "segnet", "bayesian_segnet_basic"])
def test_our_own_networks_conform_and_keep_packed_codes(name):
    model = create_model(name, width=0.25)
    report = conformance(model)
    assert report.deviations == ()
    assert report.reference == name.removeprefix("bayesian_")
    assert report.parameters == report.of_reference
    assert report.of_paper == {BASIC: 1_416_075, "segnet": 29_449_355}[report.reference]
    assert "indices are kept as packed codes, 2 bits a window" in report.notes
    assert "statistics of batch normalisation are as they were made: it has not been trained" in report.notes
    assert ("dropout 0.5 after pool3, 0.5 after pool4, 0.5 after decoder4, 0.5 after decoder3" in report.notes) == (
        name == "bayesian_segnet_basic"
    )


def test_a_look_changes_nothing():
    model = trained(Plain()).train()
    model.encoder[0].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes, state = [m.training for m in model.modules()], torch.get_rng_state()
    conformance(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


# ------------------------------------------------------------------------------------ one planted deviation each


def with_layer(layer, at, places="decoder"):
    """One block of a plain network with another layer behind it."""
    model = Plain()
    getattr(model, places)[at].append(layer)
    return model


def other_classifier(layer):
    model = Plain()
    model.classifier = layer
    return model


class Softmax(Plain):
    def forward(self, image):
        return super().forward(image).softmax(1)


def with_unused_weights():
    model = Plain()
    model.unused = nn.Linear(3, 3)
    return model


def unlike_in_size(kernel):
    model = Plain()
    model.decoder[0] = block(C, C, False, kernel=kernel)
    return model


def norm_behind():
    model = Plain()
    conv, norm, relu = model.encoder[1]
    model.encoder[1] = nn.Sequential(conv, relu, norm)
    return model


@pytest.mark.parametrize(
    ("plant", "deviations"),
    [
        (lambda: Plain(ceil=False), [("rounding", POOLED)]),
        (lambda: Plain(shared=True), [("shared weights", DECODERS)]),
        (lambda: Plain(decoder_relu=True), [("activation", DECODERS)]),
        (lambda: Plain(bias=True), [("bias", ("conv1", "conv2", "conv3", "conv4", *DECODERS))]),
        (Bilinear, [("indices", UNPOOLED)]),
        (TopLeft, [("indices", UNPOOLED)]),
        (lambda: with_layer(nn.LeakyReLU(), 2), [("activation", ("decoder2",))]),
        (norm_behind, [("batch normalisation", ("conv2",))]),
        (lambda: unlike_in_size(3), [("kernel", ("decoder4",))]),
        (lambda: other_classifier(nn.Conv2d(C, K, 3, padding=1)), [("kernel", ("classifier",))]),
        (lambda: other_classifier(nn.Sequential(block(C, C, False), nn.Conv2d(C, K, 1))), "convolutions"),
        (lambda: with_layer(nn.Dropout(0.3), 0, "encoder"), [("dropout", ("conv1",))]),
        (with_unused_weights, [("parameters", ())]),
        (Softmax, [("softmax", ())]),
    ],
)
def test_a_planted_deviation_is_told_and_nothing_else(plant, deviations):
    found = told(trained(plant()), BASIC)
    if isinstance(deviations, str):
        assert [aspect for aspect, _ in found] == [deviations]
    else:
        assert found == deviations


def test_statistics_that_were_never_gathered():
    norms = ("conv1", "conv2", "conv3", "conv4", *DECODERS)
    report = conformance(trained(Plain(), gather=False))
    assert [(deviation.aspect, deviation.places) for deviation in report.deviations] == [("statistics", norms)]
    assert "mean 0 and variance 1 at conv1" in str(report)
    assert report.table.deviates[:2].tolist() == ["statistics", ""]
    assert report.table.statistics[[0, 1, 9, 16]].tolist() == ["as made", "", "as made", ""]
    one = trained(Plain())
    one.decoder[3][1].reset_running_stats()
    assert told(one) == [("statistics", ("decoder1",))]
    drawn = Plain()
    drawn.train()(torch.rand(2, 3, 32, 32))
    assert told(drawn) == []
    drawn.encoder[0][1].reset_running_stats()  # though nothing has been learnt
    assert told(drawn) == [("statistics", ("conv1",))]
    none = Plain()
    none.encoder[2][1] = nn.BatchNorm2d(C, track_running_stats=False)
    assert told(trained(none)) == [("statistics", ("conv3",))]


def test_what_was_pooled_last_is_unpooled_first():
    def case(*sources):
        ups = [Upsampling("", UNPOOLING, "max_unpool2d", (4 * n, 4 * n), source) for n, source in enumerate(sources, 1)]
        return {(f"unpool{2 - n}", 1): layer for n, layer in enumerate(ups)}

    (found,) = _upsamplings(_Case("SegNet", (), case(1, 1), case(2, 1), None, None))
    assert (found.aspect, found.places) == ("pairing", ("unpool2",))
    assert "unpool2 takes the indices of pool1" in found.text


def test_channels_of_one_layer():
    model = create_model("segnet", width=0.1)
    first, second, _ = model.decoders["5"].convs
    first.conv, first.norm = nn.Conv2d(51, 40, 3, padding=1), nn.BatchNorm2d(40)
    second.conv = nn.Conv2d(40, 51, 3, padding=1)
    assert told(model) == [("channels", ("decoder5_1",))]


def test_logits_at_half_the_size():
    class Half(Plain):
        def forward(self, image):
            return F.avg_pool2d(super().forward(image), 2, ceil_mode=True)

    report = conformance(trained(Half()))
    assert [deviation.aspect for deviation in report.deviations] == ["pooling", "pooling", "output"]
    assert "5 poolings, where SegNet-Basic has 4 (pool5 1 instead of 0)" in str(report)
    assert "output: an image of 32x64 gets logits of 16x32" in str(report)


def test_the_torch_way_to_lose_a_row_is_one_deviation():
    class WithoutSizes(Plain):
        def up(self, x, memory):
            return self.unpool(x, memory.pop()[0])

    report = conformance(trained(WithoutSizes(ceil=False)))
    assert [deviation.aspect for deviation in report.deviations] == ["rounding"]


# ------------------------------------------------------------------------------------------- what is no network


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Conv2d(1, 4, 3), r"Conv2d cannot be run on an image \(1, 3, 32, 64\): RuntimeError: .*expected input"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), r"gives \(1, 7440\) for images \(1, 3, 32, 64\): give"),
        (nn.Identity(), "Identity calls no convolution of torch that could be seen"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(module, message):
    with pytest.raises(ValueError, match=message):
        conformance(module)


def test_other_references_and_names_are_refused():
    with pytest.raises(ValueError, match=r"unknown reference 'segnet_basics'\. Did you mean 'segnet_basic'"):
        conformance(Plain(), "segnet_basics")
    with pytest.raises(ValueError, match="'segnet' is a name: give the network"):
        conformance("segnet")


def test_the_reference_is_the_one_with_as_many_convolutions():
    assert conformance(Plain()).reference == BASIC
    report = conformance(Plain(), "segnet")
    assert "9 convolutions, where SegNet has 26" in str(report)
    assert not report.conforms
