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

.PHONY: setup setup-test demo test test-all lint clean

$(VENV)/.installed: pyproject.toml requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt -e '.[maps]'
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt -e '.[maps,test]'
	touch $@

setup: $(VENV)/.installed
setup-test: $(VENV)/.installed-test

demo: setup
	$(BIN)/python train.py --config=configs/denoising_demo.py --workdir=$(DEMO)/run
	$(BIN)/python eval.py --workdir=$(DEMO)/run --output=$(DEMO)/report

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Two processes, a file of tests to one of them at a time.
PARALLEL = -n 2 --dist loadfile

test: lint
	$(BIN)/python -m pytest -m 'not slow' $(PARALLEL)

test-all: lint
	$(BIN)/python -m pytest $(PARALLEL)

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info
