"""Relatives of the files of public reports: other names, orders, separators, languages, nestings and units.

Each is written on the fly and is read with the values, axis and places that it was made of, or refused for the reason
that is true.
"""

import functools
import gzip
import io
import re
import warnings
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
import xarray
from maps_spc import spc_bytes

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map

each = functools.partial(zip, strict=True)
AXIS = np.round(np.linspace(400, 1798, 40), 3)
BANDS = 80 * np.exp(-(((AXIS - 1001) / 40) ** 2) / 2) + 60 * np.exp(-(((AXIS - 1450) / 50) ** 2) / 2)
SPECTRA = np.round(300 + BANDS + np.random.default_rng(5).normal(0, 10, (12, 40)), 2)
CUBE, ONE = SPECTRA.reshape(3, 4, 40), SPECTRA[0]
X, Y = np.tile(np.arange(4) * 0.5, 3), np.repeat(np.arange(3) * 0.5, 4)
ROW, COLUMN = np.repeat(np.arange(3), 4), np.tile(np.arange(4), 3)
NM = np.round(1 / (1 / 532 - AXIS * 1e-7), 4)
ABSOLUTE = np.round(1e7 / 532 - AXIS, 3)
INDEX, DARK = np.arange(40), np.full(40, 1000.0)
WANTS_LASER = "wavelengths as axis.*--laser"
HEADS = [f"{value:g}" for value in AXIS]


def table(names, rows, separator=",", decimal=".", *, above="", below="", encoding="utf-8"):
    """The bytes of a text file; texts in the rows stay as they are."""

    def text(value):
        return value if isinstance(value, str) else f"{float(value):.10g}".replace(".", decimal)

    lines = [separator.join(names)] if names else []
    lines += [separator.join(map(text, row)) for row in rows]
    return (above + "\n".join(lines) + "\n" + below).encode(encoding)


def columns(names, *values, **settings):
    return table(names, each(*values), **settings)


def two(names, axis=AXIS, **settings):
    return columns(names, axis, ONE, **settings)


def rows(lead_names, leads, heads=None, last=(), last_names=(), **settings):
    """A spectrum a row, behind `leads` and before `last`, each [12]."""
    ends = each(*last) if last else [()] * 12
    body = [[*lead, *s, *end] for lead, s, end in each(each(*leads), SPECTRA, ends)]
    return table([*lead_names, *(heads or HEADS), *last_names], body, **settings)


def melted(names, *leads, axis=AXIS, by_channel=False, counted=False, **settings):
    lines = [[*lead, a, v] for lead, s in each(each(*leads), SPECTRA) for a, v in each(axis, s)]
    lines = [lines[n * 40 + c] for c in range(40) for n in range(12)] if by_channel else lines
    return table(names, [[n, *line] for n, line in enumerate(lines)] if counted else lines, **settings)


def pairs(names, axes=(AXIS, AXIS, AXIS), *, values_first=False, **settings):
    both = [(SPECTRA[n], axis) if values_first else (axis, SPECTRA[n]) for n, axis in enumerate(axes)]
    return columns(names, *[column for pair in both for column in pair], **settings)


GERMAN = {"separator": ";", "decimal": ","}
LATIN = GERMAN | {"encoding": "latin-1"}
BW_TEK = "Pixel;Wavelength;Wavenumber;Raman Shift;Dark;Reference;Raw data #1;Dark Subtracted #1;%TR #1;Absorbance #1"
ONE_SPECTRUM = {
    "german.csv": two(["Wellenzahl (cm-1)", "Intensität"], **LATIN),
    "german.txt": two(["Raman-Verschiebung / cm-1", "Intensität (a.u.)"], separator="\t", decimal=","),
    "french.csv": two(["Décalage Raman (cm-1)", "Intensité"], **LATIN),
    "french_wavenumber.csv": two(["Nombre d'onde (cm-1)", "Intensité (u.a.)"], **GERMAN),
    "spanish.csv": two(["Desplazamiento Raman (cm-1)", "Intensidad"], **GERMAN),
    "chinese.csv": two(["拉曼位移", "强度"]),
    "excel.csv": two(["Raman shift", "Intensity"], above="sep=;\n", **GERMAN),
    "pandas.csv": columns(["", "Raman shift", "Intensity"], INDEX, AXIS, ONE),
    "r_table.txt": columns(['"Raman.shift"', '"Intensity"'], INDEX + 1, AXIS, ONE, separator=" "),
    "intensity_first.csv": columns(["Intensity", "Raman shift (cm-1)"], ONE, AXIS),
    "counted.txt": columns(None, INDEX + 1, AXIS, ONE, separator="\t"),
    "fortran.txt": re.sub(b"e", b"D", "".join(f"{a:.6e} {b:.6e}\n" for a, b in each(AXIS, ONE)).encode()),
    "fixed.txt": (
        "  Raman Shift      Counts\n" + "".join(f"{a:12.3f}{b:14.2f}\n" for a, b in each(AXIS, ONE))
    ).encode(),
    "blank.txt": table(None, each(AXIS, ONE), "\t").replace(b"\n", b"\r\n  \r\n"),
    "packed.txt.gz": gzip.compress(two(["Raman shift", "Intensity"]), mtime=0),
    "statistics.csv": two(["Wellenzahl", "Intensität"], below="Mittelwert;336,11\nStandardabw.;12,4\n", **GERMAN),
    "ocean_german.txt": two(None, above=">>>>>Beginn Spektraldaten<<<<<\n", separator="\t", decimal=","),
    "units_below.csv": table(["Raman shift", "Intensity"], [["cm-1", "counts"], *each(AXIS, ONE)]),
    "two_closing.csv": columns(["Wellenzahl", "Intensität", "", "", ""], AXIS, ONE, *[[""] * 40] * 3, **GERMAN),
    "first_empty.csv": columns(["", "Raman shift", "Intensity"], [""] * 40, AXIS, ONE),
    "heading_of_numbers.csv": two(["Raman shift", "Intensity"], above="Temperature,21.5\nGain,2\nRows,7\nAt,1\nBy,2\n"),
    "bw_tek.csv": columns(
        BW_TEK.split(";"), INDEX, NM, ABSOLUTE, AXIS, DARK, 0 * DARK, ONE + 1000, ONE, ONE / 10, ONE / 3, **GERMAN
    ),
    "bw_tek_gap.csv": columns(
        BW_TEK.split(";")[:8],
        np.arange(-3, 40),
        np.r_[500, 501, 502, NM],
        np.r_[3e4, 2e4, 19e3, ABSOLUTE],
        ["", "", "", *AXIS],
        *[np.full(43, 1000.0)] * 2,
        np.r_[1.0, 1.0, 1.0, ONE + 1000],
        np.r_[1.0, 1.0, 1.0, ONE],
        separator=";",
    ),
    "handheld_german.csv": columns(
        ["Pixel", "Wellenlänge", "Raman-Shift", "Dunkel", "Rohdaten", "Korrigiert"],
        *(INDEX, NM, AXIS, DARK, ONE + 1000, ONE),
        **GERMAN,
    ),
    "handheld_french.csv": columns(
        ["Pixel", "Longueur d'onde (nm)", "Décalage Raman", "Noir", "Brut", "Corrigé"],
        *(INDEX, NM, AXIS, DARK, ONE + 1000, ONE),
        **LATIN,
    ),
    "handheld_order.csv": columns(
        ["Corrected", "Dark", "Raw", "Raman Shift (cm-1)", "Wavelength (nm)", "Pixel"],
        *(ONE, DARK, ONE + 1000, AXIS, NM, INDEX),
    ),
    "with_errors.txt": columns(["Raman shift", "Intensity", "Error"], AXIS, ONE, DARK, separator="\t"),
    "with_times.csv": columns(["Raman shift", "Intensity", "Acquisition time"], AXIS, ONE, DARK),
    "with_dates.csv": columns(["Date", "Raman shift", "Intensity"], ["2024-01-02"] * 40, AXIS, ONE),
    "with_notes.csv": columns(["Raman shift", "Intensity", "", "Notes"], AXIS, ONE, [""] * 40, ["ok", *[""] * 39]),
    "symbols.csv": two(["ν̃ / cm⁻¹", "I / a.u."]),
    "both_axes.csv": columns(["Wavelength (nm)", "Wavenumber (cm-1)", "Counts"], NM, AXIS, ONE),
    "with_baseline.csv": columns(["Wavenumber", "Counts", "Baseline", "Baseline corrected"], AXIS, ONE + 9, DARK, ONE),
}
for _number, _head in enumerate(
    (
        "Laser: 532nm",
        "Anregungswellenlänge: 532 nm",
        "Excitation wavelength (nm);532",
        "Laserwellenlänge = 532,0 nm",
        "Longueur d'onde d'excitation : 532 nm",
        "Laser;532 nm, 100 mW",
        "Laserleistung: 200 mW\nLaser: 532 nm",
        "Puissance du laser : 200\nLaser: 532",
        "#laser_wavelength_nm=532",
        "lambda_ex: 532 nm",
        "Laser power (mW): 200\nExc. wavelength: 532 nm",
    )
):
    ONE_SPECTRUM[f"laser_{_number}.txt"] = two(["Wavelength (nm)", "I"], NM, above=f"{_head}\n", separator="\t")
LISTS = {
    "numbered_german.csv": rows(["Nr."], [range(12)], [h.replace(".", ",") for h in HEADS], **GERMAN),
    "samples.csv": rows(["Probe", "Gruppe"], [[f"S{n}" for n in range(12)], list("ab" * 6)], separator=";"),
    "id_and_label.csv": rows(["id"], [range(12)], last=[list("ab" * 6)], last_names=["label"]),
    "two_last.csv": table([*HEADS, "batch", "class"], [[*s, r, c] for s, r, c in each(SPECTRA, ROW, COLUMN)]),
    "unnamed_last.csv": table([*HEADS, ""], [[*s, n % 3] for n, s in enumerate(SPECTRA)]),
    "r_frame.csv": rows(['""'], [range(1, 13)], [f'"X{h}"' for h in HEADS]),
    "r_short.csv": table([f"X{h}" for h in HEADS], [[str(n + 1), *s] for n, s in enumerate(SPECTRA)]),
    "units_in_names.csv": rows(["sample"], [[f"a{n}" for n in range(12)]], [f"{h} cm-1" for h in HEADS]),
    "words_in_names.csv": rows(["sample"], [[f"a{n}" for n in range(12)]], [f"wn_{h}" for h in HEADS]),
    "turned.csv": table(["Wellenzahl", *(f"Probe {n}" for n in range(12))], np.c_[AXIS, SPECTRA.T], **GERMAN),
    "turned_last.csv": table([*(f"s{n}" for n in range(12)), "Raman shift"], np.c_[SPECTRA.T, AXIS]),
    "turned_counted.csv": table(["", "Raman shift", *(f"s{n}" for n in range(12))], np.c_[INDEX, AXIS, SPECTRA.T]),
    "dated.csv": rows(["Datum", "Zeit"], [["01.02.2024"] * 12, [f"10:{n}" for n in range(12)]], **GERMAN),
    "melted.csv": melted(["sample", "wavenumber", "value"], [f"s{n:02}" for n in range(12)]),
    "melted_pandas.csv": melted(["sample", "variable", "value"], [f"s{n:02}" for n in range(12)]),
    "melted_id.csv": melted(["spectrum_id", "wavenumber", "intensity"], range(12), by_channel=True),
}
MAPS = {
    "german.csv": rows(["X [µm]", "Y [µm]"], [X, Y], **GERMAN),
    "millimetres.csv": rows(["X (mm)", "Y (mm)"], [X / 1000, Y / 1000]),
    "stage.csv": rows(["Stage_X", "Stage_Y"], [X, Y]),
    "counted.csv": rows(["id", "x coordinate", "y coordinate"], [range(12), X, Y]),
    "places_last.csv": table([*HEADS, "x", "y"], [[*s, x, y] for s, x, y in each(SPECTRA, X, Y)]),
    "labelled.csv": rows(["sample", "x", "y", "label"], [list("abcdefghijkl"), X, Y, list("ab" * 6)]),
    "millimetres_melted.csv": melted(
        ["Position X [mm]", "Position Y [mm]", "Wellenzahl [1/cm]", "Intensität [cts]"], X / 1000, Y / 1000, **GERMAN
    ),
    "melted.txt": melted(["X", "Y", "Wellenzahl", "Intensität"], X, Y, **GERMAN),
    "melted_channels.txt": melted(["X", "Y", "Nombre d'onde", "Intensité"], X, Y, by_channel=True, **GERMAN),
    "melted_pandas.csv": melted(["", "x", "y", "shift", "intensity"], X, Y, counted=True),
    "unit_row.csv": rows(["Einheit", "Wellenzahl [1/cm]"], [X, Y], separator=";").replace(
        b"\n", b"\nX-Achse;Y-Achse" + b"".join(b";I(%d)" % n for n in range(40)) + b"\n", 1
    ),
    "unit_row_y.txt": rows(["Unit", "WAVENUMBER [1/cm]"], [Y, X], separator="\t").replace(
        b"\n", b"\nY Axis\tX Axis" + b"".join(b"\tI(%d)" % n for n in range(40)) + b"\n", 1
    ),
    "units_below.csv": rows(["x", "y"], [X / 1000, Y / 1000]).replace(b"\n", b"\nmm,mm" + b",1/cm" * 40 + b"\n", 1),
}
ROW_NAMES = [
    ("Zeile", "Spalte"),
    ("ligne", "colonne"),
    ("pixel_row", "pixel_col"),
    ("iy", "ix"),
    ("fila", "columna"),
    ("y_px", "x_px"),
    ("y (pixel)", "x (pixel)"),
]
PAIRS = {
    "german.csv": pairs(["Wellenzahl", "Intensität"] * 3, **GERMAN),
    "letters.csv": pairs(["x_a", "y_a", "x_b", "y_b", "x_c", "y_c"]),
    "titles.csv": pairs(["wn A", "A", "wn B", "B", "wn C", "C"]),
    "origin.csv": pairs(["A", "", "B", "", "C", ""]),
    "unnamed.txt": pairs(None, separator="\t", decimal=","),
    "values_first.csv": pairs(["Int_1", "Wave_1", "Int_2", "Wave_2", "Int_3", "Wave_3"], values_first=True),
    "french.csv": pairs([f"{word} {n}" for n in (1, 2, 3) for word in ("Décalage", "Intensité")], separator=";"),
}
TWICE = np.r_[AXIS[:25], AXIS[20:]]
REFUSED = {
    **{
        f"nm_{number}.csv": (two([head, "I"], NM, separator=";"), WANTS_LASER)
        for number, head in enumerate(
            ("Wellenlänge (nm)", "Wellenlänge", "Longueur d'onde (nm)", "lambda/nm", "λ (nm)", "nm", "WL_nm")
            + ("Longitud de onda", "Lunghezza d'onda", "Wavelength / nm", "Wavelength in nm", "波长")
        )
    },
    "micrometres.csv": (two(["Wavelength (µm)", "I"], NM / 1000), WANTS_LASER),
    "power.txt": (two(["Wavelength (nm)", "I"], NM, above="Laserleistung: 200 mW\n", separator="\t"), WANTS_LASER),
    "power_french.txt": (two(["Wavelength (nm)", "I"], NM, above="Puissance du laser : 200\n"), WANTS_LASER),
    "nm_names.csv": (rows(["Wavelength (nm)"], [["a"] * 12], [f"{v:g}" for v in NM]), WANTS_LASER),
    "nm_units.csv": (rows(["Sample"], [["a"] * 12], [f"{v:g} nm" for v in NM]), WANTS_LASER),
    "nm_melted.csv": (melted(["x", "y", "wavelength_nm", "counts"], X, Y, axis=NM), WANTS_LASER),
    "nm_pairs.csv": (pairs(["Wavelength 1 (nm)", "C 1", "Wavelength 2 (nm)", "C 2"], (NM, NM)), WANTS_LASER),
    "nm_unit_row.csv": (table(["Wellenlänge", "I"], [["nm", "cts"], *each(NM, ONE)], **GERMAN), WANTS_LASER),
    "channel.csv": (columns(["Channel", "Wavelength [nm]", "Counts"], INDEX, NM, ONE), WANTS_LASER),
    "absolute.csv": (two(["Absolute wavenumber (cm-1)", "I"], ABSOLUTE), "absolute wavenumbers.*--laser"),
    "energy.csv": (two(["Energy (eV)", "I"], 1239.842 / NM), "energies as axis.*--laser"),
    "pairs_differ.csv": (pairs(["x_a", "y_a", "x_b", "y_b"], (AXIS, AXIS + 0.4)), "2 spectra whose axes differ"),
    "pairs_short.csv": (
        table(["w1", "i1", "w2", "i2"], [[a, b, *((a, b) if a < 1500 else ("", ""))] for a, b in each(AXIS, ONE)]),
        "2 spectra whose axes differ",
    ),
    "windows_german.csv": (columns(["Wellenzahl", "Intensität"], TWICE, TWICE, **GERMAN), "2 windows .*overlap"),
    "windows_falling.csv": (columns(["Wavenumber", "a", "b"], *[TWICE[::-1]] * 3), "2 windows .*overlap"),
    "two_missing.csv": (
        columns(["Wellenzahl", "Intensität"], AXIS, [*ONE[:9], "NaN", "k.A.", *ONE[11:]], **GERMAN),
        "no intensity at 722.615, 758.462",
    ),
}


def read(path, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_map(path, **given)


def read_bytes(folder, name, content, **given):
    (folder / name).write_bytes(content)
    return read(folder / name, **given)


def check(found, values, *, places="um"):
    """The values, the axis, and a map's places, whichever way round."""
    np.testing.assert_allclose(found.wavenumber, AXIS, atol=0.06)
    if values.ndim == 3:
        found = found.sortby(["y", "x"])
        assert found.x.attrs["units"] == places
        if places == "um":
            np.testing.assert_allclose(found.x, np.arange(4) * 0.5)
            np.testing.assert_allclose(found.y, np.arange(3) * 0.5)
    assert found.shape == values.shape
    np.testing.assert_allclose(found.values, values, rtol=1e-6)


@pytest.mark.parametrize("name", ONE_SPECTRUM)
def test_one_spectrum_of_text(tmp_path, name):
    check(read_bytes(tmp_path, name, ONE_SPECTRUM[name]), ONE)


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_text(tmp_path, name):
    check(read_bytes(tmp_path, name, LISTS[name]), SPECTRA)


@pytest.mark.parametrize("name", MAPS)
def test_maps_of_text(tmp_path, name):
    check(read_bytes(tmp_path, name, MAPS[name]), CUBE)


@pytest.mark.parametrize("names", ROW_NAMES)
def test_numbers_of_rows_and_columns(tmp_path, names):
    check(read_bytes(tmp_path, "map.csv", rows(names, [ROW + 1, COLUMN + 1])), CUBE, places="pixel")
    backwards = table([*HEADS, *names[::-1]], [[*s, c, r] for s, r, c in each(SPECTRA, ROW, COLUMN)], separator=";")
    check(read_bytes(tmp_path, "map.csv", backwards), CUBE, places="pixel")


@pytest.mark.parametrize(("word", "dim"), [("depth (µm)", "z"), ("Tiefe [µm]", "z"), ("Zeit (s)", "time")])
def test_series(tmp_path, word, dim):
    found = read_bytes(tmp_path, "series.csv", rows([word], [np.arange(12) * 2.0]))
    assert found.dims == (dim, "wavenumber")
    np.testing.assert_array_equal(found[dim], np.arange(12) * 2)
    check(found, SPECTRA)


def test_places_above_the_columns_are_no_axis(tmp_path):
    places = [["x", *X], ["y", *Y]]
    found = read_bytes(tmp_path, "list.csv", table(None, [*places, *np.c_[AXIS, SPECTRA.T].tolist()]))
    check(found, SPECTRA)


def test_structures_of_matlab_7_3(tmp_path):
    with h5py.File(tmp_path / "s.mat", "w", userblock_size=512) as file:
        for name, items in {"wn": [AXIS] * 12, "int": SPECTRA}.items():
            field = file.create_dataset(f"spec/{name}", (1, 12), h5py.ref_dtype)
            for n, values in enumerate(items):
                file[f"#refs#/{name}{n}"] = values[:, None]
                field[0, n] = file[f"#refs#/{name}{n}"].ref
    with open(tmp_path / "s.mat", "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    check(read(tmp_path / "s.mat"), SPECTRA)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_columns(tmp_path, name):
    check(read_bytes(tmp_path, name, PAIRS[name]), SPECTRA[:3])


@pytest.mark.parametrize("name", REFUSED)
def test_text_that_is_refused(tmp_path, name):
    content, reason = REFUSED[name]
    with pytest.raises(InputError, match=f"{name}: .*{reason}"):
        read_bytes(tmp_path, name, content)


@pytest.mark.parametrize("word", ["NA", "#NV", "k.A.", "n.d.", "ND", "NULL", "#DIV/0!", "inf", "1.#QNAN", "--"])
def test_words_for_a_missing_channel(tmp_path, word):
    values = [word if n == 9 else value for n, value in enumerate(ONE)]
    found = read_bytes(tmp_path, "one.csv", columns(["Wellenzahl", "Intensität"], AXIS, values, **GERMAN))
    assert "1 missing channels (at 722.615) were interpolated" in found.attrs["notes"]
    np.testing.assert_allclose(found.values, [*ONE[:9], (ONE[8] + ONE[10]) / 2, *ONE[10:]], rtol=1e-4)


def of_structures():
    spectra = np.zeros(12, [("wn", object), ("int", object), ("x", object), ("y", object)])
    for n in range(12):
        spectra[n] = (AXIS, SPECTRA[n], X[n], Y[n])
    return spectra


def toolbox(axis=AXIS, title="cm-1"):
    scales, titles = np.empty((2, 1), object), np.empty((2, 1), object)
    scales[:, 0], titles[:, 0] = [np.zeros((0, 0)), axis], ["", title]
    # The first dimension of the image varies fastest.
    data = {"data": CUBE.reshape(12, 40, order="F"), "axisscale": scales, "title": titles, "imagesize": [3.0, 4.0]}
    return data | {"name": "m", "type": "image"}


CELL = np.empty((1, 2), object)
CELL[0, 0], CELL[0, 1] = SPECTRA, AXIS
PAIR = np.array(list(each(AXIS, ONE)), [("shift", float), ("intensity", float)])
SCAN = {"wn": AXIS, "x": np.arange(4) * 0.5, "y": np.arange(3) * 0.5}
LASERS = "laser_nm excitation_wavelength lambda_ex Laser exc_nm ExcitationWavelength Anregung_nm ex_wl".split()
AXES = "Wellenzahl wavenum ramanShift shift_cm xaxis WN decalage_raman numero_onda v k x wavenumber_cm1".split()
WAVELENGTHS = "Wellenlaenge wavelengths_nm lam lambda_nm wl longueur_onde nm".split()
# {name: (arrays, what they are, units of the places)}; a text is the reason to refuse.
ARRAYS = {
    **{f"axis_{name}": ({"spectra": SPECTRA, name: AXIS}, SPECTRA) for name in AXES},
    **{f"wavelength_{name}": ({"data": SPECTRA, name: NM}, WANTS_LASER) for name in WAVELENGTHS},
    **{f"laser_{name}": ({"data": SPECTRA, "wavelength": NM, name: 532.0}, SPECTRA) for name in LASERS},
    "power": ({"data": SPECTRA, "wavelength": NM, "laser_power": 200.0}, WANTS_LASER),
    "micrometres": ({"data": SPECTRA, "wavelength": NM / 1000}, WANTS_LASER),
    "across": ({"spectra": SPECTRA.T, "wn": AXIS}, SPECTRA),
    "labels": ({"X": SPECTRA, "y": np.arange(12) % 2, "wn": AXIS}, SPECTRA),
    "mean": ({"spectra": SPECTRA, "mean": SPECTRA.mean(0), "std": SPECTRA.std(0), "wn": AXIS}, SPECTRA),
    "places": ({"spectra": SPECTRA, "wn": AXIS, "x_pos": X, "y_pos": Y}, CUBE),
    "coordinates": ({"spectra": SPECTRA, "wn": AXIS, "coords": np.c_[X, Y]}, CUBE),
    "row_numbers": ({"spectra": SPECTRA, "wn": AXIS, "row": ROW, "col": COLUMN}, CUBE, "pixel"),
    "named_axes": ({"Data": CUBE, "Xaxis": SCAN["x"], "Yaxis": SCAN["y"], "Graph": AXIS}, CUBE),
    "shaped": ({"spectra": SPECTRA, "wn": AXIS, "map_shape": np.array([3, 4])}, CUBE, "pixel"),
    "curve": ({"shift": AXIS, "counts": ONE}, ONE),
    "curve_x": ({"x": AXIS, "intensity": ONE}, ONE),
    "table": ({"data": np.c_[AXIS, ONE]}, ONE),
    "table_of_many": ({"data": np.c_[AXIS, SPECTRA.T]}, SPECTRA),
    "table_of_rows": ({"data": np.vstack([AXIS, SPECTRA])}, SPECTRA),
    "complex": ({"map": CUBE + 1j, "wavenumbers": AXIS}, "complex numbers"),
    "complex_beside": ({"map": CUBE + 1j, "real": CUBE, "wavenumbers": AXIS}, CUBE, "pixel"),
}
MATLAB = {
    "structure": ({"data": {"spectra": SPECTRA, "axis": AXIS}}, SPECTRA),
    "nested": ({"exp": {"meas": {"cube": CUBE, "info": SCAN}}}, CUBE),
    "cell": ({"c": CELL}, SPECTRA),
    "structures": ({"spec": of_structures()}, CUBE),
    "laser": ({"d": SPECTRA, "wavelength": NM, "info": {"laser": {"wavelength": 532.0, "power": 200.0}}}, SPECTRA),
    "toolbox_title": ({"m": toolbox(title="Raman shift (cm-1)")}, CUBE, "pixel"),
    "toolbox_german": ({"m": toolbox(title="Wellenzahl")}, CUBE, "pixel"),
    "toolbox_nested": ({"out": {"sample": toolbox()}}, CUBE, "pixel"),
    "toolbox_nm": ({"m": toolbox(NM, "Wellenlänge")}, WANTS_LASER),
}
NUMPY = {
    "fields": ({"d": PAIR}, ONE),
    "pickled": ({"spectra": np.array([{"s": 1}]), "wn": AXIS}, "pickled objects"),
}


def save_mat(path, arrays):
    scipy.io.savemat(path, arrays)


def save_npz(path, arrays):
    np.savez(path, **arrays)


def save_h5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[f"entry/{name}"] = values


@pytest.mark.parametrize(
    ("suffix", "name"),
    [(suffix, name) for suffix in (".mat", ".npz", ".h5") for name in ARRAYS]
    + [(".mat", name) for name in MATLAB]
    + [(".npz", name) for name in NUMPY],
)
def test_files_of_arrays(tmp_path, suffix, name):
    arrays, expected, *places = (ARRAYS | MATLAB | NUMPY)[name]
    {".mat": save_mat, ".npz": save_npz, ".h5": save_h5}[suffix](tmp_path / f"f{suffix}", arrays)
    if isinstance(expected, str):
        with pytest.raises(InputError, match=f"f{suffix}: .*{expected}"):
            read(tmp_path / f"f{suffix}")
    else:
        check(read(tmp_path / f"f{suffix}"), expected, places=places[0] if places else "um")


def nexus(file, axis="raman_shift", values=AXIS, unit="", dims=("y", "x", "s"), old=False, laser=None):
    """A map in an NXdata group; `s` in `dims` stands for the spectral axis."""
    order = [("y", "x", "s").index(dim) for dim in dims]
    group, names = file.create_group("entry/spectrum"), [axis if dim == "s" else dim for dim in dims]
    group["counts"], group[axis] = CUBE.transpose(order), values
    group["x"], group["y"] = np.arange(4) * 0.5, np.arange(3) * 0.5
    group[axis].attrs["units"] = unit
    if old:
        group["counts"].attrs["signal"], group["counts"].attrs["axes"] = 1, ":".join(names)
    else:
        group.attrs["signal"], group.attrs["axes"] = "counts", names
    if laser:
        file["entry/instrument/beam_incident/wavelength"] = laser


def hyperspy(file, name="Raman shift", units="cm$^{-1}$", values=None, laser=None):
    group = file.create_group("Experiments/a map")
    group["data"] = CUBE
    for n, (label, size) in enumerate([("y", 3), ("x", 4), (name, 40)]):
        axis = group.create_group(f"axis-{n}")
        spectral = {"units": units, "offset": AXIS[0], "scale": (AXIS[-1] - AXIS[0]) / 39}
        axis.attrs.update({"name": label, "navigate": n < 2, "size": size})
        axis.attrs.update(spectral if n == 2 else {"units": "µm", "offset": 0.0, "scale": 0.5})
        if n == 2 and values is not None:
            axis["axis"] = values
    if laser:
        group.create_group("metadata/Acquisition_instrument/Laser").attrs["wavelength"] = laser


def in_attribute(file, place, key, values=AXIS):
    file["group/spectra"] = CUBE
    file[place].attrs[key] = values
    file[place].attrs[f"{key}_units"] = "" if values is AXIS else "nm"


HDF5 = {
    "axis.nxs": (nexus, {"axis": "k"}, CUBE),
    "order.nxs": (nexus, {"axis": "k", "dims": ("s", "y", "x")}, CUBE),
    "turned.nxs": (nexus, {"axis": "energy", "unit": "1/cm", "dims": ("x", "y", "s")}, CUBE),
    "old.nxs": (nexus, {"old": True}, CUBE),
    "nm.nxs": (nexus, {"axis": "wavelength", "values": NM, "unit": "nm"}, WANTS_LASER),
    "nm_laser.nxs": (nexus, {"axis": "wavelength", "values": NM, "unit": "nm", "laser": 532.0}, CUBE),
    "latex.hspy": (hyperspy, {}, CUBE),
    "undefined.hspy": (hyperspy, {"name": "<undefined>", "units": "<undefined>"}, CUBE),
    "values.hspy": (hyperspy, {"name": "Wavenumber", "units": "1/cm", "values": AXIS}, CUBE),
    "nm.hspy": (hyperspy, {"name": "Wavelength", "units": "nm", "values": NM}, WANTS_LASER),
    "nm_laser.hspy": (hyperspy, {"name": "Wavelength", "units": "nm", "values": NM, "laser": 532.0}, CUBE),
    "own.h5": (in_attribute, {"place": "group/spectra", "key": "Wellenzahl"}, CUBE, "pixel"),
    "group.h5": (in_attribute, {"place": "group", "key": "wavenumber_axis"}, CUBE, "pixel"),
    "root.h5": (in_attribute, {"place": "/", "key": "raman_shift"}, CUBE, "pixel"),
    "units.h5": (
        in_attribute,
        {"place": "group/spectra", "key": "axis", "values": NM},
        WANTS_LASER,
    ),
}


@pytest.mark.parametrize("name", HDF5)
def test_hdf5_nexus_and_hyperspy(tmp_path, name):
    make, settings, expected, *places = HDF5[name]
    with h5py.File(tmp_path / name, "w") as file:
        make(file, **settings)
    if isinstance(expected, str):
        with pytest.raises(InputError, match=f"{name}: .*{expected}"):
            read(tmp_path / name)
    else:
        check(read(tmp_path / name), expected, places=places[0] if places else "um")


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize(
    ("dim", "values", "attrs", "given", "order"),
    [
        ("Wellenzahl", AXIS, {}, {}, "yxs"),
        ("shift", AXIS, {"units": "cm**-1"}, {}, "syx"),
        ("k", AXIS, {"units": "1/cm"}, {}, "xsy"),
        ("lam", NM * 1e-9, {"units": "m"}, {"laser_wavelength_nm": 532}, "yxs"),
        ("lambda", NM, {"units": "nm"}, {"excitation": "532 nm"}, "sxy"),
        ("wavelength", NM / 1000, {"units": "micrometers"}, {}, "yxs"),
    ],
)
def test_netcdf(tmp_path, engine, dim, values, attrs, given, order):
    coords = {"y": np.arange(3) * 0.5, "x": np.arange(4) * 0.5, dim: (dim, values, attrs)}
    array = xarray.DataArray(CUBE, coords, ("y", "x", dim), name="counts")
    array = array.transpose(*[dim if letter == "s" else letter for letter in order])
    xarray.Dataset({"counts": array}, attrs=given).to_netcdf(tmp_path / "map.nc", engine=engine)
    if dim == "wavelength":
        with pytest.raises(InputError, match=WANTS_LASER):
            read(tmp_path / "map.nc")
    check(read(tmp_path / "map.nc", laser=532.0 if dim == "wavelength" else None), CUBE)


def envi(path, *, interleave="bsq", kind="<f4", units="cm-1", values=AXIS, suffix=".img", offset=0, key="wavelength"):
    order = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}[interleave]
    content = bytes(offset) + CUBE.astype(kind).transpose(order).tobytes()
    path.with_name(path.stem + suffix).write_bytes(content)
    listed = ",\n ".join(map(str, values))
    path.write_text(
        f"ENVI\ndescription = {{\n made up }}\nsamples = 4\nlines   = 3\nbands   = 40\nheader offset = {offset}\n"
        f"data type = {4 if kind[1:] == 'f4' else 5}\ninterleave = {interleave}\nbyte order = {int(kind[0] == '>')}\n"
        f"laser wavelength = 532\nwavelength units = {units}\n{key} = {{\n {listed}}}\n"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"interleave": "bil", "kind": ">f8", "suffix": ".dat"},
        {"interleave": "bip", "suffix": "", "offset": 128},
        {"units": "Wavenumber", "suffix": ".raw"},
        {"units": "Nanometers", "values": NM},
        {"units": "Micrometers", "values": NM / 1000},
        {"units": "Unknown", "key": "band names"},
        {"key": "band names", "values": [f"{value} cm-1" for value in AXIS]},
    ],
)
def test_envi(tmp_path, settings):
    envi(tmp_path / "map.hdr", **settings)
    check(read(tmp_path / "map.hdr"), CUBE, places="pixel")


def spc(axis, kind, label="", log="", count=1):
    content = bytearray(spc_bytes(SPECTRA[:count], axis, xtype=kind, log=log))
    content[218 : 218 + len(label)] = label.encode("latin-1")
    return bytes(content)


NONE, WAVENUMBER, MICROMETRES, NANOMETRES, RAMAN, EV = 0, 1, 2, 3, 13, 14
SPC = {
    "label": (spc(NM, NONE, "Wellenlänge (nm)"), WANTS_LASER),
    "label_only": (spc(NM, NONE, "Wavelength"), WANTS_LASER),
    "pixels": (spc(INDEX, NONE), "counts the channels.*--wavenumbers"),
    "label_pixels": (spc(AXIS, NONE, "Pixels"), "counts the channels.*--wavenumbers"),
    "log_laser": (spc(NM, NANOMETRES, log="LASER=532nm\r\n"), ONE),
    "log_power": (spc(NM, NANOMETRES, log="Laser power: 200\r\nLaser Wavelength: 532.0\r\n"), ONE),
    "micrometres": (spc(NM / 1000, MICROMETRES, log="EXCIT_LINE = 532"), ONE),
    "energies": (spc(1239.841984 / NM, EV, log="EXCIT_LINE = 532"), ONE),
    "absolute": (spc(ABSOLUTE, WAVENUMBER, log="EXCIT_LINE = 532"), ONE),
    "shift": (spc(AXIS, NONE, "Raman Shift (cm-1)"), ONE),
    "map": (spc(AXIS, RAMAN, log="nx=4\r\nny=3\r\n", count=12), CUBE),
}


@pytest.mark.parametrize("name", SPC)
def test_grams(tmp_path, name):
    content, expected = SPC[name]
    if isinstance(expected, str):
        with pytest.raises(InputError, match=f"f.spc: .*{expected}"):
            read_bytes(tmp_path, "f.spc", content)
    else:
        check(read_bytes(tmp_path, "f.spc", content), expected, places="pixel")


def jcamp(units="1/CM", label="XYPOINTS", axis=AXIS, more=""):
    points = "\n".join(f"{a}, {b}" for a, b in each(axis, ONE))
    return (
        f"##TITLE=t\n##JCAMP-DX=5.01\n##DATA TYPE=RAMAN SPECTRUM\n{more}##XUNITS={units}\n##YUNITS=COUNTS\n"
        f"##XFACTOR=1\n##YFACTOR=1\n##FIRSTX={axis[0]}\n##LASTX={axis[-1]}\n##NPOINTS=40\n##{label}=(XY..XY)\n{points}\n##END=\n"
    ).encode()


def test_jcamp(tmp_path):
    for name, content in (
        ("one.jdx", jcamp()),
        ("one.txt", jcamp(label="XYDATA")),
        ("title.dx", jcamp("RAMAN SHIFT (1/CM)")),
        ("laser.jcamp", jcamp("NANOMETERS", axis=NM, more="##$LASER=532 nm\n")),
    ):
        check(read_bytes(tmp_path, name, content), ONE)
    for units, axis in (("NANOMETERS", NM), ("MICROMETERS", NM / 1000)):
        with pytest.raises(InputError, match=WANTS_LASER):
            read_bytes(tmp_path, "nm.jdx", jcamp(units, axis=axis))


def archive(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name in names:
            file.writestr(name, b"content")
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("two.zip", archive("a.wdf", "b.wdf"), "zip archive of a.wdf, b.wdf; unpack"),
        ("text.npz", archive("a.txt"), "zip archive of a.txt; unpack"),
        ("book.csv", archive("xl/workbook.xml"), "Excel workbook.*text"),
        ("sheet.ods", archive("content.xml"), "workbook.*text"),
        ("letter.docx", archive("word/document.xml"), "zip archive of word/document.xml"),
        ("old.xls", b"\xd0\xcf\x11\xe0" + bytes(600), "Office file.*text"),
        ("packed.tar.gz", gzip.compress(bytes(600), mtime=0), "gzipped file that is no text; unpack"),
        ("packed.7z", b"7z\xbc\xaf\x27\x1c" + bytes(99), "an archive.*unpack"),
        ("arrays.pkl", b"\x80\x04" + bytes(99), "a pickle, which could run any program"),
    ],
    ids=lambda value: None if isinstance(value, str) else "content",
)
def test_archives_and_workbooks(tmp_path, name, content, reason):
    with pytest.raises(InputError, match=f"{name}: .*{reason}"):
        read_bytes(tmp_path, name, content)
