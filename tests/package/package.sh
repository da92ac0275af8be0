#!/usr/bin/env bash
# The packages: the .tar.gz runs from wherever it is unpacked, and the .deb holds what it should, where Debian looks for it,
# and names the libraries it needs.
#   package.sh BUILD_DIR
set -euo pipefail
build=$(realpath "${1:?usage: package.sh BUILD_DIR}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
root=$PWD

fail() {
    echo "package: $*" >&2
    [ ! -s "$dir/log" ] || tail -20 "$dir/log" >&2
    exit 1
}
# works PREFIX: the program below it makes a mask with what lies beside it
works() {
    "$1/bin/drape" --version --json >"$dir/json" 2>"$dir/log" || fail "drape --version --json fails"
    for what in '"model": "%s/share/drape/models/mini"' '"parser": "%s/share/drape/models/mini/parser"'; do
        # shellcheck disable=SC2059 # the patterns above
        grep -qF "$(printf "$what" "$1")" "$dir/json" || fail "other data than those below $1: $(cat "$dir/json")"
    done
    (cd / && "$1/bin/drape" mask "$1"/share/doc/drape/examples/astronaut.jpg -o "$dir/mask.png" -q) >"$dir/said" 2>"$dir/log" ||
        fail "drape mask fails"
    cmp -s "$dir/mask.png" "$dir/first.png" || [ ! -e "$dir/first.png" ] || fail "another mask than before"
    mv "$dir/mask.png" "$dir/first.png"
}
has() { # PREFIX FILE...
    for f in "${@:2}"; do [ -s "$1/$f" ] || fail "$f is missing in $1"; done
}

cd "$build"
generators=TGZ
command -v dpkg-shlibdeps >"$dir/said" && command -v dpkg-deb >"$dir/said" && generators="TGZ;DEB"
cpack -G "$generators" -B "$dir/packages" >"$dir/log" 2>&1 || fail "cpack fails"
cd "$root"

tgz=$(echo "$dir"/packages/drape-*.tar.gz)
for place in "$dir/a place" "$dir/another"; do
    mkdir "$place"
    tar -xzf "$tgz" -C "$place" || fail "cannot unpack $tgz"
    works "$(echo "$place"/drape-*)"
    [ "$(find "$place" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ] || fail "the .tar.gz fills the folder it is unpacked in"
    rm -rf "$place"
done

if [ "$generators" != TGZ ]; then
    program=$(echo "$dir"/packages/drape_*.deb) library=$(echo "$dir"/packages/libdrape-dev_*.deb)
    shared=$(echo "$dir"/packages/libdrape0_*.deb)
    dpkg-deb -x "$program" "$dir/program"
    dpkg-deb -x "$library" "$dir/library"
    dpkg-deb -x "$shared" "$dir/library"
    has "$dir/program/usr" bin/drape share/bash-completion/completions/drape \
        share/fish/vendor_completions.d/drape.fish share/doc/drape/copyright share/drape/models/mini/model_index.json
    [ -n "$(find "$dir/program/usr/share/man/man1" -name 'drape.1*')" ] || fail "no man page"
    [ -n "$(find "$dir/program/usr/share/zsh" -name _drape)" ] || fail "no completion for zsh"
    has "$dir/library/usr" include/drape.h
    [ -z "$(find "$dir/program" -name '*.h' -o -name 'libdrape*')" ] || fail "the library is in the program's package"
    depends=$(dpkg-deb -f "$program" Depends)
    for library_name in libdnnl libvips libmicrohttpd libsqlite3 libjansson libcurl liblapacke libgomp; do
        grep -q "$library_name" <<<"$depends" || fail "drape does not depend on $library_name: $depends"
    done
    grep -q '^libdrape0 (= ' <<<"$(dpkg-deb -f "$library" Depends)" || fail "libdrape-dev goes with any libdrape0"
    grep -q libvips <<<"$(dpkg-deb -f "$shared" Depends)" || fail "libdrape0 does not depend on libvips"
    [ -n "$(find "$dir/library" -name libdrape.so -xtype f)" ] || fail "libdrape.so leads to nothing"
    works "$dir/program/usr"
    for module in "$build"/drape-mpi*.so; do # where there is an MPI
        [ -e "$module" ] || continue
        file=${module##*/}
        deb=
        for d in "$dir"/packages/drape-*.deb; do
            if dpkg-deb -c "$d" | grep "/drape/$file$" >"$dir/said"; then deb=$d; fi
        done
        [ -n "$deb" ] || fail "$file is in no package"
        grep -qE '^drape \(= .*lib(openmpi|mpich)' <<<"$(dpkg-deb -f "$deb" Depends)" || fail "$deb: $(dpkg-deb -f "$deb" Depends)"
    done
    # shellcheck disable=SC1091 # made just now
    [ "$(bash --norc -c '. "$1"; COMP_WORDS=(drape tr); COMP_CWORD=1; _drape; echo "${COMPREPLY[@]}"' - \
        "$dir/program/usr/share/bash-completion/completions/drape")" = "tryon train" ] || fail "the completion does not work"
fi
echo "package: $generators"
