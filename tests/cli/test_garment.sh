#!/usr/bin/env bash
# Dressing from a photo of the garment: what the program takes, makes, says and refuses.
#   test_garment.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
export DRAPE_PARSER=$root/tests/data/colour-parser
set=$root/tests/golden/catvton
runs=$set/runs
png in/person.png 120 160 person
png in/plain.png 80 60 white

worn() { # FLAGS...
    "$drape" tryon --model "$set/base" --vae "$set/sd-vae-ft-mse" --attention "$set/CatVTON/tiny-4k-32" --steps 2 \
        --seed 7 --threads 1 -q -o r.png "$@"
}
published() { # RUN.png FLAGS...: within 2 of 255 of what the published program's rules give
    worn --image "$runs/person.png" --garment "$runs/garment.png" --region whole --paste off "${@:2}" >said 2>err ||
        fail "'${*:2}' failed"
    python3 - r.png "$runs/$1" <<'END'
import struct, sys, zlib
def rgb(name):
    data, at, idat = open(name, "rb").read(), 8, b""
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + n]
        if kind == b"IHDR":
            w, h, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (8, 2), (name, depth, colour)
        idat += body if kind == b"IDAT" else b""
        at += n + 12
    raw, row, out = zlib.decompress(idat), [0] * (3 * w), []
    for y in range(h):
        f, line = raw[y * (3 * w + 1)], raw[y * (3 * w + 1) + 1:(y + 1) * (3 * w + 1)]
        new = []
        for i, v in enumerate(line):
            a, b, c = new[i - 3] if i > 2 else 0, row[i], row[i - 3] if i > 2 else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            new.append((v + [0, a, b, (a + b) // 2, paeth][f]) % 256)
        out.append(new)
        row = new
    return w, h, out
a, b = rgb(sys.argv[1]), rgb(sys.argv[2])
assert a[:2] == b[:2], (a[:2], b[:2])
worst = max(abs(x - y) for p, q in zip(a[2], b[2]) for x, y in zip(p, q))
assert worst <= 2, f"{sys.argv[2]} differs by {worst} of 255"
END
}

# --- the published pictures ---
for backend in "" ref; do
    export DRAPE_BACKEND=$backend
    published one-stream.png --mask "$runs/mask.png" --fit crop-pad --size 12x16 --seed 1234 --guidance-scale 1
    published palette.png --mask "$runs/mask-palette.png" --fit crop-pad --size 12x16 --seed 8
    published app.png --mask "$runs/stroke.png" --fit app --size 16x10 --seed 3
    published stretch-repaint.png --mask "$runs/mask-rgb.png" --fit stretch --repaint --size 10x14 --seed 5 \
        --attention "$set/CatVTON/other-2k-32"
done
unset DRAPE_BACKEND

# --- drape's own way: any photo, a mask by the garment, pasted back ---
worn --image in/person.png --garment in/person.png --save-mask mask.png >said 2>err || fail "dressing failed"
[ "$(size r.png)" = 120x160 ] || fail "the result has not the photo's size"
cp mask.png upper.png
worn --image in/person.png --garment in/person.png --category lower --save-mask mask.png >said 2>err || fail "lower"
! cmp -s mask.png upper.png || fail "--category changes no mask"
cp mask.png lower.png
worn --image in/person.png --garment in/person.png --mask auto:lower --sleeve long --save-mask mask.png >said 2>err ||
    fail "a category of the mask's own"
cmp -s mask.png lower.png || fail "--mask auto:lower is not the mask of lower garments"
worn --image in/person.png --garment in/person.png --sleeve keep --save-mask mask.png >said 2>err || fail "--sleeve"
! cmp -s mask.png upper.png || fail "long sleeves are not the default with a garment"
cp r.png keep.png
worn --image in/person.png --garment in/person.png --sleeve keep --cut keep >said 2>err || fail "--cut keep"
! cmp -s r.png keep.png || fail "a worn garment is not cut out"
rm r.png
expect 0 '"garment": "in/photo.png"' worn --image in/photo.png --mask in/mask.png --garment in/photo.png \
    --garment in/plain.png --cut keep --num-images 2 -o many/ --json
[ "$(ls many | wc -l)" = 4 ] || fail "two garments and two seeds are not four pictures: $(ls many)"
expect 0 'no garment is found' worn --image in/photo.png --mask in/mask.png --garment in/plain.png

# --- a version at another size than its own ---
mkdir -p sized/mix-48k-64
cp -r "$set/CatVTON/tiny-4k-32/attention" sized/mix-48k-64/
expect 0 "'mix-48k-64' are made for 48x64" worn --image in/photo.png --mask in/mask.png --garment in/photo.png --cut keep \
    --attention sized/mix-48k-64 --size 24x32
worn --image in/photo.png --mask in/mask.png --garment in/photo.png --cut keep --attention sized/mix-48k-64 --region whole \
    --paste off >said 2>err || fail "a version's own size"
[ "$(size r.png)" = 48x64 ] || fail "the size of a version is not taken from its name: $(size r.png)"
! grep -q 'made for' err || fail "a version's own size is told of"

# --- refusals ---
refused 2 '--garment is missing' worn --image in/photo.png --mask in/mask.png
refused 2 "'hat' is not one of auto|upper|lower|overall" worn --image in/photo.png --garment in/photo.png --category hat
refused 1 'reads no text, so prompt changes nothing' worn --image in/photo.png --mask in/mask.png --garment in/photo.png \
    --prompt "red shirt"
refused 1 'strength is 0.5' worn --image in/photo.png --mask in/mask.png --garment in/photo.png --strength 0.5
refused 1 'region whole and paste off' worn --image in/photo.png --mask in/mask.png --garment in/photo.png --fit app
refused 1 'repaint goes with a published fit' worn --image in/photo.png --mask in/mask.png --garment in/photo.png --repaint
refused 1 "no garment is found in 'in/plain.png'" worn --image in/person.png --garment in/plain.png
refused 1 'they must have one size' worn --image in/person.png --mask in/mask.png --garment in/photo.png --fit crop-pad \
    --region whole --paste off
refused 1 'there is no such file or folder' worn --image in/photo.png --mask in/mask.png --garment in/photo.png \
    --attention nowhere
refused 1 'has no attention weights' "$drape" tryon --model "$model" --image in/photo.png --mask in/mask.png \
    --garment in/photo.png -o r.png
refused 1 'fit is for dressing from a photo' dress --fit app

# --- what it says of files ---
expect 0 'attention weights of CatVTON' "$drape" info "$set/CatVTON/tiny-4k-32/attention/model.safetensors"
expect 0 '"tiny-4k-32"' "$drape" info "$set/CatVTON/tiny-4k-32"
cp -r "$set/base" pulled
cp -r "$set/sd-vae-ft-mse" pulled/vae
mkdir pulled/CatVTON
cp -r "$set/CatVTON/tiny-4k-32" pulled/CatVTON/
expect 0 'layers_by_width' "$drape" info pulled
"$drape" tryon --model pulled --image in/photo.png --mask in/mask.png --garment in/photo.png --cut keep --steps 1 --seed 1 \
    --threads 1 -q -o r.png >said 2>err || fail "a folder as 'drape pull catvton' leaves it does not do"

# --- pulling a set: licences first, then what is missing ---
expect 1 'not for commercial use' env HF_HUB_OFFLINE=1 "$drape" pull catvton set
expect 1 'OpenRAIL-M' env HF_HUB_OFFLINE=1 "$drape" pull catvton set
expect 1 'has no version' env HF_HUB_OFFLINE=1 "$drape" pull catvton set --version other
expect 1 'leave revision and variant out' env HF_HUB_OFFLINE=1 "$drape" pull catvton set --variant fp16
expect 1 'is no set of versions' env HF_HUB_OFFLINE=1 "$drape" pull some/repo set --version mix-48k-1024
[ ! -e set ] || fail "an offline pull leaves something"
echo "garment: dresses"
