# A thin front for CMake. The only commands a newcomer needs: make demo, make test.
BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CMAKE_FLAGS ?=
DRAPE = $(BUILD)/drape

.PHONY: all demo studio test check bench install clean format deps fuzz

all: $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja: CMakeLists.txt | deps
	cmake -S . -B $(BUILD) -G Ninja $(CMAKE_FLAGS)

deps:
	@scripts/deps.sh

demo: all
	scripts/demo/demo.sh $(BUILD)

# The studio in the browser: dress and teach.
studio: all
	@[ -e models/mini/model_index.json ] || [ -e demo/small/model_index.json ] || \
	    { mkdir -p demo && $(DRAPE) init --arch examples/small.json --quiet demo/small; }
	$(DRAPE) serve --open $(if $(wildcard models/mini/model_index.json),,--model demo/small)

test: all
	ctest --test-dir $(BUILD) --output-on-failure

# Sanitizers (ThreadSanitizer over the server), the API against its description, fuzz seeds, format and include order.
check: deps
	@scripts/deps.sh check
	tools/check_includes.py
	tools/check_format.sh
	cmake -S . -B $(BUILD)-asan -G Ninja -DDRAPE_SANITIZE=ON $(CMAKE_FLAGS)
	cmake --build $(BUILD)-asan -j $(JOBS)
	ctest --test-dir $(BUILD)-asan -E '^web_' --output-on-failure
	tests/serve/api_fuzz.sh $(BUILD)-asan/drape
	cmake -S . -B $(BUILD)-tsan -G Ninja -DDRAPE_TSAN=ON $(CMAKE_FLAGS)
	cmake --build $(BUILD)-tsan -j $(JOBS)
	OMP_NUM_THREADS=1 TSAN_OPTIONS="suppressions=$(CURDIR)/tests/serve/tsan.supp ignore_noninstrumented_modules=1" \
	    ctest --test-dir $(BUILD)-tsan -R '^serve_' --output-on-failure
	FUZZ_ARGS="-seed=1 -max_total_time=30" scripts/fuzz.sh $(BUILD)-fuzz 20000

# Every harness of fuzz/ for RUNS executions: make fuzz RUNS=1000000
RUNS ?= 1000000
fuzz: deps
	scripts/fuzz.sh $(BUILD)-fuzz $(RUNS)

bench: all
	bench/run.sh $(DRAPE)

install: all
	cmake --install $(BUILD)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz demo
