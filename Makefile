# make demo: set up, train on the bundled table, leave a report.   make test: set up, pass every test.
PYTHON ?= python3
BIN := .venv/bin
HOUSING := src/fallline/examples/california_housing.csv.gz

.PHONY: demo test check lint types bench bench-lab bench-large bench-scaling bench-gpu screenshots diagnosis-score survive chromium clean

demo: .venv/ready
	$(BIN)/fallline train $(HOUSING) --target median_house_value

test: .venv/ready chromium
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/ready
	$(BIN)/pyright

check: lint types test

bench-lab: .venv/ready chromium
	$(BIN)/python benchmarks/lab.py

bench: .venv/ready
	$(BIN)/python -m pip install -q -c constraints.txt 'torch==2.13.0' 'pyhessian==0.1'
	$(BIN)/python benchmarks/pairs.py
	$(BIN)/python benchmarks/limits.py

bench-scaling: .venv/ready
	$(BIN)/python benchmarks/scaling.py

# full size where there is a GPU, else small
bench-gpu: .venv/ready
	$(BIN)/python -m pip install -q -c constraints.txt 'torch==2.13.0'
	$(BIN)/python benchmarks/gpu.py

# the pictures of the lab in the README
screenshots: .venv/ready chromium
	$(BIN)/python docs/screenshots.py

# 10 million rows; a quick look: make bench-large ROWS=1000000 MEMORY=100MB
ROWS ?= 10000000
MEMORY ?= 1.5GB
bench-large: .venv/ready
	$(BIN)/python -m pip install -q -c constraints.txt vowpalwabbit
	$(BIN)/python benchmarks/large.py --rows $(ROWS) --memory $(MEMORY)

diagnosis-score: .venv/ready
	$(BIN)/python diagnosis_score/score.py

# trainings killed with SIGKILL at random moments, each gone on with to the same bits
KILLS ?= 50
survive: .venv/ready
	$(BIN)/python tests/survival.py $(KILLS)

# the report and the lab are tested in a real browser
chromium:
	@command -v chromium >/dev/null || (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends chromium >/dev/null) || (echo "The tests of the report and the lab need Chromium: install it."; exit 2)

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf .venv build dist .pytest_cache .hypothesis .ruff_cache
