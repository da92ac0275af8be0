#!/usr/bin/env bash
# How many threads the program takes, and how they wait: what the user set stands, the rest is chosen well, and neither
# environment nor arguments nor name of the program show how that was done.
#   test_threads.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
unset OMP_WAIT_POLICY GOMP_SPINCOUNT OMP_NUM_THREADS

threads() { # COMMAND...
    "$@" "$drape" --version --json >out 2>err || fail "'$*' fails"
    sed -n 's/.*"threads": \([0-9]*\).*/\1/p' out
}
[ "$(threads env OMP_NUM_THREADS=7)" = 7 ] || fail "OMP_NUM_THREADS=7 gives $(threads env OMP_NUM_THREADS=7) threads"
[ "$(threads env OMP_NUM_THREADS=3,2)" = 3 ] || fail "OMP_NUM_THREADS=3,2 is not understood"
[ "$(threads env)" -le "$(nproc --all)" ] || fail "$(threads env) threads on $(nproc --all) CPUs"
if command -v taskset >said; then
    cpu=$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')
    [ "$(threads taskset -c "$cpu")" = 1 ] || fail "taskset to one CPU gives $(threads taskset -c "$cpu") threads"
fi

# libgomp tells what it was told; another runtime says nothing of GOMP_SPINCOUNT.
spins() { # COMMAND...
    "$@" OMP_DISPLAY_ENV=verbose "$drape" --version >out 2>err || fail "'$*' fails"
    [ "$(cat out)" = "$("$drape" --version)" ] || fail "'$*': says '$(cat out)'"
    sed -n "s/.*GOMP_SPINCOUNT = '\([0-9]*\)'.*/\1/p" err
}
if [ -n "$(spins env)" ]; then
    [ "$(spins env)" = 1000 ] || fail "threads spin $(spins env) times"
    [ "$(spins env GOMP_SPINCOUNT=77)" = 77 ] || fail "the user's GOMP_SPINCOUNT is not taken"
    [ "$(spins env OMP_WAIT_POLICY=passive)" = 0 ] || fail "the user's OMP_WAIT_POLICY=passive is not taken"
    [ "$(spins env OMP_WAIT_POLICY=active)" -gt 1000 ] || fail "the user's OMP_WAIT_POLICY=active is not taken"
    for variable in _=x PWD=/ USER=me HOME=/tmp PATH=/bin; do
        [ "$(spins env -i "$variable")" = 1000 ] || fail "threads spin $(spins env -i "$variable") times with $variable alone"
    done
    [ "$(spins env -i)" = 1000 ] || fail "threads spin $(spins env -i) times in an empty environment"
    cp "$drape" "a program"
    [ "$(drape="./a program" spins env -i)" = 1000 ] || fail "threads spin in an empty environment, by a relative name"
    # without /proc, where the system lets us take it away; the sanitizers do not go without
    if unshare -m true 2>said && ! ldd "$drape" | grep -q 'lib[at]san'; then
        # shellcheck disable=SC2016 # for the inner shell
        [ "$(spins unshare -m sh -c 'mount -t tmpfs none /proc && exec env "$@"' sh)" = 1000 ] || fail "threads spin without /proc"
    fi
fi

# What programs see that drape starts: a browser in our stead writes down its environment.
mkdir bin
cat >bin/xdg-open <<'END'
#!/bin/sh
tr '\0' '\n' </proc/$$/environ >"$SEEN.part"
mv "$SEEN.part" "$SEEN"
END
chmod +x bin/xdg-open
given=(PATH="$PWD/bin:$PATH" SEEN="$PWD/seen" HOME="$PWD" _=before LAST=one)
if [ -e /proc/self/environ ]; then
    env -i "${given[@]}" bash -c 'exec -a drape-as-called "$@"' - "$drape" serve --model "$model" --port 0 --data data --open -q >out 2>err &
    pid=$!
    for _ in $(seq 300); do [ -e seen ] && break; sleep 0.1; done
    name=$(tr '\0' '\n' </proc/$pid/cmdline | head -1) comm=$(cat /proc/$pid/comm)
    kill -TERM $pid
    wait $pid || true
    [ -e seen ] || fail "no browser was started"
    [ "$name" = drape-as-called ] || fail "the program's name became '$name'"
    [ "$comm" = "$(basename "$drape")" ] || fail "the process is called '$comm'"
    grep -v '^\(_\|SHLVL\|PWD\|OLDPWD\)=' seen | sort >seen.sorted
    printf '%s\n' "${given[@]}" | grep -v '^_=' | sort | diff - seen.sorted >err || fail "the environment has changed"
    grep -q '^_=' seen || fail "the entry that was lent has not come back"
fi
echo "test_threads.sh: works"
