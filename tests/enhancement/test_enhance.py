"""`deeper_jax.enhance` on maps of every arrangement: what goes in unharmed comes out, whatever the network says."""

import json

import jax
import numpy as np
import pytest
import xarray
from flax import nnx
from tiny_models import fixed_denoiser, spectra_of_bands, tiny_denoiser, tiny_super_resolver

import deeper_jax
from deeper_jax.errors import InputError
from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.maps import raman_map
from deeper_jax.simulator import SimulatorConfig, simulate_cell


@pytest.fixture(scope="module")
def model():
    return tiny_denoiser()


def a_map(height: int = 6, width: int = 7, **settings) -> xarray.DataArray:
    values, axis = spectra_of_bands(height, width, **settings)
    return raman_map(values, axis, y=3 + 0.5 * np.arange(height), x=-0.5 * np.arange(width), units="counts", title="t")


ARRANGEMENTS = {
    (): {},
    ("spectrum",): {},
    ("distance",): {"distance": ("distance", np.arange(5) * 0.3, {"units": "um"})},
    ("z",): {"z": ("z", -np.arange(5.0), {"units": "um"})},
    ("time",): {"time": ("time", np.arange(5) * 2.0, {"units": "s"})},
    ("y", "x"): {"y": ("y", np.arange(5.0)), "x": ("x", np.arange(4.0)), "x_stage": (("y", "x"), np.ones((5, 4)))},
    ("z", "y", "x"): {"z": ("z", np.arange(5.0)), "y": ("y", np.arange(4.0)), "x": ("x", np.arange(3.0))},
}


@pytest.mark.parametrize("dims", ARRANGEMENTS)
def test_every_arrangement_keeps_its_shape_and_coordinates(model, dims):
    shape = (5, 4, 3)[: len(dims)]
    values, axis = spectra_of_bands(*shape)
    coords = {**ARRANGEMENTS[dims], "wavenumber": ("wavenumber", axis, {"units": "cm-1"})}
    given = xarray.DataArray(values, coords, (*dims, "wavenumber"), "intensity", {"units": "counts", "title": "one"})
    before = given.copy(deep=True)
    result = deeper_jax.enhance(given, model)
    xarray.testing.assert_identical(given, before)
    assert result["intensity"].dims == given.dims and result["pixel_flagged"].dims == dims
    assert result["intensity"].attrs == given.attrs and result["uncertainty"].attrs["units"] == "counts"
    for name in given.coords:
        xarray.testing.assert_identical(result[name].variable, given[name].variable)
    assert np.isfinite(result["intensity"]).all() and (result["uncertainty"] > 0).all()
    assert not np.array_equal(result["intensity"], given)  # the network was asked


def test_an_identity_network_leaves_spectra_alone_and_flags_nothing():
    values, axis = spectra_of_bands(9)
    result = deeper_jax.enhance(raman_map(values, axis), tiny_denoiser(random=False), use_map=False, noise=2.0)
    np.testing.assert_allclose(result["intensity"], values, atol=1e-4)
    np.testing.assert_allclose(result["uncertainty"], 2.0, rtol=1e-5)
    assert not result["flagged"].any() and result.attrs["spectra_flagged"] == 0


@pytest.mark.parametrize("filled", [np.nan, 0.0, 65535.0])
def test_places_that_were_not_measured_stay_empty_and_change_nothing_else(model, filled):
    given = a_map(noise=2.0).astype(np.float32)
    whole = deeper_jax.enhance(given, model, use_map=False, noise=2.0)
    given[2, 3], given[5] = filled, filled
    result = deeper_jax.enhance(given, model, use_map=False, noise=2.0)
    gaps = np.zeros(given.shape[:2], bool)
    gaps[2, 3], gaps[5] = True, True
    assert np.isnan(result["intensity"].values[gaps]).all() and np.isnan(result["uncertainty"].values[gaps]).all()
    assert not result["pixel_flagged"].values[gaps].any()
    np.testing.assert_allclose(result["intensity"].values[~gaps], whole["intensity"].values[~gaps], rtol=1e-5)
    assert result.attrs["spectra"] == (~gaps).sum() and result["intensity"].dtype == np.float32


@pytest.mark.parametrize("factor", [1e6, 1e-6])
@pytest.mark.parametrize("use_map", [True, False])
def test_another_unit_gives_the_same_answer_in_that_unit(model, factor, use_map):
    given = a_map()
    answer, scaled = (deeper_jax.enhance(each, model, use_map=use_map) for each in (given, given * factor))
    for name in ("intensity", "uncertainty"):
        np.testing.assert_allclose(scaled[name] / factor, answer[name], atol=0.01)
    np.testing.assert_array_equal(scaled["flagged"], answer["flagged"])


@pytest.mark.parametrize("offset", [1e6, -1e6])
def test_a_large_offset_stays_an_offset(model, offset):
    values, axis = spectra_of_bands(9)
    answer, raised = (
        deeper_jax.enhance(raman_map(each, axis), model, use_map=False, noise=2.0) for each in (values, values + offset)
    )
    np.testing.assert_allclose(raised["intensity"] - offset, answer["intensity"], atol=0.01)
    np.testing.assert_allclose(raised["uncertainty"], answer["uncertainty"], rtol=1e-3)


def test_integers_are_taken_as_numbers(model):
    counts = a_map().round()
    answers = [deeper_jax.enhance(each, model) for each in (counts, counts.astype(np.uint16))]
    np.testing.assert_array_equal(answers[0]["intensity"], answers[1]["intensity"])
    assert answers[1]["intensity"].dtype == np.float64


@pytest.mark.parametrize("use_map", [True, False])
def test_falling_wavenumbers_give_the_same_spectra_turned(model, use_map):
    given = a_map()
    falling = given.isel(wavenumber=slice(None, None, -1))
    answers = [deeper_jax.enhance(each, model, use_map=use_map) for each in (given, falling)]
    np.testing.assert_array_equal(answers[1]["wavenumber"], falling["wavenumber"])
    np.testing.assert_allclose(answers[1]["intensity"][..., ::-1], answers[0]["intensity"], atol=1e-3)


AXIS = np.linspace(820.0, 940.0, 48)


def test_channels_outside_are_refused_kept_or_dropped_as_asked():
    given, fixed = a_map(), fixed_denoiser(AXIS)
    outside = (given["wavenumber"].values < 815) | (given["wavenumber"].values > 945)
    with pytest.raises(
        InputError, match=r"cover 800-989 cm⁻¹ and the model 820-940 cm⁻¹, so \d+ of 64 .*'keep'.*'drop'"
    ):
        deeper_jax.enhance(given, fixed)
    kept = deeper_jax.enhance(given, fixed, outside="keep")
    np.testing.assert_array_equal(kept["intensity"].values[..., outside], given.values[..., outside])
    assert not kept["flagged"].values[..., outside].any() and (kept["uncertainty"] > 0).all()
    assert kept.attrs["channels_kept_unchanged"] == 64 - 42  # 818, 821, ... 941 are within a channel of it
    dropped = deeper_jax.enhance(given, fixed, outside="drop")
    assert dropped.attrs["channels_dropped"] == 64 - dropped.sizes["wavenumber"] > 0
    assert set(dropped["wavenumber"].values) < set(given["wavenumber"].values)
    assert 815 < dropped["wavenumber"].min() and dropped["wavenumber"].max() < 945


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_finer_grid_holds_the_measured_pixels_where_they_are(scale):
    # Fewer and wider channels than the map's: what they cannot hold must not be lost at these pixels either.
    resolver = tiny_super_resolver(np.linspace(800, 989, 20), scale)
    given = a_map(8, 9)
    result = deeper_jax.enhance(given, tiny_denoiser(random=False), super_resolver=resolver)
    sampled = slice(resolver.raster_offset, None, scale)
    assert result["intensity"].shape == (8 * scale, 9 * scale, 64) == result["uncertainty"].shape
    for name in ("y", "x"):
        np.testing.assert_allclose(result[name][sampled], given[name])
        np.testing.assert_array_equal(result[f"{name}_measured"], given[name])
        np.testing.assert_allclose(np.diff(result[name]), np.diff(given[name])[0] / scale)
        assert result[name].attrs["units"] == "um"
    found = result["intensity"].values[sampled, sampled]
    np.testing.assert_allclose(found, result["denoised"], atol=1e-3 * 160)
    assert result["flagged"].dims == ("y_measured", "x_measured", "wavenumber")
    assert np.isfinite(result["uncertainty"]).all()
    assert json.loads(result.attrs["steps"])[-1] == {"name": "super_resolve", "scale": scale}


def test_the_attributes_say_how_it_was_made(model):
    given = a_map().assign_attrs(source_file="scan.wdf")
    attrs = deeper_jax.enhance(given, model).attrs
    assert attrs["source_file"] == "scan.wdf" and attrs["created_by"] == f"deeper_jax {deeper_jax.__version__}"
    assert json.loads(attrs["model"]) | {"name": ""} == {
        "name": "",
        "step": 7,
        "versions": {"deeper_jax": "0"},
        "network": model.config["model"],
    }
    steps = {step["name"]: step for step in json.loads(attrs["steps"])}
    assert list(steps) == ["choose_channels", "cosmic_rays", "estimate_noise", "denoise", "residual_check"]
    assert steps["denoise"]["whole_map"] is True
    assert attrs["noise_rms"] == pytest.approx(2.0, rel=0.15) and attrs["spectra"] == 42
    given_noise = json.loads(deeper_jax.enhance(given, model, noise=3.0, use_map=False).attrs["steps"])
    assert given_noise[2]["name"] == "given_noise" and given_noise[2]["floor"] == 9.0
    assert given_noise[3]["whole_map"] is False


def test_cosmic_rays_go_and_sharp_bands_that_neighbours_share_stay():
    given = a_map(12, 12, noise=0.5)
    sharp = np.zeros(given.shape)
    sharp[3:6, 4:7, 20] = 900.0  # a line of one channel, in a few pixels
    sharp[4, 5, 20] = 1400.0
    struck = sharp.copy()
    struck[10, 2, 40:42] = 3000.0
    settings = {"use_map": False, "noise": 0.5, "resolution": 18.0}
    result = deeper_jax.enhance(given + struck, tiny_denoiser(random=False), **settings)
    assert result.attrs["spectra_with_cosmic_rays"] == 1
    np.testing.assert_allclose(result["intensity"][10, 2], given[10, 2], atol=8.0)
    np.testing.assert_allclose(result["intensity"][3:6, 4:7], (given + sharp)[3:6, 4:7], atol=1e-3)


class Flattener(nnx.Module):
    """A bad denoiser: it levels every band."""

    length = 48

    def __call__(self, spectra):
        return jax.numpy.broadcast_to(jax.numpy.linspace(1.0, 1.001, 48), spectra.shape)


def test_what_a_bad_denoiser_took_away_is_flagged_there_and_not_elsewhere():
    noise = np.random.default_rng(1).normal(size=(30, 48))
    band = 40 * np.exp(-(((AXIS - 900.0) / 6.0) ** 2))
    values = 500 + noise + band * (np.arange(30) % 2)[:, None]
    result = deeper_jax.enhance(raman_map(values, AXIS), Denoiser(Flattener(), {"wavenumbers": AXIS.tolist()}))
    assert result["pixel_flagged"].values.tolist() == [False, True] * 15
    assert result["flagged"].values[1::2, np.abs(AXIS - 900) < 3].all()


@pytest.mark.parametrize(
    ("change", "settings", "sentence"),
    [
        (lambda m: m.values, {}, "takes a path, an object of RamanSPy or HyperSpy, or an xarray.DataArray"),
        (lambda m: m.rename(wavenumber="shift"), {}, "last dimension is 'wavenumber'"),
        (lambda m: m.astype(complex), {}, "complex128; expected spectra of real numbers"),
        (lambda m: m[..., :20], {}, "20 channels.*at least 32"),
        (lambda m: m * np.nan, {}, "no spectrum that was measured"),
        (lambda m: m.where(m["wavenumber"] != m["wavenumber"][5]), {}, "42 spectra have single channels"),
        (lambda m: m, {"noise": 0.0}, "noise is 0.0"),
        (lambda m: m, {"noise": np.nan}, "noise is nan"),
        (lambda m: m, {"use_maps": False}, "no option 'use_maps'; did you mean use_map"),
        (lambda m: m, {"xyz": 1}, "no option 'xyz'; choose from super_resolver, outside"),
        (lambda m: m, {"outside": "ignore"}, "outside is 'ignore'; choose one of error, keep, drop"),
        (lambda m: m, {"model": "resolver"}, "is a super-resolver, not a denoiser"),
        (lambda m: m, {"super_resolver": "denoiser"}, "is a denoiser, not a super-resolver"),
        (lambda m: m[0], {"super_resolver": "resolver"}, r"this measurement has x\b"),
        (lambda m: m[0, 0], {"super_resolver": "resolver"}, "has one spectrum"),
        (lambda m: m.where(m["x"] < 0), {"super_resolver": "resolver"}, "not measured: crop it"),
        (lambda m: m.assign_coords(x=m["x"] ** 2), {"super_resolver": "resolver"}, "x has 7 positions.*even"),
    ],
)
def test_mistakes_are_one_sentence_before_any_work(model, change, settings, sentence, caplog):
    models = {"resolver": tiny_super_resolver(np.linspace(800, 989, 20)), "denoiser": model}
    settings = {name: models.get(value, value) if isinstance(value, str) else value for name, value in settings.items()}
    with caplog.at_level("INFO", "deeper_jax"), pytest.raises(InputError, match=sentence) as caught:
        deeper_jax.enhance(change(a_map()), **({"model": model} | settings))
    assert not caplog.records and "\n" not in str(caught.value)


def test_mistakes_name_the_file_where_it_is_at_fault(model):
    with pytest.raises(InputError, match="nowhere.wdf: no such file"):
        deeper_jax.enhance("nowhere.wdf", model)
    given = a_map().assign_attrs(source_file="cells.wdf")
    with pytest.raises(InputError, match=r"^cells\.wdf: "):
        deeper_jax.enhance(given[..., :3], model)
    with pytest.raises(InputError, match=r"^noise is -1"):
        deeper_jax.enhance(given, model, noise=-1)
    with pytest.raises(InputError, match="does not exist; give a run's directory") as caught:
        deeper_jax.enhance(given, "no_model")
    assert "cells.wdf" not in str(caught.value)


def test_a_map_of_single_precision_is_as_exact_as_its_numbers():
    """What is read as float32 is looked at so; the same map in float64 has the same answer to its last digits."""
    axis = np.linspace(600.0, 1800.0, 200, dtype=np.float32)
    config = SimulatorConfig(droplet_diameter=(1.0, 2.0))
    single = np.asarray(jax.jit(lambda key: simulate_cell(key, 24, 28, axis, config).low)(jax.random.key(3)))
    found, exact = (deeper_jax.enhance(raman_map(each, np.float64(axis))) for each in (single, single.astype(float)))
    assert found["intensity"].dtype == np.float32 and exact["intensity"].dtype == np.float64
    allowed = 2e-6 * exact.attrs["noise_rms"] + 4 * np.finfo(np.float32).eps * np.abs(exact["intensity"].values)
    for name in ("intensity", "uncertainty"):
        assert (np.abs(found[name].values - exact[name].values) <= allowed).all()
    assert found.attrs["spectra_flagged"] > 0
    np.testing.assert_array_equal(found["flagged"], exact["flagged"])
