"""Maps written and read back: nothing is lost, and other programs' readers find what belongs there."""

import json
import os

import h5py
import numpy as np
import pandas
import pytest
import scipy.io
import tifffile
import xarray as xr
from map_examples import ARRANGEMENTS, enhanced, raster, single_spectrum

from deeper_jax.errors import InputError
from deeper_jax.maps import writing
from deeper_jax.maps.reading import read_own
from deeper_jax.maps.registry import WRITTEN
from deeper_jax.maps.writing import check_writable, write_map

# One a format; .hdf5 and .nc are .h5, .tiff is .tif.
SUFFIXES = [".csv", ".h5", ".mat", ".npz", ".tif"]


def assert_same(found, expected):
    """Values to the bit, dtypes, dimensions in order, coordinates, attributes and their types, names."""
    assert list(found.data_vars) == list(expected.data_vars)
    assert set(found.coords) == set(expected.coords)
    assert dict(found.sizes) == dict(expected.sizes)
    for owner, other in [(found, expected), *((found[name], expected[name]) for name in expected.variables)]:
        assert owner.attrs == other.attrs
        assert [type(value) for value in owner.attrs.values()] == [
            type(value.item() if isinstance(value, np.generic) else value) for value in other.attrs.values()
        ]
    for name, variable in expected.variables.items():
        assert found[name].dims == variable.dims, name
        assert found[name].dtype == variable.dtype, name
        assert found[name].values.tobytes() == np.ascontiguousarray(variable.values).tobytes(), name


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_round_trip_loses_nothing(arrangement, suffix, tmp_path):
    data = ARRANGEMENTS[arrangement]()
    dataset = data if isinstance(data, xr.Dataset) else data.to_dataset()
    before = dataset.copy(deep=True)
    write_map(data, tmp_path / f"map{suffix}")
    assert dataset.identical(before)
    once = read_own(tmp_path / f"map{suffix}")
    assert_same(once, dataset)
    if isinstance(data, xr.DataArray):
        assert once[data.name].identical(data)
    write_map(once, tmp_path / f"again{suffix}")
    assert_same(read_own(tmp_path / f"again{suffix}"), dataset)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize("suffix", [".h5", ".nc"])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_what_all_cores_pack_is_the_same(arrangement, suffix, tmp_path, monkeypatch):
    data = ARRANGEMENTS[arrangement]()
    dataset = data if isinstance(data, xr.Dataset) else data.to_dataset()
    write_map(data, tmp_path / f"one{suffix}")
    monkeypatch.setattr(writing, "_WORTH_ALL_CORES", 100)
    first = next(iter(dataset.data_vars.values()))
    packed = writing._large(dataset)
    assert (str(first.name) in packed) == (first.ndim > 1 and first.size >= 100 and first.dtype in writing._IN_PIECES)
    before = dataset.copy(deep=True)
    write_map(data, tmp_path / f"all{suffix}")
    assert dataset.identical(before)
    assert_same(read_own(tmp_path / f"all{suffix}"), dataset)
    with xr.open_dataset(tmp_path / f"one{suffix}") as one, xr.open_dataset(tmp_path / f"all{suffix}") as every:
        assert every.identical(one)
    with pytest.raises(InputError, match="existing file"):
        write_map(data, tmp_path / f"all{suffix}")
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


class Broken:
    """A format whose writer does something else."""

    def __init__(self, write):
        self.write_own = write


def test_every_ending_is_tried():
    assert {WRITTEN[suffix] for suffix in SUFFIXES} == set(WRITTEN.values())
    assert set(WRITTEN) == {*SUFFIXES, ".hdf5", ".nc", ".tiff"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_long_metadata_and_nameless_arrays(suffix, tmp_path):
    data = raster().rename(None).assign_attrs(metadata="é" * 200_000)
    write_map(data, tmp_path / f"map{suffix}")
    assert read_own(tmp_path / f"map{suffix}")["intensity"].identical(data.rename("intensity"))


@pytest.mark.parametrize("source", SUFFIXES)
def test_from_any_format_to_any_other(source, tmp_path):
    write_map(enhanced(), tmp_path / f"first{source}")
    read = read_own(tmp_path / f"first{source}")
    for suffix in SUFFIXES:
        write_map(read, tmp_path / f"second{suffix}", overwrite=True)
        assert_same(read_own(tmp_path / f"second{suffix}"), enhanced())


def test_h5py_and_plain_xarray_read_the_hdf5_file(tmp_path):
    data = enhanced()
    write_map(data, tmp_path / "map.h5")
    with h5py.File(tmp_path / "map.h5") as file:
        assert file["intensity"].compression == "gzip"
        np.testing.assert_array_equal(file["intensity"][()], data["intensity"].values)
        np.testing.assert_array_equal(file["x_stage"][()], data["x_stage"].values)
        assert file["intensity"].dims[2][0].name == "/wavenumber"
        assert file["intensity"].attrs["instrument"] == "Example µ-Raman"
        assert file["wavenumber"].attrs["units"] in ("cm-1", b"cm-1")
        assert file.attrs["model"] == "default"
    with xr.open_dataset(tmp_path / "map.h5", engine="h5netcdf") as plain:
        del plain.attrs["map_description"]
        assert plain.identical(data)


def test_a_file_changed_in_xarray_is_still_read(tmp_path):
    write_map(enhanced(), tmp_path / "map.nc")
    with xr.open_dataset(tmp_path / "map.nc", engine="h5netcdf") as plain:
        changed = plain.load().drop_vars("flagged").assign(more=("x", [1, 2, 3]))
    changed.to_netcdf(tmp_path / "changed.nc", engine="h5netcdf")
    assert list(read_own(tmp_path / "changed.nc").data_vars) == list(changed.data_vars)


def test_numpy_reads_the_npz_file(tmp_path):
    data = enhanced()
    write_map(data, tmp_path / "map.npz")
    with np.load(tmp_path / "map.npz", allow_pickle=False) as file:
        assert set(file.files) == {*data.variables, "map_description"}
        for name, variable in data.variables.items():
            np.testing.assert_array_equal(file[name], variable.values, strict=True)
        assert json.loads(str(file["map_description"]))["variables"]["x"]["attrs"]["units"] == "um"


def test_scipy_reads_the_mat_file(tmp_path):
    data = enhanced()
    data.attrs["1 name, which is much too long and holds signs that MATLAB has not: µ, %"] = 1
    write_map(data, tmp_path / "map.mat")
    content = scipy.io.loadmat(tmp_path / "map.mat", simplify_cells=True)
    for name in ("intensity", "uncertainty", "flagged", "wavenumber", "x", "y", "x_stage"):
        np.testing.assert_array_equal(content[name], data[name].values)
    assert scipy.io.loadmat(tmp_path / "map.mat")["wavenumber"].shape == (7, 1)
    assert dict((name, kind) for name, _, kind in scipy.io.whosmat(tmp_path / "map.mat"))["flagged"] == "logical"
    attrs = content["attrs"]
    assert attrs["intensity"]["laser_wavelength__nm_"] == 532.1
    assert attrs["wavenumber"]["units"] == "cm-1"
    assert attrs["dataset"]["seconds"] == 1.25
    assert content["dims"]["intensity"] == "y x wavenumber"
    names = [*content, *(key for struct in attrs.values() for key in struct)]
    assert all(name.isidentifier() and len(name) <= 63 for name in names)


def test_pandas_reads_the_table(tmp_path):
    data = raster()
    write_map(data, tmp_path / "map.csv")
    table = pandas.read_csv(tmp_path / "map.csv", comment="#", float_precision="round_trip")
    assert list(table.columns[:2]) == ["x", "y"]
    assert [float(name) for name in table.columns[2:]] == data["wavenumber"].values.tolist()
    y, x = np.meshgrid(data["y"], data["x"], indexing="ij")
    np.testing.assert_array_equal(table["x"], x.ravel())
    np.testing.assert_array_equal(table["y"], y.ravel())
    np.testing.assert_array_equal(table.iloc[:, 2:].to_numpy().astype(np.float32), data.values.reshape(12, 7))
    cells = [line.split(",")[2:] for line in (tmp_path / "map.csv").read_text().splitlines() if line[0] != "#"]
    assert max(len(cell) for row in cells[1:] for cell in row) <= len("-1.23456789e-38")


def test_further_variables_of_a_table_lie_beside_it(tmp_path):
    data = enhanced()
    write_map(data, tmp_path / "map.csv")
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"map.csv", *(f"map.{name}.csv" for name in list(data.data_vars)[1:])}
    flags = pandas.read_csv(tmp_path / "map.pixel_flagged.csv", comment="#")
    assert list(flags.columns) == ["x", "y", "x_stage", "y_stage", "pixel_flagged"]
    np.testing.assert_array_equal(flags["pixel_flagged"], data["pixel_flagged"].values.ravel())
    assert read_own(tmp_path / "map.pixel_flagged.csv")["pixel_flagged"].identical(data["pixel_flagged"])
    (tmp_path / "map.shifts.csv").unlink()
    with pytest.raises(InputError, match="map.shifts.csv: found no such file"):
        read_own(tmp_path / "map.csv")
    write_map(raster().to_dataset().assign(shifts=("x", [1, 2, 3])), tmp_path / "other.csv")
    os.replace(tmp_path / "other.shifts.csv", tmp_path / "map.shifts.csv")
    with pytest.raises(InputError, match="another writing"):
        read_own(tmp_path / "map.csv")


def test_a_table_never_covers_another_file_unasked(tmp_path):
    (tmp_path / "map.flagged.csv").write_text("precious")
    with pytest.raises(InputError, match="map.flagged.csv: found an existing file"):
        write_map(enhanced(), tmp_path / "map.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["map.flagged.csv"]
    write_map(enhanced(), tmp_path / "map.csv", overwrite=True)
    assert_same(read_own(tmp_path / "map.csv"), enhanced())


def test_tifffile_finds_channels_and_pixel_size(tmp_path):
    data = enhanced()
    write_map(data, tmp_path / "map.ome.tif")
    with tifffile.TiffFile(tmp_path / "map.ome.tif") as file:
        assert file.is_ome
        names = ["intensity", "uncertainty", "flagged", "pixel_flagged", "measured", "shifts", "noise"]
        assert [series.name for series in file.series] == [*names, "x_stage", "y_stage"]
        series = file.series[0]
        assert series.axes == "CYX" and series.dtype == np.float64
        np.testing.assert_array_equal(series.asarray(), np.moveaxis(data["intensity"].values, -1, 0))
        pixels = [image["Pixels"] for image in tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]]
        tags = file.pages[0].tags
        width, height = (tags[name].value[0] / tags[name].value[1] for name in ("XResolution", "YResolution"))
    assert pixels[0]["Type"] == "double" and pixels[0]["SizeC"] == 7
    assert pixels[0]["PhysicalSizeX"] == pytest.approx(1 / 3) and pixels[0]["PhysicalSizeXUnit"] == "µm"
    assert pixels[0]["PhysicalSizeY"] == 0.5
    assert pixels[4]["PhysicalSizeY"] == 0.1
    assert pixels[0]["Channel"][0]["Name"] == f"{data['wavenumber'].values[0]} cm⁻¹"
    assert tags["ResolutionUnit"].value == 3
    assert width == pytest.approx(3e4, rel=1e-6) and height == pytest.approx(2e4)


def test_a_tiff_whose_images_lie_in_other_files_is_refused(tmp_path):
    write_map(raster(), tmp_path / "map.tif")
    write_map(raster() + 1, tmp_path / "secret.tif")
    with tifffile.TiffFile(tmp_path / "secret.tif") as file:
        described, uuid = file.ome_metadata, tifffile.xml2dict(file.ome_metadata)["OME"]["UUID"]
    elsewhere = f'<TiffData IFD="0" PlaneCount="7"><UUID FileName="secret.tif">{uuid}</UUID></TiffData>'
    described = described.replace('<TiffData IFD="0" PlaneCount="7"/>', elsewhere).replace(uuid, "urn:uuid:own", 1)
    tifffile.tiffcomment(tmp_path / "map.tif", described.encode())
    with pytest.raises(InputError, match="map.tif: found images whose data lie in other files"):
        read_own(tmp_path / "map.tif")


@pytest.mark.parametrize(
    ("arrangement", "sizes"),
    [
        ("stack_in_depth", {"X": 3, "Y": 4, "C": 7, "Z": 2}),
        ("stack_in_time", {"X": 3, "Y": 4, "C": 7, "T": 2}),
        ("line_scan", {"X": 6, "C": 7}),
        ("depth_series", {"X": 4, "C": 7}),
        ("single_spectrum", {"C": 7}),
    ],
)
def test_axes_of_tiff_files(arrangement, sizes, tmp_path):
    data = ARRANGEMENTS[arrangement]()
    write_map(data, tmp_path / "map.tif")
    with tifffile.TiffFile(tmp_path / "map.tif") as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert {axis: pixels[f"Size{axis}"] for axis in "XYCZT"} == dict.fromkeys("XYCZT", 1) | sizes
        pages = np.stack([page.asarray() for page in file.pages])
    if arrangement.startswith("stack"):
        # Pages run through the channels first, then through the stack.
        assert pixels["DimensionOrder"].index("C") < pixels["DimensionOrder"].index(list(sizes)[-1])
        np.testing.assert_array_equal(pages.reshape(2, 7, 4, 3), np.moveaxis(data.values, -1, 1))
        assert pixels.get("PhysicalSizeZ") == (2.5 if "Z" in sizes else None)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_not_ours_is_left_to_others(suffix, tmp_path):
    path = tmp_path / f"map{suffix}"
    for content in (b"", b"\n", b"# x,y\n1,2\n", b"\x89PNG\r\n", b"\x00\xff" * 500):
        path.write_bytes(content)
        assert read_own(path) is None
    path.unlink()
    foreign = {
        "h5": lambda: h5py.File(path, "w").create_dataset("map_description", data=1).file.close(),
        "npz": lambda: np.savez(path, map_description=np.array("{}")),
        "mat": lambda: scipy.io.savemat(path, {"map_description": "{}"}),
        "csv": lambda: path.write_text("x,y,600.0\n0,0,1\n"),
        "tif": lambda: tifffile.imwrite(path, np.zeros((3, 4, 5), np.float32)),
    }
    foreign[suffix[1:]]()
    assert read_own(path) is None


def test_other_endings_and_missing_files(tmp_path):
    (tmp_path / "map.wdf").write_bytes(b"WDF1")
    assert read_own(tmp_path / "map.wdf") is None
    with pytest.raises(InputError, match=r"map\.csv: no such file"):
        read_own(tmp_path / "map.csv")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files_of_ours(suffix, tmp_path):
    path = tmp_path / f"map{suffix}"
    write_map(enhanced(), path)
    whole = path.read_bytes()
    told = 0
    for share in (0.3, 0.6, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        try:
            assert read_own(path) is None
        except InputError as error:
            told += 1
            assert str(error).startswith(str(path))
    # A .zip directory or HDF5's length is at the end or checked first: cut short, they are nobody's.
    assert told or suffix in (".npz", ".h5")


def test_a_later_version_is_told(tmp_path):
    write_map(raster(), tmp_path / "map.csv")
    text = (tmp_path / "map.csv").read_text()
    (tmp_path / "map.csv").write_text(text.replace('"version": 1', '"version": 2', 1))
    with pytest.raises(InputError, match="version 2"):
        read_own(tmp_path / "map.csv")


def test_check_writable(tmp_path):
    check_writable(tmp_path / "map.H5")
    with pytest.raises(InputError, match=r"'\.png', expected one of \.h5, .*\.tiff"):
        check_writable(tmp_path / "map.png")
    with pytest.raises(InputError, match="no folder"):
        check_writable(tmp_path / "none" / "map.h5")
    (tmp_path / "map.h5").write_text("precious")
    with pytest.raises(InputError, match="existing file"):
        check_writable(tmp_path / "map.h5")
    with pytest.raises(InputError, match="existing file"):
        write_map(raster(), tmp_path / "map.h5")
    assert (tmp_path / "map.h5").read_text() == "precious"
    check_writable(tmp_path / "map.h5", overwrite=True)
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(InputError, match="found a folder"):
        check_writable(tmp_path / "folder.h5", overwrite=True)
    (tmp_path / "new.flagged.csv").write_text("precious")
    check_writable(tmp_path / "new.csv")
    with pytest.raises(InputError, match="new.flagged.csv"):
        check_writable(tmp_path / "new.csv", further_variables=["flagged"])
    check_writable(tmp_path / "new.h5", further_variables=["flagged"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (raster().assign_attrs(laser={"nm": 532}), "'laser' of type dict"),
        (raster().assign_attrs(live=True), "'live' of type bool"),
        (raster().assign_attrs(big=2**63), "'big' of type int"),
        (raster().assign_attrs(coordinates="x y"), "named 'coordinates', which files use"),
        (raster().assign_attrs(NAME="cell"), "named 'NAME', which files use"),
        (raster().assign_attrs(title="cell\0"), "no Unicode or has zeros"),
        (raster().assign_coords(label=("x", ["a", "b", "\udc80"])), "label: found the text"),
        (raster().astype(complex), "complex128"),
        (raster().assign_coords(y=np.array(["2024-01-01"] * 4, "M8[ns]")), "y: found values of dtype datetime64"),
        (raster().rename("a/b"), "name 'a/b'"),
        (raster().rename("attrs"), "name 'attrs'"),
        (raster()[:0], "empty array"),
        (xr.Dataset(), "no variable"),
    ],
)
def test_maps_of_another_form_are_refused(data, message, tmp_path):
    with pytest.raises(InputError, match=message):
        write_map(data, tmp_path / "map.h5")
    assert not list(tmp_path.iterdir())


def test_values_that_a_format_cannot_hold_are_refused_not_rounded(tmp_path):
    exact = xr.DataArray(np.array([2**53, -1, 2**31]), dims="wavenumber", name="intensity")
    write_map(exact, tmp_path / "map.tif")
    assert_same(read_own(tmp_path / "map.tif"), exact.to_dataset())
    with pytest.raises(InputError, match=r"cannot hold without loss; write a \.h5 file"):
        write_map(exact + 1, tmp_path / "other.tif")
    with pytest.raises(InputError, match="at most four"):
        write_map(xr.DataArray(np.ones([1] * 6), dims=[*"abcde", "wavenumber"]), tmp_path / "other.tif")
    monkeyed = xr.DataArray(np.broadcast_to(np.float64(1), (2**14, 2**14)), dims=("spectrum", "wavenumber"))
    with pytest.raises(InputError, match=r"2\.0 GB of 'intensity'.*\.h5"):
        write_map(monkeyed, tmp_path / "other.mat")
    assert [file.name for file in tmp_path.iterdir()] == ["map.tif"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failing_writing_leaves_the_old_file(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"map{suffix}"
    write_map(enhanced(), path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def fail(dataset, partial):
        partial.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setitem(WRITTEN, suffix, Broken(fail))
    with pytest.raises(InputError, match="No space left"):
        write_map(single_spectrum(), path, overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_killed_writing_leaves_no_half_file(tmp_path, monkeypatch):
    def die(dataset, partial):
        partial.write_bytes(b"half")
        os._exit(9)

    monkeypatch.setitem(WRITTEN, ".h5", Broken(die))
    child = os.fork()
    if child == 0:
        try:
            write_map(raster(), tmp_path / "map.h5")
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert all(item.is_dir() and item.name.startswith(".map-") for item in tmp_path.iterdir())
    monkeypatch.undo()
    write_map(raster(), tmp_path / "map.h5")
    assert_same(read_own(tmp_path / "map.h5"), raster().to_dataset())


def test_files_have_ordinary_permissions(tmp_path):
    (tmp_path / "plain").touch()
    write_map(raster(), tmp_path / "map.npz")
    assert (tmp_path / "map.npz").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_narrow_floats_are_short_and_exact():
    from deeper_jax.maps.formats.csv import number_rows

    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    row = bits[np.isfinite(bits)]
    texts = next(number_rows(row[None]))
    np.testing.assert_array_equal(np.array([float(text) for text in texts]).astype(np.float32), row)
    assert max(map(len, texts)) <= len("-1.23456789e-38")
