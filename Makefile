# make demo   a running site with a class to look at
# make test   everything that must be shown true

PYTHON := .venv/bin/python
export PORT ?= 8000

.PHONY: help demo demo-reset test lint format screenshots demo-videos bench bench-large bench-backfill bench-faults bench-growth bench-reading bench-journey bench-pages bench-real bench-watching bench-writing bench-packages pins demo-packages test-packages

help:
	@echo "make demo        install, start and serve the demo on http://127.0.0.1:$(PORT) (another port: make demo PORT=8001)"
	@echo "make demo-reset  delete the demo's database and files"
	@echo "make test        install what the tests need, and run them"
	@echo "make lint        check the code's style; make format fixes what can be fixed"
	@echo "make bench       all benchmarks below but large, faults and real, written into docs/benchmarks.md (many minutes)"
	@echo "make bench-large  reading and pages, with ten million entries, or LARGE=…: about an hour; resumes where it was stopped"
	@echo "make bench-backfill  how fast backfill_timeline is beside a plain INSERT … SELECT (minutes)"
	@echo "make bench-faults  what is lost when servers are killed, disks are full and clocks wrong: nothing (many minutes)"
	@echo "make bench-growth  bytes, memory, writers, updates, partitions, a replica: what grows, and when it breaks (many minutes)"
	@echo "make bench-journey  what the journey of a video costs with a class of 20,000 (minutes)"
	@echo "make bench-pages  whole pages from the production server under load, and where their time goes (minutes; needs wrk)"
	@echo "make bench-real DATA=folder  published data of real learners: how fast they come in, and whether they drift"
	@echo "make bench-watching  what a report of watching takes while 500 students watch at once (minutes)"
	@echo "make bench-reading  what every query of every page reads, by size and depth, beside other ways (minutes)"
	@echo "make bench-writing  what the timeline costs those who write, beside other ways to keep one (minutes)"
	@echo "make screenshots  take the pictures of README.md and docs/ again (docs/images/)"
	@echo "make demo-videos  draw and encode the demo's videos again (demo/videos/; needs Chromium and ffmpeg)"
	@echo "make pins        choose the newest versions that pyproject.toml allows (requirements*.txt)"

# Without a shell between make and Python, so that signals arrive.
demo demo-reset: export LOCAL = on
demo demo-reset: export ALLOWED_HOSTS =
demo demo-reset: export DEBUG = off
demo: demo-packages
	@$(PYTHON) manage.py demo

demo-reset: demo-packages
	@$(PYTHON) manage.py demo --reset

# So that the many processes that tests start need not compile anew what they import.
test: export PYTHONDONTWRITEBYTECODE =
test: test-packages lint
	@$(PYTHON) -m tests.chromium
	@$(PYTHON) -m pytest --numprocesses auto --maxprocesses 4

# Each is run, whatever the one before found.
bench: bench-packages
	@failed=; for name in reading backfill writing journey pages watching growth; do \
	    echo "$$name:"; $(BESIDE) $(PYTHON) -m benchmarks.$$name --report || failed="$$failed $$name"; echo; \
	done; [ -z "$$failed" ] || { echo "Not as fast as the project asks for:$$failed"; exit 1; }

# The databases are kept until they are deleted: .venv/bin/python -m benchmarks.reading --entries … --delete
LARGE ?= 10000000
bench-large: bench-packages
	@$(BESIDE) $(PYTHON) -m benchmarks.reading --entries 100000 1000000 $(LARGE) --keep --report
	@$(BESIDE) $(PYTHON) -m benchmarks.pages --entries $(LARGE) --keep --report

bench-backfill bench-faults bench-growth bench-reading bench-journey bench-pages bench-watching bench-writing: bench-%: bench-packages
	@$(BESIDE) $(PYTHON) -m benchmarks.$*

# What the project is compared with lies beside its own packages.
BESIDE = PYTHONPATH=.venv/beside
bench-packages: demo-packages
	@[ -d .venv/beside ] || $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps \
	    --target .venv/beside "django-activity-stream==2.0.0"

bench-real: demo-packages
	@[ -n "$(DATA)" ] || { echo "Name the folder of the data: make bench-real DATA=folder (docs/benchmarks.md says which)."; exit 2; }
	@$(PYTHON) -m benchmarks.real "$(DATA)"

lint: test-packages
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .

format: test-packages
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

screenshots: test-packages
	@$(PYTHON) docs/screenshots.py

demo-videos: test-packages
	@$(PYTHON) -m demo.draw_videos

# What is installed is remembered as a copy of its pins.
demo-packages test-packages: %-packages: .venv/bin/pip
	@cmp -s requirements-$*.txt .venv/requirements-$*.txt || { \
	    echo "Installing the packages of requirements-$*.txt into .venv." && \
	    $(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-$*.txt && \
	    cp requirements-$*.txt .venv/; }

# pip comes last: an interrupted .venv has none, and is made anew.
.venv/bin/pip:
	@python=$$(./find-python.sh) && echo "Making .venv with $$python." && "$$python" -m venv --clear .venv

# The registry in use, and folders of wheels, stay out of the files; every platform's wheels come in.
COMPILE = env -u UV_FIND_LINKS -u PIP_FIND_LINKS $(PYTHON) -m uv --no-config pip compile pyproject.toml --quiet \
    --generate-hashes --universal --python-version 3.12 --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links
pins: .venv/bin/pip
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	@$(COMPILE) --upgrade --extra demo --extra test --output-file requirements-test.txt
	@$(COMPILE) --extra demo --constraint requirements-test.txt --output-file requirements-demo.txt
	@$(COMPILE) --constraint requirements-test.txt --output-file requirements.txt
