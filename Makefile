# Lamplighter's tasks. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.txt
SOURCES := functions statemachine dashboards proxy cli twin awssim tests host_scripts benchmarks

# Where this is set, every start of Python compiles what it imports again: half of a short command's time.
unexport PYTHONDONTWRITEBYTECODE

# The engine of the demo's instance: the built-in stub, or a real vLLM on CPU (ENGINE=vllm).
ENGINE ?= stub

# The fuzzer: how many requests, and where its dice start.
REQUESTS ?= 100000
SEED ?= 1

# Test files that run at a time: one more than cores, since workflows mostly wait.
JOBS ?= $(shell expr $$(nproc) + 1)

# The benchmark: which routers stand beside ours, how often each load runs, and for how long.
PEERS ?= sglang-router vllm-router litellm
ROUNDS ?= 3
SECONDS ?= 10
BENCH_VENVS = $(if $(filter-out litellm,$(PEERS)),.venv-bench/.installed) $(if $(filter litellm,$(PEERS)),.venv-bench-litellm/.installed)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv comes from the Python index into the project's own .venv; the interpreter is the one that is here.
$(BIN)/uv: requirements/uv.txt
	@echo "setting up $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a virtual environment here: install python3-venv (apt-get install python3-venv) and run make again" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
	@touch $@

$(VENV)/.installed: $(BIN)/uv $(LOCK) functions/pyproject.toml proxy/pyproject.toml cli/pyproject.toml twin/pyproject.toml
	@echo "installing the pinned tools and the four packages"
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes $(LOCK) requirements/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable functions --editable proxy --editable cli --editable twin
	@touch $@

.PHONY: setup
setup: $(VENV)/.installed ## install everything into .venv (a minute, once)

.PHONY: demo
demo: setup ## the whole product on a local AWS: install, up, chat, break, heal, down (ENGINE=vllm for a real vLLM)
	@$(BIN)/python -m lamplighter.demo --engine $(ENGINE)

# What other targets run is not even imported.
OTHERS := --ignore=tests/clients --ignore=tests/judges --ignore=tests/machine --ignore=tests/vllm

.PHONY: test
test: setup ## the programs' own tests: minutes (JOBS= of them at a time)
	@$(BIN)/pytest --numprocesses $(JOBS) $(OTHERS) -m "not system and not vllm and not host"

.PHONY: test-system
test-system: setup ## whole deployments: in virtual time, on the local AWS, faults at its calls; a machine's set-up in a sandbox
	@$(BIN)/pytest --numprocesses $(JOBS) $(OTHERS) -m "system and not vllm and not host"

# What the host's tests run on loopback; the machine's own needs are in tests/machine/lab/packages.py.
.PHONY: test-host
test-host: setup .venv-sslyze/.installed ## nginx, certbot, and a whole machine booted from our user_data; as root it installs what it needs
	@missing=; for each in nginx certbot pebble; do command -v $$each > /dev/null || missing="$$missing $${each/%nginx/nginx-light}"; done; \
	[ -z "$$missing" ] || { [ "$$(id -u)" = 0 ] && apt-get update --quiet --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --no-install-recommends $$missing > /dev/null; } || { echo "missing: apt-get install$$missing" >&2; exit 1; }
	@$(BIN)/pytest --numprocesses $(shell nproc) -m host

tests/%/node/node_modules/.installed: tests/%/node/package-lock.json
	@command -v npm > /dev/null || { echo "npm is missing: apt-get install nodejs npm" >&2; exit 1; }
	@echo "installing the pinned Node packages of tests/$*"
	@npm ci --prefix $(<D) --silent --no-audit --no-fund
	@touch $@

.PHONY: test-clients
test-clients: setup .venv-openai1/.installed .venv-clients/.installed tests/clients/node/node_modules/.installed ## SDKs, LangChain, LlamaIndex, AI SDK, Claude Code, Codex against the gateway (installs 1.2 GB)
	@$(BIN)/pytest -m clients tests/clients

# What the gateway's image holds: the same package with its busiest modules compiled. Needs a C compiler.
COMPILED_GATEWAY := dist/gateway
$(COMPILED_GATEWAY)/.built: $(VENV)/.installed proxy/hatch_build.py $(wildcard $(addprefix proxy/gateway/,*.py */*.py */*.css */*.js))
	@echo "compiling the gateway into $(COMPILED_GATEWAY) (a minute)"
	@rm -rf $(COMPILED_GATEWAY) dist/wheel
	@LAMPLIGHTER_COMPILE=1 $(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist/wheel proxy
	@$(BIN)/uv pip install --quiet --no-deps --target $(COMPILED_GATEWAY) dist/wheel/*.whl
	@touch $@

.PHONY: compiled
compiled: $(COMPILED_GATEWAY)/.built ## compile the gateway's busiest modules, as its image has them, into dist/gateway

.PHONY: test-compiled
test-compiled: compiled ## the gateway's tests against its compiled modules
	@LAMPLIGHTER_COMPILE=1 PYTHONPATH=$(CURDIR)/$(COMPILED_GATEWAY) $(BIN)/pytest -m "not vllm and not host and not clients" tests/gateway tests/hostile

.PHONY: fuzz
fuzz: setup ## 100,000 malformed or hostile requests: no 5xx, no hang (REQUESTS=, SEED=)
	@PYTHONPATH=tests$${PYTHONPATH:+:$$PYTHONPATH} $(BIN)/python -m hostile.fuzz --requests $(REQUESTS) --seed $(SEED)

.PHONY: fuzz-compiled
fuzz-compiled: compiled ## the same against the compiled modules, as the image has them (REQUESTS=1000000: an hour)
	@LAMPLIGHTER_COMPILE=1 PYTHONPATH=$(CURDIR)/$(COMPILED_GATEWAY):tests $(BIN)/python -m hostile.fuzz --requests $(REQUESTS) --seed $(SEED)

.PHONY: faults
faults: setup ## a fault at every call of every workflow, and 5,000 schedules by seed: hours (FLAGS="--every 10 --schedules 200")
	@PYTHONPATH=tests:host_scripts$${PYTHONPATH:+:$$PYTHONPATH} $(BIN)/python -m faults $(FLAGS)

.PHONY: chaos
chaos: setup ## one fault after another, and weeks without one, in virtual time: an hour (FLAGS="--faults terminate,spot --seed 2")
	@PYTHONPATH=tests:host_scripts$${PYTHONPATH:+:$$PYTHONPATH} $(BIN)/python -m chaos $(FLAGS)

.PHONY: chaos-local
chaos-local: setup ## a sample of these faults on real processes, and quiet minutes: half an hour (FLAGS="--faults gateway-kill")
	@PYTHONPATH=tests:host_scripts$${PYTHONPATH:+:$$PYTHONPATH} $(BIN)/python -m chaos.local $(FLAGS)

.PHONY: changes
changes: setup ## every change under twenty requests a second, on the local AWS: half an hour (FLAGS="--only rotation --longest 20")
	@PYTHONPATH=tests$${PYTHONPATH:+:$$PYTHONPATH} $(BIN)/python -m changes $(FLAGS)

.PHONY: test-vllm
test-vllm: setup tests/clients/node/node_modules/.installed ## the tests against a real vLLM on CPU (installs it, 4 GB, once)
	@$(BIN)/pytest -m vllm

# Environments beside .venv, one per lock: their pins conflict with the others'.
.venv-%/.installed: requirements/%.txt | $(BIN)/uv
	@echo "installing the pinned $* into $(@D)"
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(@D)
	@VIRTUAL_ENV=$(@D) $(BIN)/uv pip sync --quiet --require-hashes $<
	@touch $@

.PHONY: before
before: setup ## compile the gateway of another COMMIT into dist/gateway-before, the benchmark's target of that name
	@git rev-parse --quiet --verify "$(COMMIT)^{commit}" > /dev/null || { echo "name a commit: make before COMMIT=<commit>" >&2; exit 2; }
	@echo "compiling the gateway of $(COMMIT) (a minute)"
	@rm -rf dist/before dist/gateway-before && mkdir -p dist/before
	@git archive "$(COMMIT)" proxy | tar --extract --directory dist/before
	@LAMPLIGHTER_COMPILE=1 $(BIN)/uv build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist/before dist/before/proxy
	@$(BIN)/uv pip install --quiet --no-deps --target dist/gateway-before dist/before/*.whl
	@git rev-parse --short "$(COMMIT)" > dist/gateway-before/.built

.PHONY: bench
bench: compiled $(BENCH_VENVS) ## the gateway's cost beside nginx and other routers (PEERS=, ROUNDS=, SECONDS=, FLAGS=--check)
	@$(BIN)/python -m benchmarks --peers "$(PEERS)" --rounds $(ROUNDS) --seconds $(SECONDS) $(FLAGS)

.PHONY: docs
docs: .venv-docs/.installed ## build the documentation site into dist/docs; a broken link is an error
	@.venv-docs/bin/zensical build --strict --clean

.PHONY: check
check: setup tests/judges/node/node_modules/.installed .venv-checkov/.installed ## format, lint, types, import contracts, shell, templates, container, judges
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/mypy
	@PYTHONPATH=host_scripts $(BIN)/lint-imports --no-cache
	@AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(BIN)/sam validate --lint
	@$(BIN)/cfn-lint template.yaml
	@$(BIN)/shellcheck --external-sources host_scripts/*.sh host_scripts/steps/*.sh tests/machine/lab/*.sh .ci/run
	@$(BIN)/shfmt -i 2 -ci -d host_scripts/*.sh host_scripts/steps/*.sh tests/machine/lab/*.sh .ci/run
	@$(BIN)/hadolint proxy/Dockerfile
	@$(BIN)/pytest -m judge -q tests/judges
	@echo "check: clean"

.PHONY: iam
iam: setup ## each function's policy against its calls: none missing, none unused, every mutant noticed
	@$(BIN)/pytest -m "" -q --show-capture=no tests/judges/test_iam.py tests/judges/test_least_privilege.py tests/judges/test_people.py tests/orchestrator/attacks tests/template/test_permissions.py

.PHONY: format
format: setup ## format the code
	@$(BIN)/ruff format --quiet $(SOURCES)
	@$(BIN)/ruff check --quiet --fix $(SOURCES)
	@$(BIN)/shfmt -i 2 -ci -w host_scripts/*.sh host_scripts/steps/*.sh tests/machine/lab/*.sh .ci/run

.PHONY: deploy
deploy: setup ## install the orchestrator into the AWS account of your credentials (FLAGS="--region eu-west-1")
	@$(BIN)/python -m lamplighter.installation deploy $(FLAGS)

.PHONY: undeploy
undeploy: setup ## remove it from there, unless a deployment is live
	@$(BIN)/python -m lamplighter.installation undeploy $(FLAGS)

.PHONY: prices
prices: setup ## write the price snapshot of `lamplighter plan` from AWS's price list (needs credentials)
	@$(BIN)/python -m lamplighter.installation prices $(FLAGS)

.PHONY: schema
schema: setup ## write spec.schema.json from the parser's own description
	@$(BIN)/python -c 'import json; from orchestrator.spec.publishing import schema; print(json.dumps(schema(), indent=2))' > functions/orchestrator/spec/spec.schema.json.new
	@mv functions/orchestrator/spec/spec.schema.json.new functions/orchestrator/spec/spec.schema.json

.PHONY: workflows
workflows: setup ## write the state machines from their steps (statemachine/*.steps.yaml)
	@$(BIN)/python statemachine/generate.py

.PHONY: dashboards
dashboards: setup ## write the dashboards of Grafana and CloudWatch from their description (dashboards/)
	@$(BIN)/python -m dashboards.generate

.PHONY: tables
tables: setup ## write the generated tables of docs/ from the code
	@PYTHONPATH=tests $(BIN)/python -m documents.tables

# The lock names no index; functions/ and proxy/ have their own, for Lambda and the container.
COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header
.PHONY: lock
lock: $(BIN)/uv ## resolve the dependencies again
	@$(COMPILE) --python-version 3.11 requirements/dev.in --output-file requirements/dev.txt
	@$(COMPILE) requirements/uv.in --output-file requirements/uv.txt
	@$(COMPILE) --python-version 3.11 requirements/openai1.in --output-file requirements/openai1.txt
	@$(COMPILE) --python-version 3.11 requirements/clients.in --output-file requirements/clients.txt
	@$(COMPILE) --python-version 3.11 requirements/sslyze.in --output-file requirements/sslyze.txt
	@$(COMPILE) --python-version 3.11 requirements/checkov.in --output-file requirements/checkov.txt
	@$(COMPILE) --python-version 3.11 requirements/docs.in --output-file requirements/docs.txt
	@$(COMPILE) --python-version 3.11 requirements/bench.in --output-file requirements/bench.txt
	@$(COMPILE) --python-version 3.11 requirements/bench-litellm.in --output-file requirements/bench-litellm.txt
	@$(COMPILE) --python-version 3.12 --constraint requirements/dev.txt functions/requirements.in --output-file functions/requirements.txt
	@$(COMPILE) --python-version 3.12 --constraint requirements/dev.txt proxy/requirements.in --output-file proxy/requirements.txt
	@$(COMPILE) --python-version 3.12 --constraint requirements/dev.txt proxy/requirements-compile.in --output-file proxy/requirements-compile.txt

.PHONY: clean
clean: ## remove what make made
	@rm -rf $(VENV) .venv-docs .venv-vllm .venv-openai1 .venv-clients .venv-sslyze .venv-checkov .venv-bench .venv-bench-litellm benchmarks/build dist tests/*/node/node_modules .lamplighter .aws-sam .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
