"""The command that measures."""

from tests.cli.calls import segnet_lab


def test_bench_hands_its_arguments_on_and_says_where_benchmarks_are(monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr("segnet_lab.cli.benchmarks.subprocess.call", lambda command: called.append(command) or 0)
    segnet_lab("bench", "--quick")
    assert called[0][1].is_file()
    assert called[0][2:] == ["--quick"]
    monkeypatch.setattr("segnet_lab.cli.benchmarks.__file__", str(tmp_path / "lib" / "segnet_lab" / "cli" / "x.py"))
    assert "benchmarks come with the source" in segnet_lab("bench", fails=True)
