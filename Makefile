# A thin front: CMake does the work, these names are what people type.
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
DEMO_FLAGS ?=

.PHONY: all release asan test test-full bench soak fuzz lint format demo install deb clean

all: release

release:
	@cmake --preset release $(if $(VERBOSE),,>/dev/null)
	@cmake --build build/release -j $(JOBS) -- $(if $(VERBOSE),,--quiet)

asan:
	@cmake --preset asan $(if $(VERBOSE),,>/dev/null)
	@cmake --build build/asan -j $(JOBS) -- $(if $(VERBOSE),,--quiet)

# Unit, integration, boundary, fault and linkage tests; with CI set also lint,
# fuzzing for a bounded time and a short bench.
test: release asan
	@tests/run.py

# The same with every point of the fault suite; takes an hour.
test-full: export CS_KILL_POINTS = 250
test-full: export CS_CUTS = 1000
test-full: test

bench: release
	@tests/bench/run.py build/release
	@tests/bench/run_http.py build/release

# Restless HTTP clients for five minutes; `make test` has twenty seconds of it.
soak: release
	@SOAK_SECONDS=300 CS_BIN=$(CURDIR)/build/release/bin \
		python3 -m unittest tests/soak/test_soak.py

FUZZ_SECONDS ?= 60
fuzz:
	@cmake --preset fuzz >/dev/null
	@cmake --build build/fuzz -j $(JOBS) -- $(if $(VERBOSE),,--quiet)
	@tests/fuzz/run.sh $(FUZZ_SECONDS)

lint:
	@tests/lint.sh

SOURCES = $(shell git ls-files '*.c' '*.h')
format:
	@clang-format -i $(SOURCES)

demo:
	@demo/demo.sh $(DEMO_FLAGS)

# The programs find each other by the prefix that they were built for.
install:
	@cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX) >/dev/null
	@cmake --build build/release -j $(JOBS) -- $(if $(VERBOSE),,--quiet)
	@DESTDIR=$(DESTDIR) cmake --install build/release

# Three Debian packages in build/deb, the same bytes every time.
deb:
	@packaging/build-debs.sh

clean:
	@rm -rf build
