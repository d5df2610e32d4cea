"""The one command for a device: it keeps to its minutes, and what fails or hangs stops nothing."""

import json
import os
import sys

import pytest

from tools import on_device
from tools.on_device import Step, run


def python(code, name="a step", **limits):
    return Step(name, lambda minutes: [sys.executable, "-c", code.format(minutes=minutes)], **limits)


def rows_of(planned, minutes, out):
    run(planned, minutes, out, dict(os.environ))
    return [json.loads(line) for line in (out / "on_device.jsonl").read_text().splitlines()]


def test_what_fails_or_hangs_stops_no_other(tmp_path):
    hangs = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    rows = rows_of([python("1 / 0"), python(hangs, most=0.03), python("print('done')")], 1, tmp_path)
    assert [row["rc"] for row in rows][::2] == [1, 0]
    assert [row["timed_out"] for row in rows] == [False, True, False]
    assert [row["said"] for row in rows] == ["ZeroDivisionError: division by zero", "", "done"]
    assert "ZeroDivisionError" in (tmp_path / "log.txt").read_text()


def test_each_has_its_share_and_the_last_what_is_left(tmp_path):
    """Of 12 minutes; a clock that moves by 90 s with every look: 2 at most, then 4 at most, then the rest."""
    looks = iter(range(0, 10_000, 90))
    says = "print('{minutes}')"
    planned = [python(says, share=1 / 6, most=2), python(says, share=1 / 3, most=4), python(says)]
    rows = run(planned, 12, tmp_path, dict(os.environ), now=lambda: next(looks))
    # the start is look 0; a step looks when it begins and when it has ended: 1.5, 4.5 and 7.5 minutes are over
    assert [float(row["said"]) for row in rows] == [2, 4, 12 - 7.5]
    late = run(planned, 1, tmp_path, dict(os.environ), now=lambda: next(looks))
    assert [row["rc"] for row in late] == [None, None, None]


@pytest.mark.parametrize("study", [True, False])
def test_the_study_where_there_is_one(tmp_path, monkeypatch, study):
    monkeypatch.setattr(on_device, "STUDY", tmp_path / "study.py")
    if study:
        (tmp_path / "study.py").touch()
    seen = []
    monkeypatch.setattr(on_device, "run", lambda planned, *_: seen.extend(planned))
    (tmp_path / "part1.tar").touch()
    on_device.main(["--minutes", "3", "--out", str(tmp_path), "--data", str(tmp_path), "--device", "cpu"])
    assert [step.name for step in seen][:4] == ["imports", "unpack", "tests", "benchmark"]
    last = seen[-1].command(2)
    assert ("study.py" in last[1], "train_in_time.py" in last[1]) == (study, not study)
    assert last[last.index("--minutes") + 1] == "1.90"
    assert last[last.index("--data") + 1] != str(tmp_path)  # where the parts were unpacked
