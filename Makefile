# `make demo` and `make test` do all of their own set-up: they need Python 3.11-3.13, make and a C compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo

# glibc hands large freed blocks back to the system at once by default; each training step then pays for
# page faults again. Keeping them is worth about a third of a step on the CPU.
export MALLOC_MMAP_THRESHOLD_ ?= 4294967296
export MALLOC_TRIM_THRESHOLD_ ?= 17179869184
export MALLOC_TOP_PAD_ ?= 268435456
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Importing the libraries takes half as long once Python may keep what it compiles of them.
export PYTHONDONTWRITEBYTECODE =

.PHONY: setup setup-test setup-docs demo test test-all test-napari lint docs clean

# Without byte-compiling ahead what is mostly never imported: that takes longer than unpacking it.
INSTALL = $(BIN)/pip install --no-compile --disable-pip-version-check -r requirements.txt

$(VENV)/bin/pip:
	@echo "Making a virtual environment in $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml requirements.txt | $(VENV)/bin/pip
	@echo "Installing JAX, TensorFlow and the rest of requirements.txt into $(VENV): about 2 GB, a minute or two."
	@$(INSTALL) -e '.[train]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml requirements.txt | $(VENV)/bin/pip
	@echo "Installing requirements.txt and what the tests need, PyTorch too, into $(VENV): about 3 GB, two minutes."
	@$(INSTALL) -e '.[test]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-docs: pyproject.toml requirements.txt | $(VENV)/bin/pip
	@echo "Installing requirements.txt, Sphinx and what the notebooks need into $(VENV): about 3 GB, two minutes."
	@$(INSTALL) -e '.[test,docs]'
	@touch $(VENV)/.installed $(VENV)/.installed-test $@

setup: $(VENV)/.installed
setup-test: $(VENV)/.installed-test
setup-docs: $(VENV)/.installed-docs

demo: setup
	$(BIN)/python train.py --config=configs/denoising_demo.py --workdir=$(DEMO)/run
	$(BIN)/python eval.py --workdir=$(DEMO)/run --output=$(DEMO)/report

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Two processes, a file of tests to one of them at a time, in the order of tests/conftest.py.
PARALLEL = -n 2 --dist loadfile --no-loadscope-reorder

# Much of the time would go into making thousands of small programs as fast as they can be; test-all has them so.
# Not 0: programs of one and of eight devices then round differently.
test: lint
	XLA_FLAGS=--xla_backend_optimization_level=1 $(BIN)/python -m pytest -m 'not slow' $(PARALLEL)

test-all: lint
	$(BIN)/python -m pytest $(PARALLEL)

# napari brings Qt, which nothing else here needs: an environment of its own. No window is opened.
test-napari:
	@echo "Installing napari, Qt and deeper_jax into .venv-napari: about 1.6 GB, two minutes."
	@$(PYTHON) -m venv .venv-napari
	@.venv-napari/bin/pip install --no-compile --disable-pip-version-check -q -e '.[napari]' pytest pytest-timeout
	.venv-napari/bin/npe2 validate deeper-jax
	QT_QPA_PLATFORM=offscreen .venv-napari/bin/python -m pytest tests/napari_plugin

# Warnings are errors.
docs: setup-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:
	rm -rf $(VENV) .venv-napari $(DEMO) build dist docs/_build *.egg-info
