"""Axes and values that no instrument gives: one sentence before anything is sized by them, whoever is asked."""

import numpy as np
import pytest
import xarray
from scipy.io import savemat
from tiny_models import fixed_denoiser, spectra_of_bands, tiny_denoiser, tiny_super_resolver

import deeper_jax
from deeper_jax.errors import InputError
from deeper_jax.inference.noise_aware_denoiser import usable_axis
from deeper_jax.maps import raman_map, read_map
from deeper_jax.unmixing import vertex_component_analysis

VALUES, AXIS = spectra_of_bands(4, 4)


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """Everything that takes spectra and an axis."""
    folder = tmp_path_factory.mktemp("files")
    model, fixed, resolver = tiny_denoiser(), fixed_denoiser(AXIS), tiny_super_resolver(AXIS)

    def labelled(values, axis):
        positions = {name: (name, np.arange(4.0)) for name in ("y", "x")}
        return xarray.DataArray(values, {**positions, "wavenumber": axis}, ("y", "x", "wavenumber"), "intensity")

    def read(name, write):
        def through_file(values, axis):
            write(folder / name, values, axis)
            return read_map(folder / name)

        return through_file

    return {
        "denoise": model.denoise,
        "denoise, one axis": fixed.denoise,
        "stream": lambda values, axis: model.stream(axis).denoise(values[0]),
        "enhance": lambda values, axis: deeper_jax.enhance(labelled(values, axis), model),
        "enhance, one axis": lambda values, axis: deeper_jax.enhance(labelled(values, axis), fixed),
        "super_resolve": resolver.super_resolve,
        "raman_map": raman_map,
        "npz": read("m.npz", lambda path, values, axis: np.savez(path, intensity=values, wavenumbers=axis)),
        "mat": read("m.mat", lambda path, values, axis: savemat(path, {"intensity": values, "wavenumbers": axis})),
        "text": read("m.txt", lambda path, values, axis: np.savetxt(path, np.c_[axis, values[0].T])),
    }


def refused(ways, values, axis, sentence, without=()):
    for name, way in ways.items():
        if name not in without:
            with pytest.raises(InputError, match=sentence) as caught:
                way(values, axis)
            assert "\n" not in str(caught.value), name


def wild(value):
    return np.concatenate([AXIS[:-1], [value]])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_one_wild_wavenumber_is_named(ways):
    refused(ways, VALUES, wild(1e8), r"found the wavenumber 1e\+08 cm\^-1")
    # A text has rows: those without a wavenumber are left out, and that is said.
    refused(ways, VALUES, wild(np.inf), "1 wavenumbers that are missing", without=["text"])
    masked = np.ma.masked_equal(AXIS, AXIS[5])
    refused(ways, VALUES, masked, "1 wavenumbers that are missing", without=["text", "npz", "mat", "enhance"])
    with pytest.warns(UserWarning, match="1 rows without a finite wavenumber were left out"):
        assert ways["text"](VALUES, wild(np.inf)).sizes["wavenumber"] == 63


def test_resampling_is_refused_where_it_would_fill_the_memory(ways):
    assert len(usable_axis(np.linspace(0, 6300, 64))) == 1261
    for name in ("denoise", "enhance", "stream"):
        with pytest.raises(InputError, match=r"800 to 49999 cm⁻¹ in 64 channels, 781 cm⁻¹ wide"):
            ways[name](VALUES, wild(49999.0))


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-36, 1e33, 1e302, 1e306])
def test_values_that_cannot_be_computed_with_are_refused(ways, scale):
    refused(ways, VALUES * scale, AXIS, "found values up to .*choose another unit")
    with pytest.raises(InputError, match="choose another unit"):
        vertex_component_analysis(VALUES.reshape(16, 64) * scale, 2)


@pytest.mark.parametrize("scale", [1e-28, 1e27])
def test_the_smallest_and_largest_that_are_taken_are_treated_like_others(ways, scale):
    for name in ("denoise", "denoise, one axis", "super_resolve"):
        np.testing.assert_allclose(ways[name](VALUES * scale, AXIS), scale * ways[name](VALUES, AXIS), rtol=1e-3)
    result = deeper_jax.enhance(raman_map(VALUES * scale, AXIS), tiny_denoiser())
    assert all(np.isfinite(result[name]).all() for name in ("intensity", "uncertainty"))


@pytest.mark.parametrize("noise", [1e-300, 1e31, np.inf, "2", np.ma.masked_equal([[2.0], [3.0]], 3.0)])
def test_noise_too_small_or_large_to_be_some_is_refused(ways, noise):
    with pytest.raises(InputError, match="noise"):
        tiny_denoiser().denoise(VALUES[:2, 0], noise=noise)
    if np.ndim(noise) == 0:
        with pytest.raises(InputError, match="noise is"):
            deeper_jax.enhance(raman_map(VALUES, AXIS), tiny_denoiser(), noise=noise)
        with pytest.raises(InputError, match="noise is"):
            tiny_denoiser().stream(noise=noise)


def test_hardly_any_noise_leaves_spectra_as_they_are():
    for noise in (1e-25, np.append(np.full(63, 2.0), 1e-25)):
        answer, error = tiny_denoiser(random=False).denoise_with_uncertainty(VALUES, AXIS, noise=noise)
        np.testing.assert_allclose(answer, VALUES, rtol=1e-5)
        assert np.isfinite(error).all()


def test_what_is_positive_by_the_last_bit_is_nowhere_positive():
    spectra = VALUES[0].copy()
    spectra[2] = np.where(np.arange(64) == 5, 1e-20, -100.0)
    with pytest.warns(UserWarning, match="1 of 4 spectra are constant or nowhere positive"):
        np.testing.assert_array_equal(fixed_denoiser(AXIS).denoise(spectra)[2], spectra[2])
    with pytest.raises(InputError, match="no positive value"):
        tiny_super_resolver(AXIS).super_resolve(np.tile(spectra[2], (4, 4, 1)))


def test_masked_spectra_of_a_map_were_not_measured():
    values = np.ma.array(VALUES.round().astype(int), mask=np.zeros(VALUES.shape, bool))
    values[1, 2] = np.ma.masked
    given = raman_map(values, AXIS)
    assert np.isnan(given.values[1, 2]).all() and given.attrs["missing_spectra"] == 1
    result = deeper_jax.enhance(given, tiny_denoiser())
    assert np.isnan(result["intensity"].values[1, 2]).all() and np.isfinite(result["intensity"].values[1, 1]).all()
    with pytest.raises(InputError, match="masked"):
        vertex_component_analysis(values.reshape(16, 64), 2)


PIXEL = np.arange(16).reshape(4, 4, 1)
POOR = {
    "one spectrum": np.where(PIXEL == 3, VALUES, 0.0),
    "two spectra": np.where(PIXEL % 9 == 3, VALUES, 7.0),
    "one spectrum again and again": np.tile(VALUES[0, 0].round(), (4, 4, 1)),
    "a step": np.tile(np.where(AXIS < 900, 0.0, 1.0), (4, 4, 1)),
    "one channel": np.tile(np.where(AXIS == AXIS[7], 5.0, 0.0), (4, 4, 1)),
    "a slope": np.tile(AXIS, (4, 4, 1)),
    "negative": -VALUES,
    "two values": (VALUES > VALUES.mean()).astype(np.uint8),
}


@pytest.mark.filterwarnings("ignore:.*constant or nowhere positive")
@pytest.mark.parametrize("kind", POOR)
def test_maps_with_next_to_nothing_in_them_have_answers(ways, kind):
    values = POOR[kind]
    for name in ("enhance", "enhance, one axis"):
        result = ways[name](values, AXIS)
        measured = (values != values[..., :1]).any(-1)
        for each in ("intensity", "uncertainty"):
            np.testing.assert_array_equal(np.isfinite(result[each].values).all(-1), measured)
            assert not np.isinf(result[each]).any()
    for name in ("npz", "mat", "text"):
        assert np.isfinite(ways[name](values, AXIS)).all()


@pytest.mark.parametrize("values", [np.zeros(VALUES.shape), np.full(VALUES.shape, 7.0), np.tile(1.0 + PIXEL, 64)])
def test_maps_with_nothing_in_them_are_refused(ways, values):
    for name in ("enhance", "enhance, one axis"):
        with pytest.raises(InputError, match="no spectrum that was measured"):
            ways[name](values, AXIS)
    for name in ("npz", "mat", "text"):
        assert np.isfinite(ways[name](values, AXIS)).all()


@pytest.mark.parametrize("per_nm", [1.0, 1e-3])
def test_an_axis_that_may_be_a_wavelength_is_pointed_out(ways, per_nm):
    nanometres = per_nm * 1e7 / (1e7 / 532 - AXIS)
    for name in ("npz", "mat", "text"):
        with pytest.warns(
            UserWarning, match="64 channels, very narrow ones for cm.-1; look whether it is a wavelength"
        ):
            found = ways[name](VALUES, nanometres)
        np.testing.assert_allclose(found["wavenumber"], nanometres)


def test_masked_wavenumbers_of_a_file_are_missing(tmp_path):
    np.savez(tmp_path / "m.npz", intensity=VALUES)
    with pytest.raises(InputError, match="1 wavenumbers that are missing"):
        read_map(tmp_path / "m.npz", wavenumbers=np.ma.masked_equal(AXIS, AXIS[5]))
