# The front door: each target works as the first command in a fresh clone.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
NEEDS := Python 3.11+ and a Python package index, and for the native core (optional) \
	Python's headers and a C compiler; on Debian: apt-get install python3-venv python3-dev gcc
NATIVE := $(wildcard dlcore_ext/*.pyx dlcore_ext/*.pxd dlcore_ext/csrc/*)

.PHONY: demo demo-hook kerberos test test-deep test-portable test-windows wheels docs reference check check-format check-lint check-types check-cython check-docs fuzz torture mutants bench bench-net bench-faults bench-habits bench-downloads bench-difference clean
.DEFAULT_GOAL := demo

# An editable installation is not compiled, as others are: the first run would have to. An extension
# that was built for one version of Python would be found before the new one.
$(VENV)/ready: pyproject.toml setup.py $(NATIVE)
	@echo "setting up $(VENV), once; this takes some minutes ..."
	@rm -f dlcore_ext/_blocks.cpython-*
	@$(PYTHON) -m venv $(VENV) \
	&& echo "  1 of 3: updating pip ..." \
	&& $(RUN) -m pip install --quiet --upgrade pip \
	&& echo "  2 of 3: downloading some 150 packages, and compiling dlcore (most of the time) ..." \
	&& $(RUN) -m pip install --quiet --editable '.[test,check]' \
	&& echo "  3 of 3: compiling to bytecode ..." \
	&& $(RUN) -m compileall -q dlcore \
	&& touch $@ \
	|| { printf '\nThis needs %s\n' "$(NEEDS)" >&2; exit 1; }

demo: $(VENV)/ready  ## Publish, serve and run an in-place upgrade, every byte compared
	$(RUN) -m bench.demo

demo-hook: $(VENV)/ready  ## Windows' own engine, emulated: its own downloader against dlcore-smsts (6 minutes)
	$(RUN) -m bench.hook

test: $(VENV)/ready  ## All tests; those that need a server that is not installed skip and say so
	PYTHONPATH=$(wildcard build/kerberos) $(RUN) -m pytest -q -rs

kerberos: $(VENV)/ready  ## build/kerberos: what the tests of Kerberos need, which `make test` finds there
	bash tests/kerberos/set_up.sh $(RUN)

test-deep: $(VENV)/ready  ## As `make test`, with many more cases and real syncs; takes hours
	DLCORE_DEEP=1 $(RUN) -m pytest -q -rs

# Rooms that neither hash nor write content themselves, so that the core makes no difference to them.
CORELESS := agent bench cli deployment disk docs doctor emulator events faults fuzz hook kerberos locations machine man_pages manifest netlab schedule step_types steps tasksequence telemetry timeline transfer trust windows \
	$(filter-out test_api.py test_sync.py,$(notdir $(wildcard tests/test_*.py)))
test-portable: $(VENV)/ready  ## The tests that depend on the core, with the portable one
	DLCORE_NATIVE=portable DLCORE_KILLS=$${DLCORE_KILLS:-4} $(RUN) -m pytest -q -rs \
		-m "not builds_c" -k "not compiled" $(CORELESS:%=--ignore=tests/%)

test-windows: $(VENV)/ready  ## All tests by a Python for Windows under Wine; WINDOWS_TESTS="disk store" for a part
	bash tests/windows/set_up.sh $(RUN)
	bash tests/windows/build_extension.sh $(RUN)
	$(RUN) -m tests.windows $(WINDOWS_TESTS)

wheels: $(VENV)/ready  ## build/wheels: a source distribution, and wheels for Linux and Windows, tried
	bash tests/windows/set_up.sh $(RUN)
	bash tests/wheels/build.sh $(RUN)
	bash tests/wheels/try.sh $(RUN)

check: check-format check-lint check-types check-cython check-docs  ## Format, lint, types, documents

check-format: $(VENV)/ready
	$(RUN) -m ruff format --check

check-lint: $(VENV)/ready
	$(RUN) -m ruff check

check-types: $(VENV)/ready
	$(RUN) -m mypy
	$(RUN) -m mypy --platform win32 --cache-dir .mypy_cache/windows -p dlcore

check-cython: $(VENV)/ready
	PATH="$(VENV)/bin:$$PATH" cython-lint dlcore_ext

check-docs: docs

# A warning is an error: a page that is in no menu, a link or an anchor that leads nowhere.
docs: $(VENV)/ready  ## The documents as a site: build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

reference: $(VENV)/ready  ## Writes the generated documents from the code
	$(RUN) -m tests.docs.reference
	$(RUN) -m tests.events >docs/events.md
	$(RUN) -m tests.faults >docs/faults.md
	$(RUN) -m tests.step_types >docs/task-sequences.md
	$(RUN) -m tests.man_pages

fuzz: $(VENV)/ready  ## Every parser of foreign bytes for FUZZ_MINUTES (1), by turns; with coverage if atheris is installed
	$(RUN) -m tests.fuzz.campaign --minutes $${FUZZ_MINUTES:-1} --jobs $${FUZZ_JOBS:-1}

torture: $(VENV)/ready  ## Kills, losses of power, failing calls, flipped bits for TORTURE_MINUTES (1)
	$(RUN) -m tests.torture --minutes $${TORTURE_MINUTES:-1}

mutants: $(VENV)/ready  ## Whether the tests notice MUTANTS (60) changes of the code, in a copy of it
	$(RUN) -m pip install --quiet 'cosmic-ray>=8.3,<9' 'coverage>=7'
	nice -n 10 $(RUN) -m tests.mutants --mutants $${MUTANTS:-60}

bench: $(VENV)/ready  ## Timings against others, as ratios within one run; BENCH_MIB=256 for a quick look
	mkdir -p build/bench
	$(RUN) -m pytest bench -q -rs --benchmark-only --benchmark-sort=name --benchmark-columns=median,iqr,rounds --benchmark-max-time=0.3 --benchmark-json=build/bench/pytest.json
	$(RUN) -m bench

bench-net: $(VENV)/ready  ## Share of a lossy link filled, dlcore and others (root); BENCH_NET_PROFILES=far,poor for a part
	$(RUN) -m bench.netlab

bench-faults: $(VENV)/ready  ## What dlcore and others make of 24 faults: wrong bytes, lost progress, hangs
	$(RUN) -m bench.faults

bench-habits: $(VENV)/ready  ## Which habits of downloaders dlcore and others serve, tried; writes docs/rivals.md
	$(RUN) -m bench.habits --write docs/rivals.md

bench-downloads: $(VENV)/ready  ## Who ends ten downloads right, and in what time; writes docs/rivals.md
	$(RUN) -m bench.downloads --write docs/rivals.md

bench-difference: $(VENV)/ready  ## What a new version of a package costs who has the old one
	$(RUN) -m bench.difference

clean:
	rm -rf build $(VENV) dist *.egg-info dlcore_ext/*.so dlcore_ext/*.pyd
