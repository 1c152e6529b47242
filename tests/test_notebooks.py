"""The notebooks run from the first cell to the last, in this interpreter and with this checkout's package."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from processes import environment

import deeper_jax

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WHERE = "import sys, deeper_jax; print(sys.executable, deeper_jax.__file__)"


def run(notebook: nbformat.NotebookNode, package: Path) -> nbformat.NotebookNode:
    """Execute in place, in the notebooks' folder; raises CellExecutionError where a cell does."""
    # The package alone: what else a notebook needs of the checkout it has to find by itself.
    (package / "deeper_jax").symlink_to(ROOT / "deeper_jax")
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "notebooks")}}
    )
    variables = {name: value for name, value in environment().items() if name != "MPLBACKEND"}
    return client.execute(env={**variables, "PYTHONPATH": str(package)})


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


# Two trainings, most of them compiling.
SLOW = {"fine_tune"}


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else []) for path in NOTEBOOKS],
)
def test_notebook(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    notebook.cells.append(nbformat.v4.new_code_cell(WHERE))
    run(notebook, tmp_path)
    interpreter, package = printed(notebook.cells[-1]).split()
    assert Path(interpreter).parent == Path(sys.executable).parent
    assert Path(package).resolve() == Path(deeper_jax.__file__).resolve()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)


def test_an_error_in_a_cell_is_noticed(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(Exception, match="ZeroDivisionError"):
        run(notebook, tmp_path)


def test_notebooks_are_small():
    assert [path.stem for path in NOTEBOOKS] == ["denoise", "fine_tune", "ramanspy"]
    assert all(path.stat().st_size < 200_000 for path in NOTEBOOKS)
