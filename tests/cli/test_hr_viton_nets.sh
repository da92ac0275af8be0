#!/usr/bin/env bash
# HR-VITON's networks by the program: golden cases whatever the file is, with every way to compute them, and what `info`
# says of such a file.
#   test_hr_viton_nets.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
nets=$root/tests/golden/hr-viton
cases=$root/tests/golden/hr-viton-cases

for backend in auto cpu ref far; do
    DRAPE_BACKEND=$backend expect 0 " passed, 0 failed" "$drape" verify --model "$nets" "$cases"/*.safetensors
done

# one network in another container: the case asks for a name without an ending
mkdir other
cp "$nets/trained/mtviton.pth" other/mtviton_legacy.pth
expect 0 "1 passed" "$drape" verify --model other "$cases/condition.safetensors"
expect 1 "there is no 'gen' in 'other'" "$drape" verify --model other "$cases/generator.safetensors"
cp "$nets/mtviton.safetensors" other/gen.safetensors
expect 1 "is HR-VITON's condition generator, expected its image generator" \
    "$drape" verify --model other "$cases/generator.safetensors"

expect 0 "HR-VITON condition generator" "$drape" info "$nets/trained/mtviton.pth"
expect 0 "non-commercial" "$drape" info "$nets/trained/gen.pth"
grep -q '^HR-VITON image generator$' out || fail "info does not say what gen.pth is"
