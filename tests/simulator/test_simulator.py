"""The simulator: spectra, space, detection law and reproducibility."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from paths import SHARED

from deeper_jax import simulator
from deeper_jax.errors import InputError
from deeper_jax.simulator import cell_phantom, detector, molecules

AXIS = simulator.default_wavenumbers()
CONFIG = simulator.SimulatorConfig()
SIZE = 16
simulate = jax.jit(simulator.simulate_cell, static_argnums=(1, 2, 4))
draw_endmembers = jax.jit(molecules.draw_endmembers, static_argnums=(2, 3))
NAMES = tuple(sorted(molecules.BANDS))
EXACT = dataclasses.replace(CONFIG, band_shift=0.0, axis_shift=0.0, band_width_spread=0.0, band_height_spread=0.0)
FINE_AXIS = np.arange(440.0, 1850.0, 0.5)


_SHAPE_FIELDS = ("cell_diameter", "nucleus_diameter", "droplet_count", "droplet_diameter", "cosmic_height")


def reference_cell_config() -> simulator.SimulatorConfig:
    """Settings with every optical and detector constant fixed at its measured value.

    Only the molecules' jitter and the cell's shape still vary. Use it to check a figure against the
    measured detection law: low variance 0.213 mean + 0.586, high variance 0.196 mean + 5.9.
    """
    middle = {
        field.name: (sum(value) / 2,) * 2
        for field in dataclasses.fields(simulator.SimulatorConfig)
        if isinstance(value := field.default, tuple) and field.name not in _SHAPE_FIELDS
    }
    measured = {
        "signal_level": (1.0, 1.0),
        "low_offset": (2.4, 2.4),
        "exposure_ratio": (20.8, 20.8),
        "low_gain": (0.213, 0.213),
        "high_gain": (0.196, 0.196),
        "read_noise": (0.709, 0.709),
        "low_cosmic_rate": 0.0,
        "high_cosmic_rate": 0.0,
    }
    return simulator.SimulatorConfig(**{**middle, **measured})  # type: ignore[arg-type]


@functools.cache
def cells(count=4):
    drawn = [simulate(key, SIZE, SIZE, AXIS, CONFIG) for key in jax.random.split(jax.random.key(0), count)]
    return jax.tree.map(lambda *parts: np.stack(parts), *drawn)


def test_axis():
    assert AXIS.shape == (500,)
    assert AXIS[0] == pytest.approx(498.265, abs=0.1) and AXIS[-1] == pytest.approx(1799.9, abs=0.1)
    step = np.diff(AXIS)
    assert step[0] == pytest.approx(2.82, abs=0.01) and step[-1] == pytest.approx(2.42, abs=0.02)
    assert (np.diff(step) < 1e-3).all()


def test_axis_is_the_real_one():
    path = SHARED / "data" / "cell_pairs_real.npz"
    if not path.exists():
        pytest.skip("the real cell pairs are not beside the project")
    assert np.abs(AXIS - np.load(path)["wavenumbers"]).max() < 0.1


def test_parts_of_a_cell_fit_together():
    cell = cells()
    shape = (4, SIZE, SIZE, 500)
    for name in ("low", "high", "low_truth", "high_truth", "background"):
        values = np.asarray(getattr(cell, name))
        assert values.shape == shape and values.dtype == np.float32 and np.isfinite(values).all()
    for counts in (cell.low, cell.high):
        assert (np.asarray(counts) >= 0).all() and (np.asarray(counts) == np.round(counts)).all()
    assert (np.asarray(cell.abundances) >= 0).all() and (np.asarray(cell.endmembers) >= 0).all()
    product = np.einsum("nhwk,nkl->nhwl", np.float64(cell.abundances), np.float64(cell.endmembers))
    np.testing.assert_allclose(cell.low_truth, cell.background + product, rtol=1e-4)


def test_counts_lie_in_the_measured_range():
    cell = cells()
    low, high = np.asarray(cell.low), np.asarray(cell.high)
    assert 6.0 < low.mean() < 9.5 and 75 < high.mean() < 135
    assert 1 <= np.percentile(low, 1) <= 3 and 13 <= np.percentile(low, 99) <= 20


def test_same_key_gives_same_arrays():
    config = reference_cell_config()
    key = jax.random.key(4)
    first, second, other = (simulate(k, SIZE, SIZE, AXIS, config) for k in (key, key, jax.random.key(99)))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.mean(np.asarray(other.low) != np.asarray(first.low)) > 0.5


@pytest.mark.slow
def test_vmap_equals_single():
    keys = jax.random.split(jax.random.key(0), 4)
    together = jax.jit(jax.vmap(lambda key: simulator.simulate_cell(key, SIZE, SIZE, AXIS, CONFIG)))(keys)
    single = simulate(keys[2], SIZE, SIZE, AXIS, CONFIG)
    for name, one, batch in zip(single._fields, single, together, strict=True):
        if name in ("low", "high"):
            # A rounding error of the expected counts may tip a count over.
            assert np.mean(np.asarray(one) != np.asarray(batch[2])) < 1e-3
        else:
            np.testing.assert_allclose(one, batch[2], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_jit_equals_no_jit():
    key, axis = jax.random.key(5), np.linspace(602, 1798, 40)
    plain = simulator.simulate_cell(key, 6, 9, axis, CONFIG)
    compiled = simulate(key, 6, 9, axis, CONFIG)
    assert plain.low.shape == (6, 9, 40)
    np.testing.assert_allclose(plain.low_truth, compiled.low_truth, rtol=1e-3)
    assert np.mean(np.asarray(plain.high) != np.asarray(compiled.high)) < 0.01


def test_another_axis_sees_the_same_spectrum():
    axis = np.arange(602.0, 1799.0, 4.0)
    assert axis.size == 300
    key = jax.random.key(1)
    config = reference_cell_config()
    coarse, fine = (np.asarray(draw_endmembers(key, each, config, simulator.CELL_MOLECULES)) for each in (axis, AXIS))
    for k in range(5):
        np.testing.assert_allclose(coarse[k], np.interp(axis, AXIS, fine[k]), atol=0.04)


@functools.cache
def all_endmembers(seed, config):
    """[K, L] of all molecules at once, in the order of `NAMES`."""
    return np.asarray(draw_endmembers(jax.random.key(seed), FINE_AXIS, config, NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_bands_lie_where_the_table_says(name):
    axis, place = FINE_AXIS, NAMES.index(name)
    table = np.asarray(molecules.BANDS[name])
    assert (table[:, 1] >= 11).all() and (table[:, 1] <= 45).all() and table[:, 2].max() == 1.0
    strongest = table[table[:, 2].argmax()]
    plain = all_endmembers(0, EXACT)[place]
    # Neighbouring bands may pull the summit a little.
    assert abs(axis[plain.argmax()] - strongest[0]) < 5
    shifts = []
    for seed in range(8):
        moved = all_endmembers(seed, CONFIG)[place]
        near = np.abs(axis - strongest[0]) < 15
        shifts.append(axis[near][moved[near].argmax()] - strongest[0])
    assert 0.2 < np.std(shifts) and np.abs(shifts).max() < 11


@pytest.mark.parametrize("lorentzian", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("width", [11.0, 30.0])
def test_line_shape_has_its_width(width, lorentzian):
    axis = np.arange(900.0, 1100.0, 0.1, np.float32)
    line = np.asarray(molecules.pseudo_voigt(axis, jnp.float32(1003.0), jnp.float32(width), jnp.float32(lorentzian)))
    assert line.max() == pytest.approx(1.0, abs=1e-3) and axis[line.argmax()] == pytest.approx(1003, abs=0.1)
    assert np.ptp(axis[line >= 0.5]) == pytest.approx(width, abs=0.25)


def test_no_band_is_narrower_than_the_resolution():
    wild = dataclasses.replace(CONFIG, band_width_spread=0.8)
    axis = np.arange(940.0, 1050.0, 0.1)
    draw = jax.jit(lambda key: molecules.draw_endmembers(key, axis, wild, ("hydroxyapatite",))[0])
    for seed in range(10):
        line = np.asarray(draw(jax.random.key(seed)))
        assert np.ptp(axis[line > 0.5 * line.max()]) > 10.5


@pytest.mark.parametrize(
    ("gain", "read_noise", "readouts", "constant"), [(0.213, 0.709, 1, 0.586), (0.196, 0.709, 10, 5.86)]
)
def test_noise_follows_the_measured_law(gain, read_noise, readouts, constant):
    means = np.linspace(5, 40, 6) * (1 if readouts == 1 else 8)
    expected = np.repeat(means[:, None], 100_000, axis=1).astype(np.float32)
    counts = np.asarray(
        detector.count(jax.random.key(3), jnp.asarray(expected), gain, jnp.float32(read_noise), readouts)
    ).astype(np.float64)
    np.testing.assert_allclose(counts.mean(1), means, rtol=2e-3)
    slope, intercept = np.polyfit(means, counts.var(1), 1)
    assert slope == pytest.approx(gain, rel=0.03)
    np.testing.assert_allclose(counts.var(1), gain * means + constant, rtol=0.03)
    assert intercept == pytest.approx(constant, abs=0.05 if readouts == 1 else 1.2)


@pytest.mark.parametrize("mean", [3.0, 7.3, 20.0])
def test_noise_has_the_distribution_of_photo_electrons(mean):
    gain, read = 0.2, 0.7
    rng = np.random.default_rng(0)
    theirs = np.round(gain * rng.poisson(mean / gain, 200_000) + rng.normal(0, read, 200_000)).clip(0)
    ours = detector.count(jax.random.key(0), jnp.full(200_000, mean), gain, jnp.float32(read))
    grid = np.arange(60)
    ours_cdf, theirs_cdf = ((np.asarray(x)[:, None] <= grid).mean(0) for x in (ours, theirs))
    assert np.abs(ours_cdf - theirs_cdf).max() < 0.006


def test_simulated_cell_obeys_the_law_with_white_noise():
    config = reference_cell_config()
    cell = simulate(jax.random.key(2), SIZE, SIZE, AXIS, config)
    for counts, truth, gain, constant in (
        (cell.low, cell.low_truth, 0.213, 0.586),
        (cell.high, cell.high_truth, 0.196, 5.86),
    ):
        truth = np.asarray(truth, np.float64)
        error = np.asarray(counts, np.float64) - truth
        expected = gain * truth + constant
        assert (error**2 / expected).mean() == pytest.approx(1.0, abs=0.02)
        assert abs(error.mean()) < 0.02 * np.sqrt(expected.mean())
        assert abs(np.mean(error[..., 1:] * error[..., :-1]) / error.var()) < 0.02
    # 20.8 times the light, apart from the offset and its steps of one count.
    light = np.asarray(cell.high_truth) / 20.8
    offset = np.asarray(cell.low_truth) - light
    np.testing.assert_allclose(np.unique(np.round(offset, 2)).round(1), [1.4, 2.4, 3.4], atol=0.051)


def test_cosmic_rays_are_rare_narrow_and_high():
    expected = jnp.full((20_000, 60), 10.0)
    numbers = jax.random.uniform(jax.random.key(1), (4, 20_000))
    hit = np.asarray(detector.add_cosmic_rays(numbers, jnp.zeros((20_000, 60)), expected, 0.01, (3.0, 30.0)))
    struck = hit.max(1) > 0
    assert struck.mean() == pytest.approx(0.01, abs=0.002)
    assert hit[struck].max(1).min() >= 30 and hit.max() <= 300
    widths = (hit[struck] > 0).sum(1)
    assert set(widths) == {1, 2, 3}
    none = detector.add_cosmic_rays(numbers, expected, expected, 0.0, (3.0, 30.0))
    np.testing.assert_array_equal(none, expected)


def test_phantom_has_a_nucleus_droplets_and_a_medium():
    draw = jax.jit(jax.vmap(lambda k: cell_phantom.draw_cell_phantom(k, 48, 40, CONFIG)))
    maps = jax.tree.map(np.asarray, draw(jax.random.split(jax.random.key(0), 12)))
    assert maps.amounts.shape == (12, 48, 40, 5) and (maps.amounts >= 0).all()
    for n in range(12):
        inside = maps.density[n] > 0.3
        assert 0.15 < inside.mean() < 0.8
        assert (maps.density[n] < 0.02).mean() > 0.1
        diameters = 2 * np.sqrt(np.array([(maps.nucleus[n] > 0.5).sum(), inside.sum()]) / np.pi)
        assert 0.22 < diameters[0] / diameters[1] < 0.55
        assert maps.droplets[n].max() > 0.15
        # The nucleus is rich in nucleic acid, droplets in lipid.
        amounts = maps.amounts[n]
        nucleus = maps.nucleus[n] > 0.7
        assert amounts[nucleus, 2].mean() > 1.5 * amounts[inside & ~nucleus, 2].mean()
        lipid = amounts[..., 1]
        assert lipid[maps.droplets[n] > 0.7 * maps.droplets[n].max()].mean() > 1.3 * lipid[inside].mean()
    assert np.std((maps.density > 0.3).mean((1, 2))) > 0.02


def test_single_spectra_are_varied():
    draw = jax.jit(simulator.simulate_spectra, static_argnums=(1, 3))
    low, high, low_truth, high_truth = (np.asarray(x) for x in draw(jax.random.key(0), 100, AXIS, CONFIG))
    assert low.shape == high.shape == low_truth.shape == high_truth.shape == (100, 500)
    assert (low == np.round(low)).all() and (high == np.round(high)).all() and np.isfinite(high_truth).all()
    again = draw(jax.random.key(0), 100, AXIS, CONFIG)
    np.testing.assert_array_equal(low, again[0])
    assert abs((low - low_truth).mean()) < 0.5
    # Many directions of variation beyond brightness: molecules, backgrounds, positions.
    centred = high_truth - high_truth.mean(0)
    values = np.linalg.svd(centred, compute_uv=False) ** 2
    assert (values.cumsum() / values.sum() < 0.9995).sum() >= 8


@pytest.mark.parametrize(
    "setting", [{"water_width": (110.0, 90.0)}, {"low_gain": (-0.1, 0.2)}, {"droplet_count": (5, 99)}]
)
def test_wrong_settings_are_refused(setting):
    with pytest.raises(InputError, match=next(iter(setting))):
        dataclasses.replace(CONFIG, **setting)


def test_config_is_hashable():
    assert hash(CONFIG) == hash(simulator.SimulatorConfig())
    assert CONFIG != reference_cell_config()
