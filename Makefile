# make book: install, make the phantom, run the chapters, build the pages. Doing it twice costs seconds.
#   What does not wait for another goes side by side; Python files are compiled when they are first imported.
# make test: everything that proves the project, the pages of the book included.
# make bench: the kernels beside other libraries on this machine, half an hour; the book then shows it.

PYTHON ?= python3
PROFILE ?= quick
SUBJECTS ?= 100
SIZE := $(if $(filter full,$(PROFILE)),full,quick)
PHANTOM := data/phantom/acdc$(if $(filter full,$(PROFILE)),-full)
VENV := .venv
BIN := $(VENV)/bin
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
PIP := $(BIN)/pip install --quiet --no-compile
INSTALLED := $(VENV)/.installed
PEERS := $(VENV)/.peers
COMPARED := $(VENV)/.compared
MAKEFLAGS += $(if $(filter 0,$(MAKELEVEL)),--jobs=2)

.PHONY: book data test test-fast bench lab reference clean

book: data $(PEERS)
	$(BIN)/regthesis book --profile $(PROFILE)

data: $(INSTALLED)
	$(BIN)/regthesis data make acdc --out $(PHANTOM) --subjects $(SUBJECTS) --seed 0 --size $(SIZE)

$(INSTALLED): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(PEERS): $(INSTALLED) requirements-peers.lock
	$(PIP) -r requirements-peers.lock \
		|| echo "The peers (SyN, elastix) could not be installed: their rows will say so, the rest runs."
	touch $@

$(COMPARED): $(PEERS) requirements-test.lock
	$(PIP) -r requirements-test.lock \
		|| echo "What the kernels are compared with could not be installed: those tests skip, the rest runs."
	touch $@

test: book  # which nothing should change while it runs
	$(MAKE) --no-print-directory $(COMPARED)
	$(BIN)/python -m pytest

test-fast: $(COMPARED)
	$(BIN)/python -m pytest -m "not slow"

bench: $(COMPARED)
	$(PIP) --no-deps -r requirements-bench.lock \
		|| echo "FireANTs could not be installed: the record will say so, the rest runs."
	$(BIN)/python tests/benchmarks/run.py --out data/recorded/kernels

lab: data $(PEERS)
	JUPYTER_CONFIG_PATH=$(CURDIR)/.jupyter $(BIN)/jupyter lab $(ROOT) --LabApp.default_url=/lab/tree/chapters

reference: book
	$(BIN)/python tests/reference/refresh.py

clean:
	rm -rf _build data/phantom
