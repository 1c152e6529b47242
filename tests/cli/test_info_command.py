"""`deeper-jax info`: what it says of a file is what is in it."""

import numpy as np
import pytest
from tiny_models import spectra_of_bands

import deeper_jax
from deeper_jax.cli.main import main
from deeper_jax.enhancement.report.words import noise_law
from deeper_jax.maps import raman_map, write_map
from deeper_jax.spectra.noise import NoiseModel


def said(capsys, *arguments) -> dict[str, str]:
    main(["info", *map(str, arguments)])
    lines = capsys.readouterr().out.splitlines()
    width = lines[-1].index("  ") if "  " in lines[-1] else 0
    return {line[:width].strip(): line[width:].strip() for line in lines}


def test_a_scan_with_everything_told(tmp_path, capsys):
    scan = deeper_jax.sample_map(8, 6)
    scan[7, 5] = np.nan
    write_map(scan, tmp_path / "scan.h5")
    found = said(capsys, tmp_path / "scan.h5")
    assert found["format"] == "HDF5" and "SIMULATED" in found["instrument"]
    assert found["shape"] == "8 (y) x 6 (x) x 500 channels" and found["spectra"] == "47, 1 places empty"
    assert found["axis"] == "498.2 to 1799.9 cm⁻¹, steps of 2.41 to 2.82 cm⁻¹"
    assert found["laser"] == "532 nm" and found["exposure"] == "0.1 (exposure_s)"
    assert found["coordinate y"] == "0 to 3.5 µm" and found["coordinate x"] == "0 to 2.5 µm"
    noise = float(found["noise"].split()[0])
    residual = (scan - deeper_jax.sample_map(8, 6, truth=True)).values[:7]
    assert noise == pytest.approx(residual[np.abs(residual) < 10].std(), rel=0.1)
    assert found["enhance would"].startswith("take out certain cosmic rays, and denoise 47 spectra")


def test_what_is_not_known_is_said_so(tmp_path, capsys):
    values, axis = spectra_of_bands(1)
    write_map(raman_map(values[0], axis), tmp_path / "one.npz")
    found = said(capsys, tmp_path / "one.npz")
    assert found["laser"] == found["exposure"] == "not told" and found["spectra"] == "1"
    assert found["enhance would"].endswith("every spectrum by itself")


def test_a_mistake_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["info", str(tmp_path / "nowhere.wdf")])
    assert ended.value.code == 2 and "nowhere.wdf: no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (NoiseModel(0.0, 4.0, 4.0), "the same at all intensities"),
        (NoiseModel(0.5, 4.0, 0.1), "variance 0.5 counts times the intensity, and 2 counts of reading out"),
        (NoiseModel(0.5, -50.0, 0.1), "above an offset of 100 counts that makes no noise"),
    ],
)
def test_a_negative_floor_is_an_offset(noise, words):
    assert words in noise_law(noise, "counts")
