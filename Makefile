# A thin front for CMake. The only commands a newcomer needs: make demo, make test.
BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CMAKE_FLAGS ?=
DRAPE = $(BUILD)/drape
CONFIGURE = cmake -S . -G Ninja $(CMAKE_FLAGS)

.PHONY: all demo studio test check bench install package clean format deps fuzz

all: $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS)

# The tests are built from the first `make test` on.
$(BUILD)/build.ninja: CMakeLists.txt | deps
	$(CONFIGURE) -B $(BUILD) $(if $(wildcard $(BUILD)/CMakeCache.txt),,-DBUILD_TESTING=OFF)

deps:
	@scripts/deps.sh build

demo: all
	scripts/demo/demo.sh $(BUILD)

# The studio in the browser: dress and teach.
studio: all
	@[ -e models/mini/model_index.json ] || [ -e demo/small/model_index.json ] || \
	    { mkdir -p demo && $(DRAPE) init --arch examples/small.json --quiet demo/small; }
	$(DRAPE) serve --open $(if $(wildcard models/mini/model_index.json),,--model demo/small)

test:
	@scripts/deps.sh build test
	$(CONFIGURE) -B $(BUILD) -DBUILD_TESTING=ON
	cmake --build $(BUILD) -j $(JOBS)
	ctest --test-dir $(BUILD) --output-on-failure

# Sanitizers (ThreadSanitizer over the server), the API against its description, fuzz seeds, format and include order.
check:
	@scripts/deps.sh build test check
	tools/check_includes.py
	tools/check_format.sh
	$(CONFIGURE) -B $(BUILD)-asan -DDRAPE_SANITIZE=ON
	cmake --build $(BUILD)-asan -j $(JOBS)
	ctest --test-dir $(BUILD)-asan -E '^web_' --output-on-failure
	tests/serve/api_fuzz.sh $(BUILD)-asan/drape
	$(CONFIGURE) -B $(BUILD)-tsan -DDRAPE_TSAN=ON
	cmake --build $(BUILD)-tsan -j $(JOBS)
	OMP_NUM_THREADS=1 TSAN_OPTIONS="suppressions=$(CURDIR)/tests/serve/tsan.supp ignore_noninstrumented_modules=1" \
	    ctest --test-dir $(BUILD)-tsan -R '^serve_' --output-on-failure
	FUZZ_ARGS="-seed=1 -max_total_time=30" scripts/fuzz.sh $(BUILD)-fuzz 20000

# Every harness of fuzz/ for RUNS executions: make fuzz RUNS=1000000
RUNS ?= 1000000
fuzz:
	@scripts/deps.sh build check
	scripts/fuzz.sh $(BUILD)-fuzz $(RUNS)

bench: all
	bench/run.sh $(DRAPE)

install: all
	cmake --install $(BUILD)

# drape_*.deb, libdrape-dev_*.deb and a .tar.gz for this system and those like it, in build-package
package:
	@scripts/deps.sh build package
	$(CONFIGURE) -B $(BUILD)-package -DDRAPE_PACKAGE=ON -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX=/usr \
	    $(if $(wildcard /etc/debian_version),-DDRAPE_ZSH_DIR=share/zsh/vendor-completions)
	cmake --build $(BUILD)-package -j $(JOBS)
	cd $(BUILD)-package && cpack
	@ls -1 $(BUILD)-package/*.deb $(BUILD)-package/*.tar.gz 2>/dev/null

format:
	@scripts/deps.sh check
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz $(BUILD)-package demo
