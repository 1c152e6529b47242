"""Lines of a running scan denoised as they come."""

import numpy as np
import pytest
from tiny_models import fixed_denoiser, spectra_of_bands, tiny_denoiser

from deeper_jax.errors import InputError
from deeper_jax.inference import programs
from deeper_jax.spectra.noise import estimate_noise

VALUES, AXIS = spectra_of_bands(40)


@pytest.fixture(scope="module")
def model():
    return tiny_denoiser()


def test_with_known_noise_a_stream_answers_as_the_model_itself(model):
    stream = model.stream(AXIS, noise=2.0, longest=8)
    parts = [VALUES[:5], VALUES[5:6], VALUES[6:26], VALUES[26:]]  # shorter and longer than the longest
    answer, error = (np.concatenate(each) for each in zip(*map(stream.denoise_with_uncertainty, parts), strict=True))
    expected = model.denoise_with_uncertainty(VALUES, AXIS, noise=2.0)
    np.testing.assert_allclose(answer, expected[0], rtol=1e-5)
    np.testing.assert_allclose(error, expected[1], rtol=1e-4)
    assert stream.spectra == 40 and stream.noise_model is None


def test_lines_is_denoise_line_by_line_and_waits_for_each(model):
    taken = []

    def scan():
        for row in range(3):
            taken.append(row)
            yield VALUES[8 * row : 8 * row + 8]

    answers = model.stream(AXIS, longest=8).lines(scan())
    first = next(answers)
    assert taken == [0]
    again = model.stream(AXIS, longest=8)
    np.testing.assert_array_equal(first, again.denoise(VALUES[:8]))
    for row, answer in enumerate(answers, 1):
        np.testing.assert_array_equal(answer, again.denoise(VALUES[8 * row : 8 * row + 8]))
    assert taken == [0, 1, 2]


def test_the_noise_of_the_first_line_is_its_own_and_then_that_of_all_lines(model):
    quiet, loud = VALUES[:8], spectra_of_bands(300, noise=8.0, seed=1)[0]
    stream = model.stream(AXIS)
    stream.denoise(quiet)
    assert stream.noise_model == estimate_noise(quiet)
    for start in range(0, 300, 20):
        stream.denoise(loud[start : start + 20])
    # The latest 256 spectra count, so that a scan whose noise changes is followed.
    assert stream.noise_model.std(np.array(100.0)) == pytest.approx(8.0, rel=0.1)


def test_noise_is_not_estimated_at_every_line(model, monkeypatch):
    import deeper_jax.inference.streaming

    asked = []
    monkeypatch.setattr(
        deeper_jax.inference.streaming,
        "estimate_noise",
        lambda spectra: asked.append(len(spectra)) or estimate_noise(spectra),
    )
    stream = model.stream(AXIS, longest=8)
    for line in np.resize(VALUES, (100, 8, 64)):
        stream.denoise(line)
    assert asked[0] == 8 and len(asked) < 12 and max(asked) == asked[-1] == 256


def test_after_warm_up_no_line_compiles_anything(model):
    for made in (model, fixed_denoiser(AXIS)):
        stream = made.stream(AXIS, longest=16).warm_up()
        made_before = programs.compiled.cache_info().misses
        for count in (16, 1, 5, 40):
            stream.denoise(np.resize(VALUES, (count, 64)))
        assert programs.compiled.cache_info().misses == made_before


def test_falling_axes_wide_channels_and_single_spectra(model):
    one = model.stream(AXIS[::-1], noise=2.0).denoise(VALUES[0, ::-1])
    assert one.shape == (64,)
    np.testing.assert_allclose(one[::-1], model.denoise(VALUES[0], AXIS, noise=2.0), rtol=1e-4)
    wide = 3 * AXIS  # resampled inside
    np.testing.assert_allclose(
        model.stream(wide, noise=2.0).denoise(VALUES[:3]), model.denoise(VALUES[:3], wide, noise=2.0), rtol=1e-4
    )


def test_places_that_were_not_measured_stay_empty(model):
    line = VALUES[:6].copy()
    line[1], line[4] = np.nan, 0.0
    answer = model.stream(AXIS, noise=2.0).denoise(line)
    assert np.isnan(answer[[1, 4]]).all()
    np.testing.assert_allclose(answer[[0, 2, 3, 5]], model.denoise(line[[0, 2, 3, 5]], AXIS, noise=2.0), rtol=1e-5)
    stream = model.stream(AXIS)
    assert np.isnan(stream.denoise(np.zeros((3, 64)))).all() and stream.noise_model is None
    assert stream.denoise(np.zeros((0, 64))).shape == (0, 64)


def test_a_denoiser_of_one_axis_streams_too():
    fixed = fixed_denoiser(AXIS)
    stream = fixed.stream()
    np.testing.assert_allclose(stream.denoise(VALUES[:7]), fixed.denoise(VALUES[:7]), rtol=1e-5)
    assert stream.denoise_with_uncertainty(VALUES[:2])[1] is None


@pytest.mark.parametrize(
    ("settings", "line", "sentence"),
    [
        ({}, np.ones((2, 3, 64)), r"shape \(2, 3, 64\)"),
        ({}, np.ones((2, 64), complex), "complex128"),
        ({"wavenumbers": AXIS}, np.ones((2, 63)), "63 channels; this stream has 64"),
        ({}, np.ones((2, 20)), "this stream has 32 or more"),
        ({}, np.where(np.arange(128).reshape(2, 64) == 5, np.nan, VALUES[:2]), "single NaN"),
        ({"noise": 0.0}, None, "noise is 0.0"),
        ({"longest": 0}, None, "longest is 0"),
        ({"wavenumbers": [1.0, 3.0, 2.0]}, None, "stream.*turn back at entry 2"),
        ({"wavenumbers": AXIS, "channels": 60}, None, "60 and 64 channels"),
    ],
)
def test_mistakes_are_one_sentence(model, settings, line, sentence):
    with pytest.raises(InputError, match=sentence):
        model.stream(**settings).denoise(line)


def test_more_mistakes(model):
    with pytest.raises(InputError, match="warm_up.. must know how long"):
        model.stream().warm_up()
    stream = model.stream()
    stream.denoise(VALUES[:2])
    with pytest.raises(InputError, match="50 channels; this stream has 64"):
        stream.denoise(VALUES[:2, :50])
    with pytest.raises(InputError, match="800-989 cm⁻¹.*model 820-940"):
        fixed_denoiser(np.linspace(820.0, 940.0, 48)).stream(AXIS)
