"""Super-resolution of one measured map of tissue at 2x, trained on a part of it and tested on another.

    python train.py --config=configs/cartilage.py --config.data.path=MAP.npz --workdir=runs/cartilage
    python eval.py --workdir=runs/cartilage --output=runs/cartilage/report

The map is cut into five strips across its longer side: one is tested on, the next validates, three train, less
one pixel beside the others. Starts as the best linear upsampler of those. Arguments: `test=0..4`, the strip to test on.
"""

from ml_collections import ConfigDict

from configs import super_resolution
from configs.common import parse_arg


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; see the module's docstring for `arg`."""
    test = parse_arg(arg, test=0).test
    config = super_resolution.get_config("scale=2,remat=none")
    config.initial_upsampler = "regression"
    config.initial_components, config.initial_ridge, config.initial_keep_rest = 4, 0.1, True
    config.model.update({"length": 100, "width": 32, "groups": 1, "blocks": 3, "reduction": 8, "padding": "edge"})
    config.data.tfds_dir = "data/cartilage_tfds"
    config.data.strips, config.data.test_strip, config.data.patch = 5, test, 24
    config.augment.update({"mixup": 0.0, "spectral_flip": 0.0, "shift": 0.0})
    config.train.batch_size = 8
    config.train.epochs, config.train.steps = 0, 200
    config.train.ema_decay = 0.99
    config.train.log_every, config.train.evaluate_every, config.train.checkpoint_every = 20, 50, 100
    # The start is the least squares' optimum, so training goes on from there. Its gradients are small.
    config.train.loss = "mse"
    config.optimizer.epsilon = 1e-12
    config.optimizer.gradient_clip = 1.0
    config.optimizer.learning_rate_factors = ConfigDict({"upsamplers": 0.03, "blend": 0.03})
    config.schedule = ConfigDict({"name": "warmup_cosine", "learning_rate": 2e-4})
    return config
