# make demo | test | check | bench; each makes .venv first when it is not there.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
DEMO_FLAGS ?=
# Two test processes; one torch thread each, or they fight over the cores.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: demo test check bench format

demo: $(INSTALLED)
	$(BIN)/netwright demo $(DEMO_FLAGS)

test: $(INSTALLED)
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" $(TEST_FLAGS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_boundary.py
	$(BIN)/python tools/check_figures.py
	$(BIN)/python tools/check_structure.py
	$(BIN)/python tools/check_words.py

bench: $(INSTALLED)
	for benchmark in $(filter-out benchmarks/reporting.py,$(wildcard benchmarks/*.py)); do $(BIN)/python "$$benchmark" || exit 1; done

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(INSTALLED): pyproject.toml
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "make: '$(PYTHON) -m venv .venv' failed; on Debian and Ubuntu run: apt-get install python3-venv" >&2; \
	  exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@
