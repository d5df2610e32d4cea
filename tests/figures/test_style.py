import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from segnet_lab.figures import style
from segnet_lab.figures.style import bare, megabytes, picture_grid, plain_numbers, styled


@pytest.fixture(autouse=True)
def no_figure_of_another_test():
    """A test that failed elsewhere may have left one."""
    plt.close("all")


def test_styled_drawings_have_the_look_and_leave_nothing_behind():
    before = dict(plt.rcParams)

    @styled
    def two(title):
        """Two axes."""
        figure, axes = plt.subplots(1, 2)
        axes[0].set_title(title, loc="left")
        return figure

    figure = two("of us")
    assert two.__doc__ == "Two axes."
    assert figure.axes[0].get_title("left") == "of us"
    assert not figure.axes[0].spines["top"].get_visible()
    assert to_hex(figure.axes[0].spines["left"].get_edgecolor()) == style.SOFT
    assert figure.get_dpi() == style.DPI
    assert plt.get_fignums() == []
    assert dict(plt.rcParams) == before


def test_a_drawing_that_fails_leaves_no_figure_and_keeps_those_of_others():
    mine = plt.figure()

    @styled
    def broken():
        plt.figure()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


def test_bare_axes_show_nothing_but_their_picture_and_title():
    figure, axes = plt.subplots()
    bare(axes, "a map")
    assert axes.get_title() == "a map"
    assert not len(axes.get_xticks()) + len(axes.get_yticks())
    assert not any(spine.get_visible() for spine in axes.spines.values())
    plt.close(figure)


@pytest.mark.parametrize(
    ("rows", "columns", "shape", "title", "rest", "inches"),
    [
        (1, 1, (3, 4), 0.0, 0.0, 7.5),
        (2, 4, (1, 1), 0.5, 0.0, 2 * (2.5 + 0.5)),  # 10 inches by 4: 2.5 each
        (3, 2, (9, 10), 0.25, 0.75, 3 * (4.5 + 0.25) + 0.75),
        (1, 1, (3, 4, 3), 0.0, 0.0, 7.5),  # colours do not matter
    ],
)
def test_pictures_fill_the_width_of_the_page(rows, columns, shape, title, rest, inches):
    figure, grid = picture_grid(rows, columns, shape, title, rest)
    assert figure.get_size_inches().tolist() == pytest.approx([style.FIGURE_WIDTH, inches])
    assert grid.shape == (rows, columns)
    assert not any(len(axes.get_xticks()) for axes in grid.flat)
    plt.close(figure)


def test_logarithmic_axes_in_plain_numbers():
    figure, axes = plt.subplots()
    axes.set(xscale="log", xlim=(0.01, 1000))
    plain_numbers(axes.xaxis)
    figure.canvas.draw()
    assert {"0.1", "1", "100"} <= {label.get_text() for label in axes.get_xticklabels()}
    plt.close(figure)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (691_200, "691 kB"),
        (10**6, "1 MB"),
        (117_797_420, "118 MB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_bytes_in_words(count, text):
    assert megabytes(count) == text


def test_colours_are_okabe_and_itos():
    # Color Universal Design, jfly.uni-koeln.de/color: blue, vermillion, bluish green, reddish purple, orange, sky blue
    okabe_ito = [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233)]
    assert list(style.COLOURS) == ["#{:02x}{:02x}{:02x}".format(*colour) for colour in okabe_ito]
