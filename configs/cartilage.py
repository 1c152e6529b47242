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
    super_resolution.start_from_regression(config, learning_rate=2e-4)
    config.initial_components, config.initial_ridge, config.initial_keep_level = 2, 0.01, True
    config.model.update({"length": 100, "width": 32, "groups": 1, "blocks": 3, "reduction": 8})
    config.data.tfds_dir = "data/cartilage_tfds"
    config.data.strips, config.data.test_strip, config.data.patch = 5, test, 24
    config.train.batch_size, config.train.steps, config.train.checkpoint_every = 8, 200, 100
    return config
