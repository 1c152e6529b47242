"""What the plugin gives napari, and which pixel a place is: values, positions and units. Needs no napari."""

import re

import numpy as np
import pytest
import xarray as xr
from map_examples import ARRANGEMENTS, line_scan, raster, single_spectrum, spectrum_list, stack_in_time
from paths import ROOT

from deeper_jax.enhancement.enhanced_map import on_finer_grid
from deeper_jax.maps import raman_map, write_map
from deeper_jax.maps.registry import FORMATS
from deeper_jax.napari_plugin.layers import band_layer, map_layers, result_layers
from deeper_jax.napari_plugin.picture import picture_of, upright
from deeper_jax.napari_plugin.pixel import middle_of, spectrum_at
from deeper_jax.napari_plugin.reader import get_reader, layers_of_file
from deeper_jax.spectra.raster import finer_coordinates


def enhanced_example(scale: int = 1) -> xr.Dataset:
    """As `enhance` answers, of made-up numbers; y rises and x falls."""
    data = raster()
    generator = np.random.default_rng(0)
    marks = {name: generator.random(data.shape) > 0.9 for name in ("cosmic_ray", "flagged")}
    result = xr.Dataset(
        {
            "intensity": data + 1,
            "uncertainty": abs(data),
            "measured": data.assign_attrs(units="counts"),
            **{name: (data.dims, values) for name, values in marks.items()},
            "cosmic_ray_removed": (data.dims, marks["cosmic_ray"]),
            "pixel_flagged": (data.dims[:-1], marks["flagged"].any(-1)),
        },
        attrs={"source_file": "cell.wdf"},
    )
    result["intensity"].attrs = data.attrs
    if scale == 1:
        return result
    grid = {name: finer_coordinates(data[name].values, scale, 1) for name in "yx"}
    fine = [generator.random((4 * scale, 3 * scale, 7)) for _ in range(2)]
    return on_finer_grid(result, *fine, grid)


def test_a_map_is_a_stack_where_it_lies():
    data = raster()  # x falls from 10 µm in thirds, y rises from -5 in halves
    ((values, settings, kind),) = map_layers(data)
    assert kind == "image" and values.shape == (7, 4, 3)
    np.testing.assert_array_equal(values, np.moveaxis(data.values[:, ::-1], -1, 0))
    assert np.shares_memory(values, data.values)
    axis = data["wavenumber"].values
    np.testing.assert_allclose(settings["scale"], ((axis[-1] - axis[0]) / 6, 0.5, 1 / 3))
    np.testing.assert_allclose(settings["translate"], (axis[0], -5, 10 - 2 / 3))
    assert settings["units"] == ("1/cm", "um", "um")
    assert settings["axis_labels"] == ("wavenumber", "y", "x")
    assert settings["metadata"]["measured"].identical(upright(data))
    assert settings["name"] == 'cell 1, "first"'


def test_stacks_and_what_is_no_map():
    ((values, settings, _),) = map_layers(stack_in_time())
    assert values.shape == (7, 2, 4, 3) and settings["units"] == ("1/cm", "s", "um", "um")
    assert settings["scale"][1] == 60.5
    for make, rows in ((spectrum_list, 5), (line_scan, 6), (single_spectrum, 1)):
        ((values, settings, _),) = map_layers(make())
        assert values.shape == (rows, 7) and settings["units"] == ("pixel", "pixel")
        np.testing.assert_array_equal(values, make().values.reshape(rows, 7))
    counted = raman_map(np.ones((2, 3, 7)), np.arange(7))
    assert map_layers(counted)[0][1]["units"] == ("1/cm", "pixel", "pixel")


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_every_pixel_is_found_where_it_is_shown(arrangement):
    data = ARRANGEMENTS[arrangement]()
    if not isinstance(data, xr.DataArray) or "wavenumber" not in data.coords:
        pytest.skip("no map with wavenumbers")
    ((values, settings, _),) = map_layers(data)
    shown = settings["metadata"]["measured"]
    for index in np.ndindex(values.shape):
        position = np.add(settings["translate"], np.multiply(settings["scale"], index))
        found = spectrum_at(settings["metadata"], (0.0, *position))  # a viewer may have more axes
        axis = 0 if values.ndim > 2 else 1
        assert picture_of(shown).channel_at(position, 7) == index[axis]
        assert np.isclose(found.measured[index[axis]], values[index], equal_nan=True)
    assert spectrum_at(settings["metadata"], middle_of(picture_of(shown))) is not None
    outside = np.subtract(settings["translate"], np.multiply(settings["scale"], 0.6))
    assert spectrum_at(settings["metadata"], outside) is None


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_layers_of_an_enhanced_map(scale):
    result = enhanced_example(scale)
    layers = {settings["name"]: (values, settings, kind) for values, settings, kind in result_layers(result)}
    assert list(layers) == ["cell", "cell uncertainty", "cell restored", "cell flagged", "cell cosmic rays"]
    shown = upright(result)
    for name, variable in (("cell restored", "intensity"), ("cell uncertainty", "uncertainty"), ("cell", "measured")):
        np.testing.assert_array_equal(layers[name][0], np.moveaxis(shown[variable].values, -1, 0))
    for name, variable in (("cell flagged", "flagged"), ("cell cosmic rays", "cosmic_ray")):
        values, settings, kind = layers[name]
        assert kind == "labels" and settings["scale"] == layers["cell"][1]["scale"][1:]
        assert settings["translate"] == layers["cell"][1]["translate"][1:]
        np.testing.assert_array_equal(values, shown[variable].values.any(-1))
    coarse, fine = layers["cell"][1], layers["cell restored"][1]
    np.testing.assert_allclose(np.multiply(fine["scale"][1:], scale), coarse["scale"][1:])
    np.testing.assert_allclose(fine["translate"][1:], (shown["y"][0], shown["x"][0]))
    assert fine["scale"][0] == coarse["scale"][0] and fine["translate"][0] == coarse["translate"][0]


@pytest.mark.parametrize("scale", [1, 2])
def test_the_spectrum_of_a_pixel_of_an_enhanced_map(scale):
    result = upright(enhanced_example(scale))
    layers = {settings["name"]: settings for _, settings, _ in result_layers(result)}
    metadata = layers["cell restored"]["metadata"]
    fine = picture_of(result["intensity"])
    for y, x in np.ndindex(*fine.shape):
        place = (0.0, result["y"].values[y], result["x"].values[x])
        found = spectrum_at(metadata, place)
        np.testing.assert_array_equal(found.restored, result["intensity"].values[y, x])
        np.testing.assert_array_equal(found.std, result["uncertainty"].values[y, x])
        measured = result["measured"]
        distances = [np.abs(measured[dim].values - at) for dim, at in zip(measured.dims[:2], place[1:], strict=True)]
        # Midway between two, either may stand for it.
        nearest = [np.flatnonzero(np.isclose(each, each.min())) for each in distances]
        rows = [(i, j) for i in nearest[0] for j in nearest[1]]
        assert any(np.array_equal(found.measured, measured.values[index]) for index in rows)
        assert found.unit == "counts" and "y = " in found.place


def test_a_layer_of_a_band_lies_on_the_pixels():
    data = upright(raster())
    values, settings, kind = band_layer(data.values[..., 0], picture_of(data), "band", {})
    assert kind == "image" and values.shape == (4, 3)
    np.testing.assert_allclose((*settings["scale"], *settings["translate"]), (0.5, 1 / 3, -5, 10 - 2 / 3))


def test_files_are_read_and_those_of_others_left_alone(tmp_path):
    write_map(raster(), tmp_path / "map.h5")
    write_map(enhanced_example(2), tmp_path / "enhanced.tif")
    assert get_reader(str(tmp_path / "map.h5")) is get_reader([str(tmp_path / "map.h5")])
    assert len(layers_of_file(tmp_path / "map.h5")) == 1
    assert [each[1]["name"].split()[-1] for each in layers_of_file(tmp_path / "enhanced.tif")][2] == "restored"
    (tmp_path / "photo.tif").write_bytes(b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")
    np.save(tmp_path / "image.npy", np.ones((3, 4, 7)))
    for name in ("photo.tif", "image.npy"):
        assert get_reader(str(tmp_path / name)) is None
    np.savetxt(tmp_path / "axis.txt", np.arange(600, 607))
    ((values, _, _),) = get_reader(str(tmp_path / "image.npy"))(str(tmp_path / "image.npy"))
    assert values.shape == (7, 3, 4)
    assert get_reader(str(tmp_path)) is None


def test_the_manifest_names_every_kind_of_file():
    text = (ROOT / "deeper_jax" / "napari_plugin" / "napari.yaml").read_text()
    patterns = set(re.findall(r'- "\*(\..*)"', text))
    wanted = {suffix for form in FORMATS for suffix in form.suffixes} - {".0"} | {".[0-9]"}
    assert wanted <= patterns
