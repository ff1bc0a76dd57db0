# The whole system by name. Every target makes its environment first; a second call installs nothing.
PYTHON ?= python3
PY := .venv/bin/python
# Spark's Java: the machine's own, else the one set-up fetched.
export JAVA_HOME := $(if $(wildcard .venv/jre),$(CURDIR)/.venv/jre,$(JAVA_HOME))
ifeq ($(JAVA_HOME),)
unexport JAVA_HOME
endif

# Accessibility rules for the browser tests; its wheels bring a browser driver of their own.
AXE := .cache/axe/node_modules/axe-core/axe.min.js

.PHONY: help setup run test test-slow lint airflow serve demo package cluster-libraries base clean
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup:  ## make .venv with everything in it
	@$(PYTHON) tools/setup_env.py

run: setup  ## the whole day: collect, clean, train, evaluate, promote, publish, show
	@$(PY) -m orchestration.run $(ARGS)

test: setup lint  ## every test but the slow campaigns
	$(PY) -m pytest -n 2 -m "not slow and not serial"
	$(PY) -m pytest -m "serial and not slow"

test-slow: setup $(AXE)  ## long campaigns, half an hour
	$(PY) -m pytest -m slow --timeout 3600

$(AXE):
	npm install --silent --prefix .cache/axe axe-core@4.14.1

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

airflow: setup  ## a local Airflow with the DAGs on http://127.0.0.1:8081
	@$(PY) -m orchestration.local_airflow $(ARGS)

serve: setup  ## HTTP API and page of what is published, on http://127.0.0.1:8080
	@$(PY) -m serving.api $(ARGS)

demo: setup  ## the same over made-up days, at once and without a model
	@$(PY) -m demo.published --storage data/demo
	@$(PY) -m serving.api --storage data/demo $(ARGS)

package: setup  ## dist/spark_processing.zip for a cluster
	@$(PY) -m tools.package spark_processing dist/spark_processing.zip

CLUSTER_PYTHON ?= 3.8
cluster-libraries: setup  ## dist/cluster_libraries.tar.gz: pyarrow, pandas, numpy for a cluster that lacks them
	@$(PY) -m tools.cluster_libraries $(CLUSTER_PYTHON) dist/cluster_libraries.tar.gz

base: setup  ## pretrain the small base again: make base PROSE=prose.txt.gz (minutes on a GPU, hours without; resumes)
	@mkdir -p dist && $(PY) -m demo.grammar --days 30 --until 2026-06-30 --format jsonl > dist/grammar.jsonl
	@test -d dist/base.corpus || $(PY) -m model_training.pretrain_corpus --config model_training/configs/base.toml \
		--prose "$(PROSE)" --horoscopes dist/grammar.jsonl --output dist/base.corpus
	@$(PY) -m model_training.pretrain --config model_training/configs/base.toml --corpus dist/base.corpus --output dist/base $(ARGS)

clean:  ## remove what a run made (not .venv)
	rm -rf data dist .cache .pytest_cache .mypy_cache .ruff_cache
