"""Real bands survive, cosmic rays go on evidence, and nothing is taken away without a mark."""

import json
from typing import NamedTuple

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from paths import SHARED
from tiny_models import tiny_denoiser, tiny_super_resolver

import deeper_jax
from deeper_jax.enhancement.cosmic_rays import find_cosmic_rays, sharpest_band
from deeper_jax.enhancement.measured_spectra import MeasuredSpectra
from deeper_jax.maps import raman_map, read_map
from deeper_jax.simulator import SimulatorConfig, default_wavenumbers, simulate_cell
from deeper_jax.spectra.noise import estimate_noise, smooth_intensity

FIELD, INSTRUMENTS = SHARED / "data" / "field", SHARED / "data" / "instruments"
REAL = [("depth_series.wdf", None), ("line_scans.wip", 0), ("silicon_map.wip", None), ("single_spectrum.wdf", None)]
needs_files = pytest.mark.skipif(not FIELD.is_dir(), reason="the measured files are not here")
CHANNELS = np.arange(512)


@pytest.fixture(scope="module")
def model():
    return deeper_jax.load()


def band(centre, width, height=2000.0):
    """Gaussian of a full width at half maximum in channels."""
    return height * np.exp(-4 * np.log(2) * ((CHANNELS - centre) / width) ** 2)


def measured(truth, step=2.0, seed=0, **positions):
    """Counts of an expected [..., L], with shot noise, on an axis of `step` cm⁻¹."""
    return raman_map(np.random.default_rng(seed).poisson(truth) * 1.0, 200 + step * CHANNELS, **positions)


class Rays(NamedTuple):
    spectra: np.ndarray
    removed: np.ndarray
    suspected: np.ndarray


def rays_in(cube, present, axis, **settings):
    """What `find_cosmic_rays` finds, [P, L] each."""
    measured, every = MeasuredSpectra(cube, present), slice(0, int(present.sum()))
    found = find_cosmic_rays(measured, axis, **settings)
    measured.replace(found.filled)
    return Rays(measured.rows(every), found.removed(every), found.suspected(every))


def raster(truth):
    return {"y": np.arange(float(len(truth))), "x": np.arange(float(truth.shape[1]))}


def heights(counts, result, index, channel):
    """Height over the median at the highest measured channel near `channel`, before and after."""
    before, after = counts.values[index], result["intensity"].values[index]
    peak = channel - 2 + int(before[channel - 2 : channel + 3].argmax())
    return before[peak] - np.median(before), after[peak] - np.median(after)


def unmarked(result, values, noise):
    """Channels that differ from the measured ones by more than five times the noise, and say nothing of it."""
    marked = result["flagged"].values | result["cosmic_ray"].values
    return (np.abs(result["measured"].values - values) > 5 * noise) & ~marked


# Widths in cm⁻¹; the quick ones are 0.75 to 4 channels wide.
QUICK_BANDS = [(3, 4.0), (5, 4.0), (3, 2.0), (8, 2.0)]
BANDS = QUICK_BANDS + [
    pytest.param(width, step, marks=pytest.mark.slow)
    for width in (3, 4, 5, 6, 8, 12)
    for step in (2.0, 4.0)
    if (width, step) not in QUICK_BANDS
]


@pytest.mark.parametrize(("width", "step"), BANDS)
def test_isolated_bands_keep_their_height(model, width, step):
    first, *others = (330 + band(at, width / step) for at in (140.3, 60.0, 251.5, 400.2))
    grid = np.tile(330 + band(300, 45 / step, 900.0), (8, 9, 1))
    one, two = grid.copy(), grid.copy()
    one[3, 4] += band(140.3, width / step)
    two[3, 4], two[3, 5] = two[3, 4] + band(140.3, width / step), two[3, 5] + band(140.3, width / step, 800.0)
    cases = [(first, ()), (np.stack([first, *others]), (0,)), (one, (3, 4)), (two, (3, 4))]
    for seed, (truth, index) in enumerate(cases):
        counts = measured(truth, step, seed, **(raster(truth) if truth.ndim == 3 else {}))
        result = deeper_jax.enhance(counts, model)
        before, after = heights(counts, result, index, 140)
        assert after == pytest.approx(before, rel=0.05)
        assert not result["cosmic_ray_removed"].any()
        assert not unmarked(result, result["intensity"].values, np.sqrt(truth)).any()


@needs_files
@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("standards_narrow_bands", [(0, 210), (1, 616), (2, 493), (3, 182)]),
        ("particle_list_sharp", [(0, 102), (1, 283), (2, 362), (3, 84), (4, 256), (5, 217)]),
        ("particle_map", [((4, 5), 283), ((4, 6), 283)]),
    ],
)
def test_field_files_keep_their_bands(model, name, places):
    stored = np.load(FIELD / f"{name}.npz")
    values = stored["map" if "map" in stored else "spectra"].astype(np.float64)
    counts = raman_map(values, stored["wavenumbers"], **(raster(values) if values.ndim == 3 else {}))
    result = deeper_jax.enhance(counts, model)
    assert not result["cosmic_ray_removed"].any()
    for index, channel in places:
        before, after = heights(counts, result, index, channel)
        assert after == pytest.approx(before, rel=0.05)


@needs_files
def test_repeats_are_cleaned_exactly_where_they_were_hit(model):
    stored = np.load(FIELD / "repeats_with_cosmic_rays.npz")
    result = deeper_jax.enhance(raman_map(stored["spectra"], stored["wavenumbers"]), model)
    hit = np.zeros(stored["spectra"].shape, bool)
    hit[3, 500] = hit[7, 120:122] = True
    assert_array_equal(result["cosmic_ray_removed"], hit)
    assert_array_equal(result["cosmic_ray"], hit)
    assert_array_equal(result["measured"], stored["spectra"])
    others = np.median(stored["spectra"], 0)
    assert_allclose(result["intensity"].values[hit], np.broadcast_to(others, hit.shape)[hit], atol=60)


@pytest.mark.parametrize("seed", range(3))
def test_repeats_of_another_kind(seed):
    """Few repeats of changing strength, hits on a slope and at the end; a fifth spectrum is of something else."""
    rng = np.random.default_rng(seed)
    shared = 300 + band(150, 12, 700.0) + band(330, 30, 400.0)
    truth = np.stack([shared * scale for scale in (1.0, 0.8, 1.3, 0.9, 1.1)] + [300 + band(250, 2.0, 900.0)])
    counts = rng.poisson(truth) * 1.0
    counts[1, 157], counts[4, 511], counts[4, 40:42] = 2500.0, 1500.0, (900.0, 3000.0)
    found = rays_in(counts, np.ones(6, bool), 2.0 * CHANNELS, spatial=False)
    expected = np.zeros(counts.shape, bool)
    expected[1, 157] = expected[4, 511] = expected[4, 40:42] = True
    assert_array_equal(found.removed, expected)
    assert_array_equal(found.spectra[~expected], counts[~expected])
    assert_allclose(found.spectra[expected], truth[expected], atol=120)


def planted(cube, rng, count):
    """Hits of one to three channels, 30 to 300 deviations of the noise, each in a spectrum of its own."""
    added = np.zeros_like(cube)
    noise = estimate_noise(cube.reshape(-1, cube.shape[-1])).std(cube.mean())
    for place in rng.choice(cube[..., 0].size, count, replace=False):
        profile = np.array([(0.0, 1.0, 0.0), (0.0, 1.0, 0.6), (0.3, 1.0, 0.6)][rng.integers(3)])
        start = rng.integers(1, cube.shape[-1] - 4)
        peak = np.exp(rng.uniform(np.log(30), np.log(300))) * noise
        added[(*np.unravel_index(place, cube.shape[:-1]), slice(start, start + 3))] = np.round(peak * profile)
    return added


@pytest.mark.parametrize("level", [0.5, 5.0])
def test_cosmic_rays_of_simulated_cells_are_found_and_nothing_else(level):
    axis = default_wavenumbers()
    simulate = jax.jit(simulate_cell, static_argnums=(1, 2, 4))
    cell = simulate(jax.random.key(5), 28, 30, axis, SimulatorConfig(signal_level=(level, level), low_cosmic_rate=0.0))
    cube, present = np.asarray(cell.low, np.float64), np.ones((28, 30), bool)
    clean = rays_in(cube, present, axis)
    assert not clean.removed.any() and clean.suspected.any(1).sum() <= 2
    added = planted(cube, np.random.default_rng(6), 24)
    found = rays_in(cube + added, present, axis)
    flat = added.reshape(-1, len(axis))
    peaks = flat == np.where(flat.any(1, keepdims=True), flat.max(1, keepdims=True), np.nan)
    assert found.removed[peaks].mean() >= 0.95
    assert (found.removed.any(1) & ~flat.any(1)).sum() <= 1
    assert_allclose(found.spectra[peaks], cube.reshape(flat.shape)[peaks], atol=0.3 * flat[peaks].min())


def test_what_evidence_is_and_what_is_not():
    rng = np.random.default_rng(2)
    present, axis = np.ones((20, 20), bool), 2.0 * CHANNELS
    grid = np.tile(200 + band(200, 40, 300.0), (20, 20, 1))
    grid[5, 6, 100] += 3000.0
    lonely = rays_in(rng.poisson(grid) * 1.0, present, axis)
    assert not lonely.removed.any() and lonely.suspected[5 * 20 + 6, 100]
    # Bands that show how sharp the instrument is make the same feature impossible.
    many = grid + sum(band(at, 5.0, 900.0) for at in (60, 150, 260, 330, 420))
    counts = rng.poisson(many) * 1.0
    assert sharpest_band(counts.reshape(400, -1), estimate_noise(counts.reshape(400, -1))) == pytest.approx(5, rel=0.1)
    shape = rays_in(counts, present, axis)
    assert np.argwhere(shape.removed).tolist() == [[106, 100]] and not shape.suspected.any()
    # But not one that is as wide as they are, nor one that the neighbour has too.
    particle = many - grid + grid.min() + 0.0
    particle[5, 6] += band(100, 4.0, 3000.0)
    particle[9, 9, 300], particle[9, 10, 300] = 3000.0, 2000.0
    kept = rays_in(rng.poisson(particle) * 1.0, present, axis)
    assert not kept.removed.any()


def test_the_resolution_of_a_lone_spectrum_can_be_given(model):
    counts = measured(330 + band(140, 1.5))
    kept, gone = deeper_jax.enhance(counts, model), deeper_jax.enhance(counts, model, resolution=10.0)
    assert kept["intensity"][140] > 0.95 * counts[140] and not kept["cosmic_ray_removed"].any()
    assert gone["intensity"][140] < 500 and gone["cosmic_ray_removed"][140] and gone["cosmic_ray"][140]
    assert gone["flagged"][140]  # it differs from what was measured
    assert gone.attrs["spectra_with_cosmic_rays"] == 1
    told = counts.assign_attrs(metadata=json.dumps({"resolution": "10"}))
    assert_array_equal(deeper_jax.enhance(told, model)["cosmic_ray_removed"], gone["cosmic_ray_removed"])


def test_modes(model):
    counts = measured(330 + band(140, 1.5))
    removed, marked, kept = (
        deeper_jax.enhance(counts, model, resolution=10.0, cosmic_rays=mode) for mode in ("remove", "mark", "keep")
    )
    assert removed["intensity"][140] < 500
    for other in (marked, kept):
        assert other["intensity"][140] > 0.95 * counts[140] and not other["cosmic_ray_removed"].any()
    assert_array_equal(marked["cosmic_ray"], removed["cosmic_ray"])
    assert not kept["cosmic_ray"].any()
    for result in (removed, marked, kept):
        assert_array_equal(result["measured"], counts)


@needs_files
@pytest.mark.parametrize(("name", "entry"), REAL)
def test_nothing_is_taken_from_real_files_without_a_mark(model, name, entry):
    data = read_map(INSTRUMENTS / name, entry=entry)
    for settings in ({}, {"use_map": False}):
        result = deeper_jax.enhance(data, model, **settings)
        values = result["intensity"].values
        present = np.isfinite(values).all(-1)
        spectra = np.asarray(data.values, np.float64)[present].reshape(-1, values.shape[-1])
        noise = estimate_noise(spectra)
        expected = np.full(values.shape, np.inf)
        expected[present] = noise.std(smooth_intensity(spectra))
        assert not unmarked(result, values, expected).any()
        assert_array_equal(result["measured"].values[present].reshape(spectra.shape), spectra)


def test_nothing_is_taken_by_a_stream_or_a_single_call(model):
    truth = 330 + np.stack([band(60 + 40 * k, 0.8 + 0.4 * k, 200.0 * 2**k) for k in range(10)])
    counts = measured(truth)
    stream = model.stream(counts["wavenumber"].values, longest=4)
    answers = [
        np.concatenate([stream.denoise(counts.values[at : at + 4]) for at in (0, 4, 8)]),
        model.denoise(counts.values, counts["wavenumber"].values),
        np.stack([model.denoise(each) for each in counts.values]),
    ]
    for answer in answers:
        assert (np.abs(answer - counts.values) <= 5 * np.sqrt(truth)).all()


def test_nothing_is_taken_by_super_resolution():
    """A network that smooths away a particle of one pixel: it comes back on the fine grid, and around it a little."""
    truth = np.tile(330 + band(200, 20, 300.0), (8, 9, 1))
    truth[3, 4] += band(140, 2.0)
    counts = measured(truth, **raster(truth))

    class Blurring(type(tiny_super_resolver(np.linspace(200, 1222, 32)))):
        def super_resolve(self, image, *arguments, **settings):
            return super().super_resolve(np.tile(image.mean((0, 1)), (*image.shape[:2], 1)), *arguments, **settings)

    resolver = tiny_super_resolver(np.linspace(200, 1222, 32))
    resolver.__class__ = Blurring
    result = deeper_jax.enhance(counts, tiny_denoiser(random=False), super_resolver=resolver)
    sampled = slice(resolver.raster_offset, None, 2)
    fine = result["intensity"].values[sampled, sampled]
    assert not unmarked(result, fine, np.sqrt(truth)).any()
    assert fine[3, 4, 140] == pytest.approx(counts.values[3, 4, 140], rel=0.05)
    assert_array_equal(result["measured"], counts)
