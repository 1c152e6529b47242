"""The process that draws a page's pictures and figures: the same, drawn elsewhere, or here if that fails."""

import os
import pickle
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tiny_models import spectra_of_bands, tiny_denoiser

import deeper_jax
from deeper_jax.enhancement.options import EnhanceOptions
from deeper_jax.enhancement.report import drawing_process, write_page
from deeper_jax.enhancement.report.comparison import compare, explored
from deeper_jax.enhancement.report.drawing_process import DRAWN, DrawingProcess
from deeper_jax.enhancement.report.embedded_spectra import outline_of
from deeper_jax.enhancement.report.expected_outline import expected_outline
from deeper_jax.maps import raman_map


@pytest.fixture(scope="module")
def result():
    values, axis = spectra_of_bands(5, 6)
    return deeper_jax.enhance(raman_map(values, axis), tiny_denoiser(random=False))


@pytest.fixture(scope="module")
def expected(result, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("here") / "scan.html", result)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(drawing_process, "core_count", lambda: 2)


def forbidden(*_):
    raise AssertionError("drawn here")


def written(page, expected):
    """Whether a page has the same picture and says the same as the one that is expected."""
    words = [re.sub(r"[0-9a-f-]{36}|p[0-9]{4,}", "", each.read_text(encoding="utf-8")) for each in (page, expected)]
    return words[0] == words[1] and page.with_suffix(".png").read_bytes() == expected.with_suffix(".png").read_bytes()


@pytest.mark.parametrize("expectation", ["none", "right", "wrong"])
def test_it_draws_what_would_be_drawn_here(expectation, result, expected, tmp_path, monkeypatch):
    with DrawingProcess() as drawing:
        if expectation != "none":
            outline = expected_outline(result["measured"], (1, 1))
            drawing.expect(outline._replace(unit="apples") if expectation == "wrong" else outline)
        for module, name in DRAWN:
            monkeypatch.setattr(f"{module}.{name}", forbidden)
        page = write_page(tmp_path / "scan.html", result, drawing)
    assert written(page, expected)


@pytest.mark.parametrize("scale", [1, (2, 3)])
@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6), (1, 7), (9,), ()])
def test_what_is_expected_is_what_will_be_told(shape, falling, scale):
    if scale != 1 and shape != (5, 6):
        return
    values, axis = spectra_of_bands(*shape[-2:])
    coordinates = {} if len(shape) < 2 else {"y": 3000 + 2.0 * np.arange(shape[-2]), "x": np.arange(float(shape[-1]))}
    given = raman_map(values, axis, **coordinates)
    given = given.expand_dims({"z": 2}).copy() if len(shape) == 3 else given
    given = given.isel(wavenumber=slice(None, None, -1 if falling else 1))
    expected = expected_outline(given, EnhanceOptions(scale=scale).scales)
    told = outline_of(explored(compare(deeper_jax.enhance(given, scale=scale))))
    assert pickle.dumps(told._replace(has_components=True)) == pickle.dumps(expected)


@pytest.mark.parametrize("when", ["killed", "no second core", "cannot be started", "not wanted"])
def test_without_it_all_is_drawn_here(when, result, expected, tmp_path, monkeypatch):
    if when == "no second core":
        monkeypatch.setattr(drawing_process, "core_count", lambda: 1)
    if when == "cannot be started":
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with DrawingProcess(start=when != "not wanted") as drawing:
        if when == "killed":
            os.kill(drawing._process.pid, signal.SIGKILL)
        else:
            assert drawing._process is None
        page = write_page(tmp_path / "scan.html", result, drawing)
    assert written(page, expected)


def test_what_cannot_be_drawn_is_said_here(result, tmp_path):
    """The process says nothing of it; what goes wrong there goes wrong here too, and is heard."""
    with DrawingProcess() as drawing:
        drawing.begin(None, None, None)
        with pytest.raises(AttributeError):
            drawing.drawn()


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
