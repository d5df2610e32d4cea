"""Two trained runs that tests of commands look at, and leave as they are."""

import pytest

from tests.cli.calls import NAMES, TRAIN, make_folder, segnet_lab, train_on_folder


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "x"
    segnet_lab("train", "segnet_basic", "--run", str(folder), *TRAIN)
    return folder


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    """A folder of eight pictures of eleven classes, and a run that was trained on six of them at 24x32."""
    home = tmp_path_factory.mktemp("own")
    make_folder(home / "data", NAMES)
    run = home / "runs" / "mine"
    train_on_folder(run, home / "data")
    return home
