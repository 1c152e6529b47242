"""Plans of a scan: the error that is told without the truth is the one that the truth shows."""

import numpy as np
import pytest

import deeper_jax
from deeper_jax.cli.main import main
from deeper_jax.enhancement import planning
from deeper_jax.enhancement.planning import plan_scan
from deeper_jax.errors import InputError
from deeper_jax.maps import raman_map, write_map
from deeper_jax.spectra.raster import Raster

AXIS = np.linspace(600.0, 1800.0, 64)
SIDE = 28


def first_map(fine: bool):
    """Expected counts and a map of them: a slow sample, or one in which every pixel is another mixture."""
    y, x = np.mgrid[:SIDE, :SIDE]
    bands = np.exp(-0.5 * ((AXIS - np.array([800.0, 1100.0, 1450.0])[:, None]) / 60) ** 2)
    rng = np.random.default_rng(0)
    slow = np.stack([2 + np.sin(x / 9), 2 + np.cos(y / 8), 2 + np.sin((x + y) / 11)], -1)
    images = rng.uniform(0, 4, (SIDE, SIDE, 3)) if fine else slow
    truth = 3000 + 6000 * images @ bands
    return truth, rng.poisson(truth).astype(np.float64)


@pytest.fixture(scope="module")
def slow():
    truth, counts = first_map(fine=False)
    return truth, counts, plan_scan(raman_map(counts, AXIS), light=(1 / 8,))


def test_the_error_that_is_told_is_that_of_such_scans_of_the_sample(slow):
    truth, _, scans = slow
    assert [scan.step for scan in scans] == [1, 2]
    for scan in scans:
        raster = Raster.of((scan.step, scan.step))
        counts = np.random.default_rng(1).poisson(truth[raster.places] / 8 * scan.step**2)
        result = deeper_jax.enhance(raman_map(counts / (scan.step**2 / 8), AXIS), scale=scan.step, cosmic_rays="keep")
        error = np.sqrt(((result["intensity"].values - truth) ** 2).mean() / truth.mean())
        assert scan.low * 0.75 < error < scan.high * 1.3


def test_of_a_sample_in_which_each_pixel_is_its_own_every_pixel_is_scanned():
    scans = plan_scan(raman_map(first_map(fine=True)[1], AXIS), light=(1 / 8,))
    assert [scan.step for scan in scans] == [1, 2]
    assert scans[1].better is False and scans[1].error > 2 * scans[0].error


def test_falling_wavenumbers_are_the_same_map(slow):
    falling = raman_map(slow[1], AXIS).isel(wavenumber=slice(None, None, -1))
    assert plan_scan(falling, light=(1 / 8,)) == slow[2]


def test_the_command_prints_a_line_for_each_scan_and_advice(slow, tmp_path, capsys):
    write_map(raman_map(slow[1], AXIS), tmp_path / "first.h5")
    main(["plan", str(tmp_path / "first.h5"), "--light=0.125"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("1/8", "With"))]
    assert [line.split()[:2] for line in lines[:2]] == [["1/8", "1"], ["1/8", "2"]]
    assert lines[2].startswith("With 1/8 of the first map's light: scan ")


@pytest.mark.parametrize(
    ("spectra", "settings", "match"),
    [
        (np.ones((9, 30, 64)), {}, "10 x 10 pixels or more"),
        (np.ones((30, 64)), {}, "needs a first map"),
        (np.ones((12, 12, 64)), {"light": (0.7,)}, "at most 0.5"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(spectra, settings, match, monkeypatch):
    monkeypatch.setattr(planning, "enhance", None)  # nothing is computed first
    noisy = np.random.default_rng(2).poisson(30 * spectra)
    with pytest.raises(InputError, match=match):
        plan_scan(raman_map(noisy, AXIS), **settings)
