# Thin: every target is a command or two that also work by hand. "make help" lists them.
PREFIX  ?= /usr/local
SECONDS ?= 10
MINUTES ?= 30
DIR     ?= build/sample
# The integration tests in which threads meet, which make soak runs with ThreadSanitizer.
THREADED = administration certificates graceful_restart operation page partial_uploads serve_operation tls_sessions uploads

.DEFAULT_GOAL := build
.PHONY: deps build dev up test soak deb tarball image trial debian13 bench fuzz tidy repro install clean help

build:                                    ## the optimised program, build/release/sallyport
	@tools/build release

dev:                                      ## the debug program and the unit tests, in build/dev
	@tools/build dev

deps:                                     ## install what all of these need (Debian 12 and 13; elsewhere say what that is)
	@tools/deps

up:                                       ## build the program and share DIR (default: a sample) through a gateway
	@tools/deps build
	@tools/build release sallyport
	@tools/sample $(DIR)
	@build/release/sallyport up $(DIR)

test:                                     ## unit tests, then whole programs over real networks
	@tools/deps build unit test
	@tools/build dev
	@tools/reference-servers
	ctest --preset dev -j $$((2 * $$(nproc)))
	tools/integration

soak:                                     ## clients and faults at random with sanitizers, load tests for MINUTES (30); every allocation fails once; all tests with sanitizers
	@tools/deps build unit check test
	@tools/build dev sallyport fail_allocations fail_calls
	@tools/build asan sallyport
	@tools/reference-servers
	SALLYPORT=build/asan/sallyport SOAK_SECONDS=600 tools/integration tests/integration/test_soak.py
	tools/integration --soak $(MINUTES)
	@tools/build tsan
	TSAN_OPTIONS=die_after_fork=0 ctest --preset tsan -j $$((2 * $$(nproc))) -L unit
	SLOWNESS=4 PART=together SALLYPORT=build/tsan/sallyport tools/integration $(addprefix tests/integration/test_,$(THREADED:%=%.py))
	SOAK=1 PART=together tools/integration $$(grep -l SOAK tests/integration/test_*.py)
	ALLOCATIONS=all tools/integration tests/integration/test_allocation_failures.py
	ASAN_OPTIONS=detect_leaks=0 SLOWNESS=4 PART=together SALLYPORT=build/asan/sallyport tools/integration

deb:                                      ## the Debian package of this system's release, in build/package
	@tools/deps build package
	@tools/package package

tarball:                                  ## the program with its libraries, for systems without a package, in build/package
	@tools/deps build package
	@tools/tarball package

image:                                    ## a container image (OCI) of the Debian package, in build/package
	@tools/deps build image
	@tools/image package

trial: tarball image                      ## check the package, the tarball and the image, and use them in a new Debian
	@tools/deps trial
	@tools/try-package $$(. /etc/os-release && echo $$VERSION_CODENAME) build/package/*.deb build/package/*.tar.gz
	@tools/try-image build/package/*.tar

debian13:                                 ## build on Debian 13, whatever this system is, and run the unit tests there
	tools/in-debian13 tools/build debian13
	tools/in-debian13 ctest --preset debian13 -j $$(nproc)

bench:                                    ## compare with vsftpd, Pure-FTPd and ProFTPD
	@tools/deps build test
	@tools/build release
	@tools/reference-servers
	bench/run

fuzz:                                     ## run each fuzz target for SECONDS (10)
	@tools/deps build unit check
	tools/fuzz $(SECONDS)

tidy:                                     ## formatting, house rules, clang-tidy
	@tools/deps build unit check
	tools/format --check
	tools/rules
	tools/clang-tidy

repro:                                    ## build the packages of the last commit in two folders and compare the bytes
	@tools/deps build image
	tools/repro

install: build                            ## into PREFIX
	cmake --install build/release --prefix $(PREFIX)

clean:                                    ## remove build/
	rm -rf build

help:                                     ## this list
	@sed -n 's/^\([a-z0-9]*\):[^#]*##  *\(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'
