"""The direction of imports, and what a plain import must not pull in."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "deeper_jax"
# What each part may import from the package, besides itself, the errors and the version: always parts above it.
ALLOWED = {
    "spectra": set(),
    "simulator": set(),
    "kernels": set(),
    "unmixing": {"spectra"},
    "evaluation": {"spectra"},
    "maps": {"spectra"},
    "models": {"spectra", "kernels"},
    "data": {"spectra", "maps", "simulator"},
    "inference": {"spectra", "models"},
    "training": {"models", "data", "allocator"},
    "tasks": {"spectra", "simulator", "evaluation", "maps", "models", "data", "inference", "training"},
    "enhancement": {"spectra", "unmixing", "evaluation", "maps", "inference", "tasks", "allocator"},
    "experiments": {"spectra", "unmixing", "evaluation", "data", "inference", "training", "tasks"},
    "napari_plugin": {"spectra", "evaluation", "maps", "data", "enhancement"},
    "cli": {"maps", "data", "models", "inference", "training", "tasks", "enhancement", "experiments", "allocator"},
    "__init__.py": {"maps", "data", "tasks", "enhancement"},
    "__main__.py": {"cli"},
    "allocator.py": set(),
    "errors.py": set(),
    "version.py": set(),
}
EVERYWHERE = {"errors", "version"}


def imported_modules(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


def test_the_package_has_no_other_parts():
    here = {path.name for path in PACKAGE.iterdir() if path.name not in ("__pycache__", "pretrained")}
    assert here == set(ALLOWED)


@pytest.mark.parametrize("part", ALLOWED)
def test_parts_import_only_what_they_may(part):
    files = [PACKAGE / part] if part.endswith(".py") else list((PACKAGE / part).rglob("*.py"))
    assert files
    for path in files:
        for module in imported_modules(path):
            if module.startswith("deeper_jax."):
                other = module.split(".")[1]
                assert other in {part} | ALLOWED[part] | EVERYWHERE, f"{path.name} imports {module}"


def test_tensorflow_is_imported_in_data_only():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] != "data":
            roots = {module.split(".")[0] for module in imported_modules(path)}
            assert not roots & {"tensorflow", "tensorflow_datasets"}, path


def test_napari_and_qt_are_imported_in_their_plugin_only():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] != "napari_plugin":
            roots = {module.split(".")[0] for module in imported_modules(path)}
            assert not roots & {"napari", "qtpy", "magicgui"}, path


def test_configs_know_nothing_of_the_package():
    for path in (ROOT / "configs").glob("*.py"):
        assert not [module for module in imported_modules(path) if module.startswith("deeper_jax")], path


def modules_imported_at_once(path: Path) -> set[str]:
    """Those that importing the file imports: not within functions, and not for type checkers alone."""
    nodes = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {
        name for node in nodes for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else names(node))
    }


def names(node: ast.Import) -> list[str]:
    return [alias.name for alias in node.names]


def test_only_the_maps_import_the_libraries_of_instruments_at_once():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] != "maps":
            assert "xarray" not in {module.split(".")[0] for module in modules_imported_at_once(path)}, path


def in_a_process(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


HEAVY = {
    "jax",
    "flax",
    "scipy",
    "numpy",
    "tensorflow",
    "torch",
    "xarray",
    "matplotlib",
    "bokeh",
    "h5py",
    "deeper_jax.maps",
}


def test_importing_the_package_imports_almost_nothing():
    assert in_a_process(f"import sys, deeper_jax; print({HEAVY} & set(sys.modules))") == "set()"


def test_training_and_enhancing_import_what_they_need_when_they_need_it():
    code = (
        "import sys, deeper_jax, deeper_jax.models, deeper_jax.training.loop, deeper_jax.tasks.registry\n"
        "deeper_jax.enhance; deeper_jax.load\n"
        f"print({HEAVY - {'jax', 'flax', 'scipy', 'numpy'}} & set(sys.modules))"
    )
    assert in_a_process(code) == "set()"


def test_what_napari_lists_and_reads_with_needs_no_napari():
    modules = ("", ".layers", ".picture", ".pixel", ".reader", ".sample", ".viewer")
    code = "import sys\n" + "\n".join(f"import deeper_jax.napari_plugin{name}" for name in modules)
    assert in_a_process(f"{code}\nprint({{'napari', 'qtpy', 'xarray', 'jax', 'bokeh'}} & set(sys.modules))") == "set()"


def test_the_page_needs_no_matplotlib_and_its_picture_little_else():
    code = "import sys; from deeper_jax.enhancement.report import {}; print(*{} & set(sys.modules))"
    assert in_a_process(code.format("page", HEAVY - {"numpy", "scipy"})) == ""
    assert in_a_process(code.format("explorer_document", HEAVY - {"numpy"})) == "bokeh"
    assert in_a_process(code.format("drawing_process, picture", HEAVY - {"numpy"})) == "matplotlib"


def test_help_needs_no_jax():
    code = (
        "import sys, contextlib, io\n"
        "from deeper_jax.cli.main import main\n"
        "for arguments in (['--help'], ['train', '--help'], ['evaluate', '--help'], ['enhance', '--help']):\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "        main(arguments)\n"
        f"print({HEAVY - {'numpy'}} & set(sys.modules))"
    )
    assert in_a_process(code) == "set()"


def test_the_public_names_are_there_and_no_others():
    code = (
        "import deeper_jax\n"
        "from deeper_jax import *\n"
        "print(enhance.__name__, load.__name__, maps.read_map.__name__, hasattr(deeper_jax, 'nothing'))\n"
        "print(*dir(deeper_jax))"
    )
    names = ["InputError", "__version__", "enhance", "load", "maps", "restore", "sample_map"]
    assert in_a_process(code).splitlines() == ["enhance load read_map False", " ".join(names)]


def test_what_the_benchmarks_import_of_the_package_is_there():
    """They are run by hand, so that nothing else would tell."""
    missing = []
    for path in (ROOT / "benchmarks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "deeper_jax":
                module = importlib.import_module(node.module)
                for name in names(node):
                    if not hasattr(module, name) and importlib.util.find_spec(f"{node.module}.{name}") is None:
                        missing.append(f"{path.name}: {node.module}.{name}")
    assert missing == []
