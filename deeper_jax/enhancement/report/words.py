"""What is said of an enhanced map: in a few lines after the command, and on its page."""

import json
from typing import Any, NamedTuple

import numpy as np

from deeper_jax.enhancement.report.comparison import positions_of
from deeper_jax.enhancement.report.cubes import cube_of, per_line, rows_of
from deeper_jax.enhancement.report.marks import runs
from deeper_jax.spectra.noise import NoiseModel

# Flagged channels closer together than this belong to one region, cm⁻¹.
_REGION = 30.0
_MOST_RAYS = 100

MEANING = [
    "Uncertainty is one standard deviation of the error that is expected of each value, as the network says it and as "
    "held-out simulated spectra showed it to be on average; the 90 % band is 1.645 of them to both sides. It was not "
    "checked on samples like yours: repeat one measurement with a long exposure to check it there.",
    "Flagged are channels where denoising would have taken away, or added, more than noise explains, over the width of "
    "a band or in a single channel (4.5 standard deviations, which noise alone passes in one channel of 150,000). A "
    "band that was about to be lost so is given back, with the noise of the measurement; look at the measured spectrum "
    "there before you use the denoised one.",
    "A cosmic ray is removed only on evidence that it is not the sample: narrower than half of what the instrument "
    "resolves, missing in repeats of the spectrum, or one of several features of about one channel that only single "
    "spectra of a map have. What is only suspected is denoised like everything else, as a narrow band of a small "
    "particle looks the same. The file has both in the mask cosmic_ray, and all values as measured in measured.",
    "What neither can know: a band weaker than the noise that was removed leaves nothing to be flagged by, and its "
    "absence from the denoised spectrum does not show that it is absent from the sample. Faults of the instrument that "
    "are no noise (calibration, fringes, a fluorescent background, etaloning) are neither removed nor marked.",
]


def summary_sentences(result: Any) -> list[str]:
    """A few plain sentences on what `deeper_jax.enhance` did: noise, flags, cosmic rays, channels, gaps."""
    sentences = [_noise(result), _flags(result), _cosmic_rays(result), _channels(result), _gaps(result), _finer(result)]
    return [sentence for sentence in sentences if sentence]


def _noise(result: Any) -> str:
    attrs = result.attrs
    noise, left = attrs["noise_rms"], attrs["uncertainty_rms"]
    unit = result["intensity"].attrs.get("units", "a.u.")
    told = "as given" if "given_noise" in attrs["steps"] else "estimated"
    sentence = (
        f"Noise of the measurement: {noise:.3g} {unit} ({told}; standard deviation, mean of all channels); uncertainty "
        f"of the denoised: {left:.3g} {unit}, {noise / left:.2g} times less."
    )
    if "held_out_error" not in attrs:
        return sentence
    low, error, high = (attrs[f"held_out_error{end}"] for end in ("_low", "", "_high"))
    found = f"{error:.3g} {unit} ({low:.3g} to {high:.3g})" if low > 0 else f"no more than {high:.3g} {unit}"
    return (
        f"{sentence} From two thirds of the light, as the other third shows, the error of what the spectra have in "
        f"common would be {found}."
    )


def noise_law(noise: NoiseModel, unit: str) -> str:
    """What a noise model says, in words; a variance that falls below 0 at intensity 0 is told as an offset."""
    if noise.gain <= 0:
        return "the same at all intensities"
    shot = f"variance {noise.gain:.3g} {unit} times the intensity"
    if noise.floor >= 0:
        return f"{shot}, and {noise.floor**0.5:.3g} {unit} of reading out"
    return f"{shot} above an offset of {-noise.floor / noise.gain:.3g} {unit} that makes no noise"


def _flags(result: Any) -> str:
    attrs, flagged = result.attrs, _tally(result, "flagged", "cosmic_ray_removed")
    if not flagged.spectra:
        return "Nothing is flagged: what was taken away looks like noise everywhere" + (
            " but for the cosmic rays." if attrs["spectra_with_cosmic_rays"] else "."
        )
    channels = int(flagged.by_channel.sum())
    share = channels / (attrs["spectra"] * len(flagged.by_channel))
    amount = (
        f"{channels:,} channel{'s'[: channels > 1]} in all" if share < 0.01 else f"{_percent(share)} of all channels"
    )
    where = flagged_regions(flagged.by_channel, np.asarray(result["wavenumber"], np.float64))
    near = "most often near" if channels > 1 else "near"
    return (
        f"Flagged: {flagged.spectra:,} of {attrs['spectra']:,} spectra, {amount}, {near} "
        f"{_listed(where)} cm⁻¹: denoising would take away more than noise there; bands were given back as measured."
    )


class _Tally(NamedTuple):
    """In how many spectra something is marked, and how many in each channel, [L]."""

    spectra: int
    by_channel: np.ndarray


def _tally(result: Any, name: str, but: str = "") -> _Tally:
    """Of the marks `name` that are none of `but`."""

    def count(marks: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        for each in others:
            marks = marks & ~each
        marks = marks.reshape(-1, marks.shape[-1])
        return marks.any(1).sum(keepdims=True), marks.sum(0, keepdims=True)

    spectra, by_channel = per_line(count, *(cube_of(result[each]) for each in (name, but) if each))
    return _Tally(int(spectra.sum()), by_channel.sum(0))


def flagged_regions(often: np.ndarray, axis: np.ndarray) -> list[float]:
    """Up to three wavenumbers (cm⁻¹, ascending) at which most spectra are flagged, no two in one region.

    Args:
        often: [L], number of spectra that are flagged in each channel.
        axis: [L], cm⁻¹.
    """
    found: list[float] = []
    for channel in np.argsort(-often, kind="stable"):
        if often[channel] and len(found) < 3 and all(abs(axis[channel] - each) > _REGION for each in found):
            found.append(float(axis[channel]))
    return sorted(found)


def _cosmic_rays(result: Any) -> str:
    attrs = result.attrs
    if '"mode": "keep"' in attrs["steps"]:
        return "Cosmic rays were not looked for."
    removed = _tally(result, "cosmic_ray_removed")
    suspected = _tally(result, "cosmic_ray", "cosmic_ray_removed")
    sentences = [
        _where(removed, result, "Cosmic rays were removed from"),
        _where(suspected, result, "Perhaps cosmic rays, but not removed: narrow features of"),
    ]
    return " ".join(filter(None, sentences)) or "No cosmic rays were found."


def _where(marks: _Tally, result: Any, what: str) -> str:
    """The sentence on some marks, '' where there are none."""
    if not marks.spectra:
        return ""
    near = _listed(flagged_regions(marks.by_channel, np.asarray(result["wavenumber"], np.float64)))
    often = "most often near" if marks.spectra > 1 else "near"
    return f"{what} {marks.spectra:,} of {result.attrs['spectra']:,} spectra, {often} {near} cm⁻¹."


def cosmic_ray_rows(result: Any) -> list[list[str]]:
    """(cm⁻¹, place, what, highest value as measured, as put in place) of each cosmic ray, by wavenumber.

    Beyond a hundred, a last row says how many there are more.
    """
    axis = np.asarray(result["wavenumber"], np.float64)
    names = ("cosmic_ray", "cosmic_ray_removed", "measured", "denoised" if "denoised" in result else "intensity")
    struck, removed, measured, after = (cube_of(result[name]) for name in names)
    where = np.argwhere(per_line(lambda marks: marks.any(-1), struck))
    numbers = np.arange(len(where))
    if struck.ndim > 1:
        numbers = np.atleast_1d(np.ravel_multi_index(tuple(where.T), struck.shape[:-1]))
    found = []
    for index, marks, spectrum in zip(where, rows_of(struck, numbers), rows_of(measured, numbers), strict=True):
        place = tuple(int(i) for i in index)
        for start, stop in runs(marks):
            peak = start + int(spectrum[start:stop].argmax())
            found.append((axis[peak], place, peak))
    unit = result["intensity"].attrs.get("units", "a.u.")
    positions = positions_of(result["measured"])
    rows = [
        [
            f"{wavenumber:.0f} cm⁻¹",
            ", ".join(each.at(i) for each, i in zip(positions, place, strict=True)),
            "removed" if removed[place][peak] else "suspected, not removed",
            f"{measured[place][peak]:.4g} {unit}",
            f"{after[place][peak]:.4g} {unit}",
        ]
        for wavenumber, place, peak in sorted(found)[:_MOST_RAYS]
    ]
    more = len(found) - len(rows)
    return [*rows, [f"and {more:,} more", "", "", "", ""]] if more else rows


def _channels(result: Any) -> str:
    dropped, kept = result.attrs["channels_dropped"], result.attrs["channels_kept_unchanged"]
    if dropped:
        return f"{dropped} channels outside the model's range were left out."
    return f"{kept} channels outside the model's range were passed through unchanged." if kept else ""


def _gaps(result: Any) -> str:
    missing = result["pixel_flagged"].size - result.attrs["spectra"]
    return f"{missing:,} places of the scan hold no spectrum; they stay empty (NaN)." if missing else ""


def _finer(result: Any) -> str:
    if "denoised" not in result:
        return ""
    sizes, scale = result["intensity"].sizes, result.attrs["scale"]
    if isinstance(scale, str):
        scale = json.loads(scale)
        return (
            f"Estimated {scale[0]} x {scale[1]} times finer, to {sizes['y']} x {sizes['x']} pixels: what lies between "
            "the measured pixels is inferred from them, as the uncertainty says."
        )
    return (
        f"Super-resolved {scale} times, to {sizes['y']} x {sizes['x']} pixels; the uncertainty between "
        "the measured pixels is a rough guess that nothing was calibrated on."
    )


def provenance_rows(result: Any) -> list[list[str]]:
    """(what, value) for a table of how the map was made."""
    attrs = result.attrs
    rows = [["file", attrs["source_file"]], ["made by", attrs["created_by"]]]
    for key in ("model", "restorer", "super_resolver"):
        if key in attrs:
            record = json.loads(attrs[key])
            words = [str(record.get("name") or "weights without a name")]
            if record.get("step") is not None:
                words.append(f"step {record['step']}")
            rows.append([key.replace("_", "-"), ", ".join(words)])
            rows += [[f"{key.replace('_', '-')}: {name}", _pairs(record.get(name))] for name in ("network", "versions")]
    unit = result["intensity"].attrs.get("units", "a.u.")
    for number, step in enumerate(json.loads(attrs["steps"]), 1):
        settings = {name: value for name, value in step.items() if name != "name"}
        told = _pairs(settings)
        if step["name"] == "estimate_noise":
            told = noise_law(NoiseModel(step["gain"], step["floor"], 0.0), unit)
        elif step["name"] == "given_noise":
            told = f"standard deviation {step['floor'] ** 0.5:.4g} {unit}"
        rows.append([f"step {number}: {step['name'].replace('_', ' ')}", told])
    return [row for row in rows if row[1]]


def _pairs(settings: Any) -> str:
    if not isinstance(settings, dict):
        return "" if settings is None else str(settings)
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings.items()
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _listed(numbers: list[float]) -> str:
    words = [f"{number:.0f}" for number in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
