"""Files in the manner of public reports: each is read as it is meant, or refused for the reason that is true."""

import re
import warnings

import h5py
import numpy as np
import pytest
import scipy.io
from paths import SHARED

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map

FIELD = SHARED / "data" / "field"
pytestmark = pytest.mark.skipif(not FIELD.is_dir(), reason="the files of ../shared are not here")
AXIS = np.linspace(400, 1798, 200)
ONE, LIST, MAP = (200,), (12, 200), (3, 4, 200)
READ = {
    "footer_text.csv": ONE,
    "handheld_columns.csv": ONE,
    "ocean_footer.txt": ONE,
    "raman.jdx": ONE,
    "raman_xypoints.dx": ONE,
    "blank_lines.txt": ONE,
    "trailing_empty_columns.csv": ONE,
    "xy_spectrum.npz": ONE,
    "wavelength_nm_laser_header.txt": ONE,
    "spc_nm_excit_line.spc": ONE,
    "id_column.csv": LIST,
    "label_last_column.csv": LIST,
    "numeric_label_last.csv": LIST,
    "k_RamanShift_cm1.mat": LIST,
    "k_freq.mat": LIST,
    "k_x_axis.mat": LIST,
    "xy_pairs.csv": (3, 200),
    "row_col.csv": MAP,
    "melt_by_wavenumber.txt": MAP,
    "unit_row_map.csv": MAP,
    "jitter.csv": MAP,
    "jitter_5x6.csv": (5, 6, 200),
    "nc_raman_shift_cm1.nc": MAP,
    "nc_raman_shift_name.nc": MAP,
    "nc_wavelength.nc": MAP,
    "axis_in_attr.h5": MAP,
    "hyperspy_like.hspy": MAP,
    "nexus.nxs": MAP,
    "toolbox_dataset.mat": MAP,
    "pickled.npz": MAP,
    "envi.hdr": MAP,
    "envi.img": MAP,
}
REFUSED = {
    "wavelength_nm.csv": "wavelengths.*--laser",
    "k_wavelengths.mat": "wavelengths.*--laser",
    "spc_label_nm.spc": "wavelengths.*--laser",
    "spc_pixel_axis.spc": "counts the channels.*--wavenumbers",
    "overlap_windows.txt": "2 windows .*overlap",
    "xy_pairs_differ.csv": "2 spectra whose axes differ.*--entry",
    "na_text.csv": "no intensity at 751.256, 758.281",
    "complex.npz": "complex",
    "spectra.zip": "zip archive of a.txt; unpack",
    "book.xlsx": "Excel workbook.*text",
}


def read(name, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_map(FIELD / name, **given)


def assert_axis(found, name):
    """400 to 1798; the .spc files are even in the wavelength instead."""
    even_in_nm = 1e7 / 532 - 1e7 / np.linspace(*(1e7 / (1e7 / 532 - AXIS[[0, -1]])), 200)
    np.testing.assert_allclose(found.wavenumber, even_in_nm if name.endswith(".spc") else AXIS, atol=0.05)


def assert_bands(found):
    """The bands at 1001 and 1450 stand out of the mean of all spectra."""
    mean = found.values.reshape(-1, found.shape[-1]).mean(axis=0)
    axis = found.wavenumber.values
    for band in (1001, 1450):
        near = np.abs(axis - band) < 60
        assert abs(axis[near][mean[near].argmax()] - band) < 15


@pytest.mark.parametrize("name", READ)
def test_what_is_meant_is_read(name):
    found = read(name)
    assert found.shape == READ[name]
    assert_axis(found, name)
    assert np.isfinite(found.values).all()
    if not name.endswith(".spc"):
        assert_bands(found)


def lines_of_numbers(name):
    """The lines of a text file that hold nothing but numbers and at most one empty or other field, at the end."""
    found = []
    for line in (FIELD / name).read_text().splitlines():
        words = line.split(",") if "," in line else line.split()
        numbers = [float(word) for word in words if re.fullmatch(r"\s*-?[\d.]+\s*", word)]
        if len(numbers) > 1 and len(numbers) >= len([word for word in words if word]) - 1:
            found.append(numbers)
    longest = max(map(len, found))
    return np.array([numbers for numbers in found if len(numbers) == longest])


def column(number):
    return lambda name: lines_of_numbers(name)[-200:, number]


def block(first, last=None):
    """Rows of spectra below a row of the axis."""
    return lambda name: lines_of_numbers(name)[-12:, first:last]


def melted(name):
    numbers = lines_of_numbers(name)
    return numbers[np.lexsort((numbers[:, 2], numbers[:, 0], numbers[:, 1])), 3]


def packed(name):
    """The lines X, Y, Y ... of JCAMP-DX, whose factor is in the heading."""
    text = (FIELD / name).read_text()
    values = [v for line in text.splitlines() if line[0].isdigit() for v in re.split(r"[\s+]+", line.strip())[1:]]
    return np.array(values, float) * float(re.search(r"##YFACTOR=(\S+)", text)[1])


def inside(path):
    def values(name):
        with h5py.File(FIELD / name) as file:
            return file[path][()]

    return values


def matlab(name):
    return scipy.io.loadmat(FIELD / name)["spectra"]


def toolbox(name):
    return scipy.io.loadmat(FIELD / name)["sample"][0, 0]["data"].reshape(3, 4, 200, order="F")


def image(name):
    return np.moveaxis(np.fromfile(FIELD / "envi.img", "<f4").reshape(200, 3, 4), 0, -1)


VALUES = {
    **dict.fromkeys(("footer_text.csv", "ocean_footer.txt", "blank_lines.txt", "raman_xypoints.dx"), column(1)),
    **dict.fromkeys(("trailing_empty_columns.csv", "wavelength_nm_laser_header.txt"), column(1)),
    "handheld_columns.csv": column(6),
    "raman.jdx": packed,
    "xy_spectrum.npz": lambda name: np.load(FIELD / name)["y"],
    "spc_nm_excit_line.spc": lambda name: np.frombuffer((FIELD / name).read_bytes(), "<f4", 200, 512 + 32),
    "id_column.csv": block(1),
    "label_last_column.csv": block(0, 200),
    "numeric_label_last.csv": block(0, 200),
    **dict.fromkeys(("k_RamanShift_cm1.mat", "k_freq.mat", "k_x_axis.mat"), matlab),
    "xy_pairs.csv": lambda name: lines_of_numbers(name)[:, 1::2].T,
    **dict.fromkeys(("row_col.csv", "unit_row_map.csv", "jitter.csv"), block(2)),
    "melt_by_wavenumber.txt": melted,
    "jitter_5x6.csv": lambda name: lines_of_numbers(name)[-30:, 2:],
    **dict.fromkeys(("nc_raman_shift_cm1.nc", "nc_raman_shift_name.nc", "nc_wavelength.nc"), inside("counts")),
    "axis_in_attr.h5": inside("spectra"),
    "hyperspy_like.hspy": inside("Experiments/__unnamed__/data"),
    "nexus.nxs": inside("entry/data/data"),
    "toolbox_dataset.mat": toolbox,
    "pickled.npz": lambda name: np.load(FIELD / name)["map"],
    "envi.hdr": image,
    "envi.img": image,
}


@pytest.mark.parametrize("name", READ)
def test_every_value_is_the_files(name):
    expected = np.asarray(VALUES[name](name))
    assert np.ptp(expected) > 10
    np.testing.assert_allclose(read(name).values.ravel(), expected.ravel(), rtol=1e-6)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_for_the_true_reason(name):
    with pytest.raises(InputError, match=f"{name}.*{REFUSED[name]}"):
        read(name)


@pytest.mark.parametrize("name", ["wavelength_nm.csv", "k_wavelengths.mat", "spc_label_nm.spc"])
def test_a_laser_converts_wavelengths(name):
    found = read(name, laser=532)
    assert_axis(found, name)


def test_an_axis_that_is_given_takes_the_place_of_pixels():
    np.testing.assert_array_equal(read("spc_pixel_axis.spc", wavenumbers=AXIS).wavenumber, AXIS)


def test_what_was_decided_is_said():
    with pytest.warns(UserWarning, match="'Raman_Shift' as the axis and 'Processed'"):
        found = read_map(FIELD / "handheld_columns.csv")
    assert "Processed" in found.attrs["notes"]
    np.testing.assert_allclose(found.values[:3], [308.68, 335.34, 332.78])
    rounded = read("rounded_steps.txt")
    assert rounded.shape == (161,) and "merged" in rounded.attrs["notes"]
    np.testing.assert_allclose(rounded.sel(wavenumber=402), (296.67 + 308.42) / 2)


def test_positions_and_labels_become_coordinates():
    assert read("id_column.csv")["id"].values.tolist() == list(range(12))
    assert read("label_last_column.csv")["label"].values[:3].tolist() == ["A", "B", "A"]
    assert read("row_col.csv").x.attrs["units"] == "pixel"
    np.testing.assert_array_equal(read("unit_row_map.csv").x, [0, 1.5, 3, 4.5])
    scattered = read("jitter.csv")
    np.testing.assert_allclose(scattered.x, [0, 0.5, 1, 1.5], atol=0.03)
    np.testing.assert_allclose(scattered.x_stage[0, :2], [-0.00957185771137209, 0.46076956204685127])
