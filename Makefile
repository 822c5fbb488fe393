# make book: install, make the phantom, run the chapters, build the pages. Doing it twice costs seconds.
# make test: everything that proves the project, the pages of the book included.
# make bench: the kernels beside other libraries on this machine, half an hour; the book then shows it.

PYTHON ?= python3
PROFILE ?= quick
SUBJECTS ?= 100
SIZE := $(if $(filter full,$(PROFILE)),full,quick)
PHANTOM := data/phantom/acdc$(if $(filter full,$(PROFILE)),-full)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: book data test test-fast bench lab reference clean

book: data
	$(BIN)/regthesis book --profile $(PROFILE)

data: $(INSTALLED)
	$(BIN)/regthesis data make acdc --out $(PHANTOM) --subjects $(SUBJECTS) --seed 0 --size $(SIZE)

$(INSTALLED): requirements.lock requirements-peers.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	$(BIN)/pip install --quiet -r requirements-peers.lock \
		|| echo "The peers (SyN, elastix) could not be installed: their rows will say so, the rest runs."
	touch $@

test: book
	$(BIN)/python -m pytest

test-fast: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow"

bench: $(INSTALLED)
	$(BIN)/pip install --quiet --no-deps -r requirements-bench.lock \
		|| echo "FireANTs could not be installed: the record will say so, the rest runs."
	$(BIN)/python tests/benchmarks/run.py --out data/recorded/kernels

lab: data
	JUPYTER_CONFIG_PATH=$(CURDIR)/.jupyter $(BIN)/jupyter lab --LabApp.default_url=/lab/tree/chapters

reference: book
	$(BIN)/python tests/reference/refresh.py

clean:
	rm -rf _build data/phantom
