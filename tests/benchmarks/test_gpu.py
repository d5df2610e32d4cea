"""The benchmark of an accelerator, on a CPU: what it counts, and that nothing stops it but its time."""

import json

import pytest
import torch

from benchmarks import gpu


@pytest.fixture
def bench():
    return gpu.Bench("cpu", (12, 16), minutes=60)


def rows_of(bench, parts):
    rows = []
    gpu.measure(bench, rows.append, parts)
    json.dumps(rows)
    return rows


def test_what_fails_is_a_row_and_the_next_is_measured(bench):
    def breaks(_):
        yield {"group": "first", "name": "half"}
        raise RuntimeError("no such\nkernel")

    rows = rows_of(bench, {"first": breaks, "second": lambda _: iter([{"group": "second", "name": "whole"}])})
    assert [row["group"] for row in rows] == ["first", "first", "second"]
    assert rows[1]["error"] == "RuntimeError: no such kernel"


def test_a_call_that_fails_leaves_the_others_of_its_group(bench):
    def fails():
        raise torch.OutOfMemoryError("too large")

    broken, first, second = bench.compare("a group", {"a": fails, "b": lambda: None, "c": lambda: None}, turns=3)
    assert (broken["name"], broken["error"]) == ("a", "OutOfMemoryError: too large")
    assert (first["name"], first["ratio"], first["turns"]) == ("b", 1.0, 3)
    assert second["low"] <= second["median"] <= second["high"]


def test_when_the_time_is_over_the_rest_is_named():
    looks = iter([0, 10, 59, 61, 61])  # seconds: the start, before the first part, behind each of its rows, and so on
    bench = gpu.Bench("cpu", (12, 16), minutes=1, now=lambda: next(looks))
    several = [{"group": "first", "name": str(number)} for number in range(3)]
    rows = rows_of(bench, {"first": lambda _: iter(several), "second": lambda _: iter([])})
    assert rows[:2] == several[:2]
    assert rows[2:] == [{"group": "not measured", "name": "second", "error": "no time was left"}]


@pytest.mark.parametrize(("dtype", "of_a_window"), [(torch.bfloat16, 10.25), (torch.float32, 20.25)])
def test_bytes_that_must_be_moved(bench, dtype, of_a_window):
    """Four values read, one written, two bits; 3 x 4 windows of a 5 x 8 map, but 40 values."""
    x = torch.zeros(2, 4, 6, 8, dtype=dtype)
    bench.copies[(*x.shape, x.element_size())] = rate = 1e9
    row = gpu.moved(bench, {"median": 1.0}, lambda: None, x)  # ms
    assert row["bytes"] == 2 * 4 * 12 * of_a_window
    assert row["share"] == round(row["bytes"] / 1e-3 / rate, 3)
    odd = torch.zeros(2, 4, 5, 8, dtype=dtype)
    assert gpu.moved(bench, {"error": ""}, lambda: None, odd) == {
        "bytes": 2 * 4 * ((40 + 12) * odd.element_size() + 12 / 4)
    }


def test_both_ways_do_the_same(bench):
    x = torch.randn(2, 4, 12, 16)
    for what, (ours, torchs) in gpu.pairs(x).items():
        a, b = (result if isinstance(result, torch.Tensor) else result[0] for result in (ours(), torchs()))
        assert torch.equal(a, b), what


def test_every_eager_form_is_measured():
    bench = gpu.Bench("cpu", (12, 16), minutes=60)
    bench.compare = lambda group, calls, *_: [{"group": group, "name": name} for name in calls]
    rows = rows_of(bench, {name: gpu.PARTS[name] for name in ("training, segnet_basic", "inference, segnet_basic, 1")})
    assert [row["name"] for row in rows] == [*gpu.EAGER, *gpu.EAGER[:4]]
    assert not any("error" in row for row in rows)
