"""The map restorers that come with the package: any map, any raster of 1 to 4 pixels.

    python train.py --config=configs/map_restorer.py --workdir=runs/restorer
    python train.py --config=configs/map_restorer.py:finer=true --workdir=runs/refiner
    deeper-jax pack --half runs/restorer restorer.npz    # benchmarks.calibration packs it with a calibration

`finer=true` is the companion for the pixels between those of a coarse scan: it learns from cells and cartilage as
DeepeR has them, of strong images, because between pixels a network gains by knowing the sample.

Trained on images of phantoms only, new ones at every step (deeper_jax/simulator/score_images.py). `mse` is the share
that is left of the noise's variance or, in pixels that were not measured, about of a tenth of the image's.
"""

from ml_collections import ConfigDict

from configs.common import parse_arg


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; see the module's docstring for `arg`."""
    arg = parse_arg(arg, width=16, steps=12000, side=48, finer=False)
    config = ConfigDict()
    config.task = "map_restoration"
    config.seed = 0
    config.init_from = ""
    config.init_partial = False
    config.init_without = ()

    config.model = ConfigDict({"name": "map_restorer", "width": arg.width, "dtype": "float32"})

    config.data = ConfigDict()
    any_sample = {"cell": 0.0, "cell of any size": 2.0, "cartilage": 0.0, "cartilage of any size": 1.0, "textures": 3.0}
    known = {"cell": 3.0, "cell of any size": 0.0, "cartilage": 3.0, "cartilage of any size": 0.0, "textures": 0.0}
    config.data.phantoms = ConfigDict(known if arg.finer else any_sample)
    # Deviation of an image over that of its noise.
    config.data.strength = (1.0, 400.0) if arg.finer else (0.15, 300.0)
    # Of maps: with pixels to be found between those that were measured.
    config.data.coarse = 0.95 if arg.finer else 0.66
    config.data.side = arg.side
    config.data.components = 4
    config.data.validation_spectra = 96

    config.train = ConfigDict()
    config.train.batch_size = 6
    config.train.epochs = 0
    config.train.steps = arg.steps
    config.train.steps_per_epoch = 500
    config.train.loss = "score_images"
    config.train.accumulate_steps = 1
    config.train.batch_statistics = "all"
    config.train.shard_parameters = False
    config.train.on_divergence = "stop"
    config.train.ema_decay = 0.998
    config.train.log_every = 50
    config.train.evaluate_every = 500
    config.train.checkpoint_every = 500

    config.optimizer = ConfigDict({"name": "adam", "gradient_clip": 1.0})
    config.optimizer.frozen = ()
    config.schedule = ConfigDict({"name": "warmup_cosine", "learning_rate": 2e-3 if arg.finer else 3e-3})
    return config
