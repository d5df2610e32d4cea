"""The playground in a real browser: its arithmetic against the library, then every way to touch it."""

import json
import re
from functools import partial
from itertools import pairwise
from urllib.parse import quote, unquote

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import BOXES, MAPS, unreadable, write_notebook
from PIL import Image

from segnet_lab.pooling import CORNERS, max_pool_2x2, max_unpool_2x2, packed_bytes, unpack
from segnet_lab.widgets.playground import DECODERS
from segnet_lab.widgets.sources import script

torch.set_num_threads(1)

# ------------------------------------------------------------------------------------- arithmetic, no page needed

# The module by itself, as `await module()` inside page.evaluate.
MODULE = "const module = () => import(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})));"
SOURCE = script("playground.js")
BILINEAR = np.outer([0.25, 0.75, 0.75, 0.25], [0.25, 0.75, 0.75, 0.25])


def in_module(page, body, **arguments):
    """Run JavaScript with the module as `m` and the arguments under their names."""
    run = f"const m = await module(); const {{{', '.join(arguments)}}} = JSON.parse(given); {body}"
    code = f"async ({{source, given}}) => {{ {MODULE} return JSON.stringify(await (async () => {{ {run} }})()); }}"
    return json.loads(page.evaluate(code, {"source": SOURCE, "given": json.dumps(arguments)}))


def random_grids(count, seed=0):
    """Maps of every size up to 16x16: floats, few integers (ties), zeros after a ReLU, negative numbers."""
    rng = np.random.default_rng(seed)
    for n in range(count):
        h, w = rng.integers(1, 17, size=2)
        x = [rng.normal(size=(h, w)), rng.integers(-2, 3, (h, w)), rng.normal(size=(h, w)).clip(0), -rng.random((h, w))]
        yield x[n % 4].astype(float)


def upsampled_by_torch(x, deconvolution, only=None):
    """Each decoder's upsampled map, from the library and from torch; or only one of them."""
    h, w = size = x.shape[-2:]
    values, codes = max_pool_2x2(x)
    kernel = torch.as_tensor(deconvolution, dtype=torch.float64).reshape(1, 1, 4, 4)
    maps = {
        "pooling_indices": max_unpool_2x2(values, codes, size),
        "fixed_indices": max_unpool_2x2(values, torch.zeros_like(codes), size),
        "replication": F.interpolate(values, scale_factor=2)[..., :h, :w],
        "bilinear": F.interpolate(values, size=size, mode="bilinear", align_corners=False),
        "learnt_deconvolution": F.conv_transpose2d(values, kernel, stride=2, padding=1)[..., :h, :w],
        "whole_map_added": max_unpool_2x2(values, codes, size),
    }
    return maps[only] if only else maps


def test_arithmetic_equals_the_library_on_1200_grids(page):
    rng = np.random.default_rng(1)
    cases = [
        {
            "values": x.tolist(),
            "decoders": DECODERS,
            "kernels": rng.normal(size=(6, 3, 3)).tolist(),
            "deconvolutions": np.repeat(rng.normal(size=(1, 4, 4)), 6, axis=0).tolist(),
        }
        for x in random_grids(1200)
    ]
    compute = "const c = m.compute(one); c.lanes.forEach((lane) => delete lane.terms); return c;"  # terms are many
    answers = in_module(page, f"return cases.map((one) => {{ {compute} }})", cases=cases)
    for case, answer in zip(cases, answers, strict=True):
        x = torch.tensor(case["values"], dtype=torch.float64)[None, None]
        values, codes = max_pool_2x2(x)
        assert answer["pooled"] == values[0, 0].tolist()
        assert answer["codes"] == codes.tolist()
        assert answer["corners"] == unpack(codes, values.shape)[0, 0].tolist()
        expected = upsampled_by_torch(x, case["deconvolutions"][0])
        for name, kernel, lane in zip(DECODERS, case["kernels"], answer["lanes"], strict=True):
            upsampled = expected[name]
            dense = F.conv2d(upsampled, torch.tensor(kernel, dtype=torch.float64)[None, None], padding=1)
            dense = dense + x if name == "whole_map_added" else dense
            exact = name not in ("bilinear", "learnt_deconvolution")
            tolerance = {"rtol": 0, "atol": 0} if exact else {"rtol": 1e-9, "atol": 1e-9}
            np.testing.assert_allclose(lane["upsampled"], upsampled[0, 0], **tolerance, err_msg=name)
            np.testing.assert_allclose(lane["dense"], dense[0, 0], rtol=1e-9, atol=1e-9, err_msg=name)
            np.testing.assert_allclose(lane["error"], (dense - x)[0, 0], rtol=1e-9, atol=1e-9)
            assert lane["mean_error"] == pytest.approx((dense - x).abs().mean().item(), rel=1e-9, abs=1e-12)


def test_what_a_lane_remembers_is_counted_in_bytes(page):
    # 5x7: 3x4 windows -> 3 bytes; the whole map is 5 * 7 * 4 bytes more
    case = {
        "values": np.zeros((5, 7)).tolist(),
        "decoders": DECODERS,
        "kernels": [np.eye(3).tolist()] * 6,
        "deconvolutions": [BILINEAR.tolist()] * 6,
    }
    lanes = in_module(page, "return m.compute(one).lanes", one=case)
    assert [lane["remembers"] for lane in lanes] == [3, 0, 0, 0, 0, 143]


def test_storage_is_the_papers(page):
    rows = in_module(page, "return m.storage([64, 360, 480])")
    windows = 64 * 180 * 240
    assert [n for _, n in rows] == [packed_bytes(windows), 4 * windows, 8 * windows, 4 * 64 * 360 * 480]
    assert rows[0][1] == 691_200
    assert in_module(page, "return m.storage([3, 5, 7])[0][1]") == packed_bytes(3 * 3 * 4)


def test_learnt_kernels_are_the_least_squares_ones(page):
    def weights_as_columns(function, n):  # the map that each single weight makes
        units = torch.eye(n * n, dtype=torch.float64).reshape(-1, 1, 1, n, n)
        return torch.stack([function(unit).flatten() for unit in units], dim=1)

    def check(learnt, columns, target):
        best = torch.linalg.lstsq(columns, target, driver="gelsd").solution
        error, least = (((columns @ w - target) ** 2).sum() for w in (torch.tensor(learnt).flatten().double(), best))
        assert error <= least + 1e-4 * (target**2).sum() + 1e-4  # weights are rounded to three digits

    for x in random_grids(8, seed=2):
        one = {"values": x.tolist(), "decoders": ["pooling_indices"], "kernels": [np.zeros((3, 3)).tolist()]}
        one["deconvolutions"] = [BILINEAR.tolist()]
        learn = "m.learn_kernel(c.lanes[0], one.values), m.learn_deconvolution(c.pooled, one.values)"
        kernel, deconvolution = in_module(page, f"const c = m.compute(one); return [{learn}]", one=one)
        x = torch.tensor(x)[None, None]
        values, codes = max_pool_2x2(x)
        sparse = max_unpool_2x2(values, codes, x.shape[-2:])
        check(kernel, weights_as_columns(partial(F.conv2d, sparse, padding=1), 3), x.flatten())
        deconvolved = partial(upsampled_by_torch, x, only="learnt_deconvolution")
        check(deconvolution, weights_as_columns(deconvolved, 4), x.flatten())


def test_whole_map_added_learns_that_it_needs_no_kernel(page):
    x = next(random_grids(1, seed=5)).tolist()
    one = {"values": x, "decoders": ["whole_map_added"], "kernels": [BILINEAR[:3, :3].tolist()]}
    one["deconvolutions"] = [BILINEAR.tolist()]
    assert not np.any(in_module(page, "return m.learn_kernel(m.compute(one).lanes[0], one.values)", one=one))


FIGURE = [
    [2, 7, 0, 0],
    [0, 1, 0, 0],
    [3, 3, 5, 4],
    [3, 3, 6, 8],
]  # windows: 7 top-right; all zero; a tie; 8 bottom-right
FORMULAS = {
    ("pooled", None, 0, 0): "pooled[0, 0] = max(2, 7, 0, 1) = 7, top-right = code 1",
    ("pooled", None, 1, 0): "pooled[1, 0] = max(3, 3, 3, 3) = 3, top-left = code 0, a tie: the first corner wins",
    ("input", None, 0, 1): "input[0, 1] = 7, remembered: max(2, 7, 0, 1) = 7, top-right = code 1",
    ("input", None, 0, 0): "input[0, 0] = 2, forgotten: max(2, 7, 0, 1) = 7, top-right = code 1",
    ("codes", None, 1, 1): "code[1, 1] = 3 = bits 11, bottom-right: window 3 lies in byte 0, bits 7 and 6",
    # windows 0..3 have the codes 1, 0, 0, 3
    ("packed", None, 0, 4): "byte 0 = 1 + 4·0 + 16·0 + 64·3 = 193 = bits 11 00 00 01, first window in the lowest bits",
    ("upsampled", 0, 0, 1): "upsampled A[0, 1] = 7: code 1 says top-right, which is here",
    ("upsampled", 0, 0, 0): "upsampled A[0, 0] = 0: code 1 says top-right, this is top-left",
    # between pooled rows 0, 1 and columns 0, 1, a quarter of the way: 9/16, 3/16, 3/16, 1/16
    ("upsampled", 1, 1, 1): "upsampled B[1, 1] = 0.5625·7 + 0.1875·3 + 0.0625·8 = 5",
    # the tent's weights 1/2 (7 is above) and 1/4 (3 is below left)
    ("dense", 0, 1, 1): "dense A[1, 1] = 0.5·7 + 0.25·3 = 4.25 (7 of 9 terms are 0)",
    ("error", 0, 1, 1): "error A[1, 1] = 4.25 − 1 = 3.25",
    ("kernel", 0, 0, 2): "kernel A[0, 2] = 0.25: weighs the upsampled cell above right",
}


def figure(page, body, **arguments):
    tent = [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]
    one = {"values": FIGURE, "decoders": ["pooling_indices", "bilinear"], "kernels": [tent, tent]}
    one["deconvolutions"] = [BILINEAR.tolist()] * 2
    return in_module(page, f"const c = m.compute(one); {body}", one=one, **arguments)


def test_formulas_name_their_numbers(page):
    places = [
        {"kind": kind, **({} if lane is None else {"lane": lane}), "r": r, "c": c} for kind, lane, r, c in FORMULAS
    ]
    said = figure(page, "return places.map((place) => m.explain(c, place))", places=places)
    assert said == list(FORMULAS.values())


def test_formulas_of_an_added_map_and_of_empty_sums(page):
    said = figure(
        page,
        """const zero = [[0, 0, 0], [0, 0, 0], [0, 0, 0]], at = {kind: 'dense', lane: 0, r: 0, c: 1};
        return ['whole_map_added', 'replication', 'fixed_indices'].map((name) => {
          const c = m.compute({...one, decoders: [name], kernels: [zero]});
          return [m.explain(c, at), m.explain(c, {...at, kind: 'upsampled'})];
        })""",
    )
    assert said == [
        [
            "dense A[0, 1] = 0 + input 7 = 7 (9 of 9 terms are 0)",
            "upsampled A[0, 1] = 7: code 1 says top-right, which is here",
        ],
        ["dense A[0, 1] = 0: all nine terms are 0", "upsampled A[0, 1] = pooled[0, 0] = 7: the whole window gets it"],
        ["dense A[0, 1] = 0: all nine terms are 0", "upsampled A[0, 1] = 0: always top-left, this is top-right"],
    ]


def test_a_dense_cell_lights_its_support_and_the_windows_behind_it(page):
    lit = figure(page, "return m.trace(c, {kind: 'dense', lane: 0, r: 1, c: 1})")
    support = [[r, c] for r in range(3) for c in range(3)]
    assert [cell[:2] for cell in lit["upsampled0"]] == support
    assert [cell[:2] for cell in lit["upsampled0"] if cell[2]] == [[0, 1], [0, 2], [2, 0]]  # filled: 7, 0 and 3
    assert sorted(cell[:2] for cell in lit["pooled"]) == [[0, 0], [0, 1], [1, 0]]
    assert [cell[:2] for cell in lit["input"] if cell[2]] == [[0, 1], [0, 2], [2, 0]]


def test_trace_holds_every_cell_that_matters(page):
    # Nudge one input cell, too little to change a code. A dense cell that moves must have lit it.
    missed = in_module(
        page,
        """const missed = [];
        for (const values of grids) for (const decoder of Object.keys(m.DECODERS)) {
          const state = {values, decoders: [decoder], kernels: [kernel], deconvolutions: [deconvolution]};
          const c = m.compute(state);
          values.forEach((row, r) => row.forEach((_, k) => {
            const nudged = values.map((line) => [...line]); nudged[r][k] += 1e-7;
            const other = m.compute({...state, values: nudged});
            c.lanes[0].dense.forEach((line, y) => line.forEach((v, x) => {
              if (v === other.lanes[0].dense[y][x]) return;
              const {input} = m.trace(c, {kind: 'dense', lane: 0, r: y, c: x});
              if (!input.some(([i, j]) => i === r && j === k)) missed.push([decoder, r, k, y, x]);
            }));
          }));
        }
        return missed""",
        grids=[x[:6, :6].tolist() for x in random_grids(9, seed=3) if x.dtype == float and len(np.unique(x)) == x.size],
        kernel=np.random.default_rng(0).random((3, 3)).tolist(),
        deconvolution=np.random.default_rng(1).random((4, 4)).tolist(),
    )
    assert missed == []


def test_numbers_as_people_type_them(page):
    typed = {"7": 7, "-1.5": -1.5, "−2": -2, "1,5": 1.5, "1/4": 0.25, " 3 ": 3, ".5": 0.5, "-1/8": -0.125}
    assert in_module(page, "return typed.map(m.parse_number)", typed=list(typed)) == list(typed.values())
    wrong = ["", "abc", "1/0", "1/2/3", "inf", "NaN", "1e9", "/", "1 2"]
    refuse = "return wrong.map((text) => { try { return m.parse_number(text); } catch (e) { return e.message; } })"
    for text, message in zip(wrong, in_module(page, refuse, wrong=wrong), strict=True):
        assert message == f"“{text}” is no number up to a million: type one such as 7, −1.5 or 1/4."


def test_maps_that_cannot_be_shown_are_named(page):
    bad = {
        "[]": "The map is empty",
        "[[]]": "The map is empty",
        "null": "The map is empty",
        "[[1, 2], [3, 4]]": "A map of 2 × 2 does not fit: give 4 to 16",
        "m.PRESETS.tie && [[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3]]": "A map of 4 × 4 does not fit: .* all rows alike",
        "Array(4).fill([1, 2, NaN, 4])": "The map holds NaN at row 0, column 2",
        "Array(4).fill([1, 2, null, 4])": "The map holds NaN at row 0, column 2",
        "Array(4).fill([1, 2, 3, Infinity])": "The map holds Infinity at row 0, column 3",
        "Array(4).fill([1, 2, 3, '4'])": "The map holds 4 at row 0, column 3",
    }
    said = in_module(page, f"return [{', '.join(bad)}].map(m.complaint)")
    for message, expected in zip(said, bad.values(), strict=True):
        assert re.match(expected, message)


# ----------------------------------------------------------------------------------- the page from disk, operated


class Board:
    """Reads and operates a playground, wherever it is shown."""

    def __init__(self, page, root=None):
        self.page = page
        self.root = (root or page).locator(".segnet-playground").first
        self.root.wait_for()

    def cells(self, kind, lane=0):
        scope = self.root.locator(".lane").nth(lane) if kind in ("upsampled", "dense", "error", "kernel") else self.root
        return scope.locator(f".grid.{kind} .cell")

    def texts(self, kind, lane=0):
        return [text.replace("−", "-") for text in self.cells(kind, lane).all_text_contents()]

    def grid(self, kind, lane=0):
        """Numbers on screen; an empty cell of an upsampled map is 0."""
        return [float(text or 0) for text in self.texts(kind, lane)]

    def codes(self):
        return [int(re.search(r"code (\d)", c.get_attribute("aria-label"))[1]) for c in self.cells("codes").all()]

    def choose(self, label, option):
        self.root.get_by_label(label, exact=True).select_option(option)

    def press(self, name):
        self.root.get_by_role("button", name=name, exact=True).click()

    def formula(self):
        return self.root.locator(".formula").text_content()

    def notice(self):
        return self.root.locator(".notice").text_content()

    def error_of(self, lane):
        return float(self.root.locator(".score").nth(lane).locator("b").nth(1).text_content())

    def agrees_with_library(self):
        """Pooled values, codes and packed bytes on screen are the library's for the input on screen."""
        h, w = (int(self.root.get_by_label(name).first.input_value()) for name in ("rows", "columns"))
        x = torch.tensor(self.grid("input"), dtype=torch.float64).reshape(1, 1, h, w)
        values, codes = max_pool_2x2(x)
        assert self.grid("pooled") == values.flatten().tolist()
        assert self.codes() == unpack(codes, values.shape).flatten().tolist()
        assert [int(text) for text in self.texts("packed")[4::5]] == codes.tolist()
        return x, values, codes


@pytest.fixture
def board(page, playground_page, complaints):
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(reduced_motion="reduce")
    page.goto(playground_page)
    yield Board(page)
    assert complaints == []


@pytest.mark.pictures
def test_the_page_works_from_disk_and_asks_for_nothing(page, playground_page, complaints, screenshot):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_viewport_size({"width": 1280, "height": 800})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.goto(playground_page)
        board = Board(page)
        board.agrees_with_library()
        board.cells("dense").nth(27).hover()
        screenshot(page, f"playground_{scheme}", full_page=True)
    assert [url for url in asked if url not in (playground_page, "data:,")] == []
    assert complaints == []


def test_the_first_look_makes_the_point(board):
    # The same pooled values and the same kernel; only the codes differ.
    assert board.grid("dense", 0) == board.grid("input")
    assert board.error_of(0) == 0
    assert board.error_of(1) == pytest.approx(8 * 9 / 64, abs=0.01)  # four cells miss their 9, four have one too many


def test_painting_with_the_mouse(board):
    before = {kind: board.texts(kind) for kind in ("pooled", "packed", "upsampled", "dense", "error")}
    board.press("brush 7")
    start, end = board.cells("input").nth(1).bounding_box(), board.cells("input").nth(5).bounding_box()
    mouse = board.page.mouse
    mouse.move(start["x"] + 9, start["y"] + 9)
    mouse.down()
    mouse.move(end["x"] + 9, end["y"] + 9, steps=12)
    mouse.up()
    assert board.grid("input")[:8] == [0, 7, 7, 7, 7, 7, 0, 0]
    assert all(board.texts(kind) != old for kind, old in before.items())
    x, values, codes = board.agrees_with_library()
    assert board.grid("upsampled") == max_unpool_2x2(values, codes, (8, 8)).flatten().tolist()
    down = torch.tensor([[0.0, 1, 0], [0, 1, 0], [0, 0, 0]], dtype=torch.float64)[None, None]
    dense = F.conv2d(max_unpool_2x2(values, codes, (8, 8)), down, padding=1)
    assert board.grid("dense") == dense.flatten().tolist()
    assert board.grid("error") == (dense - x).flatten().tolist()
    board.cells("input").nth(1).click(button="right")  # erases
    board.cells("input").nth(2).click(modifiers=["Shift"])
    assert board.grid("input")[:8] == [0, 0, 0, 7, 7, 7, 0, 0]


def test_painting_with_the_keyboard(board):
    keys = board.page.keyboard
    board.cells("input").first.focus()
    for key in ("5", "ArrowRight", "ArrowDown", " ", "End", "3", "ArrowRight", "Home", "Enter"):
        keys.press(key)
    keys.type("-1/4")
    keys.press("Enter")
    assert board.grid("input")[:2] == [5, 0]
    assert board.grid("input")[8:16] == [-0.25, 9, 9, 0, 0, 0, 0, 3]  # Space painted the brush; End went to the last
    board.agrees_with_library()
    keys.press("Backspace")
    assert board.grid("input")[8] == 0
    keys.press("Enter")
    keys.type("many")
    keys.press("Enter")
    assert board.notice().startswith("“many” is no number")
    assert board.grid("input")[8] == 0
    keys.press("4")
    assert board.grid("input")[8] == 4
    assert board.notice() == ""


def test_keyboard_alone_reaches_everything(board):
    # One Tab stop a grid, and every control has a name.
    stops = board.root.evaluate(
        "root => [...root.querySelectorAll('.grid')].map(g => g.querySelectorAll('[tabindex=\"0\"]').length)"
    )
    assert set(stops) == {1}
    named = board.root.evaluate(
        "root => [...root.querySelectorAll('button, select, input:not([hidden]), [role=grid], [role=group]')]"
        ".filter(e => !(e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim())).length"
    )
    assert named == 0
    for _ in range(60):  # from the first control to the last lane's error map, by Tab only
        board.page.keyboard.press("Tab")
        if board.page.evaluate(
            "document.activeElement.place?.kind === 'error' && document.activeElement.place.lane === 1"
        ):
            break
    else:
        pytest.fail("Tab does not reach the last map")
    board.page.keyboard.press("ArrowRight")
    assert board.formula().startswith("error B[0, 1] = ")


@pytest.mark.pictures
def test_touch(browser, playground_page, screenshot):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(playground_page)
    board = Board(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # nothing sticks out
    small = board.root.evaluate(
        "root => [...root.querySelectorAll('.grid.input .cell, .brushes button, .steps button, select')]"
        ".filter(e => e.offsetParent && Math.min(e.offsetHeight, e.offsetWidth) < 24).map(e => e.textContent)"
    )
    assert small == []  # WCAG 2.2, target size
    screenshot(page, "playground_phone")
    board.cells("input").nth(9).tap()
    assert board.grid("input")[9] == 9
    board.cells("dense").nth(9).tap()
    assert board.formula().startswith("dense A[1, 1] = ")
    screenshot(page, "playground_phone_formula")
    context.close()


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1366, 650), (1280, 720), (1920, 1080), (1024, 768)])
def test_painting_and_all_maps_fit_the_window(board, width, height):
    page = board.page
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(100)  # until it was laid out anew
    outside = [b for b in board.root.evaluate(BOXES, MAPS) if b["right"] > width or b["bottom"] > height]
    assert outside == []
    tops = [{box["top"] for box in lane} for lane in lane_boxes(board, ".grid.upsampled, .grid.dense, .grid.error")]
    assert [len(top) for top in tops] == [1, 1]  # nothing wraps under another map
    assert board.cells("input").first.evaluate("el => parseFloat(getComputedStyle(el).fontSize)") >= 9


def lane_boxes(board, selector):
    return [lane.evaluate(BOXES, selector) for lane in board.root.locator(".lane").all()]


def test_maps_of_every_size_stay_beside_each_other(board):
    for rows, columns in ((4, 4), (16, 4), (4, 16), (12, 9)):
        for name, n in (("rows", rows), ("columns", columns)):
            board.root.get_by_label(name).first.fill(str(n))
            board.root.get_by_label(name).first.press("Enter")
        for lane in lane_boxes(board, ".grid.upsampled, .grid.dense, .grid.error"):
            assert len({box["top"] for box in lane}) == 1, (rows, columns)
            assert all(a["right"] < b["left"] for a, b in pairwise(lane))
            assert lane[-1]["right"] <= 1280


@pytest.mark.parametrize("width", [390, 900])
def test_each_step_brings_its_panel_into_sight(board, width):
    page = board.page
    page.set_viewport_size({"width": width, "height": 600})
    board.press("1 Input")
    for step in range(2, 8):
        page.keyboard.press("PageDown")  # a presenter's clicker
        panel = board.root.locator(f".flow .panel[data-step='{step}']").first
        top, bottom = panel.evaluate("el => { const b = el.getBoundingClientRect(); return [b.top, b.bottom]; }")
        said = board.root.locator(".formula").bounding_box()  # on top of what scrolls
        assert bottom <= 601, step
        assert top >= said["y"] + said["height"] - 1, step


def test_changes_are_taken_back_one_by_one(board):
    undo, start = board.root.get_by_role("button", name="Undo"), board.grid("input")
    assert undo.is_disabled()
    first, last = (board.cells("input").nth(n).bounding_box() for n in (0, 7))
    mouse = board.page.mouse
    mouse.move(first["x"] + 9, first["y"] + 9)  # a stroke over eight cells is one change
    mouse.down()
    mouse.move(last["x"] + 9, last["y"] + 9, steps=20)
    mouse.up()
    stroke = board.grid("input")
    assert stroke[:8] == [9] * 8
    board.choose("Decoding B", "bilinear")  # brings another kernel with it
    board.choose("Input preset", "noise")
    board.page.keyboard.press("Control+z")
    assert board.grid("input") == stroke
    undo.click()
    assert board.root.get_by_label("Decoding B").input_value() == "fixed_indices"
    assert board.root.get_by_label("3×3 kernel B", exact=True).input_value() == "copy down"
    undo.click()
    assert board.grid("input") == start
    assert undo.is_disabled()


def test_the_address_remembers_what_was_chosen(board):
    page = board.page
    board.choose("Input preset", "noise")
    board.choose("Decoding B", "bilinear")
    board.press("5 Upsample")
    shown = board.grid("input")
    page.wait_for_function("() => location.hash.length > 1")
    page.wait_for_timeout(400)
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert board.grid("input") == shown
    assert board.root.get_by_label("Decoding B").input_value() == "bilinear"
    assert board.root.get_attribute("data-step") == "5"
    board.agrees_with_library()
    whole = json.loads(unquote(link.partition("#")[2]))
    for wrong in (
        "nonsense",
        {**whole, "step": 12},
        {**whole, "values": [[1]]},
        {**whole, "decoders": ["bilinear", "magic"]},
        {**whole, "kernels": [[[1]], [[1]]]},
    ):
        page.goto("about:blank")
        page.goto(link.partition("#")[0] + "#" + quote(json.dumps(wrong)))
        assert board.root.get_attribute("data-step") == "7"  # the page as it is without a link
        assert set(board.grid("input")) == {0, 9}


def test_presets_make_their_points(board):
    def show(name):
        board.choose("Input preset", name)
        board.agrees_with_library()
        return board.root.locator(".lesson").text_content()

    def learnt(decoder, lane=0):
        board.choose(f"Decoding {'AB'[lane]}", decoder)
        board.choose(f"3×3 kernel {'AB'[lane]}", "learn it here")
        return board.error_of(lane)

    assert "no 3×3 kernel can" in show("thin pole")
    assert learnt("pooling_indices") == 0
    assert learnt("fixed_indices", 1) > 1
    assert "codes draw the edge" in show("diagonal edge")
    assert [n for n, code in enumerate(board.codes()) if code] == [0, 5, 10, 15]  # the diagonal of 4x4 windows
    assert "every code is 0" in show("tie")
    assert set(board.codes()) == {0}
    assert "always point top-left" in show("all-zero windows")
    zero = [code for code, value in zip(board.codes(), board.grid("pooled"), strict=True) if value == 0]
    assert len(zero) >= 8
    assert set(zero) == {0}
    assert "keeps the first" in show("checkerboard")
    assert set(board.codes()) == {1}
    assert "bilinear, which stores nothing, comes nearer" in show("smooth ramp")
    assert learnt("bilinear", 1) < learnt("pooling_indices")
    assert "two bits are needed" in show("noise")
    counts = np.bincount(board.codes(), minlength=4)
    assert counts.min() >= 2


def test_hovering_says_and_shows_where_a_cell_comes_from(board):
    board.choose("Input preset", "diagonal edge")
    board.cells("pooled").first.hover()
    assert board.formula() == "pooled[0, 0] = max(2, 9, 2, 2) = 9, top-right = code 1"
    lit = board.root.locator(".lit")
    by_grid = lit.evaluate_all(
        "cells => cells.map(c => c.place.kind + (c.place.lane ?? 0) + ':' + c.place.r + ',' + c.place.c)"
    )
    assert {"input0:0,0", "input0:0,1", "input0:1,0", "input0:1,1", "codes0:0,0", "packed0:0,3"} <= set(by_grid)
    assert {"upsampled0:0,1", "upsampled1:0,0"} <= set(by_grid)  # A knows the corner, B takes top-left
    board.page.mouse.move(5, 5)
    assert lit.count() == 0
    assert board.formula().startswith("Point at a cell")


def test_decoders_side_by_side(board):
    x, *_ = board.agrees_with_library()
    expected = upsampled_by_torch(x, BILINEAR)
    for lane, name in [(0, n) for n in DECODERS] + [(1, "bilinear"), (1, "whole_map_added")]:
        board.choose(f"Decoding {'AB'[lane]}", name)
        np.testing.assert_allclose(board.grid("upsampled", lane), expected[name].flatten(), atol=0.0051)
    remembered = board.root.locator(".score").all_text_contents()
    assert all("remembers 260 bytes" in text for text in remembered)  # 4 bytes of codes, 8 * 8 * 4 of the map


def test_a_full_map_comes_without_a_kernel_and_a_sparse_one_with_a_tent(board):
    board.choose("Decoding A", "bilinear")
    assert board.root.get_by_label("3×3 kernel A", exact=True).input_value() == "identity"
    assert board.grid("dense") == board.grid("upsampled")
    board.choose("Decoding A", "fixed_indices")
    assert board.root.get_by_label("3×3 kernel A", exact=True).input_value() == "tent"


def test_kernels_are_edited_like_a_spreadsheet(board):
    board.choose("3×3 kernel A", "identity")
    assert board.grid("dense") == board.grid("upsampled")
    board.cells("kernel").nth(4).click()
    board.page.keyboard.type("1/2")
    board.page.keyboard.press("Enter")
    assert board.grid("kernel") == [0, 0, 0, 0, 0.5, 0, 0, 0, 0]
    assert board.grid("dense") == [v / 2 for v in board.grid("upsampled")]
    board.page.keyboard.press("ArrowRight")
    board.page.keyboard.press("-")
    board.page.keyboard.type("1")
    board.page.keyboard.press("Enter")
    assert board.grid("kernel") == [0, 0, 0, 0, 0.5, -1, 0, 0, 0]
    board.page.keyboard.press("Enter")
    board.page.keyboard.type("7")
    board.page.keyboard.press("Escape")
    assert board.grid("kernel")[5] == -1


def test_a_learnt_deconvolution_comes_nearer_than_the_bilinear_one(board):
    board.choose("Decoding A", "learnt_deconvolution")
    start = board.error_of(0)
    board.choose("4×4 deconvolution kernel A", "learn it here")
    assert board.error_of(0) < start
    for preset, decoder in (("replication", "replication"), ("fixed index", "fixed_indices"), ("bilinear", None)):
        board.choose("4×4 deconvolution kernel A", preset)
        if decoder:  # the presets are what they are named for
            board.choose("Decoding B", decoder)
            assert board.grid("upsampled", 0) == board.grid("upsampled", 1)


def test_storage_counter(board):
    def column(n):
        return [cell.text_content() for cell in board.root.locator(f".storage tbody tr td:nth-of-type({n})").all()]

    assert column(1) == [str(packed_bytes(16)), "64", "128", "256"]
    assert column(2)[0] == f"{packed_bytes(64 * 180 * 240):,}" == "691,200"
    assert column(3) == ["1×", "16×", "32×", "64×"]
    field = board.root.locator(".storage").get_by_label("maps")
    field.fill("512")
    field.press("Enter")
    assert column(2)[0] == f"{packed_bytes(512 * 180 * 240):,}"
    field.fill("0")
    field.press("Enter")
    assert board.notice() == "0 is no number of maps: choose 1 to 1,000,000."
    assert field.input_value() == "512"


def test_sizes_from_4_to_16_odd_ones_too(board):
    def resize(**size):
        for name, n in size.items():
            board.root.get_by_label(name).first.fill(str(n))
            board.root.get_by_label(name).first.press("Enter")

    board.choose("Input preset", "noise")
    for rows, columns in ((5, 7), (16, 16), (4, 4)):
        resize(rows=rows, columns=columns)
        assert len(board.grid("input")) == rows * columns
        board.agrees_with_library()
    resize(rows=40)
    assert board.notice() == "40 is no number of rows: choose 4 to 16."
    board.press("brush 3")
    board.cells("input").first.click()  # now it is a painting: growing keeps it
    kept = board.grid("input")
    resize(rows=5)
    assert board.grid("input") == kept + [0] * 4


def test_guided_steps_forward_and_backward(board):
    hidden = "els => els.filter(e => e.checkVisibility({visibilityProperty: true})).length"
    kinds = ("input", "pooled", "codes", "packed", "upsampled", "dense", "error")
    sentences = []
    board.press("1 Input")
    for step, _ in enumerate(kinds, start=1):
        shown = [board.root.locator(f".grid.{kind}").evaluate_all(hidden) > 0 for kind in kinds]
        assert shown == [n < step for n in range(7)]
        sentences.append(board.root.locator(".sentence").text_content())
        if step < 7:
            board.press("Next ›")
    assert len(set(sentences)) == 7
    assert "64 numbers become 16" in sentences[1]
    assert "16 windows take 4 bytes" in sentences[3]
    assert "A remembers 4 bytes, mean error 0; B remembers 0 bytes, mean error 1.13" in sentences[6]
    board.press("‹ Back")
    assert board.root.locator(".sentence").text_content() == sentences[5]
    board.cells("input").first.focus()
    board.page.keyboard.press("PageUp")  # a presenter's clicker
    assert board.root.locator(".sentence").text_content() == sentences[4]


def test_codes_as_arrows_numbers_and_bits(board):
    assert set(board.texts("codes")) == {""}
    turns = board.cells("codes").evaluate_all("cells => cells.map(c => c.style.getPropertyValue('--turn'))")
    assert turns[:6] == ["225deg"] * 5 + ["315deg"]  # an arrow that points right, turned into its corner
    board.press("numbers")
    assert [int(text) for text in board.texts("codes")] == board.codes()
    board.press("bits")
    assert [int(text, 2) for text in board.texts("codes")] == board.codes()
    label = board.cells("codes").nth(5).get_attribute("aria-label")
    assert label == f"code 1, {CORNERS[1]}"


def test_a_picture_from_disk_becomes_the_input(board, tmp_path):
    picture = np.zeros((64, 96), np.uint8)
    picture[:, 50:] = 255
    Image.fromarray(picture).save(tmp_path / "edge.png")
    board.root.locator("input[type=file]").set_input_files(tmp_path / "edge.png")
    board.root.locator(".picture").wait_for()
    assert board.grid("input")[:8] == [0, 0, 9, 9, 9, 9, 9, 9]  # cut at column 48
    board.root.locator(".picture").focus()
    board.page.keyboard.press("ArrowLeft")
    assert board.grid("input")[:8] == [0, 0, 0, 9, 9, 9, 9, 9]
    board.root.locator(".picture").click(position={"x": 10, "y": 10})
    assert set(board.grid("input")) == {0}
    board.agrees_with_library()


def test_files_that_are_no_picture_or_too_large_are_refused_kindly(board, tmp_path):
    before = board.grid("input")
    files = board.root.locator("input[type=file]")
    (tmp_path / "notes.txt").write_text("not a picture")
    files.set_input_files(tmp_path / "notes.txt")
    board.root.get_by_text("notes.txt cannot be read as a picture: choose a PNG, JPEG or WebP file.").wait_for()
    Image.new("1", (12_000, 9_000)).save(tmp_path / "huge.png")
    files.set_input_files(tmp_path / "huge.png")
    board.root.get_by_text("huge.png is 12000 × 9000, 108 megapixels: make it smaller first, up to 64.").wait_for()
    assert board.grid("input") == before
    board.root.evaluate(
        """root => root.dispatchEvent(Object.assign(new Event('drop'),
        {dataTransfer: {files: [new File(['x'], 'x.csv')]}}))"""
    )
    board.root.get_by_text("x.csv cannot be read as a picture").wait_for()
    board.cells("input").first.click()
    assert board.grid("input")[0] == 9  # and it goes on working
    assert board.notice() == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_number_can_be_read(board, scheme):
    board.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    board.choose("Input preset", "noise")
    board.choose("3×3 kernel B", "sharpen")
    seen = ".cell:not([data-mark=unused], [data-mark=empty]), p, figcaption, button:enabled, td, th, .formula"
    assert unreadable(board.root, seen) == []


SURFACE = "root => getComputedStyle(root).backgroundColor"
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(22, 25, 30)"


def test_themes(board):
    page = board.page
    for scheme, expected in (("light", LIGHT), ("dark", DARK)):
        page.emulate_media(color_scheme=scheme)
        assert board.root.evaluate(SURFACE) == expected
    page.get_by_label("Theme").select_option("light")  # the page's own switch wins over the system
    assert board.root.evaluate(SURFACE) == LIGHT
    page.get_by_label("Theme").select_option("")
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")  # so does JupyterLab's theme
    assert board.root.evaluate(SURFACE) == LIGHT
    page.evaluate("delete document.body.dataset.jpThemeLight; document.body.className = 'vscode-light'")
    assert board.root.evaluate(SURFACE) == LIGHT


def test_large_mode_enlarges(board):
    size = "root => [root.querySelector('.cell').offsetWidth, parseFloat(getComputedStyle(root).fontSize)]"
    before = board.root.evaluate(size)
    board.press("Large")
    assert all(b > a for a, b in zip(before, board.root.evaluate(size), strict=True))


def test_views_of_one_model_follow_each_other_and_clean_up(page, complaints):
    """The module as any host uses it: two views of one model, one of another, a broken value, and the end."""
    page.set_content("<div id=a></div><div id=b></div><div id=c></div>")
    page.evaluate(
        f"""async ({{source, state}}) => {{ {MODULE}
        window.make = () => {{
          const listeners = {{}}, values = structuredClone(state);
          return {{ listeners, saved: 0, get: (name) => values[name],
            set(name, value) {{ values[name] = value; (listeners['change:' + name] ?? []).forEach((f) => f()); }},
            on(event, f) {{ (listeners[event] ??= []).push(f); }},
            off(event, f) {{ listeners[event] = listeners[event].filter((g) => g !== f); }},
            save_changes() {{ this.saved++; }} }};
        }};
        const {{ render }} = (await module()).default;
        window.first = make(); window.second = make();
        window.ends = [['a', first], ['b', first], ['c', second]]
          .map(([id, model]) => render({{ model, el: document.getElementById(id) }}));
        }}""",
        {"source": SOURCE, "state": initial_state()},
    )
    a, b, c = (Board(page, page.locator(f"#{name}")) for name in "abc")
    a.cells("input").first.focus()
    page.keyboard.press("6")
    assert [x.grid("input")[0] for x in (a, b, c)] == [6, 6, 0]
    page.evaluate("first.set('values', [])")
    assert a.notice() == "The map is empty. Give 4 to 16 rows and columns of numbers. The last good map stays."
    page.evaluate("first.set('values', [[1, 2, 3, 4], [NaN, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]])")
    assert a.notice() == "The map holds NaN at row 1, column 0: give numbers from −1e6 to 1e6. The last good map stays."
    a.cells("input").nth(1).focus()
    page.keyboard.press("2")
    assert [x.grid("input")[:2] for x in (a, b)] == [[6, 2], [6, 2]]
    page.wait_for_function("first.saved >= 1")
    assert page.evaluate("first.get('codes')") == a.agrees_with_library()[2].tolist()
    page.evaluate("ends.forEach((end) => end())")
    left = "Object.values(first.listeners).concat(Object.values(second.listeners)).flat().length"
    assert page.evaluate(left) == 0
    assert complaints == []


def initial_state():
    from segnet_lab.widgets import playground

    return {name: playground.Playground.class_traits()[name].default() for name in playground._CHOICES}


# ------------------------------------------------------------------------------------------ JupyterLab and Voila

CELLS = ("from segnet_lab.widgets import Playground\nplayground = Playground()", "playground")


def choose_theme(page, name, surface):
    page.evaluate(f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {name}'}})")
    page.wait_for_function(f"() => ({SURFACE})(document.querySelector('.segnet-playground')) === '{surface}'")


@pytest.mark.pictures
def test_in_jupyterlab(lab, page, complaints, tmp_path, screenshot):
    page.set_viewport_size({"width": 1366, "height": 768})
    page.emulate_media(reduced_motion="reduce")
    lab.open_and_run(page, write_notebook(tmp_path / "playground.ipynb", *CELLS))
    board = Board(page, page.locator(".jp-OutputArea-output"))
    choose_theme(page, "Light", LIGHT)
    seen = page.locator(".jp-WindowedPanel-outer").evaluate("el => el.getBoundingClientRect().toJSON()")
    board.root.evaluate("el => el.scrollIntoView()")
    assert [
        b for b in board.root.evaluate(BOXES, MAPS) if b["bottom"] > seen["bottom"] or b["right"] > seen["right"]
    ] == []

    page.set_viewport_size({"width": 1000, "height": 768})  # too narrow for that: a step comes into sight
    page.locator("[data-layout=narrow]").wait_for()
    board.press("5 Upsample")
    page.keyboard.press("PageDown")
    board.root.get_by_text("A 3×3 kernel fills the gaps").wait_for()
    panel, said = (board.root.locator(part).first.bounding_box() for part in (".now", ".said"))
    assert said["y"] == pytest.approx(seen["top"], abs=1)
    assert said["y"] + said["height"] <= panel["y"]
    assert panel["y"] + panel["height"] <= seen["bottom"] + 1
    board.press("7 Compare")
    page.set_viewport_size({"width": 1500, "height": 1000})
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.locator("[data-layout=wide]").wait_for()

    board.press("brush 4")  # by mouse
    board.cells("input").nth(8).click()
    # By keyboard: no key may reach JupyterLab, where 3 makes a heading and x cuts the cell.
    board.cells("input").first.focus()
    for key in ("7", "ArrowRight", "x", "d", "d", "3", "b", "Enter", "3", "Enter"):
        page.keyboard.press(key)
    assert page.locator(".jp-CodeCell").count() == 2
    board.choose("Decoding B", "bilinear")
    page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0; }")
    board.cells("dense").nth(19).hover()
    screenshot(page, "playground_jupyterlab")
    _, values, codes = board.agrees_with_library()

    lab.wait(page, "playground.decoders[1] == 'bilinear'")
    report = (
        "import json; print(json.dumps({n: getattr(playground, n) for n in "
        "'values decoders brush pooled corners codes upsampled dense error'.split()}))"
    )
    python = json.loads(lab.execute(page, report))
    assert python["values"][0][:3] == [7, 3, 9]
    assert python["values"][1][0] == python["brush"] == 4
    assert python["decoders"] == ["pooling_indices", "bilinear"]
    assert python["pooled"] == values[0, 0].tolist()
    assert python["codes"] == codes.tolist()
    expected = upsampled_by_torch(torch.tensor(python["values"], dtype=torch.float64)[None, None], BILINEAR)
    for lane, name in enumerate(python["decoders"]):
        np.testing.assert_allclose(python["upsampled"][lane], expected[name][0, 0], atol=1e-12)
        np.testing.assert_allclose(
            np.array(python["dense"][lane]) - python["values"], python["error"][lane], atol=1e-12
        )

    choose_theme(page, "Dark", DARK)
    screenshot(page, "playground_jupyterlab_dark")

    lab.execute(page, "playground.values = [[1, 2, 3, 4, 5]] * 5")  # from Python to the page
    page.wait_for_function("() => document.querySelectorAll('.grid.input .cell').length === 25")
    board.agrees_with_library()
    refused = lab.execute(page, "playground.values = [[float('nan')] * 5] * 5")
    assert "InvalidInput" in refused
    assert "np.nan_to_num" in refused

    assert complaints == []

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")  # the kernel is lost
    board.cells("input").first.focus()
    page.keyboard.press("9")
    assert board.grid("input")[0] == 9
    board.agrees_with_library()
    assert all("Could not send widget sync message" in text for text in complaints)  # JupyterLab's own words


def test_in_voila(voila, page, screenshot):
    address, folder = voila
    write_notebook(folder / "playground.ipynb", *CELLS)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(address("playground.ipynb"))
    board = Board(page)
    board.cells("input").nth(3).click()
    board.cells("input").first.focus()
    page.keyboard.press("5")
    assert board.grid("input")[:4] == [5, 0, 9, 9]
    board.agrees_with_library()
    screenshot(page, "playground_voila")
