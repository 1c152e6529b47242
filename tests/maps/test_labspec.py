"""Reading Horiba LabSpec files: the real map against ElementTree, and changed and written ones of other forms."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from maps_labspec import SHIFTS, WAVELENGTHS, write_xml
from paths import SHARED

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map

FILE = SHARED / "data" / "instruments" / "labspec_map.xml"


@pytest.mark.skipif(not FILE.is_file(), reason="the folder of real instrument files is absent")
def test_real_map_against_its_elements():
    root = ElementTree.parse(FILE).getroot()
    rows = np.array([[float(word) for word in row.text.split()] for row in root.iter("LSX_Row")])
    axes = {}
    for element in root.iter("LSX"):
        for child in element:
            if child.get("ID") == "0x7D6CD4DB" and child.get("Format") == "6":
                axes[element.get("ID")] = np.array([float(word) for word in child.text.split()])
    found = read_map(FILE)
    assert found.dims == ("y", "x", "wavenumber") and found.shape == (2, 3, 34)
    np.testing.assert_array_equal(found.x, axes["0x2"])
    np.testing.assert_array_equal(found.y, axes["0x3"])
    np.testing.assert_allclose(found.wavenumber, 1e7 / 632.817 - 1e7 / axes["0x1"][::-1])
    # X runs fastest, and the wavelengths fall in the file.
    np.testing.assert_array_equal(found.values, rows.reshape(2, 3, 34)[..., ::-1])
    assert found.attrs["units"] == "Cnt/sec" and "LabRAM" in found.attrs["instrument"]
    assert json.loads(found.attrs["metadata"])["Objective"] == "x50"


def numbered(count):
    return np.arange(count)[:, None] * 10.0 + np.arange(3)


def test_rotated_map(tmp_path):
    angle = -0.532322511232846
    scan = [("XA", "µm", [-2, 0, 2], "X"), ("YA", "µm", [-1, 1], "Y")]
    found = read_map(write_xml(tmp_path / "map.xml", scan, numbered(6), angle=angle))
    assert found.dims == ("y", "x", "wavenumber")
    np.testing.assert_allclose(found.wavenumber, SHIFTS)
    np.testing.assert_array_equal(found.values, numbered(6).reshape(2, 3, 3)[..., ::-1])
    np.testing.assert_array_equal(found.x, [-2, 0, 2])
    np.testing.assert_array_equal(found.y, [-1, 1])
    # A rotation as a complex number: the stage sees the map's x + iy turned by the angle.
    stage = (np.array([-2, 0, 2]) + 1j * np.array([[-1], [1]])) * np.exp(1j * angle)
    np.testing.assert_allclose(found.x_stage, stage.real)
    np.testing.assert_allclose(found.y_stage, stage.imag)
    assert found.x_stage.dims == ("y", "x") and found.attrs["units"] == "counts" and found.attrs["title"] == "a title"
    assert json.loads(found.attrs["metadata"])["map_angle_degrees"] == pytest.approx(-30.4998, abs=1e-3)


def test_forms_of_scans(tmp_path):
    cases = [
        ([], 1, ("wavenumber",)),
        ([("X", "µm", [3.0]), ("Y", "µm", [4.0])], 1, ("wavenumber",)),
        ([("Y", "µm", [0, 0.5, 1]), ("X", "µm", [7])], 3, ("distance", "wavenumber")),
        ([("Z", "µm", [-1, 0, 1, 2])], 4, ("z", "wavenumber")),
        ([("Time", "min", [0, 1, 2])], 3, ("time", "wavenumber")),
        ([("X", "µm", [0, 1, 2]), ("Y", "µm", [0, 5]), ("Z", "µm", [9, 8])], 12, ("z", "y", "x", "wavenumber")),
        ([("X", "µm", [0, 1, 2]), ("Z", "µm", [9, 8])], 6, ("z", "y", "x", "wavenumber")),
        ([("Z", "µm", [9, 8]), ("X", "µm", [0, 1, 2]), ("Y", "µm", [1, 2])], 12, ("z", "y", "x", "wavenumber")),
        ([("X", "mm", [0, 1, 2]), ("Y", "µm", [0, 5])], 6, ("y", "x", "wavenumber")),
    ]
    found = {}
    for number, (scan, count, dims) in enumerate(cases):
        found[number] = read_map(write_xml(tmp_path / f"{number}.xml", scan, numbered(count)))
        assert found[number].dims == dims, scan
        assert found[number].size == 3 * count
    np.testing.assert_allclose(found[2].distance, [0, 0.5, 1])
    np.testing.assert_allclose(found[2].x, [7, 7, 7])
    np.testing.assert_allclose(found[4].time, [0, 60, 120])
    np.testing.assert_allclose(found[5].sel(z=8, y=5, x=2).values, numbered(12)[11, ::-1])
    np.testing.assert_allclose(found[6].sel(z=8, x=1).values[0], numbered(6)[4, ::-1])
    # Z ran fastest here, and comes first all the same.
    np.testing.assert_allclose(found[7].sel(z=8, y=1, x=2).values, numbered(12)[5, ::-1])
    np.testing.assert_allclose(found[8].x, [0, 1000, 2000])


def test_spectral_units(tmp_path):
    cases = {"1/cm": SHIFTS[::-1], "1/cm abs": 1e7 / WAVELENGTHS, "eV": 1239.841984 / WAVELENGTHS}
    for unit, values in cases.items():
        path = write_xml(tmp_path / "unit.xml", [], numbered(1), spectral=(unit, values))
        np.testing.assert_allclose(read_map(path).wavenumber, SHIFTS, rtol=1e-6)
    with pytest.raises(InputError, match="no laser wavelength"):
        read_map(write_xml(tmp_path / "unit.xml", [], numbered(1), laser=False))
    with pytest.raises(InputError, match="'Pixel'"):
        read_map(write_xml(tmp_path / "unit.xml", [], numbered(1), spectral=("Pixel", WAVELENGTHS)))


def test_interrupted_and_broken_files(tmp_path):
    scan = [("X", "µm", [0, 1, 2]), ("Y", "µm", [0, 5])]
    found = read_map(write_xml(tmp_path / "map.xml", scan, numbered(4)))
    assert found.shape == (2, 3, 3) and found.attrs["missing_spectra"] == 2
    assert np.isnan(found.values[1, 1:]).all() and not np.isnan(found.values[0]).any()
    zeros = numbered(6) + 1
    zeros[4:] = 0
    assert read_map(write_xml(tmp_path / "zeros.xml", scan, zeros)).attrs["missing_spectra"] == 2
    with pytest.raises(InputError, match="7 spectra, expected the 6"):
        read_map(write_xml(tmp_path / "map.xml", scan, numbered(7)))
    with pytest.raises(InputError, match="expected spectra of 3"):
        read_map(write_xml(tmp_path / "map.xml", scan, numbered(6)[:, :2]))
    text = write_xml(tmp_path / "map.xml", scan, numbered(6)).read_text(encoding="utf-8")
    (tmp_path / "cut.xml").write_text(text[:-200], encoding="utf-8")
    with pytest.raises(InputError, match="cut short"):
        read_map(tmp_path / "cut.xml")


SETTINGS = "#Acq. time (s)=\t2\n#Laser (nm)=\t632.817\n#Title=\ta map\n#Detector temperature (°C)=\t-60\n"


def write_text(path, lead, axis_values, spectra, settings=SETTINGS, encoding="latin-1"):
    rows = ["\t" * len(lead[0]) + "\t".join(map(str, axis_values))]
    rows += ["\t".join(map(str, [*place, *row])) for place, row in zip(lead, spectra, strict=True)]
    path.write_text(settings + "\n".join(rows) + "\n", encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-16"])
def test_text_map_has_x_before_y_whichever_is_faster(tmp_path, encoding):
    lead = [(x, y) for y in (-60.6, -50.1) for x in (-40.8, -35.6, -30.3)]
    path = write_text(tmp_path / "map.txt", lead, [900.5, 800.25, 700.125], numbered(6), encoding=encoding)
    found = read_map(path)
    assert found.dims == ("y", "x", "wavenumber") and found.attrs["title"] == "a map"
    np.testing.assert_array_equal(found.x, [-40.8, -35.6, -30.3])
    np.testing.assert_array_equal(found.y, [-60.6, -50.1])
    np.testing.assert_array_equal(found.wavenumber, [700.125, 800.25, 900.5])
    np.testing.assert_array_equal(found.values, numbered(6).reshape(2, 3, 3)[..., ::-1])
    assert "Horiba" in found.attrs["instrument"]
    by_columns = [(x, y) for x in (-40.8, -35.6, -30.3) for y in (-60.6, -50.1)]
    path = write_text(tmp_path / "columns.txt", by_columns, [900.5, 800.25, 700.125], numbered(6), encoding=encoding)
    found = read_map(path)
    np.testing.assert_array_equal(found.x, [-40.8, -35.6, -30.3])
    np.testing.assert_array_equal(found.values, numbered(6).reshape(3, 2, 3).swapaxes(0, 1)[..., ::-1])


def test_text_map_that_was_interrupted_and_one_that_names_its_axes(tmp_path):
    lead = [(x, y) for y in (0, 1, 2) for x in (5, 6, 7, 8)][:9]
    found = read_map(write_text(tmp_path / "map.txt", lead, [700, 800, 900], numbered(9)))
    assert found.shape == (3, 4, 3) and found.attrs["missing_spectra"] == 3
    lead = [(z, x) for x, z in lead]
    types = "#AxisType[0]=\tIntens\n#AxisType[1]=\tSpectr\n#AxisType[2]=\tX\n#AxisType[3]=\tZ\n#AxisUnit[1]=\tnm\n"
    named = write_text(tmp_path / "xz.txt", lead[:8], WAVELENGTHS, numbered(8), SETTINGS + types)
    found = read_map(named)
    assert found.dims == ("z", "y", "x", "wavenumber") and found.shape == (2, 1, 4, 3)
    np.testing.assert_allclose(found.wavenumber, SHIFTS)


def test_text_series_and_spectrum(tmp_path):
    lead = [(0,), (5.834,), (11.7,)]
    found = read_map(write_text(tmp_path / "series.txt", lead, [700, 800, 900], numbered(3)))
    assert found.dims == ("spectrum", "wavenumber")
    np.testing.assert_array_equal(found.position, [0, 5.834, 11.7])
    settings = SETTINGS + "#AxisType[1]=\tSpectr\n#AxisType[2]=\tTime\n"
    timed = read_map(write_text(tmp_path / "time.txt", lead, [700, 800, 900], numbered(3), settings))
    assert timed.dims == ("time", "wavenumber")
    (tmp_path / "one.txt").write_text(SETTINGS + "958.46\t307.8\n956.97\t292.8\n955.48\t327.9\n", encoding="utf-8")
    one = read_map(tmp_path / "one.txt")
    assert one.dims == ("wavenumber",) and one.values.tolist() == [327.9, 292.8, 307.8]
