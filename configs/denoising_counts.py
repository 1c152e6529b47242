"""A denoiser for raw counts, on spectra that the simulator makes anew at every step, on the device.

    python train.py --config=configs/denoising_counts.py --workdir=runs/counts

Needs no files and no TensorFlow. The noisy long exposure is the target, as in a measurement;
`noise_free_target=true` trains on the simulator's truth instead, which only a simulator knows.
"""

from ml_collections import ConfigDict

from configs import denoising
from configs.common import parse_arg


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; see the module's docstring for `arg`."""
    arg = parse_arg(arg, width=16, noise_free_target=False, steps=3000)
    config = denoising.get_config(f"width={arg.width},batch_norm=false")
    config.data.source = "simulator"
    config.data.noise_free_target = arg.noise_free_target
    # Preprocessing of both exposures, named steps of deeper_jax/spectra/preprocessing.py.
    config.data.steps = ({"name": "remove_cosmic_rays"},)
    # Ranges of the simulator that differ from its defaults, e.g. {"read_noise": (0.5, 1.5)}.
    config.data.simulator = ConfigDict()
    config.data.validation_spectra = 1024
    config.train.batch_size = 128
    config.train.epochs = 0
    config.train.steps = arg.steps
    # The simulator never repeats itself: an epoch is only what the schedules by epoch count by.
    config.train.steps_per_epoch = 500
    config.train.log_every = 20
    config.train.evaluate_every = 500
    config.train.checkpoint_every = 250
    config.schedule.learning_rate = 2e-3
    return config
