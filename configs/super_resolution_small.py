"""Super-resolution for small machines: simulated cells, spectra binned to 125 channels, a narrow network.

    python train.py --config=configs/super_resolution_small.py:scale=4 --workdir=runs/small4x
    python eval.py --workdir=runs/small4x --output=runs/small4x/report

Eight (2x) to fifteen minutes on two CPU cores. The recipe is ours: start as the best linear upsampler, squared error,
larger batch and learning rate, warm-up and cosine, gradient clipping, moving average of the weights, best checkpoint
by validation. docs/results.md says what it gives. Arguments as for configs/super_resolution.py.
"""

from ml_collections import ConfigDict

from configs import super_resolution


def get_config(arg: str | None = None) -> ConfigDict:
    """The configuration; see the module's docstring for `arg`."""
    config = super_resolution.get_config(",".join(filter(None, ["remat=none", arg])))
    super_resolution.start_from_regression(config, learning_rate=4e-4)
    config.model.update({"length": 125, "width": 48, "groups": 2, "blocks": 3, "reduction": 8})

    config.data.path = "data/simulated_images/cells"
    config.data.tfds_dir = "data/simulated_images/tfds"
    config.data.random_raster_offset = False
    config.data.simulate = ConfigDict({"images": 60, "test_images": 10, "height": 64, "width": 64, "seed": 0})

    config.train.batch_size = 4
    config.train.steps = {2: 400, 3: 500, 4: 900}[config.model.scale]
    config.train.checkpoint_every = 50
    return config
