# What people and CI run; `make` alone lists it. Everything is installed into .venv, nowhere else.
# Another index than pip's own, as PyTorch's of CPU builds: PIP_EXTRA_INDEX_URL=... make run

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(or $(shell command -v python3.11),python3)
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
# Tests that compute, by a process for each core; tests that mostly wait, by two, each with Ray nodes
# of its own, a file's tests one after another.
SPREAD = -n logical --maxprocesses 4
IN_TWO = -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help run test test-apart test-postgresql test-frameworks test-browser test-horovod test-all horovod lint types format docs golden manifests bench compare pictures gpu-check clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.installed ## train a small network in two processes, from queue to summary
	$(BIN)/launcher run jobs/pytorch-digits/job.yaml

test: $(VENV)/.installed-dev ## unit, component and integration tests, 8 minutes on 2 cores
	$(BIN)/python -m pytest tests/unit -m "not slow" $(SPREAD)
	$(BIN)/python -m pytest tests/component -m "not slow" $(SPREAD)
	$(BIN)/python -m pytest tests/integration -m "not slow and not apart" $(IN_TWO)

test-apart: $(VENV)/.installed-dev $(VENV)/.ray-head ## attached clusters, two machines, rough programs, full disks: 7 minutes
	$(BIN)/python -m pytest tests/integration -m "apart and not slow"

test-postgresql: $(VENV)/.installed-dev ## store and server on a real PostgreSQL: 2 minutes; install Debian's before
	$(BIN)/python -m pytest tests/component/store tests/component/server --database postgresql \
	  -m "not slow" $(SPREAD)

test-frameworks: $(VENV)/.all-cpu ## programs that train, in every framework: 7 minutes
	$(BIN)/python -m pytest tests/frameworks -m "not slow"

test-all: $(VENV)/.all-cpu $(VENV)/.ray-head $(VENV)/.browser ## the same, and the long forms
	$(BIN)/python -m pytest tests/unit tests/component $(SPREAD) --hypothesis-profile=thorough
	$(BIN)/python -m pytest tests/component/store tests/component/server --database postgresql $(SPREAD)
	$(BIN)/python -m pytest tests/integration -m "not apart" $(IN_TWO)
	$(BIN)/python -m pytest tests/integration -m apart
	$(BIN)/python -m pytest tests/frameworks
	$(BIN)/python -m pytest tests/browser

horovod: $(VENV)/.all-cpu ## build Horovod for what .venv has, once: 6 minutes; docs/horovod.md
	$(BIN)/launcher doctor --install horovod --python $(BIN)/python

test-browser: $(VENV)/.browser ## the pages in a real Chromium: 3 minutes; install Debian's chromium before
	$(BIN)/python -m pytest tests/browser -m "not slow"

test-horovod: $(VENV)/.all-cpu horovod ## programs of the real Horovod, built if need be: 2 minutes after it
	$(BIN)/python -m pytest tests/frameworks/test_horovod.py

lint: $(VENV)/.installed-dev ## style, format, and who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(VENV)/.installed-dev ## mypy --strict
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## rewrite the files in the project's style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.installed-dev ## write anew what is made from the code: job-spec.md, compatibility.md
	$(BIN)/python -m launcher.spec.reference > $(VENV)/job-spec.md
	mv $(VENV)/job-spec.md docs/job-spec.md
	$(BIN)/python -m launcher.spec.compatibility_page > $(VENV)/compatibility.md
	mv $(VENV)/compatibility.md docs/compatibility.md

golden: $(VENV)/.installed-dev ## write the golden answers to mistakes anew; read what differs
	GOLDEN=write $(BIN)/python -m pytest -q -p no:randomly tests/component/server/test_mistakes.py \
	  tests/unit/spec/test_mistaken_keys.py tests/unit/spec/test_bad_specs.py

manifests: $(VENV)/.installed-dev ## render k8s/examples and the chart's golden files anew
	GOLDEN=write $(BIN)/python -m pytest -q -p no:randomly tests/component/k8s/test_chart_golden.py

bench: $(VENV)/.installed-dev ## measure for three quarters of an hour; prints a section of docs/benchmarks.md
	$(BIN)/python benchmarks/run_all.py

compare: $(VENV)/.all-cpu ## jobs/digits in every framework, side by side; writes docs/comparison.md
	$(BIN)/python benchmarks/compare.py > $(VENV)/comparison.md
	mv $(VENV)/comparison.md docs/comparison.md

pictures: $(VENV)/.browser ## docs/img: every page, taken of a server on which jobs run; look at them
	$(BIN)/python tests/browser/pictures.py docs/img

gpu-check: $(VENV)/.installed ## a job on this machine's GPUs: devices, NCCL, NVML
	$(BIN)/python benchmarks/gpu_check.py

clean: ## remove caches and builds
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## remove .venv too
	rm -rf $(VENV)

# The stamps make pip run again only when what it reads has changed.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@test -e $(VENV)/.installed || echo "downloading: torch (200 MB for CPUs; the CUDA build, which" \
	  "pip's own index gives on Linux, 3 GB), Ray (80 MB), scikit-learn and the rest (90 MB)"
	$(INSTALL) -e '.[local,torch,examples]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/.installed
	$(INSTALL) -e '.[dev]'
	@touch $@

# Every framework but Horovod, without CUDA. tf_keras alone: what it asks for, tensorflow, has the
# same files as tensorflow-cpu.
$(VENV)/.all-cpu: pyproject.toml constraints.txt | $(VENV)/.installed-dev
	@test -e $@ || echo "downloading: TensorFlow (300 MB), JAX (90 MB), Keras, TensorBoard and what" \
	  "they need (60 MB)"
	$(INSTALL) -e '.[all-cpu]'
	$(INSTALL) --no-deps tf-keras
	@touch $@

$(VENV)/.browser: pyproject.toml constraints.txt | $(VENV)/.installed-dev
	$(INSTALL) -e '.[browser]'
	@touch $@

# What ray[default] needs beside ray, as a cluster's head has it. Apart: with it in .venv Ray would
# start further processes beside every embedded server.
$(VENV)/.ray-head: pyproject.toml constraints.txt | $(VENV)/.installed
	rm -rf $(VENV)/ray-head
	$(BIN)/python -m venv --without-pip $(VENV)/ray-head
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > $$(echo $(VENV)/ray-head/lib/python3*/site-packages)/project.pth
	$(BIN)/python -m pip --python $(VENV)/ray-head/bin/python install \
	  --disable-pip-version-check -c constraints.txt 'ray[default]'
	@touch $@

# Debian keeps pip out of new environments unless python3-venv is installed: the outer pip fills in.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit( \
	  f"launcher needs Python 3.10 or newer, this is {sys.version.split()[0]}; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	  $(PYTHON) -m pip --python $(BIN)/python install pip; } || { rm -rf $(VENV); \
	  echo "no environment could be made; on Debian: apt install python3-venv"; exit 1; }
