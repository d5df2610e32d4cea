# Two commands do all the set-up: `make demo` and `make test`. Windows: see the conda lines in README.md.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo test check unit notebooks browser mutation coverage lab results bench pictures clean

help:             ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 14

demo: .venv/demo  ## train, look inside, compare, show: minutes on a laptop
	@$(BIN)/segnet-lab demo

test: check unit notebooks browser  ## everything that CI runs

check: .venv/test ## lint and format (notebooks too), layers, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache | tail -n 3
	$(BIN)/mypy

unit: .venv/test  ## pytest, doctests included
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal

notebooks: .venv/test  ## every lesson and solution, cell by cell
	OMP_NUM_THREADS=1 SEGNET_LAB_HEADLESS=1 $(BIN)/pytest -q -n 2 --dist loadfile -p no:playwright \
	    --nbval-lax --nbval-current-env --nbval-cell-timeout 300 notebooks

browser: .venv/test .venv/chromium  ## JupyterLab, Voila and the static page in a real browser
	OMP_NUM_THREADS=1 $(BIN)/pytest -q tests/browser

mutation: .venv/test  ## break the package in one line at a time: does a test see it?
	OMP_NUM_THREADS=1 $(BIN)/python tools/mutate.py --jobs 2

coverage: .venv/test  ## which lines of the package no test runs
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal --cov=segnet_lab --cov-report=term:skip-covered

lab: .venv/demo   ## open the lessons
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

results: .venv/demo  ## regenerate a committed set of results: make results SET=roadscenes
	$(BIN)/python tools/replicate.py $(SET) --jobs 2

bench: .venv/bench  ## measure everything in benchmarks/ again
	$(BIN)/python benchmarks/run.py --threads 2

pictures: .venv/test .venv/chromium  ## regenerate the pictures of README.md and docs/
	OMP_NUM_THREADS=1 $(BIN)/python tools/pictures.py

clean:            ## forget installations and caches; runs/ stays
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis

# ---------------------------------------------------------------------------------------- installation
# A stamp for each set of packages: what is there is not installed again.

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "segnet_lab needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install -q -c constraints.txt -e '.[fast]'
	@touch $@

.venv/test: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install -q -c constraints.txt -e '.[test]'
	@touch $@ .venv/demo

.venv/bench: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install -q -c constraints.txt -e '.[bench]'
	@touch $@

.venv/chromium:   # where there is none and we may install it; elsewhere the tests say why they are skipped
	@if ! command -v chromium chromium-browser google-chrome >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; \
	    then apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; fi
	@touch $@
