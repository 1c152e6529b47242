"""What a map is, and what `enhance` would do with it, before anything is done."""

import json
from typing import Any

import numpy as np

from deeper_jax.enhancement.measured_map import inside, measured_spectra, resolution_of
from deeper_jax.enhancement.report.words import noise_law
from deeper_jax.errors import InputError
from deeper_jax.spectra.noise import NOISE_SAMPLE, estimate_noise, smooth_intensity


def describe_map(data: Any, model: Any) -> list[tuple[str, str]]:
    """(what, how) of a map, in the order in which a user would ask.

    Args:
        data: `xarray.DataArray` [..., wavenumber], as `deeper_jax.maps.read_map` gives.
        model: the loaded denoiser that would be used.

    Raises:
        InputError: the map holds no spectrum that can be used.
    """
    record = _record(data)
    measured = measured_spectra(data)
    count, places = len(measured), measured.present.size
    lowest, highest = measured.extremes()
    axis = np.asarray(data["wavenumber"], np.float64)
    unit = data.attrs.get("units", "a.u.")
    spectra = measured.sample(NOISE_SAMPLE)
    noise = estimate_noise(spectra)
    std = float(np.sqrt((noise.std(smooth_intensity(spectra)) ** 2).mean()))
    steps = np.abs(np.diff(axis))
    lines = [
        ("instrument", str(data.attrs.get("instrument", ""))),
        ("title", str(data.attrs.get("title", ""))),
        ("shape", _shape(data)),
        ("spectra", f"{count:,}" + (f", {places - count:,} places empty" * (count < places))),
        ("axis", f"{axis[0]:.1f} to {axis[-1]:.1f} cm⁻¹, steps of {steps.min():.2f} to {steps.max():.2f} cm⁻¹"),
        ("laser", f"{record['laser_nm']:g} nm" if isinstance(record.get("laser_nm"), int | float) else "not told"),
        ("exposure", _exposure(record)),
        *((f"coordinate {name}", _coordinate(data[name])) for name in map(str, data.coords) if name != "wavenumber"),
        ("intensity", f"{lowest:.4g} to {highest:.4g} {unit}"),
        ("noise", f"{std:.3g} {unit} (estimated; standard deviation, mean of all channels); {noise_law(noise, unit)}"),
    ]
    resolution = resolution_of(data)
    if resolution is not None:
        lines.append(("resolution", f"{resolution:g} cm⁻¹, as the file tells"))
    if data.attrs.get("notes"):
        lines.append(("notes", str(data.attrs["notes"])))
    return [line for line in lines if line[1]] + [("enhance would", _plan(data, model, count))]


def _record(data: Any) -> dict[str, Any]:
    try:
        record = json.loads(data.attrs.get("metadata", "{}"))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _shape(data: Any) -> str:
    sizes = [f"{size} ({name})" for name, size in data.sizes.items() if name != "wavenumber"]
    return " x ".join([*sizes, f"{data.sizes['wavenumber']} channels"])


def _exposure(record: dict[str, Any]) -> str:
    """The first setting that names an exposure: instruments call it differently."""
    for name, value in record.items():
        plain = name.lower().replace("_", " ")
        if any(word in plain for word in ("exposure", "acq. time", "integration time", "acquisition time")):
            return f"{value} ({name})"
    return "not told"


def _coordinate(values: Any) -> str:
    unit, numbers = values.attrs.get("units", "").replace("um", "µm"), values.values
    if numbers.dtype.kind not in "iuf":
        return f"{numbers.size} values"
    known = numbers[np.isfinite(numbers)]
    if not known.size:
        return "unknown"
    return f"{known.min():g} to {known.max():g} {unit}".strip() + ("" if numbers.ndim else " (one value)")


def _plan(data: Any, model: Any, spectra: int) -> str:
    try:
        inside(data, [model], "error", False)
    except InputError as error:
        return f"refuse: {error}"
    help_each_other = model.knows_uncertainty and spectra > 1
    how = "pixels helping each other" if help_each_other else "every spectrum by itself"
    return f"take out certain cosmic rays, and denoise {spectra:,} spectra with {model.title}, {how}"
