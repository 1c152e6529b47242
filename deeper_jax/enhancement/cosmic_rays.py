"""Cosmic rays: sharp features found, and removed only on evidence that they are not the sample.

A feature is suspected if it stands far out of the noise, is narrower than two channels at half its height, and is not
seen nearby. It is removed if one of these speaks against the sample:

- shape: it is less than half as wide as the instrument resolves (told, or measured on the bands of the map);
- repeats: in a list or a series, most other spectra are the same but for it;
- its kind: several features of about one channel, rare in a map or long list, each at a wavenumber of its own.

Otherwise it stays and is marked: a narrow band of a small particle looks the same.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deeper_jax.enhancement.blocks import on_all_cores, slices_of
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.spectra.noise import NOISE_SAMPLE, NoiseModel, estimate_noise
from deeper_jax.spectra.peaks import peaks_of
from deeper_jax.spectra.sharp_features import SharpFeatures, height_over_surroundings, sharp_features

# Standard deviations of noise that a feature is higher than, and that its flanks and its likes elsewhere are.
_HEIGHT, _FLANK, _SHOWS = 7.0, 4.0, 5.0
# Features of at most four channels are looked at, as an opening of five channels leaves them.
_WINDOW, _FAR = 5, 9
# The longest run of channels that one cosmic ray spoils, and standard deviations from which it has a long tail.
_LONGEST, _HIGH = 9, 100.0
# Widths at half height, channels, that are suspicious, and that hardly any spectrometer makes.
_SUSPECT, _ODD = 2.0, 1.5
# A feature so many times narrower than the instrument resolves is not the sample's.
_NARROWER = 0.5
# A feature counts as shared if the neighbour has this share of its height; so many pixels away are neighbours.
_SHARE_OF_HEIGHT, _NEAR = 0.1, 2
# Seen at the same channel in more than this share of the spectra, and more than so many, it is a band.
_SHARE_STRUCK, _FEW_STRUCK = 0.1, 2
# So many features of about one channel, so high and in at most this share of the spectra, are cosmic rays.
_SEVERAL, _CLEAR, _RARE = 2, 8.0, 0.05
# Spectra that must repeat one for it to be judged by them.
_REPEATS = 3
# Bands, spectra and channels that a resolution is measured on: the widest that instruments spread it over.
_BANDS, _SPECTRA, _FEWEST, _WIDEST, _NARROWEST = 3, 2000, 24, 8.0, 1.8
# Numbers of neighbouring spectra that are looked at together.
_TOGETHER = 1 << 21
SPATIAL = frozenset({"x", "y", "z", "distance"})


class Strike(NamedTuple):
    """Channels of a spectrum that are a cosmic ray, or may be.

    Attributes:
        row: which spectrum.
        channels: consecutive ones.
        removed: whether it is certain enough, and wanted.
    """

    row: int
    channels: slice
    removed: bool


class CosmicRays:
    """What was found in P spectra of L channels.

    Attributes:
        strikes: by row.
        filled: [L], by row: spectra with what was removed filled in from both sides.
    """

    def __init__(self, shape: tuple[int, int], strikes: Sequence[Strike], filled: dict[int, np.ndarray]) -> None:
        self.shape, self.filled = shape, filled
        self.strikes = sorted(strikes, key=lambda strike: strike.row)
        self._rows = np.array([strike.row for strike in self.strikes], int)

    def removed(self, rows: slice) -> np.ndarray:
        """Where something was removed in consecutive spectra, [n, L] bool."""
        return self._marks(rows, removed=True)

    def suspected(self, rows: slice) -> np.ndarray:
        """Where something may be a cosmic ray and was left as it is, [n, L] bool."""
        return self._marks(rows, removed=False) & ~self.removed(rows)

    def spectra_struck(self) -> dict[str, int]:
        """How many spectra were changed, and in how many something is only suspected, for the record."""
        changed, others = ({s.row for s in self.strikes if s.removed == removed} for removed in (True, False))
        # What is suspected within what was removed counts no more.
        suspected = sum(bool(self.suspected(slice(row, row + 1)).any()) for row in others)
        return {"spectra_changed": len(changed), "spectra_suspected": suspected}

    def _marks(self, rows: slice, removed: bool) -> np.ndarray:
        stop = min(rows.stop, self.shape[0])
        marks = np.zeros((stop - rows.start, self.shape[1]), bool)
        for strike in self.strikes[slice(*np.searchsorted(self._rows, [rows.start, stop]))]:
            if strike.removed == removed:
                marks[strike.row - rows.start, strike.channels] = True
        return marks


def find_cosmic_rays(
    spectra: MeasuredSpectra,
    axis: np.ndarray,
    *,
    spatial: bool = True,
    resolution: float | None = None,
    noise_model: NoiseModel | None = None,
    remove: bool = True,
) -> CosmicRays:
    """Find cosmic rays in all spectra of a measurement.

    Args:
        spectra: of the measurement; none is changed.
        axis: [L], cm⁻¹.
        spatial: whether neighbours on the grid are neighbours in the sample; false for lists and repeats.
        resolution: full width at half maximum of a line as the instrument shows it, cm⁻¹; None: measured on the map's
            own sharpest bands where there are several.
        noise_model: None: estimated.
        remove: whether to change anything; false: all are only suspected.
    """
    noise_model = noise_model or estimate_noise(spectra.sample(NOISE_SAMPLE))
    step = float(np.abs(np.diff(axis)).mean())
    band = sharpest_band(spectra.sample(_SPECTRA * spectra.shape[1]), noise_model)
    width = band if resolution is None else resolution / step
    found, impossible = _candidates(spectra, noise_model, width)
    chosen = ~_shared(found, spectra, noise_model, spatial)
    found, impossible = found.of(chosen), impossible[chosen]
    evidence = impossible | _several_struck(found, len(spectra))
    if not spatial:
        evidence |= _missing_in_repeats(found, spectra, noise_model)
    strikes: list[Strike] = []
    filled: dict[int, np.ndarray] = {}
    rows, first = np.unique(found.row, return_index=True)
    for row, begin, end in zip(rows, first, np.append(first, len(found.row))[1:], strict=True):
        spectrum = spectra.take(np.array([row]))
        noise = _excess_and_noise(spectrum, noise_model)[1][0]
        removed = np.zeros(spectra.shape[1], bool)
        for i in range(begin, end):
            run, ends = _extent(spectrum[0], found.channel[i], noise)
            certain = bool(evidence[i] and remove and ends)
            strikes.append(Strike(int(row), run, certain))
            removed[run] |= certain
        if removed.any():
            filled[int(row)] = _filled(spectrum[0], removed)
    return CosmicRays(spectra.shape, strikes, filled)


def _candidates(
    spectra: MeasuredSpectra, noise_model: NoiseModel, width: float | None
) -> tuple[SharpFeatures, np.ndarray]:
    """Features that are narrower than two channels, or than the instrument allows; and which are so by the latter."""

    def look(rows: slice) -> tuple[SharpFeatures, np.ndarray]:
        values = spectra.rows(rows, spectra.precision)
        excess, noise = _excess_and_noise(values, noise_model)
        found = sharp_features(values, excess, noise, _HEIGHT)
        # By a nearer and by a farther ground: the top of a wide band, with its noise, is not narrow by both.
        struck, place = np.unique(found.row, return_inverse=True)
        values = values[struck]
        far = found._replace(row=place).over(values, values - height_over_surroundings(values, _FAR))
        chosen = found.narrower(_SUSPECT, 1.0) & far.narrower(_SUSPECT, 1.0)
        impossible = np.zeros(len(chosen), bool)
        if width:
            impossible = found.narrower(_NARROWER * width, 3.0) & far.narrower(_NARROWER * width, 3.0)
        chosen |= impossible
        return found._replace(row=found.row + rows.start).of(chosen), impossible[chosen]

    parts = on_all_cores(look, spectra.blocks())
    together = SharpFeatures(*(np.concatenate(each) for each in zip(*(part for part, _ in parts), strict=True)))
    return together, np.concatenate([impossible for _, impossible in parts])


def _excess_and_noise(spectra: np.ndarray, noise_model: NoiseModel) -> tuple[np.ndarray, np.ndarray]:
    """Height over the surroundings, and standard deviation of the noise, [n, L] each."""
    excess = height_over_surroundings(spectra, _WINDOW)
    # The surroundings follow the lower edge of the noise.
    noise = noise_model.std(spectra - excess)
    return excess, noise_model.std(spectra - excess + noise)


def sharpest_band(spectra: np.ndarray, noise_model: NoiseModel) -> float | None:
    """Full width at half maximum of the sharpest bands of a map's mean spectrum, channels.

    None where it says nothing of the instrument: fewer than three bands or 24 spectra, or bands so wide that they are
    the sample's own, or so narrow that they are the detector's.
    """
    if len(spectra) < _FEWEST:
        return None
    spectra = spectra[np.linspace(0, len(spectra) - 1, min(len(spectra), _SPECTRA)).astype(int)]
    median = np.median(spectra, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(spectra - median), axis=0), noise_model.std(median))
    mean = np.minimum(spectra, median + 5 * spread).mean(0)  # without features of few spectra
    noise = noise_model.std(mean) / np.sqrt(len(spectra))
    peaks = peaks_of(mean)
    clear = peaks.prominence > np.maximum(10 * noise[peaks.channel], 0.02 * np.ptp(mean))
    if clear.sum() < _BANDS:
        return None
    width = float(np.sort(peaks.width[clear])[1])
    return width if _NARROWEST <= width <= _WIDEST else None


def _shared(found: SharpFeatures, spectra: MeasuredSpectra, noise_model: NoiseModel, spatial: bool) -> np.ndarray:
    """Which features are in a neighbour too, or in many spectra; [N]."""
    count, channels = spectra.shape
    near = np.stack([np.clip(found.channel + step, 0, channels - 1) for step in (-1, 0, 1)])
    often = np.bincount(found.channel, minlength=channels)
    shared = often[near].sum(0) > max(_FEW_STRUCK, _SHARE_STRUCK * count)
    if not spatial or not len(found.row):
        return shared
    present = spectra.present
    rows = np.full(present.shape, -1)
    rows[present] = np.arange(count)
    places = np.argwhere(present)[found.row]
    shifts = [each for each in itertools.product(range(-_NEAR, _NEAR + 1), repeat=present.ndim) if any(each)]
    if not shifts:
        return shared
    there = places + np.array(shifts)[:, None]
    inside = ((there >= 0) & (there < present.shape)).all(-1)
    others = np.where(inside, rows[tuple(np.moveaxis(np.where(inside[..., None], there, 0), -1, 0))], -1)
    # Features lie in the order of the rows, so that the neighbours of some are few.
    for part in slices_of(len(shared), channels * len(shifts), _TOGETHER):
        neighbours, index = np.unique(others[:, part], return_inverse=True)
        index = index.reshape(others[:, part].shape)
        excess, noise = _excess_and_noise(spectra.take(np.maximum(neighbours, 0)), noise_model)
        at = index[:, None], near[:, part]
        seen = excess[at] > np.maximum(_SHOWS * noise[at], _SHARE_OF_HEIGHT * found.height[part])
        shared[part] |= (seen.any(1) & (others[:, part] >= 0)).any(0)
    return shared


def _several_struck(found: SharpFeatures, spectra: int) -> np.ndarray:
    """Whether several features of about one channel, at wavenumbers of their own, show that cosmic rays struck; [N]."""
    single = found.narrower(_ODD, 2.0) & (found.height > _CLEAR * found.noise)
    channels = np.sort(found.channel[single])
    apart = 1 + int((np.diff(channels) > 1).sum()) if len(channels) else 0
    if apart < _SEVERAL or len(np.unique(found.row)) > _RARE * spectra:
        return np.zeros(len(single), bool)
    return np.ones(len(single), bool)


def _missing_in_repeats(found: SharpFeatures, measured: MeasuredSpectra, noise_model: NoiseModel) -> np.ndarray:
    """Features of spectra that others repeat, whose repeats lack them; [N].

    Another spectrum repeats one if the two, scaled, differ by noise only but for the features, and have more in
    common than noise; those with features of their own are not asked, and of very many not all.
    """
    missing = np.zeros(len(found.row), bool)
    clean = np.setdiff1d(np.arange(len(measured)), found.row)
    if len(clean) < _REPEATS:
        return missing
    clean = clean[np.linspace(0, len(clean) - 1, min(len(clean), _SPECTRA)).astype(int)]
    spectra = measured.take(clean)
    excess, noise = _excess_and_noise(spectra, noise_model)
    for row in np.unique(found.row):
        mine = np.flatnonzero(found.row == row)
        spectrum = measured.take(np.array([row]))
        own_noise = _excess_and_noise(spectrum, noise_model)[1][0]
        good = np.ones(spectra.shape[1], bool)
        for channel in found.channel[mine]:
            good[max(0, channel - _WINDOW) : channel + _WINDOW + 1] = False
        if good.sum() < spectra.shape[1] / 2:
            continue
        own, others = spectrum[0, good], spectra[:, good]
        own, others = own - own.mean(), others - others.mean(1, keepdims=True)
        variance = own_noise[good] ** 2
        power = (others**2 / variance).sum(1)
        scale = np.maximum((others * own / variance).sum(1) / np.maximum(power, 1e-300), 1e-6)[:, None]
        both = variance + scale**2 * noise[:, good] ** 2
        count = good.sum()
        alike = ((own - scale * others) ** 2 / both).mean(1) < 1 + 6 * np.sqrt(2 / count)
        structured = scale[:, 0] ** 2 * power > count * (1 + 10 * np.sqrt(2 / count))
        repeats = np.flatnonzero(alike & structured)
        if len(repeats) < _REPEATS:
            continue
        for i in mine:
            near = slice(max(0, found.channel[i] - 1), found.channel[i] + 2)
            lacking = excess[repeats, near].max(1) < np.maximum(
                _SHARE_OF_HEIGHT * found.height[i], _SHOWS * noise[repeats, near].max(1)
            )
            mean = excess[repeats, near].mean(0).max()
            missing[i] = lacking.sum() >= max(_REPEATS, 0.9 * len(repeats)) and mean < 0.3 * found.height[i]
    return missing


def _extent(spectrum: np.ndarray, peak: int, noise: np.ndarray) -> tuple[slice, bool]:
    """The channels of a feature, higher than those beyond them, and whether it ends there."""
    first = last = peak
    while True:
        left, right = _beside(spectrum, first, last)
        ground = max(_beside(spectrum, first - 2, last + 2))
        height = spectrum[peak] - ground
        # The tail of a very high one falls slowly.
        tail = ground + 0.05 * height if height > _HIGH * noise[peak] else np.inf
        ends = [(at, level) for at, level in ((first - 1, left), (last + 1, right)) if 0 <= at < len(spectrum)]
        grow = [at for at, level in ends if spectrum[at] - level > _FLANK * noise[at] or spectrum[at] > tail]
        if not grow or last - first + 1 == _LONGEST:
            return slice(first, last + 1), all(spectrum[at] - ground < 0.5 * height for at, _ in ends)
        best = max(grow, key=lambda at: spectrum[at])
        first, last = min(first, best), max(last, best)


def _filled(spectrum: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """The spectrum with straight lines from side to side in place of what was removed."""
    filled = spectrum.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], removed, [False]]).astype(int)))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        left, right = _beside(spectrum, first, stop - 1)
        filled[first:stop] = left + (right - left) * np.arange(1, stop - first + 1) / (stop - first + 1)
    return filled


def _beside(spectrum: np.ndarray, first: int, last: int) -> tuple[float, float]:
    """Medians of three channels on both sides of a run; at an end of the spectrum the other side's."""
    sides = spectrum[max(0, first - 3) : max(0, first)], spectrum[last + 1 : last + 4]
    left, right = (float(np.median(side)) if len(side) else None for side in sides)
    both = [each for each in (left, right) if each is not None]
    return both[0] if left is None else left, both[-1] if right is None else right
