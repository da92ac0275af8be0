#!/usr/bin/env bash
# The example program dresses a person with a very small model, and fails with one clear line where it must.
#   example.sh EXAMPLE DRAPE
set -euo pipefail
example=${1:?usage: example.sh EXAMPLE DRAPE}
drape=${2:?usage: example.sh EXAMPLE DRAPE}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
photo=examples/astronaut.jpg mask=examples/astronaut_mask.png model=tests/golden/nano

fail() {
    echo "example: $*" >&2
    exit 1
}

[ "$("$example" $model $photo $mask "red t-shirt" "$dir/out.png" 2 2>"$dir/err")" = "$dir/out.png" ] ||
    fail "no picture: $(cat "$dir/err")"
grep -q 'denoising' "$dir/err" || fail "no progress"
# The same picture as the program's, seed 1.
"$drape" tryon --model $model --image $photo --mask $mask --prompt "red t-shirt" --steps 2 --seed 1 --quiet \
    -o "$dir/cli.png" >/dev/null
cmp "$dir/out.png" "$dir/cli.png" || fail "the example and drape tryon give different files"

# expect STATUS WORDS ARGUMENTS...: the exit status, the words in the one line it says, and no picture
expect() {
    local want=$1 words=$2 got=0
    shift 2
    rm -f "$dir/out.png"
    "$example" "$@" >"$dir/stdout" 2>"$dir/err" || got=$?
    [ "$got" = "$want" ] || fail "exit status $got, not $want: $(cat "$dir/err")"
    [ "$(wc -l <"$dir/err")" = 1 ] || fail "not one line: $(cat "$dir/err")"
    grep -q -- "$words" "$dir/err" || fail "'$words' is not in: $(cat "$dir/err")"
    [ ! -e "$dir/out.png" ] || fail "a picture in spite of the failure"
}
expect 2 'usage: ' $model
expect 1 'steps is 0' $model $photo $mask x "$dir/out.png" 0
expect 1 "$dir/none.jpg" $model "$dir/none.jpg" $mask x "$dir/out.png" 2
expect 1 "$dir" "$dir" $photo $mask x "$dir/out.png" 2
echo "example: works"
