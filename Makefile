# Every target runs the harness (tests/harness) or a tool from requirements.txt. No target touches an existing cluster,
# unless you set CLUSTER=existing KUBECONFIG=<file>.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# Where this variable is set, each process would compile every module again, which takes longer than most tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test fast bench generate docs images pin clean lint lock

help:  ## show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(READY)  ## install log-sidecar on a cluster and count lost and duplicated lines
	@$(BIN)/python -m harness demo

test: lint  ## run every test that this machine supports; the last lines list skipped tests
	@$(BIN)/python -m harness tools --build
	@$(BIN)/python -m pytest -q -n auto --dist loadscope --no-loadscope-reorder $(ARGS)

fast: lint  ## run lint and the quick tests, which need no cluster
	@$(BIN)/python -m harness tools --build helm helm3 vale
	@$(BIN)/python -m pytest -q -n auto --dist worksteal --ignore tests/cluster -m "not cluster and not slow" $(ARGS)

bench: $(READY)  ## measure the engines and compare with docs/benchmarks (ARGS=--write updates it)
	@$(BIN)/python -m bench $(ARGS)

generate: $(READY)  ## write generated files: the charts' copies of charts/shared
	@$(BIN)/python -m harness generate

docs: $(READY)  ## write each chart's README.md and VALUES.md from values.yaml and *.md.gotmpl
	@$(BIN)/python -m harness docs

images: $(READY)  ## compare the charts' images with their registries: platforms and newer tags
	@$(BIN)/python -m harness images

pin: $(READY)  ## print values that pin the digests of the charts' default images
	@$(BIN)/python -m harness images --pin

lint: $(READY)  ## check style and types
	@$(BIN)/ruff check -q
	@$(BIN)/ruff format -q --check
	@$(BIN)/mypy --no-error-summary

clean:  ## remove the virtual environment and caches from the checkout
	@rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build src/*.egg-info
	@find src tests -name __pycache__ -prune -exec rm -rf {} +

lock: $(READY)  ## pin the newest compatible versions in requirements.txt
	@$(BIN)/uv pip compile -q --universal --upgrade --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links --python-version 3.11 --all-extras --group dev --output-file requirements.txt pyproject.toml

# uv installs in 3 s, pip in 30 s. pip installs the locked uv, and everything else where uv fails.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is older than Python 3.11; set PYTHON=")'
	@echo "setting up .venv ..."
	@$(PYTHON) -m venv .venv || { echo "install the venv module first: apt-get install python3-venv" >&2; exit 2; }
	@sed -n '/^uv==/,/# via/p' requirements.txt > .venv/uv.txt
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements.txt || \
		$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import site, sys; open(site.getsitepackages()[0] + "/harness.pth", "w").write(sys.argv[1])' "$(CURDIR)/tests"
	@touch $@
