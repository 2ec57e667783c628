# Hearth. Needs python3 and make; everything else is installed or named by infra/prepare.py.
PYTHON := .venv/bin/python
# Some containers forbid it; then each of the hundreds of processes of a run compiles all of the code again.
export PYTHONDONTWRITEBYTECODE :=
# More than cores, because many tests wait. One real Kafka and one MongoDB serve all workers; see tests/support/shared_stack.py.
WORKERS ?= 4
# A file stays with one worker, and the slowest files begin first; see tests/support/scheduling.py.
PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=25 --durations-min=1
# Of two runs of pytest, one may have none of the tests that ARGS chooses.
NONE_CHOSEN = $(if $(ARGS),[ $$? -eq 5 ] ||)
SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
DETECT := .venv/bin/detect-secrets-hook --no-verify --plugin infra/token_detector.py
NO_TEXT := ':!*.lock' ':!package-lock.json' ':!*.png' ':!*.sha256'

.DEFAULT_GOAL := help
# Each is a target of its own; a new check is a target and a word here.
CHECKS := check-types check-leaks check-weaknesses check-format check-imports check-policy check-contracts \
	check-documents check-messages
.PHONY: help demo test test-slow fuzz check $(CHECKS) audit check-advisories bench profile format examples clean prepare

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo:  ## The whole system here, and reports on their way through it (ONCE=1 ends by itself; BROKER=memory; KEEP=1)
	@python3 infra/prepare.py demo
	@$(PYTHON) -m infra.demo

test:  ## Every test that is not slow, the same in every run (ARGS="-k word" for some of them)
	@python3 infra/prepare.py test
	@$(PYTHON) -m pytest $(PARALLEL) -m "not slow" $(ARGS)

test-slow:  ## The slow tests: waits of real time, kill loops, Keycloak, the secure stack, long walks (ARGS)
	@python3 infra/prepare.py test
	@status=0; $(PYTHON) -m pytest $(PARALLEL) -m "slow and not alone" $(ARGS) || $(NONE_CHOSEN) status=1; \
		$(PYTHON) -m pytest -m alone $(ARGS) || $(NONE_CHOSEN) status=1; exit $$status

fuzz:  ## Search with made-up examples that no run has tried before (SEED=number repeats one; ARGS)
	@python3 infra/prepare.py test
	@echo 'This search is repeated by: make fuzz SEED=$(SEED)'
	@$(PYTHON) -m pytest -n $(WORKERS) -m hypothesis --hypothesis-profile=fuzz --hypothesis-seed=$(SEED) --timeout=1800 \
		$(ARGS) || { echo 'This search is repeated by: make fuzz SEED=$(SEED)'; exit 1; }

check:  ## Format, types, import rules, frozen contracts, weaknesses, secrets; no network, under a minute
	@python3 infra/prepare.py check
	@$(MAKE) --no-print-directory --keep-going --jobs 2 --output-sync=target $(CHECKS)

check-format:
	@$(PYTHON) -m ruff format --check --quiet .
	@$(PYTHON) -m ruff check --quiet .

check-types:
	@$(PYTHON) -m mypy

check-imports:
	@.venv/bin/lint-imports

check-policy:
	@.venv/bin/hearth policy check

check-contracts:
	@.venv/bin/hearth schemas check
	@.venv/bin/hearth asyncapi export --check

check-documents:
	@.venv/bin/hearth settings doc --check
	@.venv/bin/hearth access doc --check
	@.venv/bin/hearth forgiving doc --check
	@.venv/bin/hearth lifecycle doc --check
	@.venv/bin/hearth baseline doc --check

check-messages:
	@$(PYTHON) -m shared.i18n.messages shared/i18n shared/policy/baseline/i18n services/*/i18n

check-weaknesses:
	@$(PYTHON) -m bandit --quiet --configfile pyproject.toml --recursive services shared infra

# Tests are full of made-up passwords and published test vectors, so there only tokens and keys of known kinds are a sign.
check-leaks:
	@git ls-files -z --cached --others --exclude-standard -- . ':!tests' ':!shared/web/examples' $(NO_TEXT) | xargs -0 $(DETECT)
	@git ls-files -z --cached --others --exclude-standard -- tests shared/web/examples $(NO_TEXT) | \
		xargs -0 $(DETECT) $(addprefix --disable-plugin ,HexHighEntropyString Base64HighEntropyString KeywordDetector)

audit: check-advisories  ## Known weaknesses of the packages we lock; asks the network (OSV=address of another source)

check-advisories:
	@python3 infra/prepare.py check
	@$(PYTHON) -m infra.advisories $(if $(OSV),--osv-url $(OSV))

bench:  ## Benchmarks (ONLY=intake for one)
	@python3 infra/prepare.py demo
	@$(PYTHON) -m benchmarks $(ONLY)

profile:  ## What a report costs each process, MongoDB and Kafka, and where the time of each service goes
	@python3 infra/prepare.py demo
	@$(PYTHON) -m benchmarks.profile

format:  ## Format the code, and fix what can be fixed
	@python3 infra/prepare.py check
	@$(PYTHON) -m ruff check --fix --quiet .
	@$(PYTHON) -m ruff format --quiet .

prepare:  ## Install everything, and do nothing else
	@python3 infra/prepare.py test

examples:  ## Write the examples of the OpenAPI documents and the page of worked incidents anew, from what is tested
	@$(PYTHON) -m tests.support.exchanges
	@$(PYTHON) -m tests.support.incident_page

clean:  ## Remove what was made here: environment, assets, kept data, caches (not the downloads in ~/.cache/hearth)
	rm -rf .venv .data node_modules shared/web/assets benchmarks/results build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
