"""The process that draws the picture of a page: the same picture, drawn elsewhere, or here if that fails."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tiny_models import spectra_of_bands, tiny_denoiser

import deeper_jax
from deeper_jax.enhancement.report import drawing_process, write_page
from deeper_jax.enhancement.report.drawing_process import DrawingProcess
from deeper_jax.maps import raman_map


@pytest.fixture(scope="module")
def result():
    values, axis = spectra_of_bands(5, 6)
    return deeper_jax.enhance(raman_map(values, axis), tiny_denoiser(random=False))


@pytest.fixture(scope="module")
def expected(result, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("here") / "scan.html", result).with_suffix(".png").read_bytes()


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(drawing_process, "core_count", lambda: 2)


def forbidden(*_):
    raise AssertionError("drawn here")


def test_it_draws_what_would_be_drawn_here(result, expected, tmp_path, monkeypatch):
    monkeypatch.setattr("deeper_jax.enhancement.report.picture.write_picture", forbidden)
    with DrawingProcess() as drawing:
        page = write_page(tmp_path / "scan.html", result, drawing)
    assert page.with_suffix(".png").read_bytes() == expected


@pytest.mark.parametrize("when", ["killed", "no second core", "cannot be started"])
def test_without_it_the_picture_is_drawn_here(when, result, expected, tmp_path, monkeypatch):
    if when == "no second core":
        monkeypatch.setattr(drawing_process, "core_count", lambda: 1)
    if when == "cannot be started":
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with DrawingProcess() as drawing:
        if when == "killed":
            os.kill(drawing._process.pid, signal.SIGKILL)
        else:
            assert drawing._process is None
        page = write_page(tmp_path / "scan.html", result, drawing)
    assert page.with_suffix(".png").read_bytes() == expected


def test_it_ends_with_the_process_that_started_it(tmp_path):
    """Even where that is killed and can no longer tell it so."""
    code = (
        "import time\n"
        "from deeper_jax.enhancement.report import drawing_process\n"
        "drawing_process.core_count = lambda: 2\n"
        "drawing = drawing_process.DrawingProcess()\n"
        "print(drawing._process.pid, flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while runs(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not runs(child)


def runs(process: int) -> bool:
    """Whether it does; one that has ended and that nobody has asked about does not."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
