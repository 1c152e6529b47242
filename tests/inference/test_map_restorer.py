"""The loaded map restorer: maps whose sides the network cannot halve twice, and answers from all sides."""

import numpy as np
import pytest

import deeper_jax
from deeper_jax.inference.map_restorer import ONE_GRID
from deeper_jax.inference.programs import compiled
from deeper_jax.spectra.raster import Raster
from deeper_jax.tasks.load import DEFAULT_REFINER, DEFAULT_RESTORER

SIDE = 60  # padded to 64


def noisy(truth):
    return truth + np.random.default_rng(0).standard_normal(truth.shape)


def sample():
    """Score images of stripes, an edge and a slope, [SIDE, SIDE, 3]: turned by half a turn they change their sign."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.stack([30 * np.sin(x / 5), 25 * np.sign(x + 0.5 * y), 0.7 * y + 0.3 * x], -1)


def test_the_sides_that_are_padded_are_as_good_as_the_others():
    truth = sample()
    error = (deeper_jax.load(DEFAULT_RESTORER).restore(noisy(truth), np.ones(truth.shape[:2], bool))[0] - truth) ** 2
    assert error[-10:].mean() < 1.15 * error[:10].mean()
    assert error[:, -10:].mean() < 1.15 * error[:, :10].mean()


@pytest.mark.parametrize("shape", [(16, 16), (12, 16)])
def test_a_map_turned_has_its_answer_turned_if_that_is_asked_for(shape):
    network = deeper_jax.load(DEFAULT_REFINER)
    scan, present = noisy(sample()[1::2, 1::2])[: shape[0], : shape[1]], np.ones(shape, bool)
    # A raster of two rows and three columns, of which the first row and the second column were measured.
    raster, turned_raster = Raster((2, 3), (0, 1)), Raster((3, 2), (1, 0))

    def differences(turned):
        """Of the answer to the scan with rows for columns, mirrored along the columns, root mean squares."""
        answers = network.restore(scan, present, raster, turned=turned)
        swapped = scan.swapaxes(0, 1)[::-1]
        others = network.restore(swapped, present.T, turned_raster, turned=turned)
        back = [each[::-1].swapaxes(0, 1) for each in others]
        return [np.sqrt(((own - other) ** 2).mean()) for own, other in zip(answers, back, strict=True)]

    assert max(differences(turned=True)) < 1e-3
    assert min(differences(turned=False)) > 0.05


def test_deviations_between_pixels_are_calibrated_by_the_map_they_are_of():
    refiner = deeper_jax.load(DEFAULT_REFINER)
    settings = refiner.record["calibration"]["3"]
    rng = np.random.default_rng(4)
    narrow, wide = np.exp(rng.normal(-3, 0.7, (40, 70))), np.exp(rng.normal(-1, 0.4, (40, 70)))
    for deviation in (narrow, wide):
        typical = np.exp(np.log(deviation).mean())
        usual = np.maximum(settings["factor"] * np.sqrt(deviation * typical), settings["least"] * deviation)
        expected = np.hypot(usual, settings["noise_share"] * 2.0)
        # What is typical is told by some of the channels.
        np.testing.assert_allclose(refiner.calibrated(deviation, 2.0, 3), expected, rtol=0.05)
    unknown = np.where(rng.random(narrow.shape) < 0.1, np.nan, narrow)
    found = refiner.calibrated(unknown, 2.0, 3)
    assert np.array_equal(np.isnan(found), np.isnan(unknown)) and np.nanmin(found) > 0
    np.testing.assert_array_equal(deeper_jax.load(DEFAULT_RESTORER).calibrated(narrow, 2.0, 3), narrow)


@pytest.mark.parametrize(
    ("shape", "count", "raster", "turned"),
    [((9, 7), 3, ONE_GRID, False), ((170, 12), 5, ONE_GRID, False), ((6, 11), 9, Raster.of((4, 2)), True)],
)
def test_what_is_prepared_is_all_that_is_needed(shape, count, raster, turned):
    model = deeper_jax.load(DEFAULT_RESTORER)
    model.prepare(shape, count, raster)
    made = compiled.cache_info().misses
    model.restore(np.ones((*shape, count)), np.ones(shape, bool), raster, turned=turned)
    assert compiled.cache_info().misses == made
