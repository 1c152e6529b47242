"""Reading Bruker OPUS files, written by struct as a directory of typed blocks."""

import struct

import numpy as np
import pytest
from maps_opus import ABSORBANCE, AXIS, series, single

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map


@pytest.mark.parametrize("suffix", ["0", "17"])
def test_one_raman_spectrum(tmp_path, suffix):
    values = np.array([1.5, 2, 3, 4, 5])
    (tmp_path / f"file.{suffix}").write_bytes(single(values, scale=2.0))
    found = read_map(tmp_path / f"file.{suffix}")
    assert found.dims == ("wavenumber",) and found.attrs["title"] == "a sample"
    np.testing.assert_allclose(found.wavenumber, AXIS[::-1])
    np.testing.assert_allclose(found.values, 2 * values[::-1])
    assert found.attrs["instrument"] == "Bruker SENTERRA" and '"laser_nm": 784.997' in found.attrs["metadata"]


def test_series_with_and_without_times(tmp_path):
    spectra = np.arange(15.0).reshape(3, 5)
    (tmp_path / "series.0").write_bytes(series(spectra, [2.0, 3.5, 7.0]))
    found = read_map(tmp_path / "series.0")
    assert found.dims == ("time", "wavenumber")
    np.testing.assert_allclose(found.time, [0, 1.5, 5])
    np.testing.assert_array_equal(found.values, spectra[:, ::-1])
    (tmp_path / "list.0").write_bytes(series(spectra, [0.0, 0.0, 0.0]))
    assert read_map(tmp_path / "list.0").dims == ("spectrum", "wavenumber")


def test_files_without_a_raman_spectrum_and_cut_files(tmp_path):
    (tmp_path / "ir.0").write_bytes(single(np.ones(5), ABSORBANCE))
    with pytest.raises(InputError, match="found a in the OPUS file, expected a Raman spectrum"):
        read_map(tmp_path / "ir.0")
    content = single(np.ones(5))
    for cut in (10, 100, 510, 515):
        (tmp_path / "cut.0").write_bytes(content[:cut])
        with pytest.raises(InputError, match="cut.0"):
            read_map(tmp_path / "cut.0")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("field", [8, 12, 16])
def test_a_series_without_sizes_is_refused_at_once(tmp_path, field):
    """The offset of the first spectrum, their size and that of their records."""
    content = bytearray(series(np.ones((3, AXIS.size)), [0.0, 1.0, 2.0]))
    start = content.index(struct.pack("<6i", 0, 3, 32, 4 * AXIS.size, 152, 1))
    content[start + 4 : start + 8] = struct.pack("<i", 2**31 - 1)
    content[start + field : start + field + 4] = struct.pack("<i", -4 * AXIS.size - 152)
    (tmp_path / "series.0").write_bytes(content)
    with pytest.raises(InputError, match="series.0: found a series of spectra of .* bytes"):
        read_map(tmp_path / "series.0")
