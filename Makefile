# Two commands do everything on a fresh machine: `make demo` and `make test`.
# They need Python 3.11 or newer, a C++17 compiler and the package index; CUDA is built where nvcc is found.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
TORCH  ?= torch==2.13.0
# tests run in as many processes as there are cores, four at most
PYTEST_ARGS ?= -n auto --maxprocesses 4
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q

SOURCES := pyproject.toml CMakeLists.txt $(shell find csrc pyadvspur experiments -type f ! -name '*.pyc' ! -name '*.so' 2>/dev/null | sed 's/ /\\ /g')

.PHONY: demo test docs bench gpu lint stub clean
.DEFAULT_GOAL := test

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch first and pinned: left to itself pip may take another build of several gigabytes
$(VENV)/.torch: | $(BIN)/python
	$(PIP) install "$(TORCH)"
	@touch $@

$(VENV)/.installed: $(SOURCES) $(VENV)/.torch
	$(PIP) install .
	@touch $@

$(VENV)/.dev: $(SOURCES) $(VENV)/.torch
	$(PIP) install ".[dev]"
	@touch $@ $(VENV)/.installed

## run the main job on the embedded suite and write advspur-demo/report.html
demo: $(VENV)/.installed
	$(BIN)/advspur demo --out advspur-demo

## the whole test suite, against the installed package
test: $(VENV)/.dev
	OMP_WAIT_POLICY=passive $(BIN)/pytest -q $(PYTEST_ARGS)

## the documentation site, in build/site; a broken link fails
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "open build/site/index.html"

## every benchmark, short form; bench/README.md says how the committed figures were taken.
## Those of attacks on real networks need ADVSPUR_DEV_DATA, a folder with images and weights.
bench: $(VENV)/.dev
	@for script in bench/bench_*.py; do \
	  if [ -z "$$ADVSPUR_DEV_DATA" ] && grep -q networks.folder_of $$script; then echo "== $$script skipped: set ADVSPUR_DEV_DATA"; continue; fi; \
	  echo "== $$script"; OMP_WAIT_POLICY=passive $(BIN)/python $$script --quick || exit 1; \
	done

## on a machine with an NVIDIA GPU: builds, tests, sanitizes, measures, writes bench/results; ends with a summary.
## needs nvcc and Google Benchmark (Debian: libbenchmark-dev); sanitizes where compute-sanitizer is on the PATH
gpu: TORCH = torch>=2.4
gpu: $(VENV)/.dev
	-ADVSPUR_CUDA=ON $(PIP) install --force-reinstall --no-deps .
	$(BIN)/python bench/gpu_steps.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run -Werror $$(find csrc bench -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh')

## regenerate the stub of the compiled module (a test compares it with the module)
stub: $(VENV)/.dev
	$(BIN)/python tests/native/stub.py pyadvspur/_core.pyi

clean:
	rm -rf $(VENV) build dist advspur-demo
