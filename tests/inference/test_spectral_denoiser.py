"""What all denoisers have in common, asked of both kinds in the same words."""

import numpy as np
import pytest
from tiny_models import fixed_denoiser, spectra_of_bands, tiny_denoiser

import deeper_jax
from deeper_jax.errors import InputError

VALUES, AXIS = spectra_of_bands(12)
KINDS = {"any axis": tiny_denoiser, "one axis": lambda: fixed_denoiser(AXIS)}


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return KINDS[request.param]()


def test_both_kinds_are_called_alike(model):
    answer, error = model.denoise_with_uncertainty(VALUES, AXIS, noise=2.0, outside="keep")
    np.testing.assert_array_equal(answer, model.denoise(VALUES, AXIS, noise=2.0))
    assert (error is not None) == model.knows_uncertainty
    if error is not None:
        assert error.shape == VALUES.shape and (error > 0).all()


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (0,), (2, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_shapes_and_types_come_back(model, shape, dtype):
    given = np.resize(VALUES, (*shape, 64)).astype(dtype)
    answer, error = model.denoise_with_uncertainty(given, AXIS)
    for each in (answer, error) if error is not None else (answer,):
        assert each.shape == given.shape and each.dtype == (np.float64 if dtype == np.float64 else np.float32)


def test_noise_is_broadcast_and_its_unit_is_the_spectra_s():
    model = tiny_denoiser()
    expected = model.denoise(VALUES, noise=2.0)
    for noise in (np.full(64, 2.0), np.full((12, 1), 2.0), np.full((12, 64), 2.0)):
        np.testing.assert_allclose(model.denoise(VALUES, noise=noise), expected, rtol=1e-6)
    np.testing.assert_allclose(model.denoise(1e3 * VALUES, noise=2e3), 1e3 * expected, rtol=1e-4)


def test_channels_outside_a_models_range_are_kept_to_the_bit():
    model = fixed_denoiser(AXIS[:48])
    # A channel more than the model's last still counts as inside.
    answer, error = model.denoise_with_uncertainty(VALUES, AXIS, outside="keep")
    np.testing.assert_array_equal(answer[:, 49:], VALUES[:, 49:])
    np.testing.assert_array_equal(answer[:, :49], model.denoise(VALUES[:, :49], AXIS[:49]))
    assert error is None and np.abs(answer[:, :49] - VALUES[:, :49]).max() > 1
    with pytest.raises(InputError, match=r"800-989 cm⁻¹, the model 800-941 cm⁻¹.*or pass outside='keep'"):
        model.denoise(VALUES, AXIS)


@pytest.mark.parametrize("step", [0.2, 3.0, 40.0])
def test_of_the_default_model_nothing_is_outside(step):
    """Narrower and wider channels than training covered, and shifts far from any instrument's."""
    model, axis = deeper_jax.load(), -500.0 + step * np.arange(64)
    assert model.covers(axis).all()
    kept = model.denoise(VALUES, axis, outside="keep")
    np.testing.assert_array_equal(kept, model.denoise(VALUES, axis))
    assert np.isfinite(kept).all() and not np.array_equal(kept, VALUES)


@pytest.mark.parametrize(
    ("given", "options", "sentence"),
    [
        ("map.wdf", {}, "takes an array and was given the text 'map.wdf'.*deeper_jax.enhance takes files"),
        ([[1, 2], [1, 2, 3]], {}, "spectra of one length each"),
        (None, {}, r"object values of shape \(\); it takes real numbers"),
        (np.ma.masked_greater(VALUES, 120), {}, "masked values"),
        (VALUES.T, {"wavenumbers": AXIS}, r"64 wavenumbers.*\(64, 12\).*put the spectral axis last"),
        (VALUES, {"wavenumbers": AXIS[:40]}, "64 spectral channels and 40 wavenumbers"),
        (VALUES, {"wavenumbers": "axis.txt"}, "denoise.*found wavenumbers that are no numbers"),
        (VALUES, {"wavenumbers": 1e7 * AXIS}, "expected Raman shifts, which are a few thousand"),
        (VALUES[:, :20], {"wavenumbers": AXIS[:20]}, "20 channels inside the model's range; it takes 32 or more"),
        (VALUES, {"outside": "drop"}, r"outside is 'drop'; choose 'error' or 'keep'.*model.covers\(wavenumbers\)"),
        (VALUES, {"noise": 0.0}, "standard deviations above 0"),
        (VALUES, {"noise": np.nan}, "standard deviations above 0"),
        (VALUES, {"noise": np.ones(12)}, r"noise of shape \(12,\).*noise\[..., None\]"),
        (VALUES, {"noise": "loud"}, "noise of shape"),
        (1e200 * VALUES, {}, "values up to 1.6e.202.*choose another unit"),
    ],
)
def test_mistakes_are_one_sentence(model, given, options, sentence):
    with pytest.raises(InputError, match=sentence):
        model.denoise(given, **options)
    with pytest.raises(InputError, match=sentence):
        model.denoise_with_uncertainty(given, **options)


def test_covers_takes_an_axis(model):
    assert model.covers(AXIS[::-1]).all()
    for wrong in ("x", np.ones((2, 3)), [3.0, 1.0, 2.0]):
        with pytest.raises(InputError, match="covers.*found wavenumbers"):
            model.covers(wrong)


def test_deviations_are_calibrated_by_how_many_spectra_were_estimated_together():
    model = deeper_jax.load()
    known, one = model.record["calibration_together"], model.record["calibration"]
    deviation, noise = np.array([0.5, 2.0], np.float32), np.array([1.0, 3.0], np.float32)
    # Fewer spectra tell less of what they have in common.
    assert (np.diff(known["spectra"]) > 0).all() and (np.diff(known["factor"]) < 0).all()
    for count, factor in zip(known["spectra"], known["factor"], strict=True):
        np.testing.assert_allclose(model.calibrated(deviation, noise, count), factor * deviation, rtol=1e-6)
    (few, more), (first, second) = known["spectra"][:2], known["factor"][:2]
    between = model.calibrated(deviation, noise, round(np.sqrt(few * more)))
    np.testing.assert_allclose(between, (first + second) / 2 * deviation, rtol=0.01)
    for far, factor in ((2, known["factor"][0]), (10**9, known["factor"][-1])):
        np.testing.assert_allclose(model.calibrated(deviation, noise, far), factor * deviation, rtol=1e-6)
    expected = np.hypot(one["factor"] * deviation, one["noise_share"] * noise)
    found = model.calibrated(deviation, noise)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == model.calibrated(deviation, noise, 7).dtype == np.float32
