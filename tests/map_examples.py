"""Maps of every arrangement, made up, for the tests of writing and reading."""

import json

import numpy as np
import xarray as xr

ATTRS = {
    "units": "counts",
    "instrument": "Example µ-Raman",
    "source_file": 'cell 1, "first".wdf',
    "title": '# one, two\n"three',
    "laser wavelength (nm)": 532.1,
    "accumulations": 3,
    "missing_spectra": np.int64(0),
    "metadata": json.dumps({"objective": "50×", "date": "2024-01-02", "nested": [1, None, {"a": "\x07"}]}),
    "empty": "",
}


def _um(values, dims):
    return (dims, values, {"units": "um", "long_name": "position"})


def _array(shape, dims, coords, dtype=np.float64, name="intensity"):
    generator = np.random.default_rng(len(shape))
    powers = 4 if np.dtype(dtype) == np.float16 else 30
    values = generator.normal(size=(*shape, 7)) * 10.0 ** generator.integers(-powers, powers, (*shape, 7))
    values = generator.integers(0, 4000, (*shape, 7)) if np.dtype(dtype).kind in "iu" else values
    # Steps that no short decimal tells.
    axis = 600 + np.cumsum(generator.random(7) + 0.1) * 10 / 3
    spectral = ("wavenumber", axis, {"units": "cm-1", "long_name": "Raman shift"})
    return xr.DataArray(
        values.astype(dtype),
        dims=(*dims, "wavenumber"),
        coords={"wavenumber": spectral, **coords},
        attrs=ATTRS,
        name=name,
    )


def single_spectrum():
    return _array((), (), {})


def spectrum_list():
    return _array((5,), ("spectrum",), {}, np.float32)


def labelled_spectra():
    label = ("spectrum", np.array(["a, b", "#2", 'say "x"', " ", "µm"]))
    return _array((5,), ("spectrum",), {"label": label}, np.uint16)


def line_scan():
    distance = np.linspace(0, 4, 6) / 3
    coords = {
        "distance": _um(distance, "distance"),
        "x": _um(distance * 0.6, "distance"),
        "y": _um(-distance * 0.8, "distance"),
        "z": _um(np.float32(0.1), ()),
    }
    return _array((6,), ("distance",), coords)


def depth_series():
    return _array((4,), ("z",), {"z": _um(-np.arange(4) * 0.7, "z")})


def time_series():
    return _array((4,), ("time",), {"time": ("time", np.arange(4) * 1.5, {"units": "s"})}, ">f4")


def _map_coords(height, width):
    return {"x": _um(10 - np.arange(width) / 3, "x"), "y": _um(-5 + np.arange(height) * 0.5, "y")}


def raster():
    return _array((4, 3), ("y", "x"), _map_coords(4, 3), np.float32)


def whole_counts():
    return _array((4, 3), ("y", "x"), _map_coords(4, 3), np.int64)


def interrupted():
    data = raster().astype(np.float64).assign_attrs(missing_spectra=5)
    data[2:, 1:] = np.nan
    data[0, 0, :3] = [np.inf, -np.inf, -0.0]
    return data


def rotated():
    y, x = np.mgrid[:4, :3] * 0.5
    stage = {
        "x_stage": _um(0.6 * x - 0.8 * y, ("y", "x")),
        "y_stage": _um((0.8 * x + 0.6 * y).astype("f4"), ("y", "x")),
    }
    return _array((4, 3), ("y", "x"), _map_coords(4, 3) | stage)


def stack_in_depth():
    return _array((2, 4, 3), ("z", "y", "x"), _map_coords(4, 3) | {"z": _um(np.arange(2) * 2.5, "z")}, np.float32)


def stack_in_time():
    return _array((2, 4, 3), ("time", "y", "x"), _map_coords(4, 3) | {"time": ("time", [0.0, 60.5], {"units": "s"})})


def other_name():
    """Another name, no axis, a pixel number along the spectrum, one row only."""
    data = _array((1, 3), ("y", "x"), {}, np.float16, name="counts").drop_vars("wavenumber")
    return data.assign_coords(channel=("wavenumber", np.arange(7)), exposure=0.25)


def enhanced():
    """What an enhancement leaves: several variables, some on fewer dimensions or on another grid."""
    intensity = rotated()
    generator = np.random.default_rng(0)
    flagged = generator.random(intensity.shape) > 0.7
    dataset = xr.Dataset(
        {
            "intensity": intensity,
            "uncertainty": (intensity.dims, generator.random(intensity.shape, np.float32), {"units": "counts"}),
            "flagged": (intensity.dims, flagged),
            "pixel_flagged": (("y", "x"), flagged.any(-1), {"long_name": "any channel flagged"}),
            "measured": (("y_measured", "x_measured", "wavenumber"), generator.random((2, 2, 7))),
            "shifts": ("wavenumber", np.arange(7) / 7),
            "noise": ((), 0.1),
        },
        coords={
            "x_measured": _um(np.array([0.0, 1 / 3]), "x_measured"),
            "y_measured": _um(np.array([0.0, 0.1]), "y_measured"),
            "band": _um(np.arange(3), "band"),
        },
        attrs={"model": "default", "seconds": 1.25, "settings": json.dumps({"a": [1, 2]}), "version": 2},
    )
    return dataset.transpose("wavenumber", ...).assign(intensity=intensity)


ARRANGEMENTS = {
    function.__name__: function
    for function in (
        single_spectrum,
        spectrum_list,
        labelled_spectra,
        line_scan,
        depth_series,
        time_series,
        raster,
        whole_counts,
        interrupted,
        rotated,
        stack_in_depth,
        stack_in_time,
        other_name,
        enhanced,
    )
}
