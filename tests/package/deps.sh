#!/usr/bin/env bash
# scripts/deps.sh asks for a group's packages and no others, and the Makefile's targets for the groups they need. The
# package manager is one of our own that writes down what it is asked for, on a system that has nothing yet.
#   deps.sh
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bin"
stub() { # NAME LINE...
    printf '%s\n' '#!/bin/sh' "${@:2}" >"$dir/bin/$1"
    chmod +x "$dir/bin/$1"
}
stub apt-get "echo \"\$*\" >>'$dir/asked'"
stub sudo 'exec "$@"'
stub dpkg-query 'exit 1'
stub apt-cache 'case $1 in depends) echo "  Depends: clang-99" ;; esac'

fail() {
    echo "deps: $*" >&2
    exit 1
}
asks() { # GROUP...: the packages in `asked`, one a line
    : >"$dir/asked"
    PATH=$dir/bin:$PATH scripts/deps.sh "$@" >"$dir/said" 2>&1 || fail "'$*': $(cat "$dir/said")"
    grep -q install "$dir/asked" || fail "'$*' installs nothing"
    sed -n 's/^install//p' "$dir/asked" | tr ' ' '\n' | grep -v '^-' >"$dir/packages"
}
has() { grep -qx "$1" "$dir/packages" || fail "no $1 for ${groups[*]}: $(tr '\n' ' ' <"$dir/packages")"; }
lacks() { ! grep -qE "^($1)" "$dir/packages" || fail "needless packages for ${groups[*]}: $(tr '\n' ' ' <"$dir/packages")"; }

groups=(build)
asks build
has libvips-dev && has libdnnl-dev && has cmake
lacks 'clang|libclang|libcmocka|chromium|python3'
asks # without a group
has libvips-dev
lacks 'clang|libcmocka'
groups=(test)
asks test
has libcmocka-dev
lacks 'clang|chromium|libvips'
groups=(check)
asks check
has clang && has clang-format
ls /usr/lib/llvm-*/lib/clang/*/lib/*/libclang_rt.fuzzer* >"$dir/said" 2>&1 || has libclang-rt-99-dev
groups=(mpi mpich)
asks mpi mpich
has libopenmpi-dev && has libmpich-dev && has mpich
lacks 'libvips'
groups=(build test)
asks build test
has libvips-dev && has libcmocka-dev
[ "$(sort "$dir/packages" | uniq -d)" = "" ] || fail "the same package twice"

stub dpkg-query 'echo install ok installed'
: >"$dir/asked"
PATH=$dir/bin:$PATH scripts/deps.sh build test >"$dir/said" 2>&1 || fail "with everything there: $(cat "$dir/said")"
[ ! -s "$dir/asked" ] && [ ! -s "$dir/said" ] || fail "not quiet with everything there: $(cat "$dir/said" "$dir/asked")"
if scripts/deps.sh nonsense >"$dir/said" 2>&1; then fail "takes any group"; fi

target() { # TARGET GROUPS
    got=$(make -n BUILD="$dir/build" "$1" 2>"$dir/said" | sed -n 's,.*scripts/deps.sh *,,p' | sort -u | tr '\n' ';')
    [ "$got" = "$2;" ] || fail "make $1 asks for the groups '$got', not '$2;'"
}
if command -v make >"$dir/said"; then
    target all build
    target demo build
    target studio build
    target install build
    target test 'build test'
    target check 'build test check'
    target package 'build package'
fi
echo "deps: every group has its own"
