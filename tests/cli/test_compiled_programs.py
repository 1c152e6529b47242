"""Compiled programs kept between runs: where, and never those of another machine."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from deeper_jax.cli import compiled_programs
from deeper_jax.cli.compiled_programs import cpu_kind, keep_compiled_programs

SETTINGS = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


@pytest.fixture
def folder_of(monkeypatch, tmp_path):
    """The folder chosen on a device of the given kind."""
    before = {name: getattr(jax.config, name) for name in SETTINGS}

    def chosen(device: str, home=tmp_path, given=None):
        monkeypatch.setattr(jax, "default_backend", lambda: device)
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        jax.config.update("jax_compilation_cache_dir", given)
        keep_compiled_programs()
        return jax.config.jax_compilation_cache_dir

    yield chosen
    for name, value in before.items():
        jax.config.update(name, value)


def test_kept_in_the_users_cache_folder_of_each_kind_of_cpu(folder_of, tmp_path, monkeypatch):
    assert folder_of("gpu") == str(tmp_path / "deeper_jax") and (tmp_path / "deeper_jax").is_dir()
    assert folder_of("gpu", given="/elsewhere") == "/elsewhere" == folder_of("cpu", given="/elsewhere")
    here = folder_of("cpu")
    assert Path(here).parent == tmp_path / "deeper_jax" and folder_of("cpu") == here
    monkeypatch.setattr(compiled_programs.platform, "machine", lambda: "another")
    assert folder_of("cpu") != here


def test_a_folder_that_cannot_be_made_is_done_without(folder_of, tmp_path):
    (tmp_path / "file").write_text("")
    assert folder_of("gpu", home=tmp_path / "file") is None


def test_other_instructions_are_another_kind(monkeypatch):
    here, told = cpu_kind(), []
    for text in ("flags\t\t: sse2 avx2\n", "flags\t\t: sse2 avx2 avx512f\n", "Features\t: fp asimd\n"):
        monkeypatch.setattr(Path, "read_text", lambda *_, text=text: f"processor\t: 0\ncpu MHz\t\t: 2000\n{text}")
        told.append(cpu_kind())
    # What changes from second to second does not count.
    monkeypatch.setattr(Path, "read_text", lambda *_: "processor\t: 0\ncpu MHz\t\t: 999\nflags\t\t: sse2 avx2\n")
    assert cpu_kind() == told[0]
    assert len({here, *told}) == 4


PROGRAM = """
import sys
import jax, jax.numpy as jnp
from deeper_jax.cli import compiled_programs
if len(sys.argv) > 1:
    compiled_programs.platform.machine = lambda: "another"
compiled_programs._WORTH_KEEPING = 0.0
compiled_programs.keep_compiled_programs()
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
answer = jax.jit(lambda x: jnp.sin(x) @ x.T)(jnp.arange(12.0).reshape(3, 4)).sum()
print(answer, "/jax/compilation_cache/cache_hits" in events)
"""


def test_a_process_takes_over_what_another_compiled_but_not_on_another_machine(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_FLAGS"))}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}

    def run(*arguments):
        command = [sys.executable, "-c", PROGRAM, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
        assert not done.stderr
        return done.stdout.split()

    answer, taken_over = run()
    assert taken_over == "False"
    assert run() == [answer, "True"]
    assert run("elsewhere") == [answer, "False"]
    # A damaged program is compiled anew, and nothing is said.
    for path in tmp_path.glob("deeper_jax/*/*-cache"):
        path.write_bytes(path.read_bytes()[:-20])
    assert run() == [answer, "False"]
