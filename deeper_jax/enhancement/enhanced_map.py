"""The data set that `deeper_jax.enhance` answers with: values, uncertainty, marks, and how they came about."""

import json
from typing import Any

import numpy as np

from deeper_jax.enhancement.map_denoiser import Estimate
from deeper_jax.spectra.noise import NoiseLaw
from deeper_jax.version import __version__


def enhanced_map(data: Any, present: np.ndarray, estimate: Estimate, flagged: np.ndarray) -> Any:
    """An `xarray.Dataset` on the grid of the measured map, NaN where no spectrum was measured.

    Args:
        data: the measured map, an `xarray.DataArray` [..., L].
        present: [...], which spectra were measured, P of them.
        estimate: of these.
        flagged: [P, L], where their residual is not noise.
    """
    import xarray

    dtype = np.float32 if data.dtype == np.float32 else np.float64
    values = np.full(data.shape, np.nan, dtype)
    deviation, marks = values.copy(), np.zeros(data.shape, bool)
    values[present], deviation[present], marks[present] = estimate.spectra, estimate.deviation, flagged
    unit = data.attrs.get("units", "a.u.")
    flags = {"long_name": "input less output is not noise there"}
    return xarray.Dataset(
        {
            "intensity": data.copy(data=values).rename("intensity"),
            "uncertainty": (data.dims, deviation, {"units": unit, "long_name": "standard deviation of the error"}),
            "flagged": (data.dims, marks, flags),
            "pixel_flagged": (data.dims[:-1], marks.any(-1), flags),
        }
    )


def provenance(
    data: Any,
    estimate: Estimate,
    flagged: np.ndarray,
    *,
    law: NoiseLaw,
    noise_given: bool,
    whole_map: bool,
    outside: str,
    dropped: int,
    kept_unchanged: int,
    struck: int,
) -> dict[str, Any]:
    """Attributes that say how an enhanced map was made: strings and numbers, `steps` a JSON string.

    Args:
        data: the measured map.
        estimate: of its P measured spectra.
        flagged: [P, L], where their residual is not noise.
        law: the noise of its spectra.
        noise_given: whether the user said how noisy it is.
        whole_map: whether pixels helped each other.
        outside: what was asked for the channels that the model does not cover.
        dropped: how many of these were left out.
        kept_unchanged: how many were passed through.
        struck: spectra in which cosmic rays were removed.
    """
    spectra_flagged = int(flagged.any(1).sum())
    steps = [
        {"name": "choose_channels", "outside": outside, "dropped": dropped, "kept_unchanged": kept_unchanged},
        {"name": "remove_cosmic_rays", "spectra_changed": struck},
        {"name": "given_noise" if noise_given else "estimate_noise", "gain": law.gain, "floor": law.floor},
        {"name": "denoise", "whole_map": whole_map},
        {"name": "residual_check", "spectra_flagged": spectra_flagged},
    ]
    return {
        "created_by": f"deeper_jax {__version__}",
        "source_file": str(data.attrs.get("source_file", "")),
        "steps": json.dumps(steps),
        "spectra": len(flagged),
        "spectra_flagged": spectra_flagged,
        "spectra_with_cosmic_rays": struck,
        "channels_dropped": dropped,
        "channels_kept_unchanged": kept_unchanged,
        "noise_rms": float(np.sqrt((estimate.noise**2).mean())),
        "uncertainty_rms": float(np.sqrt((estimate.deviation**2).mean())),
    }


def model_record(model: Any) -> dict[str, Any]:
    """What identifies a loaded model: its name, step, versions and network."""
    return {
        "name": str(model.record.get("source") or model.record.get("checkpoint", "")),
        "step": model.record.get("step"),
        "versions": model.record.get("versions"),
        "network": model.config.get("model"),
    }
