"""The denoiser that comes with the package: any instrument, any axis, told how noisy its input is.

    python train.py --config=configs/default_denoiser.py --workdir=runs/default
    deeper-jax pack runs/default deeper_jax/pretrained/denoiser.npz

Trained on simulated spectra only, new ones at every step: axis, resolution, molecules, background, gain, offset and
noise vary more than between any two instruments (deeper_jax/data/simulator/varied.py); a share are cells as measured.
`mse` is the share of the noise's variance that is left.
"""

from ml_collections import ConfigDict

from configs.common import parse_arg


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; see the module's docstring for `arg`."""
    arg = parse_arg(arg, width=24, steps=5000)
    config = ConfigDict()
    config.task = "noise_aware_denoising"
    config.seed = 0
    config.init_from = ""
    config.init_partial = False
    config.init_without = ()

    config.model = ConfigDict({"name": "noise_aware_unet", "length": 512, "width": arg.width, "dtype": "float32"})

    config.data = ConfigDict()
    # Share of the batch that imitates cells under the spectrometer of DeepeR, and with which ranges.
    config.data.cell_fraction = 0.35
    config.data.simulator = ConfigDict({"signal_level": (0.4, 3.0), "low_cosmic_rate": 0.0, "axis_shift": 3.0})
    config.data.spectra_per_instrument = 4
    # Standard deviation of the logarithm of told over true noise.
    config.data.noise_error = 0.1
    config.data.validation_spectra = 2048

    config.train = ConfigDict()
    config.train.batch_size = 64
    config.train.epochs = 0
    config.train.steps = arg.steps
    config.train.steps_per_epoch = 500
    config.train.loss = "gaussian"
    config.train.accumulate_steps = 1
    config.train.batch_statistics = "all"
    config.train.shard_parameters = False
    config.train.on_divergence = "stop"
    config.train.ema_decay = 0.998
    config.train.log_every = 50
    config.train.evaluate_every = 1000
    config.train.checkpoint_every = 500

    config.optimizer = ConfigDict({"name": "adam", "gradient_clip": 1.0})
    config.optimizer.frozen = ()
    config.schedule = ConfigDict({"name": "warmup_cosine", "learning_rate": 1.5e-3})
    return config
