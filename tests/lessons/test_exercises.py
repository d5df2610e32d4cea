"""Exercises check themselves: what is right, what is nearly right, and what one gets wrong most often."""

import math

import numpy as np
import pytest
import torch

from segnet_lab.lessons.exercises import check, check_function, same


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (200_832, 200_832),
        (200_832.0, 200_832),  # a whole number in another type
        (torch.tensor(3), 3),
        (np.float32(0.25), 0.25),
        (0.6936, 0.6931),  # ln 2 within 0.1 %
        (1.5, torch.tensor(1.5, requires_grad=True)),
        ([37, 4], [37, 4]),
        ((2 / 3, 1, 2.001), [2 / 3, 1.0, 2.0]),
        (" Segnet_Basic ", "segnet_basic"),
        (float("nan"), math.nan),
        ([1.0, math.nan], [1.0, math.nan]),
        (math.inf, math.inf),
        (np.True_, True),
        ({1, 2}, {2, 1}),
    ],
)
def test_the_same(answer, expected):
    assert same(answer, expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (1001, 1000),  # a count is exact
        (691_000, 691_200),
        (1000.4, 1000),
        ([37, 5], [37, 4]),
        (0.6945, 0.6931),  # 0.2 % off
        (None, math.nan),  # nothing is no number
        (0.5, math.nan),
        (math.nan, 0.5),
        (math.inf, 1e300),
        (None, 0),
        (1, True),
        (True, 1),
        ([1, 2, 3], [1, 2]),
        ([[1, 2]], [1, 2]),
        ("pole", "road"),
        ("pole", 2),
        ([1, [2, 3]], [1, 2]),
        ({1}, 1),
    ],
)
def test_not_the_same(answer, expected):
    assert not same(answer, expected)


@pytest.mark.parametrize(("near", "far", "expected"), [(104, 106, 100), (0.104, 0.106, 0.1)])
def test_a_tolerance_that_is_asked_for_holds_for_whole_numbers_too(near, far, expected):
    assert same(near, expected, rtol=0.05)
    assert not same(far, expected, rtol=0.05)


@pytest.mark.parametrize(("answer", "said"), [(200_704, "no normalisation"), (200_896, "biases"), (200_833, "hint")])
def test_a_mistake_within_a_thousandth_of_the_right_answer_is_still_one(answer, said, capsys):
    # lesson 02: 64 filters of 7x7 over 64 maps, and 2 x 64 of batch normalisation: 200,704 + 128
    mistakes = {200_704: "no normalisation", 200_896: "biases"}
    assert not check("one decoder", answer, 200_832, mistakes=mistakes, hint="hint")
    assert capsys.readouterr().out == f"one decoder: not yet. {said}\n"
    assert check("one decoder", 200_832, 200_832, mistakes=mistakes)


def test_mistakes_are_asked_before_the_tolerance_is(capsys):
    mistakes = {0.1003: "That is with void."}
    assert not check("share", 0.1003, 0.1, mistakes=mistakes, rtol=0.01)
    assert "That is with void." in capsys.readouterr().out
    assert check("share", 0.1, 0.1, mistakes=mistakes, rtol=0.01)  # but the answer itself is always right
    assert check("share", 0.1, 0.1, mistakes={0.1: "as it happens, the same on these data"})


def test_what_is_not_answered_yet_is_neither_right_nor_wrong(capsys):
    assert not check("bits", ..., 2)
    assert not check_function("double", ..., [(1,)], lambda x: 2 * x)
    assert not check_function("double", lambda x: ..., [(1,)], lambda x: 2 * x)
    assert capsys.readouterr().out.count("not answered yet") == 3


def test_a_function_is_tried_on_every_case(capsys):
    cases = [(1,), (1000,)]
    assert check_function("count", lambda n: 7 * n, cases, lambda n: 7 * n)
    assert not check_function("count", lambda n: 7 * n + (n > 1), cases, lambda n: 7 * n, hint="Count again.")
    assert not check_function("count", lambda n: n / 0, cases, lambda n: 7 * n)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "count: right, on 2 cases."
    assert said[1] == "count: not yet. For (1000,) it gives 7001, expected 7000. Count again."
    assert said[2].startswith("count: not yet. For (1,) it stops with ZeroDivisionError: division by zero.")


def test_a_function_may_give_nan_where_nan_is_right():
    assert check_function("mean", lambda x: x, [(math.nan,), (2.0,)], lambda x: x)
    assert not check_function("mean", lambda x: 0.0, [(math.nan,)], lambda x: x)
