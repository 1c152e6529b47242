"""Preprocessing of spectra as a list of named steps that can be written beside the data.

A step is a plain dictionary with a `name` and parameters, for example
`{"name": "crop", "low": 498.0, "high": 1800.0}`. The published pipeline is `PUBLISHED_STEPS`: crop, cosmic
rays out, a background under the spectrum taken away (the authors used the "shape" filter of WITec's
software). Division by the maximum comes later, where a network takes the spectra (DeepeR, Methods).

Everything on the spectra is JAX and compiled, and works under `jax.jit` for concrete `wavenumbers` and steps.
"""

import functools
import inspect
import logging
import types
import typing
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from deeper_jax.errors import InputError

_log = logging.getLogger(__name__)

Array = jax.Array
Step = Mapping[str, typing.Any]

PUBLISHED_STEPS: tuple[dict[str, typing.Any], ...] = (
    {"name": "crop", "low": 498.0, "high": 1800.0},
    {"name": "remove_cosmic_rays"},
    {"name": "subtract_background", "method": "rolling_ball"},
)


# Chosen so that simulated and real pairs reach the published level of the noisy inputs (raw MSE near 0.057).
WIDTH = 200.0
SMOOTHING = 100.0
PRESMOOTHING = 3.5


def crop(spectra: Array, wavenumbers: np.ndarray, low: float, high: float) -> tuple[Array, np.ndarray]:
    """Keep the channels between two wavenumbers.

    Args:
        spectra: `[..., L]`.
        wavenumbers: `[L]`, cm^-1.
        low: smallest wavenumber kept, cm^-1, included.
        high: largest wavenumber kept, cm^-1, included.

    Returns:
        Spectra `[..., L']` and wavenumbers `[L']`.

    Raises:
        InputError: no channel lies in the range.
    """
    wavenumbers = np.asarray(wavenumbers)
    kept = np.flatnonzero((wavenumbers >= low) & (wavenumbers <= high))
    if kept.size == 0:
        raise InputError(
            f"Preprocessing step 'crop' keeps nothing: the range is {low} to {high} cm^-1 but the axis runs "
            f"from {wavenumbers.min():.1f} to {wavenumbers.max():.1f}; choose a range inside it."
        )
    return spectra[..., kept], wavenumbers[kept]


@functools.partial(jax.jit, static_argnames=("channels",))
def remove_cosmic_rays(spectra: Array, channels: int = 3, noise_factor: float = 8.0, height: float = 1.5) -> Array:
    """Replace spikes too narrow for a Raman band by the mean of the nearest channels outside on both sides.

    A spike is what a morphological opening removes (features of at most `channels` channels) and stands out
    both of the spectrum's noise and of the spectrum's own range, so that sharp bands stay untouched.

    Args:
        spectra: `[..., L]`.
        channels: width of the widest cosmic ray, channels.
        noise_factor: smallest height of a spike over the noise's standard deviation.
        height: smallest height of a spike over the range of the spectrum without spikes.

    Returns:
        The cleaned spectra, `[..., L]`; a spectrum too short to judge (under `2 channels + 3`) is unchanged.
    """
    length = spectra.shape[-1]
    if length < 2 * channels + 3:
        return spectra
    # An odd window so that the opening is symmetric; one channel more than the spike is enough.
    window = 2 * (channels // 2) + 3
    padded = _extend(spectra, window, channels)
    opened = moving_maximum(moving_minimum(padded, window), window)[..., window:-window]
    excess = spectra - opened
    noise = _noise_level(spectra)
    span = opened.max(-1, keepdims=True) - opened.min(-1, keepdims=True)
    spike = excess > jnp.maximum(noise_factor * noise, height * span)
    # The flanks of a spike are lower than the spike but still wrong.
    beside = moving_maximum(spike.astype(spectra.dtype), 2 * channels - 1) > 0
    spike = spike | (beside & (excess > 5.0 * noise))
    edges = [(0, 0)] * (spectra.ndim - 1) + [(window, window)]
    spoiled = jnp.pad(spike, edges)
    reach = 4 * channels
    before = _fill_from_before(padded, spoiled, reach)
    after = _fill_from_before(padded[..., ::-1], spoiled[..., ::-1], reach)[..., ::-1]
    return jnp.where(spike, 0.5 * (before + after)[..., window:-window], spectra)


@functools.partial(jax.jit, static_argnames=("window", "smoothing", "presmoothing"))
def lower_envelope(spectra: Array, window: int, smoothing: int = 0, presmoothing: float = 0.0) -> Array:
    """Return a background that lies under the spectra: a morphological opening, smoothed (rolling ball).

    On a noisy spectrum it follows the lower edge of the noise, as the filter of the published pipeline does,
    so that what is left stands on a pedestal.

    Args:
        spectra: `[..., L]`.
        window: width of the structuring element, an odd number of channels.
        smoothing: width of a moving average of the envelope, an odd number of channels; 0 for none.
        presmoothing: standard deviation, in channels, of a Gaussian smoothing of the spectrum before the
            opening; 0 for none. The stronger it is, the lower the pedestal.

    Returns:
        The background, `[..., L]`.
    """
    smooth = gaussian_smooth(spectra, presmoothing) if presmoothing > 0 else spectra
    envelope = moving_maximum(moving_minimum(smooth, window), window)
    return moving_mean(envelope, smoothing) if smoothing > 1 else envelope


def subtract_background(
    spectra: Array,
    wavenumbers: np.ndarray,
    method: str = "rolling_ball",
    width: float = WIDTH,
    smoothing: float = SMOOTHING,
    presmoothing: float = PRESMOOTHING,
) -> tuple[Array, np.ndarray]:
    """Subtract `lower_envelope`, with all widths in cm^-1 (converted by the axis' mean step).

    Args:
        spectra: `[..., L]`.
        wavenumbers: `[L]`, cm^-1.
        method: "rolling_ball"; or "minimum", which takes away each spectrum's own minimum only.
        width: width of the structuring element, cm^-1: wider than the broadest band to keep.
        smoothing: width of the envelope's moving average, cm^-1; 0 for none.
        presmoothing: full width at half maximum of the Gaussian smoothing before the opening, cm^-1.

    Returns:
        Spectra without background, `[..., L]`, and the wavenumbers.
    """
    if method == "minimum":
        return spectra - spectra.min(-1, keepdims=True), wavenumbers
    window, after = _odd_channels(width, wavenumbers), _odd_channels(smoothing, wavenumbers)
    # A Gaussian's full width at half maximum is 2.355 standard deviations.
    sigma = presmoothing / 2.355 / _mean_step(wavenumbers)
    return spectra - lower_envelope(spectra, window, after, sigma), wavenumbers


@functools.partial(jax.jit, static_argnames=("by",))
def normalise(spectra: Array, by: str = "max") -> Array:
    """Scale spectra; one that is zero everywhere (or constant, for "range") becomes zero, never NaN.

    Args:
        spectra: `[..., L]`.
        by: "max", each spectrum over its own maximum (DeepeR); "range", each to [0, 1]; "area", each over the
            sum of its absolute values; "global_max", all over their common maximum (an image, DeepeR's
            super-resolution).

    Returns:
        Scaled spectra, `[..., L]`.
    """
    if by == "range":
        spectra = spectra - spectra.min(-1, keepdims=True)
    if by == "area":
        size = jnp.abs(spectra).sum(-1, keepdims=True)
    elif by == "global_max":
        size = spectra.max()
    elif by in ("max", "range"):
        size = spectra.max(-1, keepdims=True)
    else:
        raise InputError(f"Normalisation is by {by!r}: expected one of {', '.join(NORMALISATIONS)}.")
    return jnp.where(size > 0, spectra / jnp.where(size > 0, size, 1.0), 0.0)


NORMALISATIONS = ("max", "range", "area", "global_max")


@functools.partial(jax.jit, static_argnames=("window",))
def moving_minimum(values: Array, window: int) -> Array:
    """Minimum over an odd, centred window along the last axis, cut at the ends."""
    return -moving_maximum(-values, window)


@functools.partial(jax.jit, static_argnames=("window",))
def moving_maximum(values: Array, window: int) -> Array:
    """Maximum over an odd, centred window along the last axis, cut at the ends.

    The window is doubled until it fits, so the work grows with the logarithm of its width.
    """
    length = values.shape[-1]
    half = min(window // 2, length - 1)
    window = 2 * half + 1
    padding = [(0, 0)] * (values.ndim - 1) + [(half, half)]
    result = jnp.pad(values, padding, constant_values=-jnp.inf)
    covered = 1
    while covered < window:
        step = min(covered, window - covered)
        result = jnp.maximum(result[..., :-step], result[..., step:])
        covered += step
    return result


@functools.partial(jax.jit, static_argnames=("window",))
def moving_mean(values: Array, window: int) -> Array:
    """Mean over an odd, centred window along the last axis; the values are mirrored at the ends."""
    return _filter(values, np.ones(2 * (window // 2) + 1))


@functools.partial(jax.jit, static_argnames=("sigma",))
def gaussian_smooth(values: Array, sigma: float) -> Array:
    """Gaussian smoothing along the last axis, `sigma` in channels; the values are mirrored at the ends."""
    radius = int(4.0 * sigma + 0.5)
    return _filter(values, np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2))


def _filter(values: Array, weights: np.ndarray) -> Array:
    """Weighted mean over a centred window as a product with a matrix: running sums lose digits in float32."""
    length, half = values.shape[-1], weights.size // 2
    matrix = np.zeros((length, length))
    for offset, weight in zip(range(-half, half + 1), weights / weights.sum(), strict=True):
        mirrored = (np.arange(length) + offset) % (2 * length)
        source = np.where(mirrored < length, mirrored, 2 * length - 1 - mirrored)
        np.add.at(matrix, (source, np.arange(length)), weight)
    return jnp.matmul(values, matrix.astype(np.float32), precision=jax.lax.Precision.HIGHEST)


def _mean_step(wavenumbers: np.ndarray) -> float:
    """Mean step of the axis, cm^-1; 1 where there is one channel only."""
    wavenumbers = np.asarray(wavenumbers, np.float64)
    steps = max(wavenumbers.size - 1, 1)
    return float(abs(wavenumbers[-1] - wavenumbers[0])) / steps or 1.0


def _odd_channels(width: float, wavenumbers: np.ndarray) -> int:
    """Convert a width in cm^-1 to an odd number of channels, at least 1."""
    return 2 * round(width / _mean_step(wavenumbers) / 2) + 1


def _extend(spectra: Array, count: int, channels: int) -> Array:
    """Add `count` channels at both ends, of the median of the nearest `2 channels + 1`.

    A spike of up to `channels` channels near the end is less than half of those.
    """
    shape, nearest = (*spectra.shape[:-1], count), 2 * channels + 1
    left = jnp.broadcast_to(jnp.median(spectra[..., :nearest], axis=-1, keepdims=True), shape)
    right = jnp.broadcast_to(jnp.median(spectra[..., -nearest:], axis=-1, keepdims=True), shape)
    return jnp.concatenate([left, spectra, right], axis=-1)


def _fill_from_before(values: Array, spoiled: Array, reach: int) -> Array:
    """Replace each spoiled value by the last good one before it, up to `reach` channels back."""
    step = 1
    # Distances double, so that a few steps bridge any run of spoiled values.
    while step <= reach:
        values = jnp.where(spoiled, _shift(values, step), values)
        spoiled = spoiled & _shift(spoiled, step)
        step *= 2
    return values


def _shift(values: Array, step: int) -> Array:
    """Move the values `step` channels on, the first one repeated."""
    first = jnp.broadcast_to(values[..., :1], (*values.shape[:-1], step))
    return jnp.concatenate([first, values[..., :-step]], axis=-1)


def _noise_level(spectra: Array) -> Array:
    """Standard deviation of white noise `[..., 1]`: median over blocks of the mean absolute difference.

    A cosmic ray spoils one block only; a median over channels would do as well but sorts every spectrum.
    """
    difference = jnp.abs(spectra[..., 1:] - spectra[..., :-1])
    blocks = min(15, difference.shape[-1])
    size = difference.shape[-1] // blocks
    means = difference[..., : blocks * size].reshape(*difference.shape[:-1], blocks, size).mean(-1)
    # E|a - b| of two normal deviates is 2 / sqrt(pi) standard deviations.
    return 0.886 * jnp.median(means, axis=-1, keepdims=True)


def _remove_cosmic_rays(
    spectra: Array, wavenumbers: np.ndarray, channels: int = 3, noise_factor: float = 8.0, height: float = 1.5
) -> tuple[Array, np.ndarray]:
    return remove_cosmic_rays(spectra, channels, noise_factor, height), wavenumbers


def _normalise(spectra: Array, wavenumbers: np.ndarray, by: str = "max") -> tuple[Array, np.ndarray]:
    return normalise(spectra, by), wavenumbers


STEPS: Mapping[str, Callable[..., tuple[Array, np.ndarray]]] = types.MappingProxyType(
    {
        "crop": crop,
        "remove_cosmic_rays": _remove_cosmic_rays,
        "subtract_background": subtract_background,
        "normalise": _normalise,
    }
)
_CHOICES = {
    ("subtract_background", "method"): ("rolling_ball", "minimum"),
    ("normalise", "by"): NORMALISATIONS,
}


def validate_steps(steps: Sequence[Step]) -> None:
    """Check names, parameters and values of preprocessing steps, before any compute.

    Raises:
        InputError: a step is not a dictionary, its name or a parameter is unknown, one is missing, or a value
            has the wrong type or is not one of the choices.
    """
    if isinstance(steps, str | Mapping) or not isinstance(steps, Sequence):
        raise InputError(f"Preprocessing steps are {steps!r}: expected a list of dictionaries.")
    for number, step in enumerate(steps, 1):
        _validate_step(f"Preprocessing step {number}", step)


def _validate_step(where: str, step: Step) -> None:
    if not isinstance(step, Mapping) or "name" not in step:
        raise InputError(f"{where} is {step!r}: expected a dictionary with a 'name', for example {PUBLISHED_STEPS[0]}.")
    name = step["name"]
    if not isinstance(name, str) or name not in STEPS:
        raise InputError(f"{where} is named {name!r}: expected one of {', '.join(STEPS)}.")
    known = dict(list(inspect.signature(STEPS[name]).parameters.items())[2:])
    for key, value in step.items():
        if key != "name":
            if key not in known:
                raise InputError(f"{where} ('{name}') has the unknown parameter {key!r}: expected {', '.join(known)}.")
            _validate_value(f"{where} ('{name}')", name, key, value)
    missing = [key for key, p in known.items() if p.default is inspect.Parameter.empty and key not in step]
    if missing:
        raise InputError(f"{where} ('{name}') lacks {', '.join(missing)}: add it.")


def _validate_value(where: str, name: str, key: str, value: object) -> None:
    choices = _CHOICES.get((name, key))
    if choices:
        if value not in choices:
            raise InputError(f"{where} has {key} {value!r}: expected one of {', '.join(choices)}.")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise InputError(f"{where} has {key} {value!r}: expected a number that is not negative.")
    elif key == "channels" and (not isinstance(value, int) or value < 1):
        raise InputError(f"{where} has channels {value!r}: expected a whole number of at least 1.")


def apply_steps(
    spectra: Array, wavenumbers: np.ndarray, steps: Sequence[Step], *, warn: bool = True
) -> tuple[Array, np.ndarray]:
    """Apply steps in order.

    Args:
        spectra: `[..., L]`, counts or any unit.
        wavenumbers: `[L]`, cm^-1; concrete (not traced).
        steps: dictionaries as in the module's description, readable from JSON.
        warn: log a warning of what `remove_cosmic_rays` changed (`removed_features`), unless traced for compilation;
            false for simulated spectra, whose cosmic rays are known.

    Returns:
        Float32 spectra `[..., L']` and the wavenumbers `[L']` left by the crops.

    Raises:
        InputError: as `validate_steps`; or the axis does not fit the spectra.
    """
    validate_steps(steps)
    spectra = jnp.asarray(spectra, jnp.float32)
    wavenumbers = np.asarray(wavenumbers)
    if wavenumbers.ndim != 1 or spectra.ndim == 0 or spectra.shape[-1] != wavenumbers.size:
        raise InputError(
            f"The spectra have shape {spectra.shape} and the axis {wavenumbers.shape}: expected one "
            "wavenumber for each entry of the last axis; pass the axis that belongs to these spectra."
        )
    for step in steps:
        parameters = {key: value for key, value in step.items() if key != "name"}
        before = spectra
        spectra, wavenumbers = STEPS[step["name"]](spectra, wavenumbers, **parameters)
        if warn and step["name"] == "remove_cosmic_rays" and not isinstance(spectra, jax.core.Tracer):
            if words := removed_features(before, spectra, wavenumbers):
                _log.warning("%s", words)
    return spectra, wavenumbers


def removed_features(before: Array, after: Array, wavenumbers: np.ndarray, most: int = 10) -> str:
    """A sentence on the narrow features that `remove_cosmic_rays` took away: how many, and where; '' if none.

    Args:
        before: `[..., L]`.
        after: the same shape.
        wavenumbers: `[L]`, cm^-1.
        most: wavenumbers named, those of most spectra first.
    """
    changed = np.asarray(before != after).reshape(-1, len(wavenumbers))
    count = changed.sum(0)
    often = [channel for channel in np.argsort(-count, kind="stable")[:most] if count[channel]]
    if not often:
        return ""
    places = ", ".join(f"{wavenumbers[channel]:.0f} ({count[channel]})" for channel in sorted(often))
    return (
        f"remove_cosmic_rays changed {count.sum():,} channels of {changed.any(1).sum():,} of {len(changed):,} spectra; "
        f"wavenumbers in cm^-1 (spectra){', most often' if (count > 0).sum() > most else ''}: {places}. A narrow band "
        "in single spectra looks the same: leave the step out where there may be some."
    )
