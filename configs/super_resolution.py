"""The paper's super-resolution network (Supplementary Table 2), on DeepeR's images or any user's.

    python train.py --config=configs/super_resolution.py:scale=4 --config.data.path=FOLDER --workdir=runs/4x

FOLDER holds one hyperspectral image a file (docs/data.md). 600 epochs of 72 steps; a step is 6.6 TFLOP (6
blocks) or 16.5 TFLOP (16 blocks). Published (2x / 3x / 4x): PSNR about 42.0 / 40.6 / 39.3 dB, SSIM about
.846 / .843 / .829, MSE about 0.78 / 1.10 / 1.59 e-4.

Arguments: `scale=2|3|4`; `blocks=16` as the paper writes, 6 as the released code builds and its weights need;
`dtype=bfloat16`; `remat=none|blocks|groups|both` trades time for memory.
"""

from ml_collections import ConfigDict, config_dict

from configs.common import parse_arg


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; see the module's docstring for `arg`."""
    arg = parse_arg(arg, scale=4, blocks=6, dtype="float32", remat="both")
    config = ConfigDict()
    config.task = "super_resolution"
    config.seed = 0
    # A run's directory or checkpoint to fine-tune from; resuming the run itself comes first.
    config.init_from = ""
    # Take only the weights of `init_from` that fit (another spectral length, another scale), and say which do not.
    config.init_partial = False
    # With `init_partial`: parts of the network that do not come from it.
    config.init_without = ()
    # What the upsampler starts as: PyTorch's 'random' values (the paper's); 'linear' interpolation; or, by
    # 'regression', the best linear upsampler of the training images (both ours).
    config.initial_upsampler = "random"
    # Of the regression: the strongest principal components, so many, answer to each other; and how strongly it is
    # drawn to linear interpolation. Few training pixels bear few components and need more drawing.
    config.initial_components = 20
    config.initial_ridge = 1e-6
    # Whether flat surroundings stay what they are, for samples unlike the training ones, rather than being drawn to
    # the training images' mean spectrum.
    config.initial_keep_level = False

    config.model = ConfigDict({"name": "hyrisr", "scale": arg.scale, "length": 500, "width": 250})
    config.model.groups, config.model.blocks, config.model.reduction = 18, arg.blocks, 16
    config.model.dtype, config.model.remat, config.model.padding = arg.dtype, arg.remat, "zeros"

    config.data = ConfigDict()
    config.data.path = "data/deeper_images"
    # Preprocessing of the data at `path`, as named steps, such as ({"name": "remove_cosmic_rays"},) of counts as they
    # were measured.
    config.data.steps = ()
    # How training data reach the device: 'tf.data', made on the host; or 'device', kept whole in the memory of each
    # device and augmented there. The same distribution, other random numbers.
    config.data.input_pipeline = "tf.data"
    # Where the prepared copy of the data is kept.
    config.data.tfds_dir = "data/tfds"
    # Range in cm^-1 that all spectra are resampled to, in `model.length` even steps, so that other instruments' or
    # samples' maps fit the same network; empty: the images' own channels, averaged down to `model.length`.
    config.data.axis = ()
    # Split whole images (0), or cut every image into so many strips, of which `test_strip` is for testing.
    config.data.strips = 0
    config.data.test_strip = 0
    # Side of a high-resolution training patch; 3x needs a multiple of 3.
    config.data.patch = 63 if arg.scale == 3 else 64
    # Raster offset of validation, evaluation and use (None: the default of the scale), and whether 4x training
    # draws it at random from 1 and 2, as the released code does.
    config.data.raster_offset = config_dict.placeholder(int)
    config.data.random_raster_offset = arg.scale == 4
    # How to simulate images at `data.path` when nothing is there; empty: they must be there.
    config.data.simulate = ConfigDict()

    config.augment = ConfigDict({"mixup": 0.5, "mixup_alpha": 0.2, "horizontal_flip": 0.5, "vertical_flip": 0.5})
    config.augment.update({"rotate": True, "shift": 0.1, "spectral_flip": 0.25})

    config.train = ConfigDict()
    # Of all devices of all processes together.
    config.train.batch_size = 2
    config.train.epochs = 600
    # Steps of the whole run; 0: as many as the epochs make.
    config.train.steps = 0
    # 'l1' (the paper's) or 'mse'.
    config.train.loss = "l1"
    # The batch (of all devices together) goes through the network in so many parts, one after the other, for its
    # gradient; for batches that do not fit.
    config.train.accumulate_steps = 1
    config.train.batch_statistics = "all"
    # Parameters, optimizer state and moving average split over the devices instead of whole on each.
    config.train.shard_parameters = False
    # At a step whose loss or gradient is not finite: 'stop', with the state before it saved, or 'skip' that step.
    config.train.on_divergence = "stop"
    # Decay of a moving average of the weights, which is then validated and used; 0: none.
    config.train.ema_decay = 0.0
    config.train.log_every = 72
    config.train.evaluate_every = 72
    config.train.checkpoint_every = 720

    config.optimizer = ConfigDict({"name": "adam", "gradient_clip": config_dict.placeholder(float)})
    # Parts of the network that do not learn, such as ("upsamplers", "body").
    config.optimizer.frozen = ()
    config.schedule = ConfigDict({"name": "constant", "learning_rate": 1e-5})
    return config


def start_from_regression(config: ConfigDict, learning_rate: float) -> None:
    """Our recipe for small data and machines: start as the best linear upsampler, and train on from there."""
    config.initial_upsampler = "regression"
    config.model.padding = "edge"
    # Mirrored and shifted spectra and mixtures lead away from the start.
    config.augment.update({"mixup": 0.0, "spectral_flip": 0.0, "shift": 0.0})
    # The start is the least squares' optimum, so its loss goes on being squared error. Its gradients are small.
    config.train.loss = "mse"
    config.train.epochs = 0
    config.train.ema_decay = 0.99
    config.train.log_every, config.train.evaluate_every = 20, 50
    config.optimizer.epsilon = 1e-12
    config.optimizer.gradient_clip = 1.0
    # The start is already the best of its kind: only the correction learns. Where the upsampler learns too, the
    # gradient's noise leads it away from its optimum, and most of the run goes into leading it back.
    config.optimizer.frozen = ("upsamplers", "blend")
    config.schedule = ConfigDict({"name": "warmup_cosine", "learning_rate": learning_rate})
