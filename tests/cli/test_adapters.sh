#!/bin/bash
# Adapters, learned words and prompt weights on the command line; their numbers are tests/pipeline's and tests/tryon's.
. "$(dirname "$0")/common.sh"

png in/p.png 48 40 photo
png in/m.png 48 40 box
words=$root/tests/golden/prompts
dress() { "$drape" tryon --model "$model" --image in/p.png --mask in/m.png --steps 1 --seed 1 -q -o r.png "$@"; }

# The picture alone: the text beside it has the prompt.
pixels() {
    python3 - "$1" <<'END'
import struct, sys
data, at = open(sys.argv[1], "rb").read(), 8
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at:at + 8])
    if kind == b"IDAT":
        print(data[at + 8:at + 8 + n].hex())
    at += n + 12
END
}
same() { [ "$(pixels r.png)" = "$(pixels "$1")" ]; }

# weights: off, brackets are characters; on, "(x:1)" is x
expect 0 "" dress --prompt "a red coat"
cp r.png plain.png
expect 0 "" dress --prompt "a (red:1) coat" --prompt-weights
same plain.png || fail "a weight of 1 changes the picture"
expect 0 "" dress --prompt "a (red:3) coat" --prompt-weights
! same plain.png || fail "a weight changes nothing"
expect 0 "" dress --prompt "a (red:1) coat"
! same plain.png || fail "brackets are read unasked"
expect 0 "" dress --prompt "a \\(red\\) coat" --prompt-weights
cp r.png escaped.png
expect 0 "" dress --prompt "a (red) coat"
same escaped.png || fail "\\( is not the character"
expect 0 "" dress --prompt-weights --prompt "$(printf '(word:1.2) %.0s' $(seq 75))"
! grep -q "cut off" err || fail "brackets are counted as words"
expect 0 "cut off: 'silk'" dress --prompt-weights --prompt "$(printf '(word:1.2) %.0s' $(seq 75)) (silk:2)"
refused 1 "more than 8192 brackets" dress --prompt-weights --prompt "$(printf '(a%.0s' $(seq 9000))"
refused 1 "a weight of the prompt is too large" dress --prompt-weights --prompt "((red:1$(printf '0%.0s' $(seq 30))):1$(printf '0%.0s' $(seq 30)))"

# words: the file's own, its name, or what is asked for
expect 0 "" dress --prompt "a red <toy>"
cp r.png unknown.png
expect 0 "" dress --prompt "a red <toy>" --embedding "$words/learned_embeds.safetensors"
! same unknown.png || fail "the embedding changes nothing"
cp r.png known.png
expect 0 "" dress --prompt "a red coat" --embedding "$words:coat"
same known.png || fail "another word for the same embedding is another picture"
expect 0 "" dress --prompt "a red coat" --embedding "$words"
same plain.png || fail "an embedding changes pictures without it"
cp "$words/old-coat.pt" "with:colon.pt"
expect 0 "" dress --prompt "a with:colon" --embedding "with:colon.pt"
cp r.png colon.png
expect 0 "" dress --prompt "a x" --embedding "with:colon.pt:x" --embedding "$words/two.bin"
same colon.png || fail "a colon in the file's name parts it from its word"
refused 1 "is a token of the model already, or the word of another embedding" dress --prompt x --embedding "$words:x" --embedding "$words/two.bin:x"
refused 1 "'in/none.pt'" dress --prompt x --embedding in/none.pt:x
refused 1 "it is no embedding" dress --prompt x --embedding "$root/tests/golden/lora/kohya.safetensors"
refused 1 "in/p.png" dress --prompt x --embedding in/p.png

# adapters that were made for another model are refused before anything is drawn
refused 1 "it was made for another model" dress --prompt x --lora "$root/tests/golden/lycoris/loha.pt:0.5"
refused 1 "it was made for another model" dress --prompt x --lora "$root/tests/golden/lycoris/peft-dora-bin"
