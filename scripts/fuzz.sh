#!/usr/bin/env bash
# Builds every harness of fuzz/ with libFuzzer, AddressSanitizer and UBSan, and runs each from its seeds.
#   scripts/fuzz.sh [BUILD_DIR [RUNS [HARNESS...]]]
# FUZZ_ARGS are passed to every harness, for example "-seed=1 -max_total_time=60". What is found lies in BUILD_DIR.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build-fuzz}
runs=${2:-20000}
shift $(($# < 2 ? $# : 2))
command -v clang >/dev/null || { echo "fuzz.sh: clang is missing" >&2; exit 1; }
cmake -S . -B "$build" -G Ninja -DDRAPE_FUZZ=ON -DBUILD_TESTING=OFF -DCMAKE_C_COMPILER=clang >/dev/null
cmake --build "$build" -j "$(nproc)"
harnesses=("$@")
[ ${#harnesses[@]} = 0 ] && for f in fuzz/fuzz_*.c; do harnesses+=("$(basename "$f" .c)"); done
for h in "${harnesses[@]}"; do
    seeds=fuzz/seeds/${h#fuzz_}
    work=$build/corpus/$h
    mkdir -p "$work"
    args=("$work")
    [ -d "$seeds" ] && args+=("$seeds")
    [ -e "fuzz/${h#fuzz_}.dict" ] && args+=("-dict=fuzz/${h#fuzz_}.dict")
    # shellcheck disable=SC2086 # FUZZ_ARGS is meant to be split into words
    ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 "$build/$h" -runs="$runs" -rss_limit_mb=4096 -timeout=20 \
        -print_final_stats=1 -artifact_prefix="$build/$h-" ${FUZZ_ARGS:-} "${args[@]}" >"$build/$h.log" 2>&1 ||
        { tail -40 "$build/$h.log"; echo "fuzz: $h FAILED, see $build/$h.log" >&2; exit 1; }
    echo "fuzz: $h ran $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$h.log") times"
done
