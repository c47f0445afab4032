# Thin: every target is a command or two that also work by hand. "make help" lists them.
PREFIX  ?= /usr/local
SECONDS ?= 10
DIR     ?= build/sample

.DEFAULT_GOAL := build
.PHONY: deps build dev up test bench fuzz tidy install clean help rivals

build: build/release/build.ninja          ## the optimised binary, build/release/sallyport
	cmake --build --preset release

dev: build/dev/build.ninja                ## the debug binary and the unit tests, in build/dev
	cmake --build --preset dev

build/%/build.ninja: CMakePresets.json
	cmake --preset $*

deps:                                     ## install what is missing (Debian 12; elsewhere says what to install)
	@tools/deps

up: deps                                  ## build, then share DIR (default: a sample) behind a gateway
	@$(MAKE) --no-print-directory build
	@tools/sample $(DIR)
	build/release/sallyport up $(DIR)

test: deps                                ## unit tests, then whole programs over real networks
	@$(MAKE) --no-print-directory dev rivals
	ctest --preset dev -j $$(nproc)
	tools/integration

bench: deps                               ## compare with vsftpd, Pure-FTPd and ProFTPD
	@$(MAKE) --no-print-directory build rivals
	bench/run

fuzz: deps                                ## run each fuzz target for SECONDS
	tools/fuzz $(SECONDS)

tidy: deps                                ## formatting, house rules, clang-tidy
	tools/format --check
	tools/rules
	tools/clang-tidy

install: build                            ## into PREFIX
	cmake --install build/release --prefix $(PREFIX)

rivals:
	@tools/rivals

clean:                                    ## remove build/
	rm -rf build

help:                                     ## this list
	@sed -n 's/^\([a-z]*\):[^#]*##  *\(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'
