"""The switch and the cache of compiled loops; what the loops compute is tested where they are used."""

import subprocess
import sys

import pytest

from segnet_lab._support import compiled

needs_numba = pytest.mark.skipif(not compiled.available(), reason="numba is not installed or switched off")


def test_the_switch(monkeypatch):
    monkeypatch.setenv("SEGNET_LAB_NUMBA", "0")
    assert not compiled.available()
    monkeypatch.setenv("SEGNET_LAB_NUMBA", "1")
    monkeypatch.setattr(compiled, "_installed", lambda: False)
    assert not compiled.available()


@needs_numba
def test_switched_off_for_a_while():
    with compiled.switched_off():
        assert not compiled.available()
        with compiled.switched_off(when=False):  # does not switch them on again
            assert not compiled.available()
    assert compiled.available()


@needs_numba
def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch):
    import numba

    def refuse(*args, cache=False, **kwargs):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*args, **kwargs)

    njit = numba.njit
    monkeypatch.setattr(numba, "njit", refuse)
    double = compiled.kernel(_double)
    assert double(21) == 42


def _double(x):
    return 2 * x


def test_importing_the_kit_does_not_load_numba():
    code = "import sys, segnet_lab.pooling, segnet_lab._support.compiled; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
