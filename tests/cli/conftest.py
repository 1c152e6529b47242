"""What the tests of several commands begin with."""

import pytest
from tiny_models import CONFIG, tiny_denoiser

from deeper_jax.models.weights_file import write_weights_file


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The option of `enhance` that names a small denoiser, quicker than the package's own."""
    model, path = tiny_denoiser(random=False), tmp_path_factory.mktemp("model") / "tiny.npz"
    write_weights_file(path, model.params, model.stats, model.record | {"config": CONFIG})
    return f"--model={path}"
