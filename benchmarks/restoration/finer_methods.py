"""Ways to make a coarse noisy scan finer, and what their answers are scored by."""

from typing import Any, NamedTuple

import numpy as np

import deeper_jax
from deeper_jax.enhancement.map_denoiser import denoise_map
from deeper_jax.enhancement.uncertainty import NINETY_PERCENT
from deeper_jax.evaluation.image_scores import EvaluationPair
from deeper_jax.evaluation.metrics import ssim
from deeper_jax.evaluation.reference_methods import whittaker
from deeper_jax.evaluation.tuning import COMPONENTS, tune_upsampler
from deeper_jax.evaluation.upsampling import reference_upsamplers, smooth_map, upsample
from deeper_jax.experiments.unmixed import MEASURES, UnmixedTarget, unmix_output
from deeper_jax.inference.super_resolver import SuperResolver
from deeper_jax.maps import raman_map
from deeper_jax.simulator.config import default_wavenumbers
from deeper_jax.spectra.noise import estimate_noise
from deeper_jax.spectra.preprocessing import PUBLISHED_STEPS, apply_steps
from deeper_jax.spectra.principal_components import principal_components
from deeper_jax.spectra.raster import Raster

OURS = "enhance --scale"
(BACKGROUND,) = (step for step in PUBLISHED_STEPS if step["name"] == "subtract_background")
LAMBDAS = (1, 3, 10, 30, 100, 300, 1000)


class Networks(NamedTuple):
    """What comes with the package, and by scale what was trained for the comparison."""

    denoiser: Any
    restorer: Any
    super_resolvers: dict[int, SuperResolver]


class Answer(NamedTuple):
    """A finer image [H, W, L]; how it was tuned; where it has intervals, the share of the truth in those of 90 %."""

    image: np.ndarray
    tuned: str = ""
    inside_measured: float | None = None
    inside_between: float | None = None


def answers(
    cube: np.ndarray, truth: np.ndarray, scale: int, networks: Networks, *, tuned: bool = True
) -> dict[str, Answer]:
    """Every method's answer to every `scale`-th pixel of the counts `cube` [H, W, L]; ours is the first.

    PCA, whose tuning takes most of the time, is among them if `tuned`.
    """
    raster = Raster.of((scale, scale))
    low = cube[raster.places]
    given, present = raman_map(low, default_wavenumbers()), np.ones(low.shape[:2], bool)
    settings = {"restorer": networks.restorer, "cosmic_rays": "keep"}
    ours = deeper_jax.enhance(given, networks.denoiser, scale=scale, **settings)
    image = ours["intensity"].values
    inside = np.abs(image - truth) <= NINETY_PERCENT * ours["uncertainty"].values
    measured = raster.spread(present)
    noise_model = estimate_noise(low.reshape(-1, low.shape[-1]))
    before = denoise_map(low, present, noise_model, networks.denoiser.network, {}).spectra.reshape(low.shape)
    found = {
        OURS: Answer(image, "", float(inside[measured].mean()), float(inside[~measured].mean())),
        "without the restorer, best interpolation": _best_interpolation(before, truth, scale),
        "restored, best interpolation": _best_interpolation(ours["denoised"].values, truth, scale),
    }
    if tuned:
        found["PCA, best interpolation"] = _best_pca(low, truth, scale)
    if scale in networks.super_resolvers:
        found["restored, HyRISR"] = _by_network(ours["denoised"].values, truth, networks.super_resolvers[scale])
    return found


def scores(answer: Answer, cube: np.ndarray, truth: np.ndarray, target: UnmixedTarget | None) -> dict[str, Any]:
    """Error in percent of the noise's variance; SSIM and the paper's measures of unmixing if there is a target for
    these; coverage where known."""
    further: dict[str, Any] = {}
    if target is not None:
        unmixed = unmix_output(answer.image, target).scores
        further = {"ssim": ssim(answer.image, truth), **{name: unmixed[name] for name in MEASURES}}
    return {
        "error": float(100 * ((answer.image - truth) ** 2).mean() / ((cube - truth) ** 2).mean()),
        **further,
        **{name: value for name, value in answer._asdict().items() if name != "image" and value not in ("", None)},
    }


def _best_interpolation(low: np.ndarray, truth: np.ndarray, scale: int) -> Answer:
    images = {name: each(low) for name, each in reference_upsamplers(scale, 1, released=False).items()}
    best = min(images, key=lambda name: float(((images[name] - truth) ** 2).mean()))
    return Answer(images[best], best)


def _best_pca(low: np.ndarray, truth: np.ndarray, scale: int) -> Answer:
    """Components, smoothing over the map and kernel tuned on the truth, then also smoothing along the spectra."""
    tuned = tune_upsampler([EvaluationPair("", low, truth, scale=scale, raster_offset=1)])
    kernel, smoothing = tuned.parameters["kernel"], tuned.parameters["smoothing"]
    mean, basis = principal_components(low.reshape(-1, low.shape[-1]), max(COMPONENTS))
    strengths = upsample(smooth_map((low - mean) @ basis.T, smoothing), kernel, scale, 1)
    best, least = Answer(tuned(low), tuned.name), float(((tuned(low) - truth) ** 2).mean())
    for lam in LAMBDAS:
        centre, *directions = whittaker(np.vstack([mean, basis]), lam)
        for count in (each for each in COMPONENTS if each <= len(basis)):
            image = centre + strengths[..., :count] @ np.array(directions[:count])
            error = float(((image - truth) ** 2).mean())
            if error < least:
                best, least = Answer(image, f"PCA({count},{smoothing:g})+{kernel}+Whittaker({lam})"), error
    return best


def _by_network(low: np.ndarray, truth: np.ndarray, network: SuperResolver) -> Answer:
    """HyRISR on the spectra without their background, as it was trained; the rest interpolated in the best way.

    With the background in its input, nine tenths of the light here, its error is a thousand times as large.
    """
    axis = default_wavenumbers()
    own = np.asarray(apply_steps(low, axis, [BACKGROUND])[0], np.float64)
    rest = low - network.holds(own, axis)
    fine = network.super_resolve(own, axis)
    images = {
        name: fine + each(rest)
        for name, each in reference_upsamplers(network.scale, network.raster_offset, released=False).items()
    }
    best = min(images, key=lambda name: float(((images[name] - truth) ** 2).mean()))
    return Answer(images[best], f"background by {best}")
