import numpy as np
import pandas as pd
import pytest

from segnet_lab.figures import charts, class_charts, cost_charts, crf, training_charts


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_class_dots_keep_each_panel_to_its_own_numbers():
    ours = pd.DataFrame({"forest": [80.0, 10.0]}, index=["Pole", "Sky"])  # another order of rows
    paper = pd.DataFrame({"Boosting": [91.1, 25.8], "SegNet": [96.1, np.nan]}, index=["Sky", "Pole"])
    figure = class_charts.class_dots({"the paper's": paper, "ours": ours})
    left, right = figure.axes
    _, boosting, segnet = left.collections
    assert boosting.get_offsets().tolist() == [[91.1, 0], [25.8, 1]]
    assert segnet.get_offsets()[:1].tolist() == [[96.1, 0]]
    assert right.collections[1].get_offsets().tolist() == [[10, 0], [80, 1]]
    assert [label.get_text() for label in left.get_yticklabels()] == ["Sky", "Pole"]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["forest"]


def test_against_share_leaves_out_what_never_occurs():
    table = pd.DataFrame({"share": [0.2, 0.0, 0.01, 0.1], "value": [1.0, 2, 3, np.nan]}, index=list("abcd"))
    (axes,) = class_charts.against_share({"ours": table}, "accuracy", zero=True).axes
    assert axes.collections[0].get_offsets().tolist() == [[20, 1], [1, 3]]
    assert texts(axes) == ["a", "c"]
    assert axes.get_xscale() == "log"


def test_names_of_points_at_one_place_do_not_overlap():
    table = pd.DataFrame({"share": 3 * [0.1], "value": 3 * [5.0]}, index=["Wall", "Floor", "Bed"])
    (axes,) = class_charts.against_share({"": table}, "accuracy").axes
    axes.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_against_puts_one_score_across_and_one_up():
    table = pd.DataFrame({"G": [90.4, 88.2, np.nan], "BF": [46.8, 32.8, 1.0]}, index=["segnet", "deeplab_x", "unet"])
    (axes,) = charts.against({"the paper's": table}, "G", "BF").axes
    assert axes.collections[0].get_offsets()[:2].tolist() == [[90.4, 46.8], [88.2, 32.8]]
    assert [(text.get_text(), text.xy) for text in axes.texts] == [
        ("segnet", (90.4, 46.8)),
        ("deeplab x", (88.2, 32.8)),
    ]


def test_a_long_name_stays_in_its_panel():
    table = pd.DataFrame({"G": [80.0, 90.0], "BF": [20.0, 40.0]}, index=["fcn", "deeplab_large_fov-dense_crf"])
    left, _ = charts.against({"a": table, "b": table}, "G", "BF").axes
    left.figure.canvas.draw()
    assert all(text.get_window_extent().x1 <= left.get_window_extent().x1 for text in left.texts)


def test_curves_bridge_gaps_and_name_their_ends():
    table = pd.DataFrame({"a_b": [1.0, np.nan, 3.0], "c": [3.0, 2.0, np.nan]}, index=[1, 2, 4])
    (axes,) = charts.curves({"mIoU": table}, "epoch", log=True).axes
    assert axes.lines[0].get_xydata().tolist() == [[1, 1], [4, 3]]
    assert axes.lines[1].get_xydata().tolist() == [[1, 3], [2, 2]]
    assert {text.get_text(): text.xy for text in axes.texts} == {"c": (2, 2), "a b": (4, 3)}


def test_a_name_has_one_colour_in_all_panels():
    a = pd.DataFrame({"segnet": [1.0, 2]})
    b = pd.DataFrame({"fcn": [1.0, 2], "segnet": [3.0, 4]})
    left, right = charts.curves({"a": a, "b": b}, "epoch").axes
    assert left.lines[0].get_color() == right.lines[1].get_color() != right.lines[0].get_color()
    ours = {"G": a, "BF": a}
    figure = training_charts.training_course({"ours": ours, "the paper's": {"G": b, "BF": b}}, ("epoch", "iterations"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "G, ours", "BF, ours", "G, the paper's", "BF, the paper's",
    ]  # fmt: skip
    assert figure.axes[0].lines[0].get_color() == figure.axes[2].lines[1].get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["segnet", "fcn"]


def test_more_names_than_colours():
    table = pd.DataFrame({f"network {n}": [1.0, n] for n in range(11)})
    (axes,) = charts.curves({"": table}, "epoch").axes
    assert [line.get_color() for line in axes.lines[8:]] == [line.get_color() for line in axes.lines[:3]]


def test_ratios_divide_each_side_by_its_own_base():
    ours = pd.DataFrame({"ms": [10.0, 5.0], "MB": [1.0, np.nan]}, index=["segnet", "unet"])
    paper = pd.DataFrame({"ms": [422.5, 110.06], "MB": [1052.0, 1993.0]}, index=["segnet", "deeplab"])
    time, memory = cost_charts.ratios(ours, paper, base="segnet", titles={"MB": "memory"}).axes
    mine, theirs = time.collections[:2]
    assert mine.get_offsets()[:2, 0].tolist() == [1, 0.5]
    np.testing.assert_allclose(theirs.get_offsets()[[0, 2], 0], [1, 110.06 / 422.5])
    assert memory.get_title(loc="left") == "memory"
    with pytest.raises(ValueError, match="ours have no row 'fcn'"):
        cost_charts.ratios(ours, paper, base="fcn")


def test_remembered_writes_nothing_where_nothing_is_kept():
    table = pd.DataFrame({"2 bits": [1.32, 0.0], "int64": [42.3, 0.0]}, index=["segnet", "deeplab"])
    (axes,) = cost_charts.remembered(table).axes
    assert texts(axes) == [" 1.32", " nothing", " 42.3", " nothing"]
    lengths = [bar.get_x() + bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(lengths, [1.32, 1, 42.3, 1])  # the axis begins at 1


def test_alive_while_running_stacks_maps_on_what_is_remembered():
    table = pd.DataFrame({"place": ["stages.0", "decoders.1"], "maps": [3.0, 5], "remembered": [0.0, 2]})
    (axes,) = cost_charts.alive_while_running({"unet": table}).axes
    assert texts(axes) == ["7 MB"]
    whole, below = (patch.get_data() for patch in axes.patches if hasattr(patch, "get_data"))
    assert whole.values.tolist() == [3, 7]
    assert whole.baseline.tolist() == below.values.tolist() == [0, 2]
    assert axes.lines[0].get_xdata() == [1, 1]  # encoder to the left of the dotted line


def test_listening_marks_the_pixel_in_every_panel():
    figure = crf.listening(np.zeros((3, 6, 8)), (2, 5), {"appearance": np.ones((6, 8)), "smoothness": np.zeros((6, 8))})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["the pixel (2, 5)", "appearance", "smoothness"]
    assert all(axes.lines[0].get_xydata().tolist() == [[5, 2]] for axes in figure.axes)
