"""Reading WITec: projects against their raw tags, changed tags, the MATLAB export and the text exports."""

import struct

import numpy as np
import pytest
import scipy.io
from paths import SHARED

from deeper_jax.errors import InputError
from deeper_jax.maps import read_map

FILES = SHARED / "data" / "instruments"
real = pytest.mark.skipif(not FILES.is_dir(), reason="the folder of real instrument files is absent")


def tags(content, place=8, end=None, name=""):
    """[(path, type, start, end)] of every tag, by struct alone."""
    found = []
    end = len(content) if end is None else end
    while place < end:
        (length,) = struct.unpack_from("<I", content, place)
        own = f"{name}/{content[place + 4 : place + 4 + length].decode('latin-1')}"
        kind, start, stop = struct.unpack_from("<IQQ", content, place + 4 + length)
        found.append((own, kind, start, stop))
        if kind == 0:
            found += tags(content, start, stop, own)
        place = stop
    return found


def tag_ends(content):
    return {path: (start, stop) for path, _, start, stop in tags(content)}


def entry_of(content, caption):
    """The path of the entry with this caption, and the places of all tags."""
    places = tag_ends(content)
    for path, (start, stop) in places.items():
        if path.endswith("/TData/Caption") and content[start + 4 : stop] == caption.encode():
            return path.removesuffix("/TData/Caption"), places
    raise AssertionError(caption)


def doubles(content, places, path):
    return np.frombuffer(content, "<f8", (places[path][1] - places[path][0]) // 8, places[path][0])


MAP, MOVE = "Map_000_Spec.Data 1_F", "Map_000_Transformation"


def map_content():
    return bytearray((FILES / "silicon_map.wip").read_bytes())


@real
def test_silicon_map_against_its_tags():
    content = bytes(map_content())
    graph, places = entry_of(content, MAP)
    start = places[f"{graph}/TDGraph/GraphData/Data"][0]
    counts = np.frombuffer(content, "<u2", 25 * 1024, start)
    found = read_map(FILES / "silicon_map.wip")
    assert found.dims == ("y", "x", "wavenumber") and found.dtype == np.uint16 and found.attrs["title"] == MAP
    # The graph runs fastest; then, along the scan line, the file counts columns of pixels.
    np.testing.assert_array_equal(found.values, counts.reshape(5, 5, 1024).swapaxes(0, 1))
    view = f"{entry_of(content, MOVE)[0]}/TDSpaceTransformation/ViewPort3D"
    model, world = (doubles(content, places, f"{view}/{name}") for name in ("ModelOrigin", "WorldOrigin"))
    np.testing.assert_allclose(found.x, world[0] + np.arange(5) - model[0])
    np.testing.assert_allclose(found.y, world[1] - (np.arange(5) - model[1]))
    # As WITec's own table of this very map prints its axis and its first rows.
    np.testing.assert_allclose(found.wavenumber[:6], [87.7367, 91.0310, 94.3239, 97.6152, 100.905, 104.194], atol=6e-4)
    np.testing.assert_array_equal(found.values[0, :, 0], [994, 992, 991, 993, 995])
    np.testing.assert_array_equal(found.values[1, :, 1], [999, 997, 995, 994, 994])


@real
def test_series_lines_and_the_choice_of_entry():
    series = read_map(FILES / "silicon_map.wip", entry="Time Series_000_Spec.Data 1")
    assert series.dims == ("time", "wavenumber")
    np.testing.assert_allclose(series.time, 1.03492 * np.arange(100), atol=1e-3)
    assert series.values[0, :2].tolist() == [995, 996] and series.values[1, 0] == 994
    with pytest.raises(InputError, match="LineX_000_Spec.Data 1.*LineY_000_Spec.Data 1.*say which entry"):
        read_map(FILES / "line_scans.wip")
    with pytest.raises(InputError, match="no measurement 'LineZ'"):
        read_map(FILES / "line_scans.wip", entry="LineZ")
    along_x, along_y = read_map(FILES / "line_scans.wip", entry=0), read_map(FILES / "line_scans.wip", entry=1)
    assert along_x.dims == ("distance", "wavenumber") and along_x.shape == (50, 1024)
    np.testing.assert_allclose(along_x.distance, 0.4 * np.arange(50), atol=1e-6)
    np.testing.assert_allclose(along_x.x, -10 + 0.4 * np.arange(50), atol=1e-6)
    np.testing.assert_allclose(along_y.y, -10 + 0.4 * np.arange(50), atol=1e-6)
    np.testing.assert_allclose(along_y.x, 0, atol=1e-6)
    content = (FILES / "line_scans.wip").read_bytes()
    graph, places = entry_of(content, "LineY_000_Spec.Data 1")
    counts = np.frombuffer(content, "<f4", 50 * 1024, places[f"{graph}/TDGraph/GraphData/Data"][0])
    np.testing.assert_array_equal(along_y.values, counts.reshape(50, 1024))


def changed(tmp_path, path, values):
    """The silicon map's file with the doubles or bytes at `path` of its transformation or graph replaced."""
    content = map_content()
    owner = MAP if path.startswith("TDGraph") else MOVE
    entry, places = entry_of(bytes(content), owner)
    start, stop = places[f"{entry}/{path}"]
    body = np.asarray(values).tobytes()
    assert len(body) == stop - start
    content[start:stop] = body
    (tmp_path / "changed.wip").write_bytes(content)
    return tmp_path / "changed.wip"


@real
def test_rotated_map_gives_the_stage_positions(tmp_path):
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    path = changed(tmp_path, "TDSpaceTransformation/ViewPort3D/Rotation", turn.ravel(order="F"))
    found = read_map(path)
    assert found.dims == ("y", "x", "wavenumber") and found.x_stage.dims == ("y", "x")
    np.testing.assert_allclose(found.x, np.arange(5), atol=1e-9)
    np.testing.assert_allclose(found.y, np.arange(5), atol=1e-9)
    rows, columns = np.mgrid[:5, :5] - 2.5
    # Pixels go right by 1 and down by 1, then turn, then move to the world's origin.
    expected = turn[:2, :2] @ np.stack([columns.ravel(), -rows.ravel()])
    np.testing.assert_allclose(found.x_stage.values.ravel(), 147.069001 + expected[0], atol=1e-5)
    np.testing.assert_allclose(found.y_stage.values.ravel(), -0.093 + expected[1], atol=1e-5)


@real
def test_vertical_slice_is_a_stack_of_lines(tmp_path):
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
    found = read_map(changed(tmp_path, "TDSpaceTransformation/ViewPort3D/Rotation", turn.ravel(order="F")))
    assert found.dims == ("z", "y", "x", "wavenumber") and found.shape == (5, 1, 5, 1024)
    np.testing.assert_allclose(found.z, 2.5 - np.arange(5), atol=1e-9)
    np.testing.assert_array_equal(found.values[:, 0], read_map(FILES / "silicon_map.wip").values)


@real
def test_lines_that_were_not_scanned_are_missing(tmp_path):
    found = read_map(changed(tmp_path, "TDGraph/LineValid", np.array([1, 1, 1, 0, 0], np.uint8)))
    assert found.attrs["missing_spectra"] == 10 and found.dtype.kind == "f"
    assert np.isnan(found.values[3:]).all() and not np.isnan(found.values[:3]).any()


@real
def test_aborted_map_of_zeros_and_a_cut_file(tmp_path):
    content = map_content()
    graph, places = entry_of(bytes(content), MAP)
    start, stop = places[f"{graph}/TDGraph/GraphData/Data"]
    counts = np.frombuffer(bytes(content[start:stop]), "<u2").reshape(5, 5, 1024).copy()
    counts[:, 3:] = 0
    content[start:stop] = counts.tobytes()
    (tmp_path / "aborted.wip").write_bytes(content)
    found = read_map(tmp_path / "aborted.wip")
    assert found.attrs["missing_spectra"] == 10 and np.isnan(found.values[3:]).all()
    (tmp_path / "cut.wip").write_bytes(content[:200000])
    with pytest.raises(InputError, match="cut short"):
        read_map(tmp_path / "cut.wip")


@real
def test_matlab_export_against_scipy():
    data = scipy.io.loadmat(FILES / "witec_export.mat")["P_A32_006_SpecData_1"][0, 0]
    found = read_map(FILES / "witec_export.mat")
    assert found.dims == ("y", "x", "wavenumber") and found.shape == (17, 16, 1024)
    np.testing.assert_array_equal(found.wavenumber, data["axisscale"][1, 0].ravel())
    for row, column in ((0, 0), (1, 0), (0, 1), (16, 15)):
        np.testing.assert_array_equal(found.values[row, column], data["data"][row + 17 * column])
    np.testing.assert_array_equal(found.y, data["imageaxisscale"][0, 0].ravel())
    np.testing.assert_array_equal(found.x, data["imageaxisscale"][1, 0].ravel())
    assert found.attrs["title"] == "P_A32_006_Spec.Data 1"


AXIS = np.array([100.5, 200.25, 300.125, 400.0])


def write_graph(folder, spectra, header, *, stem="map (Y-Axis)"):
    prefix, suffix = stem.split("Y-Axis")
    text = "//Exported ASCII-File\r\n[Header]\r\n" + "".join(f"{k} = {v}\r\n" for k, v in header.items())
    (folder / f"{prefix}Header{suffix}.txt").write_bytes(text.encode("latin-1"))
    (folder / f"{prefix}X-Axis{suffix}.txt").write_text("".join(f" {x:.5E}\n" for x in AXIS))
    (folder / f"{prefix}Y-Axis{suffix}.txt").write_text("".join(f" {y:.5E}\n" for y in spectra.ravel()))


def graph_header(width, height, **more):
    size = {"FileName": "F:\\x.wip", "GraphName": "Map_1", "SizeX": width, "SizeY": height, "SizeGraph": 4}
    return size | more | {"DataUnit": "CCD cts"}


SCAN = {"ScanUnit": "µm", "ScanWidth": 6, "ScanHeight": "5,0", "ScanOriginX": 10.5, "ScanOriginY": -2, "ScanOriginZ": 0}


@pytest.mark.parametrize("stem", ["map (Y-Axis)", "map_Y-Axis"])
@pytest.mark.parametrize("part", ["Header", "X-Axis", "Y-Axis"])
def test_graph_export_opens_by_any_of_its_files(tmp_path, part, stem):
    spectra = np.arange(6.0)[:, None] * 100 + np.arange(4) + 1
    write_graph(tmp_path, spectra, graph_header(3, 2, **SCAN, XAxisUnit="rel. 1/cm"), stem=stem)
    found = read_map(tmp_path / f"{stem.replace('Y-Axis', part)}.txt")
    assert found.dims == ("y", "x", "wavenumber") and found.attrs["title"] == "Map_1"
    np.testing.assert_allclose(found.values.reshape(6, 4), spectra)
    np.testing.assert_allclose(found.x, [10.5, 12.5, 14.5])
    np.testing.assert_allclose(found.y, [-2, 0.5])
    np.testing.assert_allclose(found.wavenumber, AXIS)
    assert found.attrs["units"] == "counts" and found.x.attrs["units"] == "um"


def test_graph_export_in_other_forms(tmp_path):
    spectra = np.arange(1.0, 25.0).reshape(6, 4)
    cases = (
        (graph_header(3, 2), ("y", "x"), "pixel"),
        (graph_header(6, 1), ("spectrum",), None),
        (graph_header(6, 1, **SCAN), ("distance",), "um"),
    )
    for header, dims, units in cases:
        write_graph(tmp_path, spectra, header)
        found = read_map(tmp_path / "map (Header).txt")
        assert found.dims == (*dims, "wavenumber")
        assert units is None or found[found.dims[-2]].attrs["units"] == units
    spectra[4:] = 0
    write_graph(tmp_path, spectra, graph_header(3, 2))
    assert read_map(tmp_path / "map (Header).txt").attrs["missing_spectra"] == 2


def test_graph_export_that_does_not_fit(tmp_path):
    write_graph(tmp_path, np.ones((5, 4)), graph_header(3, 2))
    with pytest.raises(InputError, match="5 spectra of 4 channels, expected 6"):
        read_map(tmp_path / "map (Header).txt")
    write_graph(tmp_path, np.ones((6, 4)), graph_header(3, 2, XAxisUnit="nm"))
    with pytest.raises(InputError, match="no laser wavelength"):
        read_map(tmp_path / "map (Header).txt")
    (tmp_path / "map (X-Axis).txt").unlink()
    with pytest.raises(InputError, match=r"map \(X-Axis\).txt.*add the missing file"):
        read_map(tmp_path / "map (Header).txt")


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("units", [True, False])
def test_table_export(tmp_path, labels, units):
    spectra = np.arange(6.0)[:, None] * 100 + np.arange(4) + 1
    names = [f"Map_000_Spec.Data 1_F({n % 3}/{n // 3})" for n in range(6)]
    lines = (["\t".join(["X-Axis", *names])] if labels else []) + (
        ["\t".join(["rel. 1/cm"] + ["CCD cts"] * 6)] if units else []
    )
    lines += ["\t".join(f" {v:.5E}" for v in [x, *spectra[:, i]]) for i, x in enumerate(AXIS)]
    (tmp_path / "table.txt").write_text("\n".join(lines) + "\n")
    found = read_map(tmp_path / "table.txt")
    assert found.dims == (("y", "x", "wavenumber") if labels else ("spectrum", "wavenumber"))
    np.testing.assert_allclose(found.values.reshape(6, 4), spectra)
    np.testing.assert_allclose(found.wavenumber, AXIS)
    assert found.attrs["units"] == ("counts" if units else "a.u.")
    if labels:
        assert found.shape == (2, 3, 4) and found.attrs["title"] == "Map_000_Spec.Data 1_F"


def test_table_of_a_time_series_and_of_wavelengths(tmp_path):
    head = "X-Axis\tSeries(0)\tSeries(1)\nnm\tCCD cts\tCCD cts\n"
    body = "".join(f"{x}\t{i}\t{i + 5}\n" for i, x in enumerate(AXIS))
    (tmp_path / "series.txt").write_text(head.replace("nm", "rel. 1/cm") + body)
    found = read_map(tmp_path / "series.txt")
    assert found.dims == ("spectrum", "wavenumber") and found.values[1].tolist() == [5, 6, 7, 8]
    (tmp_path / "nm.txt").write_text(head + body)
    with pytest.raises(InputError, match="no laser wavelength"):
        read_map(tmp_path / "nm.txt")


def test_table_under_a_header(tmp_path):
    spectra = np.arange(6.0)[:, None] * 100 + np.arange(4) + 1
    text = "//Exported ASCII-File\n[Header]\n" + "".join(f"{k} = {v}\n" for k, v in graph_header(3, 2, **SCAN).items())
    text += "".join("\t".join(f" {v:.5E}" for v in [x, *spectra[:, i]]) + "\n" for i, x in enumerate(AXIS))
    (tmp_path / "table.txt").write_text(text, encoding="latin-1")
    found = read_map(tmp_path / "table.txt")
    assert found.dims == ("y", "x", "wavenumber") and found.attrs["title"] == "Map_1"
    np.testing.assert_allclose(found.values.reshape(6, 4), spectra)
    np.testing.assert_allclose(found.x, [10.5, 12.5, 14.5])
    (tmp_path / "table.txt").write_text(text.replace("SizeX = 3", "SizeX = 4"), encoding="latin-1")
    with pytest.raises(InputError, match="6 columns of spectra, expected the 4 x 2"):
        read_map(tmp_path / "table.txt")


@pytest.mark.parametrize("count", [1, 3])
def test_truematch_export(tmp_path, count):
    nanometres = 1 / (1 / 532.0 - AXIS * 1e-7)
    text = "[WITEC_TRUEMATCH_ASCII_HEADER]\nVersion = 2.0\n\n[XData]\n" + "".join(f"{x:.9f}\n" for x in nanometres)
    for number in range(count):
        text += f"\n[SpectrumHeader]\nTitle = spot {number}\nExcitationWavelength = 532.0\nXDataKind = nm\n"
        text += "\n[SpectrumData]\n" + "".join(f"{10 * number + i}\n" for i in range(4))
    (tmp_path / "match.txt").write_text(text, encoding="utf-8")
    found = read_map(tmp_path / "match.txt")
    assert found.dims == (("wavenumber",) if count == 1 else ("spectrum", "wavenumber"))
    np.testing.assert_allclose(found.wavenumber, AXIS, atol=1e-4)
    np.testing.assert_array_equal(found.values.reshape(count, 4), 10 * np.arange(count)[:, None] + np.arange(4))
    (tmp_path / "match.txt").write_text(text[:-3], encoding="utf-8")
    with pytest.raises(InputError, match="whole spectra"):
        read_map(tmp_path / "match.txt")
