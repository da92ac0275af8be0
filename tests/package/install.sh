#!/usr/bin/env bash
# What is installed is complete and usable: files, program, and the example built with pkg-config alone.
#   install.sh CMAKE BUILD_DIR C_COMPILER
set -euo pipefail
cmake=${1:?usage: install.sh CMAKE BUILD_DIR C_COMPILER}
build=$2
cc=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
root=$dir/root

fail() {
    echo "install: $*" >&2
    exit 1
}

"$cmake" --install "$build" --prefix "$root" >"$dir/log" || { cat "$dir/log" >&2; fail "cmake --install"; }
lib=$(dirname "$(find "$root" -name libdrape.a)")
for f in bin/drape include/drape.h share/man/man1/drape.1 share/bash-completion/completions/drape \
    share/fish/vendor_completions.d/drape.fish; do
    [ -s "$root/$f" ] || fail "$f is missing"
done
for f in libdrape.so libdrape.so.0 pkgconfig/drape.pc; do
    [ -s "$lib/$f" ] || fail "$lib/$f is missing"
done
[ "$(find "$root/include" -type f | wc -l)" = 1 ] || fail "more than one header"
[ -n "$(find "$root/share/zsh" -name _drape)" ] || fail "no completion for zsh"
case $("$root/bin/drape" --version) in "drape "*) ;; *) fail "drape --version" ;; esac

# The program finds the clothes parser that lies beside it, wherever it was installed.
"$root/bin/drape" mask examples/astronaut.jpg -o "$dir/mask.png" --json -q >"$dir/mask.json" 2>"$dir/err" ||
    fail "drape mask: $(cat "$dir/err")"
grep -qF "\"$root/share/drape/models/mini/parser\"" "$dir/mask.json" ||
    fail "another parser than the installed one: $(grep parser "$dir/mask.json")"

# The shared library shows the functions of the header, all of them and nothing else.
nm -D --defined-only "$lib/libdrape.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$dir/shown"
sed -e 's,//.*,,' include/drape.h | grep -oE '\bdrape_[a-z_0-9]+\(' | tr -d '(' | sort -u >"$dir/named"
grep -vxF -f "$dir/named" "$dir/shown" && fail "the library shows these, which the header does not name"
for f in $(cat "$dir/named"); do
    grep -qx "$f" "$dir/shown" || fail "the header names $f, which the library does not show"
done

export PKG_CONFIG_PATH=$lib/pkgconfig
# shellcheck disable=SC2046 # meant to be split into words
"$cc" -Wall -Wextra -Werror examples/tryon.c -o "$dir/tryon" $(pkg-config --cflags --libs drape)
# Not pkg-config --static: that asks for static libraries of everything below, too.
# shellcheck disable=SC2046
"$cc" -Wall -Wextra -Werror examples/tryon.c -o "$dir/tryon-static" $(pkg-config --cflags drape) "$lib/libdrape.a" \
    $(pkg-config --libs vips glib-2.0 jansson libcurl) -ldnnl -llapacke -lgomp -lpthread -lm
for program in tryon tryon-static; do
    LD_LIBRARY_PATH=$lib "$dir/$program" tests/golden/nano examples/astronaut.jpg examples/astronaut_mask.png "red t-shirt" \
        "$dir/$program.png" 1 >/dev/null 2>"$dir/err" || fail "$program: $(cat "$dir/err")"
done
# The shared library finds the parser that lies beside it, wherever it was installed.
cat >"$dir/where.c" <<'END'
#include <drape.h>
#include <stdio.h>
int main(void)
{
    drape_parser *p;
    if (drape_parser_load(&p, NULL) != DRAPE_OK)
        return fprintf(stderr, "%s\n", drape_error()), 1;
    puts(drape_parser_dir(p));
    drape_parser_free(p);
    return 0;
}
END
# shellcheck disable=SC2046
"$cc" -Wall -Wextra -Werror "$dir/where.c" -o "$dir/where" $(pkg-config --cflags --libs drape)
found=$(LD_LIBRARY_PATH=$lib "$dir/where" 2>"$dir/err") || fail "the library finds no parser: $(cat "$dir/err")"
[ "$found" = "$root/share/drape/models/mini/parser" ] || fail "the library finds another parser than the installed one: $found"
cmp "$dir/tryon.png" "$dir/tryon-static.png" || fail "shared and static library give different pictures"
echo "install: complete"
