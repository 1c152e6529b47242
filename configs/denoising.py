"""The paper's denoiser (Supplementary Table 1), on DeepeR's files or any user's pairs.

    python train.py --config=configs/denoising.py --config.data.path=FOLDER --workdir=runs/denoising

FOLDER holds Train_Inputs.mat and its like (docs/data.md). 500 epochs of 561 steps at 0.4 TFLOP a step.
Published: MSE 0.00285 (95 % CI 0.00255 to 0.00315) over 11 cells; a third party's run of the authors' weights
on the authors' test set: 0.00195.

Arguments: `batch_norm=false` is the network of the released weights (the paper's table says true); `width=16`
a smaller one; `dtype=bfloat16` computes in bfloat16, weights and loss staying in float32.
"""

from ml_collections import ConfigDict, config_dict

from configs.common import parse_arg


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; see the module's docstring for `arg`."""
    arg = parse_arg(arg, batch_norm=True, width=64, dtype="float32")
    config = ConfigDict()
    config.task = "denoising"
    config.seed = 0
    # A run's directory or checkpoint to fine-tune from; resuming the run itself comes first.
    config.init_from = ""
    # Take only the weights of `init_from` that fit (another spectral length, another scale), and say which do not.
    config.init_partial = False
    # With `init_partial`: parts of the network that do not come from it.
    config.init_without = ()

    config.model = ConfigDict({"name": "resunet1d", "length": 500, "width": arg.width, "batch_norm": arg.batch_norm})
    config.model.dtype = arg.dtype

    config.data = ConfigDict()
    config.data.source = "files"
    config.data.path = "data/deeper"
    # Preprocessing of the data at `path`, as named steps, such as ({"name": "remove_cosmic_rays"},) of counts as they
    # were measured; what the data say was done to them is not done again.
    config.data.steps = ()
    # How training data reach the device: 'tf.data', made on the host; or 'device', kept whole in the memory of each
    # device and augmented there. The same distribution, other random numbers.
    config.data.input_pipeline = "tf.data"
    # Where the prepared copy of the data is kept.
    config.data.tfds_dir = "data/tfds"
    # By cell where cells are known; else the last part of the file, as the released code does.
    config.data.validation_fraction = 0.1
    # Leave-one-cell-out cross-validation: index of the cell to test on, all others to learn from; None: the data's
    # own split.
    config.data.fold = config_dict.placeholder(int)
    # How to simulate a set at `data.path` when nothing is there; empty: it must be there.
    config.data.simulate = ConfigDict()

    config.augment = ConfigDict({"shift": 0.1, "flip": False, "mixup": 0.5, "mixup_alpha": 0.2})

    config.train = ConfigDict()
    # Of all devices of all processes together.
    config.train.batch_size = 256
    config.train.epochs = 500
    # Steps of the whole run; 0: as many as the epochs make.
    config.train.steps = 0
    # 'l1' (the paper's) or 'mse'.
    config.train.loss = "l1"
    # The batch (of all devices together) goes through the network in so many parts, one after the other, for its
    # gradient; for batches that do not fit.
    config.train.accumulate_steps = 1
    # What BatchNorm normalises by on several devices: the statistics of 'all' parts of the batch, so that training is
    # the same on any number of devices, or those of each 'device' by itself, which spares 71 of 72 exchanges a step.
    config.train.batch_statistics = "all"
    # Parameters, optimizer state and moving average split over the devices instead of whole on each.
    config.train.shard_parameters = False
    # At a step whose loss or gradient is not finite: 'stop', with the state before it saved, or 'skip' that step.
    config.train.on_divergence = "stop"
    # Decay of a moving average of the weights, which is then validated and used; 0: none.
    config.train.ema_decay = 0.0
    config.train.log_every = 100
    config.train.evaluate_every = 561
    config.train.checkpoint_every = 561

    config.optimizer = ConfigDict({"name": "adam"})
    # Parts of the network that do not learn, such as ("encoder1", "encoder2").
    config.optimizer.frozen = ()
    config.schedule = ConfigDict({"name": "one_cycle", "learning_rate": 5e-4})
    return config
