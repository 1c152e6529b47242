"""The simulated scan to begin with: what it says of itself, and that it is what an instrument would give."""

import json

import numpy as np
import pytest
import xarray

import deeper_jax
from deeper_jax.cli.main import main
from deeper_jax.errors import InputError
from deeper_jax.maps import read_data_set, read_map
from deeper_jax.simulator import default_wavenumbers


@pytest.fixture(scope="module")
def scan():
    return deeper_jax.sample_map(8, 6)


def test_it_is_a_scan_in_counts_with_places_in_micrometres(scan):
    assert scan.dims == ("y", "x", "wavenumber") and scan.shape == (8, 6, 500) and scan.dtype == np.float32
    np.testing.assert_array_equal(scan.y, 0.5 * np.arange(8))
    np.testing.assert_array_equal(scan.x, 0.5 * np.arange(6))
    np.testing.assert_array_equal(scan.wavenumber, default_wavenumbers())
    assert scan.attrs["units"] == "counts" and scan.x.attrs["units"] == scan.y.attrs["units"] == "um"
    np.testing.assert_array_equal(scan, np.round(scan))  # a detector counts whole numbers


def test_it_says_that_it_is_simulated(scan):
    record = json.loads(scan.attrs["metadata"])
    assert record["simulated"] is True and record["laser_nm"] == 532 and record["exposure_s"] == 0.1
    for name in ("instrument", "source_file", "title"):
        assert "SIMULATED" in scan.attrs[name]


def test_the_noise_is_what_lies_between_it_and_its_truth(scan):
    truth = deeper_jax.sample_map(8, 6, truth=True)
    residual = (scan - truth).values
    calm = np.abs(residual) < 10  # without cosmic rays
    assert calm.mean() > 0.99 and abs(residual[calm].mean()) < 0.05
    assert 1.0 < residual[calm].std() < 2.0
    assert np.abs(truth - np.round(truth)).max() > 0.4


def test_a_seed_gives_the_same_scan_and_another_another(scan):
    xarray.testing.assert_identical(scan, deeper_jax.sample_map(8, 6))
    assert not np.array_equal(scan, deeper_jax.sample_map(8, 6, seed=4))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"height": 3}, "height is 3; give a whole number from 4 to 512"),
        ({"width": 513}, "width is 513"),
        ({"height": 10.0}, "height is 10.0"),
        ({"width": True}, "width is True"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_sizes_that_cannot_be(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        deeper_jax.sample_map(**settings)


@pytest.mark.parametrize("suffix", [".h5", ".npz", ".csv"])
def test_the_command_writes_a_file_that_is_read_back(suffix, scan, tmp_path, capsys):
    file = tmp_path / f"small{suffix}"
    main(["sample", str(file), "--height=8", "--width=6"])
    xarray.testing.assert_identical(read_map(file), scan)
    assert "SIMULATED" in (said := capsys.readouterr().out) and f"deeper-jax enhance {file}" in said
    truth = deeper_jax.sample_map(8, 6, truth=True)
    np.testing.assert_array_equal(read_data_set(file)["truth"], truth)


def test_the_command_replaces_nothing_unasked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample.h5").write_bytes(b"precious")
    for arguments in ([], ["small.doc"], ["none/small.h5"], ["small.h5", "--height=1"]):
        with pytest.raises(SystemExit) as ended:
            main(["sample", *arguments])
        assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "sample.h5").read_bytes() == b"precious" and len(list(tmp_path.iterdir())) == 1
    main(["sample", "--overwrite", "--height=8", "--width=6"])
    assert read_map("sample.h5").shape == (8, 6, 500)
