"""Evaluation of a trained model of any kind; `eval.py` is its command line."""

from pathlib import Path

from deeper_jax.inference.denoiser import Denoiser
from deeper_jax.tasks.load import load


def evaluate(
    workdir: str | Path,
    output: str | Path,
    *,
    data: str | Path | None = None,
    image_shape: tuple[int, int] | None = None,
    released: bool = False,
    command: str = "",
) -> None:
    """Load the model of `workdir` and write its comparison with every reference method into `output`.

    The arguments are those of `evaluate_denoiser` and `evaluate_super_resolver`; `image_shape` concerns
    denoising only. Raises InputError if there is nothing to load or to evaluate on.
    """
    model = load(workdir)
    if isinstance(model, Denoiser):
        from deeper_jax.tasks.denoising_evaluation import evaluate_denoiser

        evaluate_denoiser(model, output, data=data, image_shape=image_shape, released=released, command=command)
    else:
        from deeper_jax.tasks.super_resolution_evaluation import evaluate_super_resolver

        evaluate_super_resolver(model, output, data=data, released=released, command=command)
