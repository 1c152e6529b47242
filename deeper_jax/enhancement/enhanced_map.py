"""The data set that `deeper_jax.enhance` answers with: values, uncertainty, marks, and how they came about."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from deeper_jax.enhancement.cosmic_rays import CosmicRays
from deeper_jax.enhancement.map_denoiser import Estimate
from deeper_jax.version import __version__


def enhanced_map(
    data: Any,
    present: np.ndarray,
    measured: np.ndarray,
    estimate: Estimate,
    flagged: np.ndarray,
    rays: CosmicRays,
    steps: Sequence[dict[str, Any]],
) -> Any:
    """An `xarray.Dataset` on the grid of the measured map, NaN where no spectrum was measured.

    Args:
        data: the measured map, an `xarray.DataArray` [..., L].
        present: [...], which spectra were measured, P of them.
        measured: these, [P, L].
        estimate: of these.
        flagged: [P, L], where measured and estimate differ by more than noise, or would.
        rays: cosmic rays in them.
        steps: what was done, one dictionary with a `name` each; kept as a JSON string.
    """
    import xarray

    dtype = np.float32 if data.dtype == np.float32 else np.float64

    def on_grid(values: np.ndarray, empty: Any = np.nan) -> np.ndarray:
        grid = np.full(data.shape, empty, bool if values.dtype == bool else dtype)
        grid[present] = values
        return grid

    unit = data.attrs.get("units", "a.u.")
    marks = on_grid(flagged, False)
    flags = {"long_name": "more than noise was taken away there, or would have been"}
    spectra_flagged = int(flagged.any(1).sum())
    settings = {name: value for step in steps for name, value in step.items()}
    attrs = {
        "created_by": f"deeper_jax {__version__}",
        "source_file": str(data.attrs.get("source_file", "")),
        "steps": json.dumps([*steps, {"name": "residual_check", "spectra_flagged": spectra_flagged}]),
        "spectra": len(flagged),
        "spectra_flagged": spectra_flagged,
        "spectra_with_cosmic_rays": settings["spectra_changed"],
        "spectra_with_suspected_cosmic_rays": settings["spectra_suspected"],
        "channels_dropped": settings["dropped"],
        "channels_kept_unchanged": settings["kept_unchanged"],
        "noise_rms": float(np.sqrt((estimate.noise**2).mean())),
        "uncertainty_rms": float(np.sqrt((estimate.std**2).mean())),
    }
    struck = on_grid(rays.removed | rays.suspected, False)
    variables = {
        "uncertainty": (on_grid(estimate.std), {"units": unit, "long_name": "standard deviation of the error"}),
        "measured": (on_grid(measured), {"units": unit, "long_name": "intensity as measured"}),
        "cosmic_ray": (struck, {"long_name": "removed as a cosmic ray, or suspected to be one"}),
        "cosmic_ray_removed": (on_grid(rays.removed, False), {"long_name": "removed as a cosmic ray"}),
        "flagged": (marks, flags),
    }
    return xarray.Dataset(
        {
            "intensity": data.copy(data=on_grid(estimate.spectra)).rename("intensity"),
            **{name: (data.dims, values, attributes) for name, (values, attributes) in variables.items()},
            "pixel_flagged": (data.dims[:-1], marks.any(-1), flags),
        },
        attrs=attrs,
    )


# Variables on the grid that was measured.
ON_MEASURED_GRID = ("measured", "cosmic_ray", "cosmic_ray_removed", "flagged", "pixel_flagged")
# Of what the spectra have in common, where something was found.
COMPONENTS = ("component_scores", "component_spectra")


def model_record(model: Any) -> dict[str, Any]:
    """What identifies a loaded model: its name, step, versions and network."""
    return {
        "name": str(model.record.get("source") or model.record.get("checkpoint", "")),
        "step": model.record.get("step"),
        "versions": model.record.get("versions"),
        "network": model.config.get("model"),
    }


def on_finer_grid(result: Any, intensity: np.ndarray, uncertainty: np.ndarray, grid: dict[str, np.ndarray]) -> Any:
    """The data set of an enhanced map made finer; what belongs to the measured grid stays on it, under other names.

    Args:
        result: the enhanced map, of dimensions y, x and wavenumber.
        intensity, uncertainty: [H, W, L] on the finer grid.
        grid: the finer coordinates of y and x, [H] and [W].

    Returns:
        The finer map, with the enhanced one as `denoised` and the marks, dimensions `y_measured` and `x_measured`.
    """
    import xarray

    image = result["intensity"]
    coordinates = {name: (name, values, image[name].attrs) for name, values in grid.items()}
    measured = result.rename({"y": "y_measured", "x": "x_measured"}).rename({"intensity": "denoised"})
    finer = xarray.Dataset(
        {
            "intensity": (image.dims, intensity.astype(image.dtype), image.attrs),
            "uncertainty": (image.dims, uncertainty.astype(image.dtype), result["uncertainty"].attrs),
        },
        {**coordinates, "wavenumber": image["wavenumber"]},
    )
    kept = ("denoised", *ON_MEASURED_GRID, *(name for name in COMPONENTS if name in measured))
    finer = finer.assign({name: measured[name] for name in kept})
    return finer.assign_attrs(result.attrs)
