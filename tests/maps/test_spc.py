"""Reading GRAMS .spc files, written by struct as the public header file SPC.H lays them out."""

import numpy as np
import pytest
from maps_spc import (
    AXIS,
    MICROMETRES,
    MILLIMETRES,
    MINUTES,
    NANOMETRES,
    ORDERED,
    OWN_AXES,
    PRECISION_16,
    RANDOM,
    SECONDS,
    X_VALUES,
    spc_bytes,
)

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map


def numbered(count):
    return np.arange(count)[:, None] * 10.0 + np.arange(AXIS.size)


def read(tmp_path, *args, **settings):
    (tmp_path / "file.spc").write_bytes(spc_bytes(*args, **settings))
    return read_map(tmp_path / "file.spc")


def test_one_spectrum_on_an_explicit_and_on_an_even_axis(tmp_path):
    found = read(tmp_path, numbered(1), log="Laser=785 nm\r\nNote=a=b\r\n")
    assert found.dims == ("wavenumber",) and found.attrs["title"] == "a comment" and found.attrs["units"] == "counts"
    np.testing.assert_array_equal(found.wavenumber, AXIS[::-1])
    np.testing.assert_array_equal(found.values, [3, 2, 1, 0])
    assert '"Note": "a=b"' in found.attrs["metadata"] and '"laser_nm": 785.0' in found.attrs["metadata"]
    even = read(tmp_path, numbered(1), flags=0, ends=(100.0, 400.0))
    np.testing.assert_allclose(even.wavenumber, [100, 200, 300, 400])


def test_integers_are_scaled_by_their_exponent(tmp_path):
    """The value is integer * 2^exponent / 2^bits; a lone spectrum's exponent is the main header's."""
    raw = np.array([[1, -2, 300, 30000]])
    for kind, bits, flag in (("<i2", 16, PRECISION_16), ("<i4", 32, 0)):
        found = read(tmp_path, raw, kind=kind, exponent=10, flags=X_VALUES | flag, sub_exponents=[0])
        np.testing.assert_allclose(found.values[::-1], raw[0] * 2.0**10 / 2.0**bits)
        both = read(tmp_path, np.repeat(raw, 2, 0), kind=kind, exponent=7, flags=X_VALUES | flag, sub_exponents=[3, 5])
        np.testing.assert_allclose(both.values[1, ::-1], raw[0] * 2.0**5 / 2.0**bits)


def test_series_in_time_and_along_a_line(tmp_path):
    found = read(tmp_path, numbered(3), ztype=MINUTES, z=[0, 0.5, 2], flags=X_VALUES | ORDERED)
    assert found.dims == ("time", "wavenumber")
    np.testing.assert_allclose(found.time, [0, 30, 120])
    np.testing.assert_array_equal(found.values, numbered(3)[:, ::-1])
    # Arbitrary order, and even steps told by the header alone.
    arbitrary = read(tmp_path, numbered(3), ztype=SECONDS, z=[5, 1, 3], flags=X_VALUES | RANDOM)
    np.testing.assert_allclose(arbitrary.time, [5, 1, 3])
    even = read(tmp_path, numbered(3), ztype=SECONDS, zstep=1.5)
    np.testing.assert_allclose(even.time, [0, 1.5, 3])
    line = read(tmp_path, numbered(3), ztype=MILLIMETRES, z=[1.0, 1.5, 2.0])
    assert line.dims == ("distance", "wavenumber")
    np.testing.assert_allclose(line.distance, [0, 500, 1000])


def test_maps_by_planes_and_by_the_log(tmp_path):
    z, w = np.tile([0.0, 2.0, 4.0], 2), np.repeat([10.0, 15.0], 3)
    found = read(tmp_path, numbered(6), z=z, w=w, planes=2, ztype=MICROMETRES, wtype=MICROMETRES)
    assert found.dims == ("y", "x", "wavenumber")
    np.testing.assert_allclose(found.x, [0, 2, 4])
    np.testing.assert_allclose(found.y, [10, 15])
    np.testing.assert_array_equal(found.values.reshape(6, 4), numbered(6)[:, ::-1])
    counted = read(tmp_path, numbered(6), log="Points per Line = 3\nLines per Image = 2\n")
    assert counted.dims == ("y", "x", "wavenumber") and counted.shape == (2, 3, 4)
    assert counted.x.attrs["units"] == "pixel" and found.x.attrs["units"] == "um"
    plain = read(tmp_path, numbered(6), z=np.arange(6.0))
    assert plain.dims == ("spectrum", "wavenumber")
    np.testing.assert_array_equal(plain.z_value, np.arange(6))


def test_axes_of_their_own(tmp_path):
    flags = X_VALUES | OWN_AXES
    same = read(tmp_path, numbered(2), flags=flags, own_axes=[AXIS, AXIS])
    assert same.dims == ("spectrum", "wavenumber")
    np.testing.assert_array_equal(same.values, numbered(2)[:, ::-1])
    with pytest.raises(InputError, match="2 spectra on axes that differ.*resample"):
        read(tmp_path, numbered(2), flags=flags, own_axes=[AXIS, AXIS + 1])


def test_wavelengths_need_the_laser(tmp_path):
    nanometres = 1 / (1 / 785.0 - AXIS * 1e-7)
    found = read(tmp_path, numbered(1), nanometres, xtype=NANOMETRES, log="Laser wavelength=785.0 nm\n")
    np.testing.assert_allclose(found.wavenumber, AXIS[::-1], atol=2e-3)
    with pytest.raises(InputError, match="no laser wavelength"):
        read(tmp_path, numbered(1), nanometres, xtype=NANOMETRES)
    with pytest.raises(InputError, match="axis of type 4.*spectral axis"):
        read(tmp_path, numbered(1), xtype=SECONDS)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="old format"):
        read(tmp_path, numbered(1), version=0x4D)
    with pytest.raises(InputError, match="big-endian"):
        read(tmp_path, numbered(1), version=0x4C)
    content = spc_bytes(numbered(3))
    for cut in (1, 400, 520, 560, len(content) - 3):
        (tmp_path / "cut.spc").write_bytes(content[:cut])
        with pytest.raises(InputError, match="cut.spc"):
            read_map(tmp_path / "cut.spc")
