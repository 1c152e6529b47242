"""The data set that `deeper_jax.enhance` answers with: values, uncertainty, marks, and how they came about."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from deeper_jax.enhancement.map_denoiser import Estimate
from deeper_jax.version import __version__


def enhanced_map(
    data: Any, present: np.ndarray, estimate: Estimate, flagged: np.ndarray, steps: Sequence[dict[str, Any]]
) -> Any:
    """An `xarray.Dataset` on the grid of the measured map, NaN where no spectrum was measured.

    Args:
        data: the measured map, an `xarray.DataArray` [..., L].
        present: [...], which spectra were measured, P of them.
        estimate: of these.
        flagged: [P, L], where their residual is not noise.
        steps: what was done, one dictionary with a `name` each; kept as a JSON string.
    """
    import xarray

    dtype = np.float32 if data.dtype == np.float32 else np.float64
    values = np.full(data.shape, np.nan, dtype)
    std, marks = values.copy(), np.zeros(data.shape, bool)
    values[present], std[present], marks[present] = estimate.spectra, estimate.std, flagged
    unit = data.attrs.get("units", "a.u.")
    flags = {"long_name": "input less output is not noise there"}
    spectra_flagged = int(flagged.any(1).sum())
    settings = {name: value for step in steps for name, value in step.items()}
    attrs = {
        "created_by": f"deeper_jax {__version__}",
        "source_file": str(data.attrs.get("source_file", "")),
        "steps": json.dumps([*steps, {"name": "residual_check", "spectra_flagged": spectra_flagged}]),
        "spectra": len(flagged),
        "spectra_flagged": spectra_flagged,
        "spectra_with_cosmic_rays": settings["spectra_changed"],
        "channels_dropped": settings["dropped"],
        "channels_kept_unchanged": settings["kept_unchanged"],
        "noise_rms": float(np.sqrt((estimate.noise**2).mean())),
        "uncertainty_rms": float(np.sqrt((estimate.std**2).mean())),
    }
    return xarray.Dataset(
        {
            "intensity": data.copy(data=values).rename("intensity"),
            "uncertainty": (data.dims, std, {"units": unit, "long_name": "standard deviation of the error"}),
            "flagged": (data.dims, marks, flags),
            "pixel_flagged": (data.dims[:-1], marks.any(-1), flags),
        },
        attrs=attrs,
    )


def model_record(model: Any) -> dict[str, Any]:
    """What identifies a loaded model: its name, step, versions and network."""
    return {
        "name": str(model.record.get("source") or model.record.get("checkpoint", "")),
        "step": model.record.get("step"),
        "versions": model.record.get("versions"),
        "network": model.config.get("model"),
    }
