"""Reading spectra from plain text: every layout, separator and decimal mark."""

import numpy as np
import pytest

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map

AXIS = np.array([400.25, 500.5, 600.75, 700.125, 800.0])
STYLES = [("\t", "."), ("\t", ","), (";", "."), (";", ","), (",", "."), ("  ", "."), (" ", ",")]


def numbered(count):
    return np.arange(count)[:, None] * 10.5 + np.arange(AXIS.size) + 0.25


def write(path, rows, separator=",", decimal=".", head=""):
    text = "\n".join(separator.join(str(v).replace(".", decimal) for v in row) for row in rows)
    path.write_text(head + text + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("separator,decimal", STYLES)
@pytest.mark.parametrize("head", ["", "Wavenumber{s}Intensity\n", "# made by hand\n\nRaman shift{s}Counts\n"])
def test_two_columns(tmp_path, separator, decimal, head):
    rows = zip(AXIS[::-1], numbered(1)[0], strict=True)
    path = write(tmp_path / "one.txt", rows, separator, decimal, head.format(s=separator))
    found = read_map(path)
    assert found.dims == ("wavenumber",)
    np.testing.assert_array_equal(found.wavenumber, AXIS)
    np.testing.assert_array_equal(found.values, numbered(1)[0, ::-1])


@pytest.mark.parametrize("separator,decimal", STYLES)
def test_axis_in_the_first_column(tmp_path, separator, decimal):
    path = write(tmp_path / "list.csv", np.column_stack([AXIS, numbered(3).T]).tolist(), separator, decimal)
    found = read_map(path)
    assert found.dims == ("spectrum", "wavenumber")
    np.testing.assert_array_equal(found.values, numbered(3))


def test_names_of_columns_are_kept(tmp_path):
    rows = [["shift", "cell a", "cell b"], *np.column_stack([AXIS, numbered(2).T]).tolist()]
    found = read_map(write(tmp_path / "list.csv", rows))
    assert found["name"].values.tolist() == ["cell a", "cell b"]


@pytest.mark.parametrize("separator,decimal", [s for s in STYLES if s[0].strip(" ") or s[0] == "\t"])
@pytest.mark.parametrize("names", [("x", "y"), ("X (µm)", "Y (µm)"), ("", "")])
def test_axis_in_the_first_row_behind_positions(tmp_path, separator, decimal, names):
    """Without names the first column is x, the second y."""
    lead = [(a, b) for b in [7.0, 5.0] for a in [0.5, 1.5, 2.5]]
    rows = [[*names, *AXIS]] + [[*place, *row] for place, row in zip(lead, numbered(6), strict=True)]
    found = read_map(write(tmp_path / "map.csv", rows, separator, decimal))
    assert found.dims == ("y", "x", "wavenumber")
    np.testing.assert_array_equal(found.x, [0.5, 1.5, 2.5])
    np.testing.assert_array_equal(found.y, [7.0, 5.0])
    np.testing.assert_array_equal(found.values.reshape(6, 5), numbered(6))
    np.testing.assert_array_equal(found.wavenumber, AXIS)


def test_axis_in_the_first_row_of_other_tables(tmp_path):
    rows = [AXIS.tolist(), *numbered(3)[:, ::-1].tolist()]
    plain = read_map(write(tmp_path / "rows.csv", rows))
    assert plain.dims == ("spectrum", "wavenumber")
    np.testing.assert_array_equal(plain.values, numbered(3)[:, ::-1])
    # The axis without the empty fields above the positions.
    rows = [AXIS.tolist()] + [[0, n, *row] for n, row in enumerate(numbered(3))]
    short = read_map(write(tmp_path / "short.txt", rows, "\t"))
    assert short.dims == ("distance", "wavenumber")
    np.testing.assert_array_equal(short.values, numbered(3))
    series = [["z", *AXIS]] + [[5 - n, *row] for n, row in enumerate(numbered(3))]
    found = read_map(write(tmp_path / "depth.csv", series, ";"))
    assert found.dims == ("z", "wavenumber") and found.z.values.tolist() == [5, 4, 3]
    timed = [["Time (s)", *AXIS]] + [[n * 1.5, *row] for n, row in enumerate(numbered(3))]
    assert read_map(write(tmp_path / "time.csv", timed)).dims == ("time", "wavenumber")


def long_rows(lead, spectra):
    return [
        [*place, x, y] for place, row in zip(lead, spectra, strict=True) for x, y in zip(AXIS[::-1], row, strict=True)
    ]


@pytest.mark.parametrize("head", ["#X\t\t#Y\t\t#Wave\t\t#Intensity\n", "#X\t#Y\t#Wave\t#Intensity\n", ""])
def test_long_form_of_a_map(tmp_path, head):
    """As WiRE exports it, column by column of pixels, the wavenumbers falling; without names, y comes first."""
    lead = [(x, y) if head else (y, x) for x in (-1.5, 0.0, 1.5) for y in (4.0, 2.0)]
    found = read_map(write(tmp_path / "map.txt", long_rows(lead, numbered(6)), "\t", head=head))
    assert found.dims == ("y", "x", "wavenumber")
    np.testing.assert_array_equal(found.x, [-1.5, 0, 1.5])
    np.testing.assert_array_equal(found.y, [4, 2])
    np.testing.assert_array_equal(found.values, numbered(6).reshape(3, 2, 5).swapaxes(0, 1)[..., ::-1])
    assert found.attrs["instrument"] == ("Renishaw" if head else "")


def test_long_form_of_series_and_of_one_spectrum(tmp_path):
    for head, dims in (("#Time\t#Wave\t#Intensity\n", "time"), ("#Z\t#Wave\t#Intensity\n", "z"), ("", "spectrum")):
        lead = [(n * 2.0,) for n in range(3)]
        found = read_map(write(tmp_path / "series.txt", long_rows(lead, numbered(3)), "\t", head=head))
        assert found.dims == (dims, "wavenumber")
        np.testing.assert_array_equal(found.values, numbered(3)[:, ::-1])
    one = write(tmp_path / "one.txt", long_rows([()], numbered(1)), "\t", head="#Wave\t\t#Intensity\n")
    assert read_map(one).dims == ("wavenumber",)
    rows = long_rows([(0.0, 1.0), (1.0, 1.0)], numbered(2))[:-1]
    with pytest.raises(InputError, match="cut short"):
        read_map(write(tmp_path / "cut.txt", rows, "\t", head="#X\t#Y\t#Wave\t#Intensity\n"))


def test_wavelengths_are_converted_with_the_laser_of_the_heading(tmp_path):
    nanometres = 1 / (1 / 785.0 - AXIS * 1e-7)
    rows = list(zip(nanometres, numbered(1)[0], strict=True))
    head = "#Laser (nm)=785\nWavelength (nm)\tIntensity\n"
    found = read_map(write(tmp_path / "nm.txt", rows, "\t", head=head))
    np.testing.assert_allclose(found.wavenumber, AXIS, atol=1e-6)
    with pytest.raises(InputError, match="no laser wavelength"):
        read_map(write(tmp_path / "nm.txt", rows, "\t", head="Wavelength (nm)\tIntensity\n"))


def test_text_that_is_no_spectrum(tmp_path):
    (tmp_path / "words.txt").write_text("just some words\nand more of them\n", encoding="utf-8")
    with pytest.raises(InputError, match="no table of numbers"):
        read_map(tmp_path / "words.txt")
    rows = np.column_stack([AXIS, numbered(3).T]).tolist()
    rows[2] = rows[2][:2]
    with pytest.raises(InputError, match="found 2 fields in row 3.*expected 4"):
        read_map(write(tmp_path / "ragged.txt", rows, "\t"))
    with pytest.raises(InputError, match="neither.*rising or falling axis"):
        read_map(write(tmp_path / "noaxis.txt", [[3, 1, 2], [1, 5, 5], [2, 9, 1]], "\t"))
    with pytest.raises(InputError, match="found 2 fields in row 5"):
        read_map(write(tmp_path / "cut.txt", np.column_stack([AXIS, numbered(3).T]).tolist()[:4] + [[800.0, 1]], "\t"))
    rows = np.column_stack([AXIS, numbered(1).T]).tolist()
    two = write(tmp_path / "two.txt", [*rows, ["second", "spectrum"], *rows], "\t")
    with pytest.raises(InputError, match="2 tables of numbers"):
        read_map(two)
