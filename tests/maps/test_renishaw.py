"""Reading Renishaw .wdf files: real ones against their raw bytes, and written ones of every order of collection."""

import json
import struct

import numpy as np
import pytest
from maps_wdf import (
    ALTERNATING,
    COLUMN_MAJOR,
    FILETIME,
    LASER_NM,
    MICRON,
    TIME,
    XY_LINE,
    X,
    Y,
    Z,
    wdf_bytes,
)
from paths import SHARED

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map

FILES = SHARED / "data" / "instruments"
real = pytest.mark.skipif(not FILES.is_dir(), reason="the folder of real instrument files is absent")
AXIS = np.linspace(1800.0, 400.0, 9)


def blocks(content):
    """{name: body} of the first block of each name, by struct alone."""
    found, place = {}, 0
    while place < len(content):
        name, _, size = struct.unpack_from("<4sIQ", content, place)
        found.setdefault(name, content[place + 16 : place + size])
        place += size
    return found


def independent(name):
    """(spectra [N, L], axis [L], {origin type: values}) of a real file."""
    content = (FILES / name).read_bytes()
    found = blocks(content)
    length, count = struct.unpack_from("<I", content, 60)[0], struct.unpack_from("<Q", content, 64)[0]
    spectra = np.frombuffer(found[b"DATA"], "<f4").reshape(count, length)
    axis = np.frombuffer(found[b"XLST"], "<f4", length, 8)
    origins, place = {}, 4
    for _ in range(struct.unpack_from("<I", found[b"ORGN"])[0]):
        kind = struct.unpack_from("<I", found[b"ORGN"], place)[0] & 0x7FFFFFFF
        origins[kind] = np.frombuffer(found[b"ORGN"], "<f8", count, place + 24)
        place += 24 + 8 * count
    return spectra, axis, origins


@real
def test_streamline_map_lies_as_its_positions_say():
    spectra, axis, origins = independent("streamline_map.wdf")
    found = read_map(FILES / "streamline_map.wdf")
    assert found.dims == ("y", "x", "wavenumber") and found.shape == (49, 45, 394)
    np.testing.assert_array_equal(found.wavenumber, np.sort(axis))
    order = np.argsort(axis)
    for number in (0, 1, 48, 49, 1000, 2204):
        pixel = found.sel(x=origins[X][number], y=origins[Y][number], method="nearest", tolerance=1e-6)
        np.testing.assert_array_equal(pixel, spectra[number][order])
    np.testing.assert_allclose(found.x, np.unique(origins[X].round(6)))
    np.testing.assert_allclose(found.y, np.unique(origins[Y].round(6)))
    assert found.attrs["units"] == "counts" and "missing_spectra" not in found.attrs
    assert json.loads(found.attrs["metadata"])["laser_nm"] == pytest.approx(785.0, abs=0.01)


@real
def test_depth_series_and_single_spectrum():
    spectra, axis, origins = independent("depth_series.wdf")
    found = read_map(FILES / "depth_series.wdf")
    assert found.dims == ("z", "wavenumber")
    np.testing.assert_array_equal(found.z, origins[Z])
    np.testing.assert_array_equal(found.values, spectra[:, np.argsort(axis)])
    spectra, axis, _ = independent("single_spectrum.wdf")
    single = read_map(FILES / "single_spectrum.wdf")
    assert single.dims == ("wavenumber",) and single.attrs["title"] == "Single scan measurement 1"
    np.testing.assert_array_equal(single.values, spectra[0, np.argsort(axis)])


@real
def test_real_map_interrupted_after_a_thousand_spectra(tmp_path):
    content = bytearray((FILES / "streamline_map.wdf").read_bytes())
    struct.pack_into("<Q", content, 72, 1000)
    (tmp_path / "stopped.wdf").write_bytes(content)
    whole, found = read_map(FILES / "streamline_map.wdf"), read_map(tmp_path / "stopped.wdf")
    assert found.shape == whole.shape and found.attrs["missing_spectra"] == 2205 - 1000
    np.testing.assert_allclose(found.x, whole.x, atol=1e-4)
    np.testing.assert_allclose(found.y, whole.y, atol=1e-4)
    # Collected column by column: 20 columns of 49 and 20 spectra of the next.
    gaps = np.isnan(found.values).all(axis=-1)
    assert not gaps[:, :20].any() and not gaps[:20, 20].any() and gaps[20:, 20].all() and gaps[:, 21:].all()
    np.testing.assert_array_equal(found.values[~gaps], whole.values[~gaps])


def raster(width=4, height=3, layers=1, *, flags=0, step=(2.0, -1.5, 5.0), start=(10.0, 20.0, -5.0)):
    """Grid places (layer, row, column) in the order of collection, and the WMAP block's content."""
    places = []
    for layer in range(layers):
        fast, slow = (height, width) if flags & COLUMN_MAJOR else (width, height)
        for line in range(slow):
            points = range(fast)[::-1] if flags & ALTERNATING and line % 2 else range(fast)
            places += [(layer, p, line) if flags & COLUMN_MAJOR else (layer, line, p) for p in points]
    return places, (flags, start, step, (width, height, layers))


def positions(places, area):
    _, start, step, _ = area
    return [(kind, MICRON, [start[i] + step[i] * place[2 - i] for place in places]) for i, kind in enumerate((X, Y, Z))]


def numbered(places):
    """Spectra that tell their place: 100 layer + 10 row + column, plus the channel / 100."""
    values = np.array([100 * layer + 10 * row + column for layer, row, column in places], float)
    return values[:, None] + np.arange(AXIS.size) / 100


@pytest.mark.parametrize("flags", [0, COLUMN_MAJOR, ALTERNATING, COLUMN_MAJOR | ALTERNATING])
@pytest.mark.parametrize("with_origins", [True, False])
def test_every_order_of_collection_gives_the_same_map(tmp_path, flags, with_origins):
    places, area = raster(flags=flags)
    origins = positions(places, area)[:2] if with_origins else ()
    (tmp_path / "map.wdf").write_bytes(wdf_bytes(numbered(places), AXIS, origins, area=area))
    found = read_map(tmp_path / "map.wdf")
    assert found.dims == ("y", "x", "wavenumber")
    np.testing.assert_allclose(found.wavenumber, AXIS[::-1])
    # The axis falls in the file, so the channel numbers fall in the result.
    expected = 10 * np.arange(3)[:, None] + np.arange(4) + 0.08
    np.testing.assert_allclose(found.values[..., 0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.x, [10, 12, 14, 16])
    np.testing.assert_allclose(found.y, [20, 18.5, 17])
    assert found.x.attrs["units"] == "um" and found.wavenumber.attrs["units"] == "cm-1"


@pytest.mark.parametrize("trimmed", [True, False])
def test_interrupted_snake_keeps_the_planned_grid(tmp_path, trimmed):
    """trimmed: the file holds the collected spectra alone, and only the plan tells of the others."""
    places, area = raster(flags=ALTERNATING)
    spectra, origins = numbered(places), positions(places, area)[:2]
    if trimmed:
        spectra, origins = spectra[:6], [(kind, unit, values[:6]) for kind, unit, values in origins]
    else:
        spectra[6:], origins = 0, [(kind, unit, [*values[:6], *[0.0] * 6]) for kind, unit, values in origins]
    (tmp_path / "map.wdf").write_bytes(wdf_bytes(spectra, AXIS, origins, area=area, collected=6))
    found = read_map(tmp_path / "map.wdf")
    assert found.shape == (3, 4, 9) and found.attrs["missing_spectra"] == 6
    np.testing.assert_allclose(found.y, [20, 18.5, 17], atol=1e-5)
    expected = np.array([[0, 1, 2, 3], [np.nan, np.nan, 12, 13], [np.nan] * 4]) + 0.08
    np.testing.assert_allclose(found.values[..., 0], expected, rtol=1e-6)


def test_positions_count_before_a_plan_that_does_not_fit(tmp_path):
    places, area = raster(flags=ALTERNATING)
    wrong = (area[0], (500.0, 500.0, 0.0), *area[2:])
    (tmp_path / "map.wdf").write_bytes(wdf_bytes(numbered(places), AXIS, positions(places, area)[:2], area=wrong))
    found = read_map(tmp_path / "map.wdf")
    np.testing.assert_allclose(found.values[..., 0], 10 * np.arange(3)[:, None] + np.arange(4) + 0.08, rtol=1e-6)
    np.testing.assert_allclose(found.y, [20, 18.5, 17])


def test_stack_of_maps_and_surface(tmp_path):
    places, area = raster(layers=2)
    (tmp_path / "stack.wdf").write_bytes(wdf_bytes(numbered(places), AXIS, positions(places, area), area=area))
    stack = read_map(tmp_path / "stack.wdf")
    assert stack.dims == ("z", "y", "x", "wavenumber") and stack.shape == (2, 3, 4, 9)
    np.testing.assert_allclose(stack.z, [-5, 0])
    np.testing.assert_allclose(stack.values[1, 2, 3, 0], 123.08, rtol=1e-6)
    places, area = raster()
    origins = positions(places, area)[:2] + [(Z, MICRON, np.arange(12) * 0.1)]
    (tmp_path / "surface.wdf").write_bytes(wdf_bytes(numbered(places), AXIS, origins, area=area))
    surface = read_map(tmp_path / "surface.wdf")
    assert surface.dims == ("y", "x", "wavenumber") and surface.z.dims == ("y", "x")
    np.testing.assert_allclose(surface.z, np.arange(12).reshape(3, 4) * 0.1)


@pytest.mark.parametrize("collected", [5, 3])
def test_line_scan(tmp_path, collected):
    """A slanted line, whole and interrupted: the distance runs to its planned end."""
    origins = [(X, MICRON, 3.0 * np.arange(5)), (Y, MICRON, 1 + 4.0 * np.arange(5))]
    area = (XY_LINE, (0, 1, 0), (3, 4, 0), (5, 1, 1))
    content = wdf_bytes(numbered([(0, 0, i) for i in range(5)]), AXIS, origins, area=area, collected=collected)
    (tmp_path / "line.wdf").write_bytes(content)
    found = read_map(tmp_path / "line.wdf")
    assert found.dims == ("distance", "wavenumber") and found.x.dims == ("distance",)
    np.testing.assert_allclose(found.distance, 5.0 * np.arange(5))
    np.testing.assert_allclose(found.y, 1 + 4.0 * np.arange(5))
    assert found.attrs.get("missing_spectra", 0) == 5 - collected
    assert np.isnan(found.values[collected:]).all() and not np.isnan(found.values[:collected]).any()


def test_time_series_in_seconds_and_interrupted_depth_series(tmp_path):
    stamps = 131516758535897429 + np.array([0, 20, 45]) * 1_000_000
    content = wdf_bytes(numbered([(0, 0, i) for i in range(3)]), AXIS, [(TIME, FILETIME, stamps)], kind=2)
    (tmp_path / "time.wdf").write_bytes(content)
    series = read_map(tmp_path / "time.wdf")
    assert series.dims == ("time", "wavenumber") and series.time.attrs["units"] == "s"
    np.testing.assert_allclose(series.time, [0, 2, 4.5], atol=1e-5)
    depth = [(Z, MICRON, [-1.0, -0.5, 0.0, 0, 0])]
    content = wdf_bytes(numbered([(0, 0, i) for i in range(5)]), AXIS, depth, kind=2, collected=3)
    (tmp_path / "depth.wdf").write_bytes(content)
    found = read_map(tmp_path / "depth.wdf")
    np.testing.assert_allclose(found.z, [-1, -0.5, 0, 0.5, 1])
    assert found.attrs["missing_spectra"] == 2 and np.isnan(found.values[3:]).all()


def test_axis_in_nanometres_and_in_absolute_wavenumbers(tmp_path):
    """The Raman shift by the definition, 1e7 (1 / laser - 1 / wavelength)."""
    shift = np.array([100.0, 1000.0, 3000.0])
    nanometres = 1 / (1 / LASER_NM - shift * 1e-7)
    for unit, axis in ((3, nanometres), (2, 1e7 / LASER_NM - shift)):
        (tmp_path / "axis.wdf").write_bytes(wdf_bytes(np.ones((1, 3)), axis, kind=1, axis_unit=unit))
        np.testing.assert_allclose(read_map(tmp_path / "axis.wdf").wavenumber, shift, atol=2e-2)


def test_broken_files_are_refused(tmp_path):
    places, area = raster()
    whole = wdf_bytes(numbered(places), AXIS, positions(places, area), area=area)
    for cut in (300, 600, 1000, len(whole) - 5):
        (tmp_path / "cut.wdf").write_bytes(whole[:cut])
        with pytest.raises(InputError, match="cut.wdf.*cut short"):
            read_map(tmp_path / "cut.wdf")
    zero = bytearray(whole)
    struct.pack_into("<Q", zero, 512 + 8, 0)
    (tmp_path / "zero.wdf").write_bytes(zero)
    with pytest.raises(InputError, match="zero.wdf"):
        read_map(tmp_path / "zero.wdf")
    (tmp_path / "none.wdf").write_bytes(wdf_bytes(numbered(places), AXIS, collected=0))
    with pytest.raises(InputError, match="no collected spectrum"):
        read_map(tmp_path / "none.wdf")
    (tmp_path / "pixels.wdf").write_bytes(wdf_bytes(numbered(places), AXIS, axis_unit=16))
    with pytest.raises(InputError, match="Pixels"):
        read_map(tmp_path / "pixels.wdf")
    (tmp_path / "tracks.wdf").write_bytes(wdf_bytes(numbered(places), AXIS, npoints=3))
    with pytest.raises(InputError, match="multitrack"):
        read_map(tmp_path / "tracks.wdf")
