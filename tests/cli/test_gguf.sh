#!/usr/bin/env bash
# Models as GGUF, and weights in 8 bits, through the program: the picture of a file is the folder's, and that of 8 bits is
# close to it.
#   test_gguf.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
# what no file of SD 1 says is as in SD 1
sed -e 's/"pad_token": "!"/"pad_token": "<|endoftext|>"/' -e 's/"sample_size": 8/"sample_size": 64/' \
    -e 's/"class":/"set_alpha_to_one": false, "steps_offset": 1, "skip_prk_steps": true, &/' \
    "$root/tests/data/ldm-arch.json" >arch.json
"$drape" init --arch arch.json --seed 1 --dtype f16 -q folder >out

picture() { # NAME MODEL FLAGS...: made to NAME.png
    model=$2 dressed --size 64x64 "${@:3}"
    mv r.png "$1.png"
}
# the mean difference of two pictures' pixels
difference() { # A B
    python3 - "$1.png" "$2.png" <<'END'
import struct, sys, zlib
def pixels(name):
    data, at, raw, out, last = open(name, "rb").read(), 8, b"", [], None
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            w, h, bits, colour = struct.unpack(">IIBB", data[at + 8:at + 18])
            assert bits == 8 and colour == 2
        raw += data[at + 8:at + 8 + n] if kind == b"IDAT" else b""
        at += 12 + n
    raw = zlib.decompress(raw)
    for y in range(h):
        row = list(raw[y * (3 * w + 1) + 1:(y + 1) * (3 * w + 1)])
        kind = raw[y * (3 * w + 1)]
        up = last or [0] * len(row)
        for x in range(len(row)):
            a, b, c = row[x - 3] if x > 2 else 0, up[x], up[x - 3] if x > 2 else 0
            p = a + b - c
            best = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[x] = row[x] + (0, a, b, (a + b) // 2, best)[kind] & 255
        out += row
        last = row
    return out
a, b = pixels(sys.argv[1]), pixels(sys.argv[2])
assert len(a) == len(b)
print("%.3f" % (sum(abs(x - y) for x, y in zip(a, b)) / len(a)))
END
}
close() { # A B: not the same, and no more than a shade apart
    local d
    d=$(difference "$1" "$2")
    awk -v d="$d" 'BEGIN { exit !(d > 0 && d < 1.5) }' || fail "$1 and $2 differ by $d of 255"
}

"$drape" convert -q folder model.gguf >out
expect 0 'unet' "$drape" info model.gguf
expect 0 'F16' "$drape" info --json model.gguf
picture folder folder
picture gguf model.gguf
[ "$(difference folder gguf)" = 0.000 ] || fail "a folder and its GGUF file make different pictures"

# --- 8 bits in the file, in memory, in both ---
"$drape" convert -q --dtype q8 folder eight.gguf >out
expect 0 'Q8_0' "$drape" info eight.gguf
expect 0 'Q8_0' "$drape" info --hash eight.gguf
[ "$(stat -c %s eight.gguf)" -lt "$(stat -c %s model.gguf)" ] || fail "8 bits take as much as 16"
picture eight eight.gguf
close folder eight
picture held folder --weights q8
close folder held
picture both eight.gguf --weights q8
close folder both
picture folder folder --weights file
[ "$(difference folder gguf)" = 0.000 ] || fail "--weights file is not what it is without"

# --- back, and refusals ---
"$drape" convert -q --dtype f16 eight.gguf back >out
picture back back
[ "$(difference eight back | cut -d. -f1)" = 0 ] || fail "what is made of 8 bits is another model"
refused 1 'GGUF alone' "$drape" convert --dtype q8 folder r.safetensors
refused 1 'GGUF alone' "$drape" convert --dtype q8 folder r
refused 2 '--weights' "$drape" tryon --model folder --weights q4 --image in/photo.png --mask in/mask.png --prompt x -o r.png
head -c 3000 eight.gguf >cut.gguf
refused 1 'cut short' "$drape" info cut.gguf
refused 1 'cut short' "$drape" tryon --model cut.gguf --image in/photo.png --mask in/mask.png --prompt x -o r.png

# --- the stages alone ---
"$drape" bench --model folder --weights q8 --size 64x64 --stages unet --runs 1 >out 2>err || fail "bench --weights q8"

# --- training takes it as any other file, and its folder has no blocks ---
mkdir images masks
png images/coat_1.png 40 60 photo
png masks/coat_1.png 40 60 box
train() { # OUT FLAGS...
    "$drape" train --pretrained_model_name_or_path eight.gguf --instance_data_dir images --instance_masks_data_dir masks \
        --output_dir "$1" --resolution 32 --max_train_steps 2 --seed 3 --threads 1 -q "${@:2}"
}
expect 0 taught train taught
expect 0 adapter train adapter --lora_rank 4
for part in unet vae text_encoder; do
    expect 0 tensors "$drape" info taught/$part/*.safetensors
    ! grep -q Q8_0 out || fail "blocks in the safetensors of taught/$part"
done
picture taught taught
