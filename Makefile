# Everything a newcomer or a maintainer runs. Needs Python 3.11 or newer, make and git; nothing else (no Java, no Docker).
# `make` alone lists the targets. Each target sets up what it needs first; where that is done, nothing happens.

BIN := .venv/bin
CODE := services tests deploy/setup

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup fetch demo test fire faults fuzz mutants lint bench bench-ledger soak drive clean \
	test-unit test-broker lint-ruff lint-format lint-types lint-imports lint-schemas lint-reference lint-yaml lint-compose \
	format schemas reference lock relock-kafka wheel

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv from the hashed lock (done by the others as needed)
	@python=$$(deploy/setup/find-python.sh) && "$$python" deploy/setup/install.py

fetch: setup ## fetch Kafka into the cache now, so that later starts need no network
	@$(BIN)/python deploy/setup/fetch_kafka.py

demo: setup ## a post office's day through a real Kafka on this machine
	@$(BIN)/sekisho demo

test: lint ## the linters and the whole test suite, against a real Kafka
	$(BIN)/python -m pytest

test-unit: setup ## only the tests that need no Kafka and no network
	$(BIN)/python -m pytest -m "not broker and not own_broker"

test-broker: setup ## only the tests against a real Kafka
	$(BIN)/python -m pytest -m "broker or own_broker"

FIRE := 5

fire: setup ## every fault test at length (FIRE times the rounds of `make test`), with how long it takes
	@echo "The fault tests, $(FIRE) times the rounds of make test; how long they took is said at the end."
	@begun=$$(date +%s); $(BIN)/python -m pytest tests/faults --fire $(FIRE) -o timeout=3600 --durations=0 --durations-min=5 && passed=yes; \
	echo "The fault tests took $$(( ($$(date +%s) - begun) / 60 )) min $$(( ($$(date +%s) - begun) % 60 )) s."; test "$$passed" = yes

lint: lint-ruff lint-format lint-types lint-imports lint-schemas lint-reference lint-yaml lint-compose ## all linters

lint-ruff: setup
	$(BIN)/ruff check $(CODE)

lint-format: setup
	$(BIN)/ruff format --check $(CODE)

lint-types: setup
	$(BIN)/mypy $(CODE)

lint-imports: setup
	$(BIN)/lint-imports

lint-schemas: setup
	$(BIN)/python -m sekisho.contracts.generate --check schemas

lint-reference: setup
	$(BIN)/python -m sekisho.reference --check docs

lint-yaml: setup
	$(BIN)/yamllint --strict deploy docker-compose.yml .yamllint.yaml

lint-compose: setup
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

bench: setup ## decision, wire, the gate on Kafka, the ledger on PostgreSQL, each against its limit; writes docs/performance.md (25 minutes)
	PYTHONPATH=tests $(BIN)/python -m bench.wire
	PYTHONPATH=tests $(BIN)/python -m bench; missed=$$?; PYTHONPATH=tests $(BIN)/python -m bench.gate --docs docs \
	&& { PYTHONPATH=tests $(BIN)/python -m bench.ledger --docs docs || missed=$$?; } && exit $$missed

bench-ledger: setup ## the ledger alone: records/s, a million records verified, purged, proved from; writes its part of docs/performance.md
	PYTHONPATH=tests $(BIN)/python -m bench.ledger --docs docs

soak: setup ## faults drawn from a seed over three gates, for an hour (SECONDS=3600 SEED= EVERY= RATE= REPORT= COMMIT=); a report with plots
	PYTHONPATH=tests $(BIN)/python -m soak $(foreach each,SECONDS SEED EVERY RATE CHECKPOINT REPORT COMMIT PUBLISH,$(if $($(each)),--$(shell echo $(each) | tr A-Z a-z) "$($(each))"))

drive: setup ## the same for two minutes, a fault every four seconds (SEED=)
	PYTHONPATH=tests $(BIN)/python -m soak --seconds 120 --every 4 $(if $(SEED),--seed $(SEED))

fuzz: setup ## a million inputs, good and bad, into the decoding and the gate (FUZZ="--inputs N --seed S --keep")
	PYTHONPATH=tests $(BIN)/python -m fuzz $(FUZZ)

mutants: setup ## changes of the domain that no case and no test notices (MUTANTS="rules.wall --keep-kills"); an hour at most
	PYTHONPATH=tests $(BIN)/python -m mutants $(MUTANTS)

format: setup ## format the code
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

schemas: setup ## write the JSON Schemas and the AsyncAPI document anew
	$(BIN)/python -m sekisho.contracts.generate schemas

reference: setup ## write the pages of settings, metrics, commands and rules anew
	$(BIN)/python -m sekisho.reference docs

faults: setup ## write docs/faults.md, what the fault tests prove, anew
	PYTHONPATH=tests $(BIN)/python -m faults.page docs/faults.md

wheel: setup ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11

lock: setup ## lock the Python packages anew (network)
	$(LOCK) --all-extras --group dev pyproject.toml -o requirements.lock
	$(LOCK) -c requirements.lock pyproject.toml -o deploy/docker/runtime.lock
	$(LOCK) -c requirements.lock deploy/docker/build.in -o deploy/docker/build.lock

relock-kafka: setup ## lock Kafka's jars anew (network)
	$(BIN)/python -m sekisho.local.relock

clean: ## remove .venv and everything that was built (Kafka stays in the cache)
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
