"""Vertex component analysis finds what was planted in simulated images."""

import functools

import jax
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

from deeper_jax.errors import InputError
from deeper_jax.simulator.config import CELL_MOLECULES, SimulatorConfig, default_wavenumbers
from deeper_jax.simulator.molecules import draw_endmembers
from deeper_jax.unmixing import spectral_angle, vertex_component_analysis, vertex_components
from deeper_jax.unmixing.vertex_components import snr_threshold

SEEDS = range(10)


def matched_angles(endmembers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Angle in degrees of each target to the endmember that stands for it."""
    angles = spectral_angle(targets[:, None], endmembers)
    return angles[scipy.optimize.linear_sum_assignment(angles)]


@functools.cache
def molecules(seed: int) -> np.ndarray:
    """Spectra of five molecules, `[5, 125]`."""
    key, axis = jax.random.key(seed), default_wavenumbers()[::4]
    return np.asarray(draw_endmembers(key, axis, SimulatorConfig(), CELL_MOLECULES), np.float64)


def mixtures(seed: int, count: int, side: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """An image `[side, side, 125]` without noise, one nearly pure pixel an endmember, and the endmembers."""
    rng = np.random.default_rng(seed)
    endmembers = molecules(seed)[:count]
    abundances = rng.dirichlet(np.full(count, 0.5), size=side * side)
    pure = rng.choice(side * side, count, replace=False)
    abundances[pure] = 0.98 * np.eye(count) + 0.02 / count
    return (abundances @ endmembers).reshape(side, side, -1), endmembers


def with_noise(image: np.ndarray, snr_db: float, seed: int) -> np.ndarray:
    sigma = np.sqrt(np.mean(image**2) / 10 ** (snr_db / 10))
    return image + sigma * np.random.default_rng(seed + 1000).normal(size=image.shape)


def affine_rank(found: vertex_components.VertexComponents, image: np.ndarray) -> int:
    """p - 1 after the principal projection, whose endmembers lie on a plane through the mean; p after the other."""
    offsets = found.endmembers - image.reshape(-1, image.shape[-1]).mean(axis=0)
    return int(np.linalg.matrix_rank(offsets, tol=1e-9 * np.abs(offsets).max()))


@pytest.mark.parametrize(("count", "snr_db"), [(3, 30), (5, 30), (3, 15), (4, 15)])
def test_finds_planted_endmembers(count, snr_db):
    assert 15 < snr_threshold(count) < 30
    for seed in SEEDS:
        truth, endmembers = mixtures(seed, count)
        image = with_noise(truth, snr_db, seed)
        found = vertex_component_analysis(image, count, seed=seed)
        assert found.endmembers.shape == (count, 125) and found.endmembers.dtype == np.float64
        assert matched_angles(found.endmembers, endmembers).max() < 5
        assert found.snr_db == pytest.approx(snr_db, abs=0.1)
        assert affine_rank(found, image) == (count if snr_db == 30 else count - 1)


@pytest.mark.parametrize("snr_db", [15, 30])
def test_endmembers_are_the_denoised_spectra_of_the_pixels(snr_db):
    truth, _ = mixtures(0, 4)
    image = with_noise(truth, snr_db, 0)
    found = vertex_component_analysis(image, 4, seed=1)
    assert len(set(found.pixels.tolist())) == 4
    rows, columns = np.unravel_index(found.pixels, image.shape[:2])
    before = np.linalg.norm(image[rows, columns] - truth[rows, columns])
    after = np.linalg.norm(found.endmembers - truth[rows, columns])
    assert after < 0.25 * before


@pytest.mark.parametrize("snr_db", [15, 30])
def test_the_seed_decides(snr_db):
    truth, _ = mixtures(1, 4)
    image = with_noise(truth, snr_db, 1)
    first, again = (vertex_component_analysis(image, 4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.endmembers, again.endmembers)
    as_list = vertex_component_analysis(image.reshape(-1, 125), 4, seed=3)
    np.testing.assert_array_equal(as_list.pixels, first.pixels)
    assert len({tuple(vertex_component_analysis(image, 4, seed=seed).pixels) for seed in SEEDS}) > 1


@pytest.mark.parametrize("snr_db", [15, 30])
def test_signs_of_the_eigenvectors_do_not_matter(monkeypatch, snr_db):
    truth, _ = mixtures(2, 4)
    image = with_noise(truth, snr_db, 2)
    expected = [vertex_component_analysis(image, 4, seed=seed).pixels.tolist() for seed in SEEDS]
    principal_components, eigh = vertex_components.principal_components, scipy.linalg.eigh

    def turned_components(spectra, count):
        mean, basis = principal_components(spectra, count)
        return mean, basis * np.array([[-1.0], [1.0], [-1.0], [1.0]])

    def turned_vectors(matrix, **options):
        values, vectors = eigh(matrix, **options)
        return values, vectors * np.array([-1.0, -1.0, 1.0, -1.0])

    monkeypatch.setattr(vertex_components, "principal_components", turned_components)
    monkeypatch.setattr(scipy.linalg, "eigh", turned_vectors)
    assert [vertex_component_analysis(image, 4, seed=seed).pixels.tolist() for seed in SEEDS] == expected


@pytest.mark.parametrize("count", [2, 5])
def test_snr_of_white_noise_is_estimated(count):
    truth, _ = mixtures(4, count)
    for snr_db in (0, 10, 20, 40, 60):
        assert vertex_component_analysis(with_noise(truth, snr_db, 4), count).snr_db == pytest.approx(snr_db, abs=0.15)
    assert vertex_component_analysis(truth, count).snr_db > 120


def test_snr_at_its_ends():
    with np.errstate(all="raise"):
        assert vertex_component_analysis(np.eye(3), 3).snr_db == np.inf
        assert vertex_component_analysis(np.concatenate([np.eye(4), -np.eye(4)]), 2).snr_db == -np.inf


def test_brightness_of_the_pixels_does_not_matter_at_high_snr():
    truth, _ = mixtures(5, 4)
    brightness = np.random.default_rng(5).uniform(0.2, 1.0, size=(*truth.shape[:2], 1))
    found = vertex_component_analysis(truth * brightness, 4, seed=2)
    # The subspace is weighted differently, so the random directions pick the same corners in another order.
    assert set(found.pixels) == set(vertex_component_analysis(truth, 4, seed=2).pixels)


def test_pixels_of_nothing_but_noise_are_no_endmembers_at_high_snr():
    for seed in SEEDS:
        truth, endmembers = mixtures(seed, 3)
        truth[::3] = 0.0
        truth[1, :3] = endmembers
        found = vertex_component_analysis(with_noise(truth, 30, seed), 3, seed=seed)
        assert np.all(np.unravel_index(found.pixels, truth.shape[:2])[0] % 3)
        assert matched_angles(found.endmembers, endmembers).max() < 5


def test_one_endmember():
    spectrum = molecules(0)[0]
    image = with_noise(np.tile(spectrum, (6, 6, 1)), 40, 0)
    with np.errstate(all="raise"):
        high, low = vertex_component_analysis(image, 1), vertex_component_analysis(with_noise(image, 5, 1), 1)
    for found in (high, low):
        assert matched_angles(found.endmembers, spectrum[None])[0] < 12
    assert high.snr_db == pytest.approx(40, abs=0.5) and low.snr_db < snr_threshold(1)


def test_unusable_input_is_refused():
    image, _ = mixtures(0, 3, side=4)
    for count in (0, -1, 17):
        with pytest.raises(InputError, match=f"found {count} endmembers, expected 1 to 16"):
            vertex_component_analysis(image, count)
    with pytest.raises(InputError, match="expected 1 to 2,"):
        vertex_component_analysis(image[..., :2], 3)
    with pytest.raises(InputError, match="NaN or infinite"):
        vertex_component_analysis(np.where(image == image.max(), np.nan, image), 2)
    with pytest.raises(InputError, match="all values are zero"):
        vertex_component_analysis(np.zeros((4, 4, 8)), 2)
    for kind in (np.float64, np.float32):
        with pytest.raises(InputError, match="average to zero"):
            vertex_component_analysis((image - image.mean(axis=(0, 1))).astype(kind), 2)
    with pytest.raises(InputError, match="real numbers"):
        vertex_component_analysis(image + 0j, 2)
    with pytest.raises(InputError, match="shape"):
        vertex_component_analysis(np.float64(3.0), 1)


def test_fewer_independent_spectra_than_asked_for():
    image, endmembers = mixtures(3, 3)
    assert matched_angles(vertex_component_analysis(image, 3).endmembers, endmembers).max() < 3
    with pytest.raises(InputError, match="ask for 3 at most"):
        vertex_component_analysis(image, 5)
    with pytest.raises(InputError, match="ask for 1 at most"):
        vertex_component_analysis(np.tile(molecules(0)[0], (5, 5, 1)), 2)
