"""README.md and docs/*.md: every command and snippet is run as printed, or says in the page why not.

A comment before a fenced block tells how it is tested, one instruction a line (or several with ";" between them):

    <!-- test: slow -->                       takes over 20 seconds; `make test-all` runs it
    <!-- test: skip: needs a cluster -->      not run, for that reason
    <!-- test: needs: hyperspy -->            not run where that library is not installed
    <!-- test: help: takes an hour -->        only asked for --help, which must know all flags printed
    <!-- test: replace: A => B -->            B stands for A, in text of the block
    <!-- test: append: train.py => --flag --> what a command that contains train.py is given besides

The blocks of a page are run in the order in which they stand, in one folder that looks like a fresh clone after
`make setup` and holds the small files of `inputs`. Python blocks of a page share their names. Text is fenced as `text`.
The quick test calls what the commands would in this process, with small networks in place of the package's own;
`make test-all` starts every command as it is printed.
"""

import contextlib
import functools
import glob
import importlib.util
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from maps_wdf import MICRON, X, Y, wdf_bytes
from paths import ROOT
from processes import environment
from tiny_models import CONFIG, fixed_denoiser, spectra_of_bands, tiny_denoiser, tiny_restorer, tiny_super_resolver

from deeper_jax.cli.main import main
from deeper_jax.enhancement import finer_map, pipeline
from deeper_jax.models.weights_file import write_weights_file
from deeper_jax.simulator import default_wavenumbers
from deeper_jax.tasks import load

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- test:?\s*(?P<how>.*?)-->\n+)?^ *```(?P<language>[^\s`]*)[^\n]*\n(?P<text>.*?)^ *```$", re.M | re.S
)
RUN = {"python", "bash"}
INSTRUCTIONS = ("slow", "skip", "needs", "help", "replace", "append")
PROSE = {"text", "json", "bibtex", "html"}
CLONE = (
    "configs",
    "benchmarks",
    "deeper_jax",
    "notebooks",
    "scripts",
    "docs",
    "train.py",
    "eval.py",
    "Makefile",
    "pyproject.toml",
)


class Block(NamedTuple):
    """A fenced block: where it stands, its language, its text as it is run, and how it is tested."""

    page: Path
    line: int
    language: str
    text: str
    how: dict[str, list[str]]

    @property
    def where(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    source, found = page.read_text(), []
    for match in FENCE.finditer(source):
        how: dict[str, list[str]] = {}
        for item in filter(
            None, (part.strip() for part in re.split(rf"\n|;(?= ?(?:{'|'.join(INSTRUCTIONS)}))", match["how"] or ""))
        ):
            name, _, value = item.partition(":")
            how.setdefault(name.strip(), []).append(value.strip())
        line = source.count("\n", 0, match.start("text"))
        indent = len(match["text"]) - len(match["text"].lstrip(" "))
        text = "".join(row[indent:] if row[:indent].isspace() else row for row in match["text"].splitlines(True))
        for old, new in (pair.split(" => ") for pair in how.get("replace", [])):
            assert old in text, f"{page.name}:{line}: replaces {old!r}, which the block does not hold"
            text = text.replace(old, new)
        found.append(Block(page, line, match["language"], text, how))
    return found


def commands(block: Block) -> list[str]:
    """The commands of a shell block, continued lines joined, comments gone, with what is to be appended."""
    rows = [row.strip() for row in block.text.replace("\\\n", " ").splitlines()]
    rows = [re.sub(r"\s+#\s.*$", "", row) for row in rows if row and not row.startswith("#")]
    for marker, more in (pair.split(" => ") for pair in block.how.get("append", [])):
        assert any(marker in row for row in rows), f"{block.where}: appends to {marker!r}, which no command holds"
        rows = [f"{row} {more}" if marker in row else row for row in rows]
    return rows


def is_run(block: Block) -> bool:
    missing = [library for library in block.how.get("needs", []) if importlib.util.find_spec(library) is None]
    return block.language in RUN and "skip" not in block.how and not missing


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Path:
    """What the pages take for given: files of an instrument, pairs, and untrained models in place of trained ones."""
    folder = tmp_path_factory.mktemp("inputs")
    spectra, axis = spectra_of_bands(6, 8, length=96)
    y, x = (values.ravel() for values in np.mgrid[0:6, 0:8].astype(float))
    origins = [(X, MICRON, x), (Y, MICRON, y)]
    area = (0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (8, 6, 1))
    (folder / "scan.wdf").write_bytes(wdf_bytes(spectra.reshape(48, -1), axis, origins, area=area))
    table = np.column_stack([axis, spectra[0].T])
    np.savetxt(folder / "scan.txt", table, fmt="%.3f", delimiter="\t")
    wavenumbers = default_wavenumbers().astype(np.float64)
    low, high = (spectra_of_bands(40, length=500, noise=noise)[0] for noise in (4.0, 1.0))
    (folder / "cells").mkdir()
    for file in ("pairs", "cells/a", "cells/b", "cells/c"):
        np.savez(folder / f"{file}.npz", low=low, high=high, wavenumbers=wavenumbers)
    network = {"name": "resunet1d", "length": 500, "width": 4, "batch_norm": False, "dtype": "float32"}
    denoiser = fixed_denoiser(wavenumbers)
    record = {
        "wavenumbers": wavenumbers.tolist(),
        "config": {"task": "denoising", "seed": 0, "model": network},
        "step": 1,
    }
    write_weights_file(folder / "model.npz", denoiser.params, denoiser.stats, record)
    resolver = tiny_super_resolver(axis)
    sizes = {"scale": 2, "length": 96, "width": 4, "groups": 1, "blocks": 1, "reduction": 2, "padding": "edge"}
    network = {"name": "hyrisr", **sizes, "dtype": "float32", "remat": "none"}
    record = {"config": {"task": "super_resolution", "seed": 0, "model": network}, "step": 1}
    record |= {"wavenumbers": axis.tolist(), "raster_offset": 1}
    write_weights_file(folder / "resolver.npz", resolver.params, resolver.stats, record)
    own = tiny_denoiser(random=False)
    write_weights_file(folder / "own_denoiser.npz", own.params, own.stats, own.record | {"config": CONFIG})
    own = tiny_restorer()
    for name in ("restorer", "refiner"):
        write_weights_file(folder / f"own_{name}.npz", own.params, own.stats, own.record)
    return folder


@pytest.fixture
def clone(inputs, tmp_path, monkeypatch) -> Path:
    """The present folder: like a fresh clone after `make setup`, with the inputs beside."""
    for name in CLONE:
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_networks(inputs, monkeypatch) -> None:
    """Networks that compile quickly where the package's own would be taken; other tests are of those."""
    for name in ("DENOISER", "RESTORER", "REFINER"):
        for module in (load, pipeline, finer_map):
            monkeypatch.setattr(module, f"DEFAULT_{name}", inputs / f"own_{name.lower()}.npz", raising=False)


def run_block(block: Block, names: dict, *, as_printed: bool = True) -> None:
    if block.language == "python":
        # As many empty lines before it as make an error's line that of the page.
        exec(compile("\n" * block.line + block.text, str(block.page), "exec"), names)
        return
    for command in commands(block):
        if "help" in block.how:
            check_flags(block, command, as_printed)
        elif not as_printed and re.match(r"\S+/deeper-jax [^|<>;&$?]+$", command):
            main([word for part in shlex.split(command)[1:] for word in sorted(glob.glob(part)) or [part]])
        else:
            printed = shell(command)
            assert printed.returncode == 0, (
                f"{block.where}: {command}\n{printed.stdout[-2000:]}\n{printed.stderr[-4000:]}"
            )


@functools.cache
def help_of(program: str, as_printed: bool) -> str:
    """What `deeper-jax COMMAND`, `python FILE` or `python -m MODULE` says of itself."""
    if as_printed:
        return shell(f"{program} --help").stdout
    run, *words = shlex.split(program)
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        patch.setattr(sys, "argv", [*(words[1:] if words[0] == "-m" else words), "--help"])
        if run.endswith("deeper-jax"):
            main([*words, "--help"])
        elif words[0] == "-m":
            runpy.run_module(words[1], run_name="__main__")
        else:
            runpy.run_path(words[0], run_name="__main__")
    return printed.getvalue()


def shell(command: str) -> subprocess.CompletedProcess:
    variables = environment(ROOT) | {"MPLBACKEND": "agg", "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=variables, timeout=850)


def check_flags(block: Block, command: str, as_printed: bool) -> None:
    words = shlex.split(command)
    flags = [word.split("=")[0] for word in words if word.startswith("--")]
    program = words[: words.index("-m") + 2] if "-m" in words else words[:2]
    printed = help_of(shlex.join(program), as_printed)
    assert all(flag in printed for flag in flags), f"{block.where}: {flags} of {command}\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_quick_blocks(page, clone, small_networks):
    names: dict = {"__name__": "__main__"}
    for block in blocks(page):
        if is_run(block) and "slow" not in block.how:
            run_block(block, names, as_printed=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_all_blocks(page, clone):
    names: dict = {"__name__": "__main__"}
    for block in blocks(page):
        if is_run(block):
            run_block(block, names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_is_run_or_says_why_not(page):
    for block in blocks(page):
        directive = block.language.startswith("{")
        assert directive or block.language in RUN | PROSE, f"{block.where}: a block of language {block.language!r}"
        assert set(block.how) <= set(INSTRUCTIONS), (
            f"{block.where}: {set(block.how) - set(INSTRUCTIONS)} are no instructions"
        )
        assert all(len(reason) > 10 for name in ("skip", "help") for reason in block.how.get(name, [])), block.where
    fences = re.findall(r"^ *```", page.read_text(), re.M)
    assert len(fences) == 2 * len(blocks(page)), f"{page.name}: a fence that is not closed"
    indented = re.search(
        r"\n\n    (\$|make|pip|python|deeper-jax|\.venv|sbatch|srun|import|from) ?\S*", page.read_text()
    )
    assert indented is None, f"{page.name}: an indented block is not tested, fence it: {indented[0].strip()}"


@functools.cache
def headings(page: Path) -> set[str]:
    """Anchors of a page's headings, as both Sphinx (myst_heading_anchors) and the usual hosts make them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        assert there.exists(), f"{page.name}: {target}"
        if anchor and there.suffix == ".md":
            assert anchor in headings(there), f"{page.name}: {target}: there are {sorted(headings(there))}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_and_modules_that_are_named_exist(page):
    text = re.sub(r"\{doc\}`[^`]*`", "", page.read_text())
    for name in re.findall(r"\b((?:configs|scripts|tests|notebooks|benchmarks|deeper_jax)/[\w/.]*\w)", text):
        known = (ROOT / name).exists() or (ROOT / f"{name}.ipynb").exists() or "NAME" in name
        assert known, f"{page.name} speaks of {name}"
    for name in re.findall(r"python -m (benchmarks\.\w+)", text):
        module = ROOT / name.replace(".", "/")
        found = module.with_suffix(".py").exists() or (module / "__main__.py").exists()
        assert found, f"{page.name} speaks of {name}"


def test_a_wrong_block_is_noticed(tmp_path, clone):
    page = tmp_path / "page.md"
    page.write_text("```bash\nfalse\n```\n\n```python\n1 / 0\n```\n\n<!-- test: replace: a => b -->\n```text\nc\n```\n")
    with pytest.raises(AssertionError, match="replaces 'a'"):
        blocks(page)
    page.write_text(page.read_text().replace("a => b", "c => b"))
    wrong, divides, text = blocks(page)
    with pytest.raises(AssertionError, match="page.md:1: false"):
        run_block(wrong, {})
    with pytest.raises(ZeroDivisionError):
        run_block(divides, {})
    assert text.text == "b\n"
