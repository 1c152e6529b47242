"""Maps to RamanSPy and back, the denoiser in its pipelines, and HyperSpy's axes."""

import sys

import numpy as np
import pytest
import ramanspy
import xarray as xr
from map_examples import ARRANGEMENTS, raster, rotated, stack_in_depth

from deeper_jax.errors import InputError
from deeper_jax.maps.interop import from_ramanspy, preprocessing_step, to_hyperspy_axes, to_ramanspy

KINDS = {
    "single_spectrum": (ramanspy.Spectrum, ()),
    "spectrum_list": (ramanspy.SpectralContainer, (5,)),
    "line_scan": (ramanspy.SpectralContainer, (6,)),
    "time_series": (ramanspy.SpectralContainer, (4,)),
    "rotated": (ramanspy.SpectralImage, (3, 4)),
    "stack_in_depth": (ramanspy.SpectralVolume, (3, 4, 2)),
    "stack_in_time": (ramanspy.SpectralContainer, (2, 4, 3)),
}


@pytest.mark.parametrize("arrangement", KINDS)
def test_there_and_back_with_positions_and_attributes(arrangement):
    data = ARRANGEMENTS[arrangement]()
    theirs = to_ramanspy(data)
    kind, shape = KINDS[arrangement]
    assert type(theirs) is kind
    assert theirs.spectral_data.shape == (*shape, 7)
    np.testing.assert_array_equal(theirs.spectral_axis, data["wavenumber"])
    assert from_ramanspy(theirs, like=data).identical(data)


def test_their_images_are_x_first_and_volumes_too():
    data = stack_in_depth()
    volume = to_ramanspy(data)
    assert volume.spectral_data[2, 3, 1, 5] == data.isel(x=2, y=3, z=1, wavenumber=5)
    image = volume.layer(1)
    np.testing.assert_array_equal(from_ramanspy(image).values, data[1].values)
    assert from_ramanspy(volume).dims == data.dims
    np.testing.assert_array_equal(from_ramanspy(volume).values, data.values)


def test_without_a_map_to_compare_with():
    axis = np.linspace(500, 600, 7)
    spectra = from_ramanspy(ramanspy.SpectralContainer(np.ones((3, 7)), axis[::-1]))
    assert spectra.dims == ("spectrum", "wavenumber") and spectra.attrs["units"] == "a.u."
    np.testing.assert_array_equal(spectra["wavenumber"], axis)
    assert spectra["wavenumber"].attrs["units"] == "cm-1"
    with pytest.raises(InputError, match="found 5 dimensions"):
        from_ramanspy(ramanspy.SpectralContainer(np.ones((1, 1, 1, 1, 7)), axis))


def test_a_cropped_object_keeps_its_own_wavenumbers():
    data = rotated()
    low, high = data["wavenumber"].values[[2, 4]]
    cropped = ramanspy.preprocessing.misc.Cropper(region=(low, high)).apply(to_ramanspy(data))
    assert from_ramanspy(cropped, like=data).identical(data[..., 2:5])


def test_errors():
    with pytest.raises(InputError, match=r"found \(4, 3\) spectra, but 'like' has \(3, 4\) \(x, y\)"):
        from_ramanspy(ramanspy.SpectralImage(np.ones((4, 3, 7)), np.arange(7)), like=raster())
    with pytest.raises(InputError, match="expected 'wavenumber' with its coordinate"):
        to_ramanspy(raster().drop_vars("wavenumber"))
    with pytest.raises(InputError, match="found a str, expected a denoiser"):
        preprocessing_step("model")


def test_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ramanspy", None)
    with pytest.raises(InputError, match="pip install ramanspy"):
        to_ramanspy(raster())


class Halver:
    """Stands for a model: the right answer is known, and what it was asked is noted."""

    def __init__(self, wavenumbers):
        self.wavenumbers = wavenumbers
        self.asked = []

    def denoise(self, spectra, wavenumbers=None, *, keep_offset=True):
        self.asked.append((wavenumbers, keep_offset))
        return spectra / 2


def test_the_step_alone_and_in_a_pipeline():
    data = rotated()
    model = Halver(np.arange(7))
    image = to_ramanspy(data)
    crop = ramanspy.preprocessing.misc.Cropper(region=tuple(data["wavenumber"].values[[1, 5]]))
    pipeline = ramanspy.preprocessing.Pipeline([crop, preprocessing_step(model, keep_offset=False)])
    answer = pipeline.apply(image)
    assert isinstance(answer, ramanspy.SpectralImage)
    np.testing.assert_array_equal(model.asked[0][0], data["wavenumber"][1:6])
    assert model.asked[0][1] is False
    assert from_ramanspy(answer, like=data).equals(data[..., 1:6] / 2)
    np.testing.assert_array_equal(image.spectral_data, to_ramanspy(data).spectral_data)
    both = preprocessing_step(Halver(None)).apply([image, image[0, 0]])
    np.testing.assert_array_equal(both[1].spectral_data, data[0, 0].values / 2)


def test_the_step_with_a_network():
    from flax import nnx

    from deeper_jax.inference.denoiser import Denoiser
    from deeper_jax.models.resunet1d import ResUNet1D

    axis = np.linspace(600, 1800, 64)
    model = Denoiser(ResUNet1D(length=64, width=4, rngs=nnx.Rngs(0)), {"wavenumbers": axis.tolist()})
    spectra = np.random.default_rng(0).uniform(1, 9, (2, 3, 64))
    answer = preprocessing_step(model).apply(ramanspy.SpectralImage(spectra, axis))
    np.testing.assert_array_equal(answer.spectral_data, model.denoise(spectra, axis))
    outside = ramanspy.SpectralImage(spectra, axis + 900)
    with pytest.raises(InputError, match="crop them to the model's range"):
        preprocessing_step(model).apply(outside)


def test_hyperspy_axes():
    data = raster()
    y, x, wavenumber = to_hyperspy_axes(data)
    assert y == {"name": "y", "units": "µm", "navigate": True, "size": 4, "offset": -5.0, "scale": 0.5}
    assert x["offset"] == 10 and x["scale"] == pytest.approx(-1 / 3)
    assert wavenumber["navigate"] is False and "size" not in wavenumber
    np.testing.assert_array_equal(wavenumber["axis"], data["wavenumber"])
    plain = xr.DataArray(np.ones((1, 2)), dims=("spectrum", "wavenumber"))
    assert [axis["scale"] for axis in to_hyperspy_axes(plain)] == [1.0, 1.0]
