# Every target sets itself up: a fresh machine needs python3 (3.11 or newer) with venv, and nothing else.

PYTHON ?= python3
# On Linux the default torch wheel carries CUDA (several GB). For the CPU wheel:
#   make setup TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: setup bench report gate gate-fast test test-all perf torture lint docs help clean

setup: $(READY) ## install the package and its tools into .venv

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Sharpbound needs Python 3.11 or newer, and '$(PYTHON)' is not: try 'make PYTHON=python3.12 $(MAKECMDGOALS)'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "'$(PYTHON)' lacks the venv module: install it first (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check \
	  $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt -e '.[dev,audit]'
	@touch $@

# A case that fails (status 1) still leaves a report to read; bad input or a stop (2, 130) leaves none.
bench: $(READY) ## measure every case into reports/latest and write the report
	@status=0; $(BIN)/sharpbound run --all || status=$$?; \
	if [ $$status -le 1 ]; then $(BIN)/sharpbound report || status=$$?; fi; \
	exit $$status

report: $(READY) ## write the report of reports/latest again
	$(BIN)/sharpbound report

gate: $(READY) ## hold reports/latest to the committed reference
	$(BIN)/sharpbound gate

# Cases of one engine each that take seconds: measured anew, for a cache knows nothing of a change of the code.
FAST := pf-ode-gaussian-tv-fixed-horizon pf-ode-gaussian-w2-fixed-horizon pf-ode-gaussian-tv-li2024 \
  pf-ode-mixture-tv-fixed-horizon ddpm-gaussian-tv-fixed-horizon accelerated-ode-gaussian-tv-fixed-horizon \
  accelerated-ode-mixture-tv-fixed-horizon accelerated-ddpm-gaussian-tv-fixed-horizon control-ode-too-fast

gate-fast: $(READY) ## measure a few cheap cases anew and hold them to the reference
	$(BIN)/sharpbound gate $(FAST)

# One thread per test process: with more, BLAS and torch would fight over the cores. What is compiled is kept, for
# tests start processes.
# Three processes on two cores: some tests wait for what they started.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -q
test: $(READY) ## run the tests, but for long members of sweeps (tests/sweeps.toml)
	$(PYTEST)

test-all: $(READY) ## run all tests
	$(PYTEST) -m ''

perf: $(READY) ## time the engine; the history is kept in .benchmarks
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest bench/perf -q -s -p no:xdist --benchmark-only \
	  --benchmark-columns=median,iqr,rounds --benchmark-sort=name --benchmark-autosave

# An hour on one core; FILES=300 takes minutes.
FILES ?= 10000
torture: $(READY) ## damaged files by the thousand, runs killed at random moments
	OMP_NUM_THREADS=1 $(BIN)/python bench/torture/campaign.py --cases $(FILES) --theory $$(( $(FILES) * 3 / 10 ))
	OMP_NUM_THREADS=1 $(BIN)/python bench/torture/kills.py

lint: $(READY) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY) ## write the reference pages of docs/ from the code
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_audit.py

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove the environment, caches and what `make bench` wrote
	rm -rf $(VENV) .sharpbound-cache reports/latest .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks dist
	find bench tests -name __pycache__ -type d -prune -exec rm -rf {} +
