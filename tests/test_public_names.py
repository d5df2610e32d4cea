"""The names of the design, typed as a user types them."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import segnet_lab as sl


def test_models():
    assert {"segnet", "segnet_basic"} <= set(sl.list_models())
    model = sl.create_model("segnet_basic", num_classes=11)
    assert model(torch.rand(2, 3, 30, 41)).shape == (2, 11, 30, 41)


def test_every_name_of_the_design_is_there():
    assert set(sl.list_models()) == {
        *("segnet_basic", "segnet_basic_encoder_addition", "segnet_basic_single_channel_decoder"),
        *("bilinear_interpolation", "fcn_basic", "fcn_basic_no_addition", "fcn_basic_no_dim_reduction"),
        *("fcn_basic_no_addition_no_dim_reduction", "replication", "fixed_indices", "no_pooling"),
        *("segnet", "fcn", "fcn_learnt_deconv", "deeplab_large_fov", "deconvnet", "unet"),
        *("bayesian_segnet", "bayesian_segnet_basic"),
    }
    from segnet_lab.data import DATASETS

    assert {"roadscenes", "camvid", "sunrgbd", "folder"} <= set(DATASETS)


def test_pooling():
    x = torch.randn(2, 3, 45, 60)
    values, codes = sl.pooling.max_pool_2x2(x)
    assert codes.dtype == torch.uint8
    dense_size = x.shape[-2:]
    sparse = sl.pooling.max_unpool_2x2(values, codes, dense_size)
    assert sparse.shape == x.shape


def test_data_losses_and_scores():
    data = sl.load_dataset("roadscenes", split="train", size=(48, 64), images=4)
    image, label = data[0]
    assert image.shape == (3, 48, 64)
    assert image.dtype == torch.float32
    assert 0 <= image.min() <= image.max() <= 1
    assert label.shape == (48, 64)
    assert label.dtype == torch.int64
    assert len(data.class_names) == len(data.palette) == 11
    assert data.ignore_index == 11
    assert sl.losses.median_frequency_weights(data).shape == (11,)
    bf = sl.metrics.boundary_f1(
        label,
        label,
        num_classes=11,
        tolerance=0.0075,
        matching="one_to_one",
        present="target",
        ignore_index=11,
    )
    assert bf == 1.0
    assert sl.metrics.boundary_f1(label[None], label[None], num_classes=11, matching="distance", ignore_index=11) == 1
    scores = sl.metrics.SegmentationScores(num_classes=11, ignore_index=11)
    scores.update(label.clamp(max=10), label)
    assert {"G", "C", "mIoU", "BF"} <= set(scores.compute())
    assert scores.compute()["G"] == 1


def test_train_load_predict(tmp_path):
    data = sl.load_dataset("roadscenes", split="train", size=(32, 48), images=4)
    model = sl.create_model("segnet_basic", num_classes=11, width=0.1)
    history = sl.train(model, data, sl.Recipe(epochs=1, batch_size=2), run_dir=tmp_path / "x", show_progress=False)
    assert len(history) == 1
    model, recipe, scores = sl.load_run(tmp_path / "x")
    assert recipe.epochs == 1
    assert 0 <= scores["val"]["G"] <= 1
    again = sl.train(model, data, sl.Recipe(epochs=2, batch_size=2), run_dir=tmp_path / "x", show_progress=False)
    assert len(again) == 2  # resumed where it stopped
    label = sl.predict(model, data[0].image)
    assert label.shape == (32, 48)
    for image in (np.zeros((7, 5, 3), np.uint8), np.zeros((1, 1), np.uint8), torch.rand(3, 50, 33)):
        assert sl.predict(model, image).shape == tuple(image.shape[-2:] if image.shape[0] == 3 else image.shape[:2])


def test_everything_else_that_is_exported(tmp_path):
    assert set(sl.__all__) == {
        *("__version__", "SegNetLabError", "Recipe"),
        *("create_model", "list_models", "register_model", "list_weights", "load_run", "start_from", "load_imagenet"),
        *("load_dataset", "train", "evaluate", "predict", "optimize", "predict_with_uncertainty"),
        *("costs", "compare_costs"),
        *("pooling", "models", "data", "losses", "metrics", "figures", "widgets", "paper", "probe", "results"),
    }
    assert set(dir(sl)) == set(sl.__all__)
    assert all(getattr(sl, name) is not None for name in sl.__all__)
    data = sl.load_dataset("roadscenes", split="val", size=(32, 48), images=2)
    model = sl.create_model("bayesian_segnet_basic", num_classes=11, width=0.1, seed=0)
    assert 0 <= sl.evaluate(model, data)["G"] <= 1
    logits = sl.optimize(model.eval())(data[0].image[None])
    assert torch.allclose(logits, model(data[0].image[None]), rtol=1e-3, atol=1e-4)
    assert sl.predict_with_uncertainty(model, data[0].image, samples=2).label.shape == (32, 48)
    assert sl.costs(model, 32, 48, measure=False).parameters == sum(p.numel() for p in model.parameters())
    assert len(sl.compare_costs([model, sl.create_model("fcn_basic")], 32, 48, measure=False)) == 2
    assert "roadscenes" in sl.list_weights().reset_index()["weights"].tolist()
    started = sl.start_from(sl.create_model("segnet_basic", num_classes=3, width=0.5), "roadscenes/segnet_basic")
    assert started.loaded
    assert sl.paper.table(1).shape[0] > 5
    assert "segnet_basic" in sl.results.list_runs("roadscenes")
    assert sl.probe.receptive_field(model, "logits").size >= 1
    with pytest.raises(sl.SegNetLabError, match="expect ImageNet's mean colour"):
        sl.load_imagenet(sl.create_model("segnet"), tmp_path / "vgg16.pth")


def test_editors_are_told_the_same_names():
    """The stub imports each name from where the package finds it."""
    stub = ast.parse(Path(sl.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    told = {}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            told |= {alias.asname: (node.module, alias.name) for alias in node.names}
    assert {"__version__", *told} == set(sl.__all__)
    for name, (module, original) in told.items():
        there = importlib.import_module(module)
        found = getattr(there, original, None) or importlib.import_module(f"{module}.{original}")
        assert found is getattr(sl, name)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"segnet_lab has no 'trian'; it has .*train"):
        sl.trian  # noqa: B018


def test_importing_is_quick_because_it_imports_little():
    heavy = ["torchmetrics", "matplotlib", "seaborn", "skimage", "sklearn", "ipywidgets", "papermill", "numba"]
    code = f"import segnet_lab, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
