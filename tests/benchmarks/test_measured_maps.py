"""The benchmarks on measured counts: what they score with, against truths that are known."""

import importlib.util

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from restoration_tables import rows, smooth_truth

from benchmarks import enhance
from benchmarks.restoration import peers
from benchmarks.restoration.__main__ import main
from benchmarks.restoration.dose import given
from benchmarks.restoration.pairs import common
from benchmarks.restoration.real_maps import CountedMap, map_variance, noise_free_variance
from benchmarks.restoration.thinned import held_out_error
from deeper_jax.errors import InputError

AXIS = np.linspace(600.0, 1800.0, 60)


@pytest.fixture(scope="module")
def truth():
    """Expected photo-electrons [12, 14, 60] of three images."""
    return np.asarray(smooth_truth(12, 14, AXIS, 40.0), np.float64)


@pytest.fixture
def counted(tmp_path, truth):
    """A file of half a count a photo-electron on a pedestal of 100."""
    path = tmp_path / "counts.npz"
    np.savez(path, cube=100 + 0.5 * np.random.default_rng(0).poisson(truth), wavenumber=AXIS)
    return path


def test_held_out_photons_show_the_true_error(truth):
    generator, output = np.random.default_rng(0), 1.1 * truth[:, ::-1]
    found = []
    for _ in range(60):
        counts = generator.poisson(truth)
        seen, rest, left = given(counts, 0.4, 2, generator)
        assert_allclose(seen + rest, counts)
        assert (seen.any(-1).sum(), (left < 1).sum()) == (42, 42)
        found.append(held_out_error(output, rest, left))
    expected = ((output - truth) ** 2).mean()
    assert abs(np.mean(found) - expected) < 4 * np.std(found) / np.sqrt(60)


def test_the_variance_of_a_map_without_its_noise(truth):
    generator = np.random.default_rng(0)
    found = [noise_free_variance(generator.poisson(truth)) for _ in range(20)]
    assert_allclose(np.mean(found), np.var(truth, (0, 1)).mean(), rtol=0.01)
    assert_allclose(map_variance(truth), np.var(truth, (0, 1)).mean())


def test_counts_of_a_file(counted, truth):
    counts, axis = CountedMap.parsed(f"{counted}=0.5,100").counts()
    assert counts.dtype == np.int64 and abs((counts - truth).mean()) < 0.1
    assert_allclose(axis, AXIS)
    assert CountedMap.parsed(str(counted)) == CountedMap(counted, 1.0, 0.0)


@pytest.mark.parametrize("numbers", ["1", "0,5", "1,2,3"])
def test_a_gain_that_makes_no_sense_is_refused(capsys, numbers):
    with pytest.raises(SystemExit):
        main(["thinned", "--maps", f"a.npz={numbers}"])
    assert "FILE=GAIN,PEDESTAL" in capsys.readouterr().err


def test_a_map_with_a_gap_is_refused(tmp_path, truth):
    cube = truth.copy()
    cube[3, 4] = np.nan
    np.savez(tmp_path / "gap.npz", cube=cube, wavenumber=AXIS)
    with pytest.raises(InputError, match="without gaps"):
        CountedMap(tmp_path / "gap.npz").counts()


def test_principal_components_of_a_whitened_map(truth):
    cube = np.random.default_rng(0).poisson(truth).astype(float)
    found = peers.whitened(cube)
    assert found.above_noise == 3
    # As many components as there are channels and no smoothing: the map as it was.
    assert_allclose(found.spectra(found.scores, 0), found.mean + _svd_cut(cube - found.mean, found.noise, peers.MOST))
    # Noise of 1 by an estimate that is not the package's: what the third and later differences leave.
    white = (cube - truth) / found.noise
    assert_allclose(white.std(), 1.0, atol=0.1)
    own = found.spectra(found.scores[..., :3], 30.0)
    differences = scipy.sparse.csr_array(np.diff(np.eye(60), 2, axis=0))
    system = np.eye(60) + 30.0 * (differences.T @ differences).toarray()
    unsmoothed = found.spectra(found.scores[..., :3], 0)
    assert_allclose(own, np.linalg.solve(system, unsmoothed[..., None])[..., 0])


def _svd_cut(cube, noise, count):
    left, values, right = np.linalg.svd((cube / noise).reshape(-1, cube.shape[-1]), full_matrices=False)
    return ((left[:, :count] * values[:count]) @ right[:count]).reshape(cube.shape) * noise


def test_the_blind_peer_comes_near_the_best_one(truth):
    counts = np.random.default_rng(0).poisson(truth)
    found = peers.blind(counts, peers.as_they_are, np.random.default_rng(1))
    least = peers.least_error(counts.astype(float), truth, (peers.as_they_are,))
    assert 1 <= ((found - truth) ** 2).mean() / least < 1.3
    assert least < 0.25 * ((counts - truth) ** 2).mean()


@pytest.mark.skipif(not importlib.util.find_spec("bm3d"), reason="bm3d is not installed")
def test_bm3d_takes_noise_of_1_away(truth):
    images = truth.mean(-1)[..., None] * np.ones(2)
    noisy = images + np.random.default_rng(0).standard_normal(images.shape)
    assert ((peers.by_bm3d(noisy) - images) ** 2).mean() < 0.6


def test_thinned_counts(capsys, counted):
    (row,) = rows(capsys, "thinned", "--maps", f"{counted}=0.5,100", "--fractions=0.3", "--draws=2")
    assert row[0] == "counts.npz" and abs(float(row[1]) - 0.3 * smooth_truth(12, 14, AXIS, 40.0).mean()) < 0.2
    ours, without, ratio, pca = (_mean(row[index]) for index in (2, 3, 4, 6))
    assert 0 < ours < 20 and 0 < pca < 40
    assert_allclose(ratio, ours / without, rtol=0.1)
    if not importlib.util.find_spec("bm3d"):
        assert row[5] == "bm3d is not installed"


def test_smooth_maps_with_drawn_noise(capsys, counted):
    (row,) = rows(capsys, "smooth", "--maps", f"{counted}=0.5,100", "--components=2", "--electrons=20", "--draws=1")
    assert row[:2] == ["counts.npz", "20"] and 0 < _mean(row[2]) < 20 and 0 < _mean(row[5]) < 20


def test_equal_dose_on_a_measured_map(capsys, counted):
    arguments = ["--maps", f"{counted}=0.5,100", "--steps=1,2,3,4", "--electrons=3", "--samples=1"]
    (row,) = rows(capsys, "dose", *arguments)
    assert 0 < _mean(row[2]) < 1 and 0 < _mean(row[3]) < 1
    # A third or a fourth of 12 x 14 pixels are too few.
    assert row[4:] == ["–", "–"]


def _mean(cell):
    return float(cell.split(" ")[0])


def test_the_excess_of_true_spectra_is_none():
    # Slow spectra with the noise that is stated of them, and outputs of another scale and offset.
    generator = np.random.default_rng(0)
    truth = np.asarray(smooth_truth(20, 20, AXIS, 60.0), np.float64).reshape(400, -1) + 50
    high = truth + enhance.slow_noise(truth) * generator.standard_normal(truth.shape)
    excess = enhance.excess(3 * truth - 7, high)
    assert excess.shape == (400,)
    # Two numbers are fitted to the noise of 60 channels.
    fitted = 2 / 60 * (enhance.slow_noise(truth) ** 2 / np.ptp(high, axis=1)[:, None] ** 2).mean()
    assert abs(excess.mean() + fitted) < 4 * excess.std() / 20
    with_offset, slope = enhance.fitted_to(3 * truth - 7, high)
    expected = [
        np.polyval(np.polyfit(3 * row - 7, slow, 1), 3 * row - 7) for row, slow in zip(truth, high, strict=True)
    ]
    assert_allclose(with_offset, expected)
    assert_allclose(slope.mean(), 1 / 3, rtol=0.01)


def test_intervals_on_pairs(capsys, tmp_path):
    truth = np.asarray(smooth_truth(6, 10, AXIS, 8.0)).reshape(60, -1) + 5
    generator = np.random.default_rng(0)
    slow = 10 * truth + enhance.slow_noise(10 * truth) * generator.standard_normal(truth.shape)
    np.savez(tmp_path / "pairs.npz", low=generator.poisson(truth), high=slow, wavenumbers=AXIS)
    *lines, every, brightest = rows(capsys, "pairs", f"--pairs={tmp_path / 'pairs.npz'}", "--lines=6")
    assert [row[:2] for row in lines] == [[str(line), "10"] for line in range(1, 7)] and every[:2] == ["all", "60"]
    assert brightest[:2] == ["brightest tenth", "6"]
    assert_allclose(_mean(every[2]), np.mean([_mean(row[2]) for row in lines]), atol=1e-6)
    within, alone = (float(each.strip("()% ")) for each in every[5].split("%")[:2])
    assert 80 < within < 98 and alone < within


def test_a_component_of_both_residuals_is_told_from_one_of_the_slow_alone():
    generator = np.random.default_rng(0)
    shape = np.sin(AXIS / 100)
    shape /= np.linalg.norm(shape)
    scores = 5 * generator.standard_normal((400, 1))
    slow, fast = scores * shape + 0.1 * generator.standard_normal((400, 60)), generator.standard_normal((400, 60))
    assert_allclose(common(slow, fast), (scores.std(), 1.0, 0.0), atol=0.15)
    assert_allclose(common(slow, fast + scores * shape), (scores.std(), np.hypot(scores.std(), 1), 0.98), atol=0.15)
