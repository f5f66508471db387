# SPDX-License-Identifier: MIT
#
#     make             build into build/release
#     make run         install what the build needs, build, and show the main job: leat demo
#     make check       install what the checks need, and run all of them (about half an hour on two cores)
#     make check-long  the same with the long versions of fuzz, scribble, kill and stress
#     make performance measure, and write docs/performance.md (ten minutes of a quiet machine)
#     make format      put the sources into the house's format
#     make clean       remove build/

.POSIX:
.PHONY: build run check check-long performance format clean

build:
	@scripts/build release

run:
	@scripts/install-packages run
	@scripts/build release
	@echo "== leat demo"
	@build/release/tools/leat/leat demo

check:
	@scripts/install-packages check
	@scripts/check

check-long:
	@scripts/install-packages check
	@LEAT_TEST_SIZE=long scripts/check

performance:
	@scripts/install-packages performance
	@scripts/build release
	@scripts/performance

format:
	@scripts/check-format --fix

clean:
	rm -rf build
