import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from segnet_lab.figures import charts, class_charts, training_charts
from segnet_lab.results.tables import beside_paper


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_training_curves_draw_the_log_in_percent():
    log = pd.DataFrame(
        {"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "G": [0.5, np.nan, 0.75], "BF": [0.1, np.nan, 0.2]}
    )
    left, right = training_charts.training_curves(log, selected=3).axes
    assert left.lines[0].get_ydata().tolist() == [3, 2, 1]
    g, bf, kept = right.lines
    assert g.get_xydata().tolist() == [[1, 50], [3, 75]]  # epoch 2 was not evaluated
    assert bf.get_ydata().tolist() == [10, 20]
    assert kept.get_xdata() == [3, 3]
    assert texts(right) == ["BF 20", "G 75"]


def test_training_curves_of_a_run_without_validation():
    left, right = training_charts.training_curves(pd.DataFrame({"epoch": [1], "loss": [1.0], "G": [np.nan]})).axes
    assert len(left.lines) == 1
    assert not right.lines


def test_no_epoch_has_no_curve():
    with pytest.raises(ValueError, match="at least one"):
        training_charts.training_curves(pd.DataFrame({"epoch": [], "loss": []}))


def test_bars_beside_paper_keep_the_two_sides_apart():
    ours = pd.DataFrame({"G": [70.0], "BF": [30.0]}, index=["segnet_basic"])
    paper = pd.DataFrame({"G": [82.7, 77.9], "BF": [35.78, 20.83]}, index=["segnet_basic", "bilinear_interpolation"])
    figure = charts.bars_beside_paper(beside_paper(ours, paper), ("G", "BF"))
    for axes, mine, theirs in zip(figure.axes, (70, 30), ([82.7, 77.9], [35.78, 20.83]), strict=True):
        assert [bar.get_width() for bar in axes.patches] == [mine, 0, *theirs]  # ours first; no run of the second
        assert [to_rgb(bar.get_facecolor()) for bar in axes.patches[1:3]] == [
            to_rgb(charts.BLUE),
            to_rgb(charts.ORANGE),
        ]
        assert texts(axes)[1] == " -"
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["segnet basic", "bilinear interpolation"]


def test_score_against_memory_leaves_out_what_has_no_score():
    table = pd.DataFrame({"BF": [20.0, 35.0, np.nan], "MB": [0.0, 4.0, 11.0]}, index=["a", "b_c", "d"])
    (axes,) = charts.score_against_memory({"ours": table}, "BF", "MB").axes
    assert axes.collections[0].get_offsets().tolist() == [[0, 20], [4, 35]]
    assert texts(axes) == ["a", "b c"]


def test_stacked_shares_fill_every_bar():
    table = pd.DataFrame([[6, 3, 1], [1, 1, 2]], index=["pixels", "loss"], columns=["Sky", "Road", "Pole"])
    (axes,) = class_charts.stacked_shares(table, np.zeros((3, 3), np.uint8)).axes
    widths = np.array([bar.get_width() for bar in axes.patches]).reshape(3, 2)  # a row a class
    np.testing.assert_allclose(widths, [[0.6, 0.25], [0.3, 0.25], [0.1, 0.5]])
    assert axes.patches[-1].get_x() == pytest.approx(0.5)  # Pole's loss starts after Sky's and Road's
    assert "Pole\n50 %" in texts(axes)


def test_trade_off_points_from_natural_to_balanced():
    arrows = pd.DataFrame({"G": [84.0], "C": [54.6], "G to": [82.7], "C to": [62.0]}, index=["segnet_basic"])
    curve = pd.DataFrame({"G": [80, 70], "C": [50, 60]}, index=[0.0, 1.0])
    left, right = charts.trade_off({"paper": arrows, "ours": curve}).axes
    arrow, name = left.texts
    assert (arrow.xy, arrow.xyann) == ((82.7, 62.0), (84.0, 54.6))
    assert name.get_text() == "segnet basic"
    assert right.lines[0].get_xydata().tolist() == [[80, 50], [70, 60]]


def test_differences_leave_a_missing_run_out():
    table = pd.DataFrame({"paper": [14.95, -2.33], "ours": [np.nan, 1.0]}, index=["a over b", "a over c"])
    (axes,) = charts.differences(table, margin=1).axes
    _, paper, ours = axes.collections
    assert paper.get_offsets().tolist() == [[14.95, 0], [-2.33, 1]]
    assert np.ma.filled(ours.get_offsets(), np.nan)[1].tolist() == [1, 1]
    assert np.isnan(np.ma.filled(ours.get_offsets(), np.nan)[0, 0])


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 10))
def test_labels_are_spread_as_little_as_may_be(values, gap):
    values = np.sort(np.array(values, float))
    heights = charts.spread(values, gap)
    assert (np.diff(heights) >= gap - 1e-9).all()
    assert heights.sum() == pytest.approx(values.sum())  # groups stay around the middle of what they belong to
    if len(values) > 1 and (np.diff(values) >= gap).all():
        np.testing.assert_array_equal(heights, values)


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
