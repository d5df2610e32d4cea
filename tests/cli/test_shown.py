"""What the kit raises on purpose is one line in the words of the command; a fault comes with its traceback."""

import errno
import warnings

import pandas as pd
import pytest
from click.testing import CliRunner

from segnet_lab.cli import main
from tests.cli.calls import TRAIN, segnet_lab


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "segnet_basics", "--run", "r"], "unknown model 'segnet_basics'. Did you mean 'segnet_basic'"),
        (["train", "segnet_basic", "--run", "r", "--data", "road"], "unknown data set 'road'"),
        (["train", "segnet_basic", "--run", "r", "--balancing", "none"], "unknown balancing 'none'"),
        (["train", "segnet_basic", "--run", "r", "--batch-size", "0"], "--batch-size 0: give at least 1"),
        (["train", "segnet_basic", "--run", "r", "--learning-rate", "-1"], "--learning-rate -1: give a number >= 0"),
        (["train", "segnet_basic", "--run", "r", "--size", "0", "4"], "as in --size 360 480"),
        (["train", "segnet_basic", "--run", "r", "--balancing", "1,x"], "--balancing '1,x': give one of"),
        (["train", "segnet_basic", "--run", "r", "--data", "folder"], "needs --root, the folder that holds"),
        (["train", "segnet_basic", "--run", "r", "--fold", "6/5"], "--fold 6/5: give the number of the part"),
        (["train", "segnet_basic", "--run", "r", "--fold", "1/2", "--validation", "val"], "leave --validation out"),
        (["train", "segnet_basic", "--run", "r", "--schedule", "No", "--tensorboard"], "--schedule 'No': give"),
        (["train", "segnet_basic", "--run", "r", "--device", "gpu"], "'--device': 'gpu': Expected one of cpu, cuda"),
        (["evaluate", "--run", "nowhere", "--device", "cuda:99"], "'--device': 'cuda:99': "),
        (["evaluate", "--run", "nowhere"], "nowhere is no run directory"),
        (["notebooks", "05_trian"], "unknown notebook '05_trian'. Did you mean '05_train'"),
        (["notebooks", "05_train", "-p", "epoch", "3"], "Did you mean 'epochs'"),
        (["notebooks", "05_train", "-p", "model", "segnot"], "unknown model 'segnot'"),
        (["sweep", "05_train", "-g", "size", "48,64"], "semicolons"),
        (["data", "check", "camvide"], "unknown data set 'camvide'"),
        (["data", "split", "camvid", "--root", "x"], "only 'folder', images of your own"),
        (["sweep", "05_train", "-g", "epochs", "1", "-j", "0"], "'--jobs': 0 is not in the range"),
        (["demo", "--epochs", "0"], "'--epochs': 0 is not in the range"),
        (["classroom", "--port", "70000"], "'--port': 70000 is not in the range"),
        (["classroom", "--port", "-1"], "'--port': -1 is not in the range"),
        (["data", "split", "folder", "--root", "x", "--val", "-0.1"], "'--val': -0.1 is not in the range"),
        (["data", "split", "folder", "--root", "x", "--test", "1"], "'--test': 1.0 is not in the range"),
        (["data", "split", "folder", "--root", "x", "--val", "nan"], "--val nan, --test 0.0: give shares"),
        (["data", "split", "folder", "--root", "x", "--seed", "-1"], "'--seed': -1 is not in the range"),
        (["train", "segnet_basic", "--run", "r", "--width", "0"], "'--width': 0.0 is not in the range"),
        (["train", "segnet_basic", "--run", "r", "--width", "inf"], "--width inf: give a share"),
        (["train", "segnet_basic", "--run", "r", "--dropout", "1"], "'--dropout': 1.0 is not in the range"),
        (["train", "segnet_basic", "--run", "r", "--seed", "9" * 20], "--seed 99999999999999999999: give a whole"),
        (
            ["predict", "--run", "roadscenes/segnet_basic", "--out", "o", "--size", "0", "4", "x"],
            "'0x4': give run, own",
        ),
        (["runs", "roadscenes", "--split", "nope"], "unknown split 'nope'. Known: train, val, test"),
        (["runs", "roadscene"], "unknown set of runs 'roadscene'. Did you mean 'roadscenes'"),
        (["evaluate", "--run", "a" * 300], "is no run directory"),
        (
            ["evaluate", "--run", "roadscenes/segnet_basic", "-D", "strict", "false"],
            "-D strict: name the data set with",
        ),
        (["train", "segnet_basic", "--run", "r", "-D", "split", "val"], "-D split: give --split, where"),
        (["train", "segnet_basic", "--run", "r", "-D", "images", "[:"], "-D images [:: the value is no number"),
    ],
)
def test_errors_are_one_line_and_show_the_way_out(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = segnet_lab(*arguments, fails=True)
    assert message in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir()), "a refused command leaves nothing behind"


def test_warnings_are_lines_in_the_words_of_the_command(monkeypatch):
    def warns(*_):
        for message in ("nothing of split=test:\n  give csv_file='x'", "another", "another", "a third"):
            warnings.warn(message, stacklevel=1)
        return pd.DataFrame()

    def said(action, *arguments):
        with warnings.catch_warnings(record=True) as as_python_shows_them:
            warnings.simplefilter(action)
            usual = warnings.showwarning
            result = CliRunner().invoke(main, [*arguments, "runs"])
            assert warnings.showwarning is usual
        return result, len(as_python_shows_them)

    monkeypatch.setattr("segnet_lab.results.overview.runs_table", warns)
    lines = ["nothing of --split test: give --csv 'x'", "another", "a third"]
    shown, others = said("default")
    assert (shown.stderr.splitlines(), others) == ([f"warning: {line}" for line in lines], 0)
    assert said("always")[0].stderr.count("warning: another\n") == 2
    silent, others = said("ignore")
    assert (silent.stderr, silent.stdout, others) == ("", shown.stdout, 0)
    traced, others = said("default", "--traceback")
    assert (traced.stderr, others) == ("", 3)
    assert isinstance(said("error")[0].exception, UserWarning)


def test_where_an_error_came_from_can_be_seen(monkeypatch):
    for result in (
        CliRunner().invoke(main, ["--traceback", "evaluate", "--run", "nowhere"]),
        CliRunner().invoke(main, ["evaluate", "--run", "nowhere", "--traceback"]),
        CliRunner().invoke(main, ["evaluate", "--run", "nowhere"], env={"SEGNET_LAB_TRACEBACK": "1"}),
    ):
        assert isinstance(result.exception, FileNotFoundError)  # Python prints its traceback
    assert isinstance(CliRunner().invoke(main, ["evaluate", "--run", "nowhere"]).exception, SystemExit)


@pytest.mark.parametrize("fault", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("not ours")])
def test_a_fault_that_is_not_the_users_comes_with_its_traceback(monkeypatch, run_dir, fault):
    def score(*_):
        raise fault

    monkeypatch.setattr("segnet_lab.training.evaluation.evaluate", score)
    assert CliRunner().invoke(main, ["evaluate", "--run", str(run_dir)]).exception is fault  # Python prints it


def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch, run_dir):
    def closed(*_):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")  # segnet-lab evaluate ... | head -1

    monkeypatch.setattr("segnet_lab.training.evaluation.evaluate", closed)
    assert segnet_lab("evaluate", "--run", run_dir, fails=True) == ""


def test_stopped_by_the_keyboard(monkeypatch, tmp_path):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("segnet_lab.training.loop.step", stop)
    result = CliRunner().invoke(main, ["train", "segnet_basic", "--run", str(tmp_path / "x"), *TRAIN])
    assert result.exit_code == 130
    assert "Aborted" not in result.output
    assert "Stopped before the first epoch" in result.output
