"""Where compiled programs are kept, and where not."""

import jax
import pytest

from deeper_jax.cli.command_line import keep_compiled_programs


@pytest.fixture
def folder_of(monkeypatch, tmp_path):
    """The folder chosen on a device of the given kind."""
    before = jax.config.jax_compilation_cache_dir

    def chosen(device: str, home=tmp_path, given=None):
        monkeypatch.setattr(jax, "default_backend", lambda: device)
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        jax.config.update("jax_compilation_cache_dir", given)
        keep_compiled_programs()
        return jax.config.jax_compilation_cache_dir

    yield chosen
    jax.config.update("jax_compilation_cache_dir", before)


def test_kept_in_the_users_cache_folder_on_gpus_alone(folder_of, tmp_path):
    assert folder_of("gpu") == str(tmp_path / "deeper_jax") and (tmp_path / "deeper_jax").is_dir()
    assert folder_of("cpu") is None
    assert folder_of("gpu", given="/elsewhere") == "/elsewhere"


def test_a_folder_that_cannot_be_made_is_done_without(folder_of, tmp_path):
    (tmp_path / "file").write_text("")
    assert folder_of("gpu", home=tmp_path / "file") is None
