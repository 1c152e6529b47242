"""The training pipeline against a per-example NumPy twin, its statistics, and its reproducibility."""

import itertools

import numpy as np
import pytest
import scipy.stats

from deeper_jax.data.augmentation import AugmentationConfig, Draws, padded_pairs
from deeper_jax.data.batches import evaluation_batches, steps_per_epoch
from deeper_jax.data.quiet_tensorflow import tf
from deeper_jax.data.spectra_pipeline import augment, draw, draws_by_step, training_batches
from deeper_jax.data.spectral_pairs import SpectralPairs


def make_pairs(noisy, target=None):
    noisy = np.asarray(noisy, np.float32)
    target = noisy if target is None else np.asarray(target, np.float32)
    cell = np.zeros(len(noisy), np.int32)
    return SpectralPairs(noisy, target, None, None, cell, ("cell",), {}, "test", False)


def random_pairs(examples, length, seed=0):
    generator = np.random.default_rng(seed)
    return make_pairs(*(generator.normal(1.0, 0.5, (examples, length)) for _ in range(2)))


def numbered_pairs(examples, length=8):
    """Spectra that still tell their row after division by the maximum: channel 1 holds row / examples."""
    spectra = np.zeros((examples, length))
    spectra[:, 0] = 1.0
    spectra[:, 1] = np.arange(examples) / examples
    return make_pairs(spectra)


def rows_of(batch, examples):
    return np.rint(batch["noisy"][:, 1] * examples).astype(int).tolist()


def twin(spectra, row, partner, shift, weight, flip):
    """One spectrum augmented in float64, in the order of the released code."""

    def shifted(spectrum):
        spectrum = spectrum.astype(np.float64)
        if shift > 0:
            return np.pad(spectrum[shift:], (0, shift), mode="reflect")
        return np.pad(spectrum[: len(spectrum) + shift], (-shift, 0), mode="reflect")

    def turned(spectrum):
        return spectrum[::-1] if flip else spectrum

    mixed = weight * turned(shifted(spectra[row])) + (1 - weight) * turned(shifted(spectra[partner]))
    return mixed / mixed.max()


def draws_as_arrays(draws):
    return Draws(*(np.asarray(values) for values in draws))


@pytest.mark.parametrize(
    ("length", "shift", "flip", "seed"), [(50, 0.1, False, 0), (37, 0.3, True, 1), (9, 0.0, True, 2)]
)
def test_augment_equals_the_per_example_twin(length, shift, flip, seed):
    pairs = random_pairs(40, length, seed)
    config = AugmentationConfig(shift=shift, flip=flip)
    draws = draw(tf.range(40), tf.constant([seed, 5]), 40, length, config)
    largest = config.largest_shift(length)
    noisy, target = augment(padded_pairs(pairs.noisy, pairs.target, largest), draws, largest, flip)
    for i, values in enumerate(zip(*draws_as_arrays(draws), strict=True)):
        np.testing.assert_allclose(noisy[i], twin(pairs.noisy, *values), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(target[i], twin(pairs.target, *values), rtol=1e-5, atol=1e-5)


def test_shift_by_hand():
    spectra = np.array([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], np.float32)
    draws = Draws([0, 0, 0], [0, 0, 0], [2, -3, 0], [1.0, 1.0, 1.0], [False] * 3)
    draws = Draws(*(tf.constant(values) for values in draws))
    noisy, _ = augment(padded_pairs(spectra, spectra, 3), draws, 3, False)
    np.testing.assert_allclose(noisy[0] * 10, [3, 4, 5, 6, 7, 8, 9, 10, 9, 8], rtol=1e-6)
    np.testing.assert_allclose(noisy[1] * 7, [4, 3, 2, 1, 2, 3, 4, 5, 6, 7], rtol=1e-6)
    np.testing.assert_allclose(noisy[2] * 10, spectra[0], rtol=1e-6)


def test_training_batches_equal_the_twin_of_their_draws():
    examples, length, batch_size, steps = 30, 60, 8, 7
    pairs = random_pairs(examples, length)
    settings = {"batch_size": batch_size, "seed": 3, "total_steps": steps}
    batches = list(training_batches(pairs, flip=True, **settings))
    config = AugmentationConfig(flip=True)
    drawn = draws_by_step(examples, length, batch_size, 3, 0, steps, True, config)
    assert len(batches) == steps
    for batch, draws in zip(batches, drawn, strict=True):
        for i, values in enumerate(zip(*draws_as_arrays(draws), strict=True)):
            np.testing.assert_allclose(batch["noisy"][i], twin(pairs.noisy, *values), rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(batch["target"][i], twin(pairs.target, *values), rtol=1e-5, atol=1e-5)
        assert batch["noisy"].dtype == np.float32 and batch["noisy"].shape == (batch_size, length)


def test_noisy_and_target_are_treated_alike():
    noisy = random_pairs(32, 50).noisy
    # Twice the intensity leaves the same spectrum after division by the maximum, whatever was drawn.
    pairs = make_pairs(noisy, 2 * noisy)
    for batch in training_batches(pairs, batch_size=16, seed=0, total_steps=6, flip=True, mixup=1.0):
        np.testing.assert_array_equal(batch["noisy"], batch["target"])


@pytest.mark.parametrize("seed", [0, 1])
def test_draws_follow_their_distributions(seed):
    examples, length = 40_000, 500
    draws = draw(tf.range(examples), tf.constant([seed, 0]), examples, length, AugmentationConfig(flip=True))
    index, partner, shift, weight, flip = draws_as_arrays(draws)
    mixed = (weight != 1) | (partner != index)
    assert abs(mixed.mean() - 0.5) < 0.01
    assert abs(flip.mean() - 0.5) < 0.01
    np.testing.assert_array_equal(partner[~mixed], index[~mixed])
    # float32 rounds the smallest and largest weights to 0 and 1, so the ends are left out of the fit.
    inner = weight[mixed & (weight > 1e-4) & (weight < 1 - 1e-4)]
    beta = scipy.stats.beta(0.2, 0.2)
    low, high = beta.cdf([1e-4, 1 - 1e-4])
    fit = scipy.stats.kstest(inner, lambda x: (beta.cdf(x) - low) / (high - low))
    assert fit.pvalue > 1e-3
    assert abs((weight[mixed] <= 1e-4).mean() - low) < 0.01
    # Rounding gives the two ends half a channel each.
    expected = np.full(101, examples / 100)
    expected[[0, -1]] /= 2
    counts = np.bincount(shift + 50, minlength=101)
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-3
    assert scipy.stats.kstest(partner[mixed] / examples, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(shift[mixed], weight[mixed])[0, 1]) < 0.03
    assert abs(np.corrcoef(shift, flip)[0, 1]) < 0.03


@pytest.mark.parametrize("setting", ["shift", "mixup", "flip"])
def test_each_augmentation_can_be_switched_off(setting):
    off = {"shift": {"shift": 0.0}, "mixup": {"mixup": 0.0}, "flip": {"flip": False}}[setting]
    draws = draw(tf.range(500), tf.constant([0, 0]), 500, 100, AugmentationConfig(**({"flip": True} | off)))
    _, _, shift, weight, flip = draws_as_arrays(draws)
    assert (shift == 0).all() == (setting == "shift")
    assert (weight == 1).all() == (setting == "mixup")
    assert (~flip).all() == (setting == "flip")


def test_every_example_once_an_epoch_and_a_new_order_each_epoch():
    examples, batch_size = 24, 8
    pairs = numbered_pairs(examples)
    batches = training_batches(pairs, batch_size=batch_size, seed=0, total_steps=9, shift=0, mixup=0)
    rows = [rows_of(batch, examples) for batch in batches]
    epochs = [sum(rows[start : start + 3], []) for start in (0, 3, 6)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(examples))
    assert epochs[0] != epochs[1] != epochs[2] != list(range(examples))


def test_remainder_changes_from_epoch_to_epoch():
    examples = 21
    pairs = numbered_pairs(examples)
    assert steps_per_epoch(examples, 8) == 2
    batches = training_batches(pairs, batch_size=8, seed=0, total_steps=40, shift=0, mixup=0)
    rows = [rows_of(batch, examples) for batch in batches]
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert len(set(first + second)) == 16
    assert set(itertools.chain(*rows)) == set(range(examples))


def test_without_shuffling_the_order_is_that_of_the_rows():
    pairs = numbered_pairs(12)
    batches = training_batches(pairs, batch_size=4, seed=0, total_steps=4, shift=0, mixup=0, shuffle=False)
    rows = [rows_of(batch, 12) for batch in batches]
    assert rows == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [0, 1, 2, 3]]


def test_fewer_examples_than_a_batch_repeat_evenly():
    pairs = numbered_pairs(5)
    assert steps_per_epoch(5, 12) == 1
    for batch in training_batches(pairs, batch_size=12, seed=0, total_steps=2, shift=0, mixup=0):
        counts = np.bincount(rows_of(batch, 5), minlength=5)
        assert counts.sum() == 12 and counts.min() == 2 and counts.max() == 3


@pytest.mark.parametrize("start", [1, 3, 5])
def test_a_resumed_run_sees_the_same_bits(start):
    pairs = random_pairs(20, 40)
    settings = {"batch_size": 6, "seed": 11, "total_steps": 8, "flip": True}
    full = list(training_batches(pairs, **settings))
    tail = list(training_batches(pairs, start_step=start, **settings))
    assert len(tail) == 8 - start
    for expected, found in zip(full[start:], tail, strict=True):
        np.testing.assert_array_equal(found["noisy"], expected["noisy"])
        np.testing.assert_array_equal(found["target"], expected["target"])


def test_seeds_differ():
    pairs = random_pairs(20, 40)
    first, second = (next(training_batches(pairs, batch_size=20, seed=s, total_steps=1)) for s in (0, 1))
    assert not np.array_equal(first["noisy"], second["noisy"])


@pytest.mark.parametrize("processes", [2, 4])
def test_process_slices_make_up_the_global_batch(processes):
    pairs = random_pairs(20, 40)
    settings = {"batch_size": 8, "seed": 2, "total_steps": 4}
    whole = list(training_batches(pairs, **settings))
    shares = [
        list(training_batches(pairs, process_index=i, process_count=processes, **settings)) for i in range(processes)
    ]
    for step, batch in enumerate(whole):
        for name, expected in batch.items():
            joined = np.concatenate([share[step][name] for share in shares])
            np.testing.assert_array_equal(joined, expected)


def test_each_spectrum_is_divided_by_its_own_maximum():
    pairs = random_pairs(16, 40)
    batch = next(
        training_batches(make_pairs(pairs.noisy * 900, pairs.target * 7e4), batch_size=16, seed=0, total_steps=1)
    )
    np.testing.assert_array_equal(batch["noisy"].max(axis=1), 1.0)
    np.testing.assert_array_equal(batch["target"].max(axis=1), 1.0)


def test_spectra_without_positive_values_are_left_undivided():
    noisy = np.array([[0.0] * 6, [-1.0, -2.0, -4.0, -1.0, -2.0, -3.0]])
    batch = next(
        training_batches(make_pairs(noisy), batch_size=2, seed=0, total_steps=1, shift=0, mixup=0, shuffle=False)
    )
    np.testing.assert_array_equal(batch["noisy"], noisy)


def test_evaluation_drops_nothing():
    arrays = {"noisy": np.arange(21.0).reshape(7, 3), "row": np.arange(7)}
    batches = list(evaluation_batches(arrays, 3))
    assert [batch["noisy"].shape for batch, _ in batches] == [(3, 3)] * 3
    assert [mask.tolist() for _, mask in batches] == [[True] * 3, [True] * 3, [True, False, False]]
    for name, array in arrays.items():
        np.testing.assert_array_equal(np.concatenate([batch[name][mask] for batch, mask in batches]), array)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 7, "process_count": 2},
        {"batch_size": 4, "process_count": 2, "process_index": 2},
        {"batch_size": 4, "start_step": 3},
        {"batch_size": 4, "shift": 0.5},
        {"batch_size": 4, "mixup": 1.5},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError):
        training_batches(random_pairs(8, 20), seed=0, total_steps=2, **settings)


def test_evaluation_refuses_unequal_lengths():
    with pytest.raises(ValueError, match="one length"):
        next(evaluation_batches({"noisy": np.zeros((3, 2)), "target": np.zeros((4, 2))}, 2))


def test_tensorflow_sees_no_accelerator():
    assert {device.device_type for device in tf.config.get_visible_devices()} == {"CPU"}
