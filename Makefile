# Two commands on a fresh machine with Python 3.11, make and git: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
UV     := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv

# Without bytecode each of the thousand processes that the tests start would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test lint types bench bench-quick bench-components bench-save bench-compare faults fuzz serve fixtures docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(READY): pyproject.toml uv.lock $(wildcard plugins/*/pyproject.toml)
	test -x $(BIN)/python || .ci/make-venv $(PYTHON) $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) sync --quiet --locked --all-packages --all-extras
	touch $@

demo: $(READY) ## a whole exchange, from a signed request to a proved log, in a temporary folder
	$(BIN)/python -m fixtures.demo

serve: $(READY) ## the demo's site, kept running until Ctrl-C
	$(BIN)/python -m fixtures.demo --serve

# File by file, each process with a world of its own; in the order of folders, so that the long ones come first.
test: $(READY) ## unit, property, integration, interop and fault tests
	$(BIN)/python -m pytest -n 3 --dist=loadfile --no-loadscope-reorder

lint: $(READY) ## style and import contracts
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

types: $(READY) ## mypy, strict
	$(BIN)/mypy && for plugin in plugins/*; do $(BIN)/mypy $$plugin || exit 1; done

# The group `bench` brings the Python peer; without it, or without Node, that peer is left out.
BENCH := $(UV) sync --quiet --locked --all-packages --all-extras --group bench || \
	echo "the group bench could not be installed: the FastAPI peer is left out" >&2

bench: $(READY) ## the gateway beside its floor and its peers; an idle machine, a quarter of an hour
	$(BENCH)
	$(BIN)/python -m bench.system
	$(BIN)/python -m bench.sizing

bench-quick: $(READY) ## the same with few short rounds, a minute
	$(BENCH)
	$(BIN)/python -m bench.system --quick
	$(BIN)/python -m bench.sizing

# ONLY narrows them, as `make bench-save ONLY=bench/bench_path.py`; BASE names another base than the last.
COMPONENTS := $(BIN)/python -m pytest $(or $(ONLY),bench) --benchmark-only --benchmark-enable \
	--benchmark-columns=min,median,iqr,rounds --benchmark-sort=fullname

bench-components: $(READY) ## what one part costs, without a network
	$(COMPONENTS)

bench-save: $(READY) ## the same, kept in .benchmarks/ as a base
	$(COMPONENTS) --benchmark-save=$$(git describe --always --dirty)

bench-compare: $(READY) ## the same beside the base that was saved last
	$(COMPONENTS) --benchmark-compare$(if $(BASE),=$(BASE)) --benchmark-group-by=fullname

# What `make test` does a few times, as often as the figures in docs/explanation/security.md say.
FULL := YIZHENG_KILLS=500 YIZHENG_POINTS=25 YIZHENG_INJECT=200 YIZHENG_POWER=10000 \
	YIZHENG_MUTATIONS=10000 YIZHENG_ROWS=1000000 YIZHENG_SWEEP=10000 YIZHENG_SLOW=20 \
	YIZHENG_DRAINS=100 YIZHENG_COPIES=1000 YIZHENG_ROTATION_S=60 YIZHENG_FUZZ_EXAMPLES=2000 \
	YIZHENG_STALL_MS=50 YIZHENG_INDEX_KILLS=50 YIZHENG_STOPPED_S=30 \
	YIZHENG_RETURN_S=2 YIZHENG_REFUSED_S=1 YIZHENG_WAIT_S=1.5 YIZHENG_FULL_DISK_S=0.1 \
	YIZHENG_RESUME_S=5

faults: $(READY) ## every fault test with its full count; an idle machine, about an hour
	$(FULL) $(BIN)/python -m pytest tests/faults tests/integration/test_schemathesis.py \
		tests/integration/test_openapi.py --timeout=3600

fuzz: $(READY) ## coverage-guided fuzzing of every parser, three minutes each
	$(UV) sync --quiet --locked --all-packages --all-extras --group fuzz
	for target in fields request body answer note proof names agency capture; do \
		$(BIN)/python -m tests.fuzz.run $$target 180 || exit 1; done

fixtures: $(READY) ## write the synthetic data again (the result must not differ)
	$(BIN)/python -m fixtures.generate

docs: $(READY) ## write the generated pages again
	$(BIN)/python -m gateway docs --output docs/reference
	$(BIN)/python -m bench.sizing

clean: ## remove everything that git does not track
	git clean -fdxq -e .idea -e .vscode
