"""Classes, fractions, spectral angles and the matching of endmembers, by hand."""

import numpy as np
import pytest

from deeper_jax.errors import InputError
from deeper_jax.unmixing import (
    abundance_error,
    abundance_fractions,
    class_confusion,
    classification_accuracy,
    classify_pixels,
    spectral_angle,
)


def test_class_is_the_largest_abundance():
    abundances = np.array([[[0.1, 0.7, 0.2], [3.0, 3.0, 1.0]], [[0.0, 0.0, 0.0], [0.0, 1e-9, 2e-9]]])
    np.testing.assert_array_equal(classify_pixels(abundances), [[1, 0], [0, 2]])


def test_accuracy_and_confusion_by_hand():
    target = np.array([[0, 0, 0], [1, 1, 3]])
    classes = np.array([[0, 0, 1], [1, 3, 0]])
    assert classification_accuracy(classes, target) == 0.5
    expected = [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]]
    np.testing.assert_array_equal(class_confusion(classes, target, 4), expected)


def test_confusion_against_a_loop():
    rng = np.random.default_rng(0)
    classes, target = rng.integers(0, 5, size=(2, 20, 30))
    expected = np.zeros((6, 6), int)
    for own, wanted in zip(classes.ravel(), target.ravel(), strict=True):
        expected[wanted, own] += 1
    found = class_confusion(classes, target, 6)
    np.testing.assert_array_equal(found, expected)
    assert classification_accuracy(classes, target) == np.trace(found) / found.sum()


def test_unusable_classes_are_refused():
    for function in (classification_accuracy, lambda *both: class_confusion(*both, 3)):
        with pytest.raises(InputError, match="must agree"):
            function([0, 1, 2], [0, 1])
        with pytest.raises(InputError, match="target: expected whole numbers"):
            function([0, 1], [0.5, 1.0])
        with pytest.raises(InputError, match="classes: expected whole numbers"):
            function([0, -1], [0, 1])
    with pytest.raises(InputError, match="found class 3, expected 0 to 2"):
        class_confusion([0, 1], [3, 1], 3)
    with pytest.raises(InputError, match="found class 3, expected 0 to 2"):
        class_confusion([0, 3], [1, 1], 3)


def test_fractions_and_their_error_by_hand():
    abundances = np.array([[2.0, 2.0], [0.0, 0.0], [0.0, 5.0]])
    np.testing.assert_array_equal(abundance_fractions(abundances), [[0.5, 0.5], [0, 0], [0, 1]])
    target = np.array([[30.0, 10.0], [1.0, 0.0], [0.0, 1.0]])
    # Differences (-0.25, 0.25), (-1, 0), (0, 0) over six numbers.
    assert abundance_error(abundances, target) == pytest.approx(np.sqrt(1.125 / 6), rel=1e-14)
    assert abundance_error(7 * target, target) == 0.0
    assert abundance_error([[1.0, 0.0, 0.0, 0.0]], [[0.0, 0.0, 2.0, 0.0]]) == pytest.approx(np.sqrt(2 / 4))


def test_unusable_abundances_are_refused():
    with pytest.raises(InputError, match="negative"):
        abundance_error([[1.0, -0.1]], [[1.0, 0.0]])
    with pytest.raises(InputError, match="must agree"):
        abundance_error([[1.0, 0.1]], [[1.0, 0.0, 0.0]])
    with pytest.raises(InputError, match="NaN or infinite"):
        classify_pixels([[np.nan, 1.0]])


def test_spectral_angle_of_known_angles():
    for degrees in (0.0, 1e-7, 0.01, 30.0, 45.0, 90.0, 135.0, 180.0):
        turned = [np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0.0]
        assert spectral_angle([5.0, 0.0, 0.0], np.multiply(1e-3, turned)) == pytest.approx(degrees, rel=1e-7, abs=1e-12)


def test_spectral_angle_is_a_map_for_images_and_all_pairs_by_broadcasting():
    rng = np.random.default_rng(1)
    first, second = rng.random((2, 4, 5, 30))
    angles = spectral_angle(first, second)
    assert angles.shape == (4, 5)
    cosine = first[2, 3] @ second[2, 3] / np.linalg.norm(first[2, 3]) / np.linalg.norm(second[2, 3])
    assert angles[2, 3] == pytest.approx(np.degrees(np.arccos(cosine)), rel=1e-10)
    pairs = spectral_angle(first[0][:, None], second[1])
    assert pairs.shape == (5, 5) and pairs[1, 4] == spectral_angle(first[0, 1], second[1, 4])
    first[0, 0] = 0.0
    found = spectral_angle(first, second)
    assert np.isnan(found[0, 0]) and not np.isnan(found).ravel()[1:].any()
    for other in (second[..., :29], second[:3]):
        with pytest.raises(InputError, match="does not fit the target"):
            spectral_angle(first, other)
