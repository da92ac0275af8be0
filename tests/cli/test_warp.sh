#!/usr/bin/env bash
# HR-VITON by the program: folders and single pictures, what is kept, what is skipped, and what it says of folders that
# are not as they should be. The networks are tests/golden/hr-viton's, the pictures tests/golden/viton's.
#   test_warp.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
nets=$root/tests/golden/hr-viton
cp -r "$root/tests/golden/viton" data
chmod -R u+w data
export DRAPE_PARSER=$root/tests/data/colour-parser

warp() { # FLAGS...
    "$drape" warp --condition "$nets/mtviton.safetensors" --generator "$nets/gen.pth" --width 128 --height 256 --threads 1 "$@"
}
single() { # FLAGS...
    warp --image data/image/p0.png --cloth data/cloth/c0.png --densepose data/image-densepose/p0.png \
        --keypoints data/openpose_json/p0_keypoints.json -o r.png "$@"
}
made() { # the same where it has to work
    single --parse data/image-parse-v3/p0.png -q "$@" >said 2>err || fail "'single $*' failed"
}
same() {
    cmp -s "$1" "$2" || fail "$1 and $2 differ"
}
other() {
    ! cmp -s "$1" "$2" || fail "$1 and $2 are the same"
}

# --- usage ---
refused 2 '--condition is missing' "$drape" warp --generator g -o out/ --data data
refused 2 '--output is missing' "$drape" warp --condition c --generator g --data data
refused 2 'give a folder with --data, or pictures' warp -o r.png
refused 2 '--densepose is missing: DensePose of the photo, rendered as a picture on black' warp -o r.png --image a --cloth b
refused 2 "--keypoints is missing: OpenPose's key points" warp -o r.png --image a --cloth b --densepose d
refused 2 'have no meaning with it' warp -o out/ --data data --image a
refused 2 'add --data DIR' single --pairs p.txt
refused 2 'is a folder' single -o out/
refused 2 '--output must end with .png' single -o r.txt
refused 2 "'rgb' is not one of cihp|lip|atr" single --labels rgb
expect 0 'drape warp --condition mtviton.pth' "$drape" warp --help

# --- one picture; the licence is said ---
expect 0 'non-commercial use' single --parse data/image-parse-v3/p0.png --cloth-mask data/cloth-mask/c0.png --seed 5
[ "$(cat out)" = r.png ] || fail "says '$(cat out)'"
[ "$(size r.png)" = 128x256 ] || fail "a picture of $(size r.png)"
mv r.png plain.png
made --seed 5 --cloth-mask data/cloth-mask/c0.png
same r.png plain.png
made --seed 6
other r.png plain.png
made --no-noise --seed 5 && cp r.png quiet.png && made --no-noise --seed 6
cmp -s <(python3 -c 'import sys; d = open(sys.argv[1], "rb").read(); print(d[d.index(b"IDAT"):])' r.png) \
    <(python3 -c 'import sys; d = open(sys.argv[1], "rb").read(); print(d[d.index(b"IDAT"):])' quiet.png) ||
    fail "a seed changes a picture without noise"
made --seed 5 --occlusion --composition detach
other r.png plain.png

# --- a folder: both pairs, what is asked for besides, then nothing is left to do ---
expect 0 '2 made, 0 there already, 0 failed' warp --data data -o res/ --seed 5 --keep-all
same res/p0_c0.png plain.png
for part in warped-cloth warped-mask parse flow agnostic parse-agnostic cloth-mask; do
    [ -s res/$part/p1_c1.png ] || fail "no res/$part/p1_c1.png"
done
[ "$(size res/agnostic/p1_c1.png)" = 128x256 ] || fail "p1 is not brought to the working size"
printf 'kept' >res/p0_c0.png
expect 0 '0 made, 2 there already, 0 failed' warp --data data -o res/ --seed 5
[ "$(cat res/p0_c0.png)" = kept ] || fail "a result that was there is made again"
rm res/p1_c1.png
expect 0 '1 made, 1 there already, 0 failed' warp --data data -o res/ --seed 5
expect 0 '2 made, 0 there already' warp --data data -o res/ --seed 5 --overwrite
same res/p0_c0.png plain.png
warp --data data -o out2/ --seed 5 --keep-warped -q --json >said 2>err || fail "--json fails"
python3 - <<'END'
import json
j = json.load(open("said"))
assert [x["output"] for x in j] == ["out2/p0_c0.png", "out2/p1_c1.png"] and j[0]["seed"] == 5 and j[0]["width"] == 128, j
END
[ -s out2/warped-cloth/p0_c0.png ] && [ ! -e out2/flow ] || fail "--keep-warped keeps something else"

# --- pasted: outside what the agnostic picture hides the photo's pixels, at the photo's size ---
warp --data data -o pasted/ --composite --seed 5 -q >said 2>err || fail "--composite fails"
[ "$(size pasted/p1_c1.png)" = 256x512 ] || fail "a pasted picture of $(size pasted/p1_c1.png)"
python3 - <<'END'
import struct, zlib
def pixels(path):
    d = open(path, "rb").read()
    w, h, depth, colour = struct.unpack(">IIBB", d[16:26])
    n = {2: 3, 0: 1, 3: 1}[colour]
    at, raw = 8, b""
    while at < len(d):
        size, kind = struct.unpack(">I4s", d[at:at + 8])
        raw += d[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    raw, rows, last = zlib.decompress(raw), [], bytearray(w * n)
    for y in range(h):
        f, row = raw[y * (w * n + 1)], bytearray(raw[y * (w * n + 1) + 1:(y + 1) * (w * n + 1)])
        for i in range(w * n):
            a, b, c = (row[i - n] if i >= n else 0), last[i], (last[i - n] if i >= n else 0)
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[i] = (row[i] + (0, a, b, (a + b) // 2, paeth)[f]) & 255
        rows.append([bytes(row[i:i + n]) for i in range(0, w * n, n)])
        last = row
    return rows
for name, pair in (("p0", "p0_c0"), ("p1", "p1_c1")):
    photo, bare, got = pixels(f"data/image/{name}.png"), pixels(f"data/agnostic/{name}.png"), pixels(f"pasted/{pair}.png")
    changed = 0
    for y, row in enumerate(bare):
        for x, v in enumerate(row):
            if v != bytes((128, 128, 128)):
                assert got[y][x] == photo[y][x], (name, x, y)
            changed += got[y][x] != photo[y][x]
    assert changed > 1000, changed
END

# --- what is derived where it is missing ---
rm -r data/image-parse-agnostic-v3.2 data/agnostic
warp --data data -o derived/ --seed 5 -q >said 2>err || fail "fails without agnostic maps"
same derived/p0_c0.png plain.png
mv data/image-parse-v3 kept-parse
warp --data data -o parsed/ --seed 5 -q >said 2>err || fail "fails without label maps"
other parsed/p0_c0.png plain.png
DRAPE_PARSER=nowhere expect 1 "'nowhere'" warp --data data -o parsed2/ -q
mv kept-parse data/image-parse-v3

# --- folders that are not as they should be: one sentence each, and the list goes on ---
broken() { # WORDS: of the first pair; the second is made
    rm -rf bad
    expect 1 "$1" warp --data broken -o bad/ -q "${@:2}"
    [ "$(grep -c . err)" = 3 ] || fail "not one sentence: $(cat err)" # with the licence and the sum
    grep -q '1 made, 0 there already, 1 failed' err || fail "the list does not go on"
    [ -s bad/p1_c1.png ] && [ ! -e bad/p0_c0.png ] || fail "another result than p1's: $(ls bad)"
}
fresh() {
    rm -rf broken
    cp -r data broken
}
fresh && rm broken/image-densepose/p0.png && broken 'image-densepose/p0.jpg (or .jpeg, .png)'
fresh && rm broken/openpose_json/p0_keypoints.json && broken "OpenPose's key points of the photo are needed"
fresh && rm broken/cloth/c0.png && broken 'cloth/c0'
fresh && rm broken/image/p0.png && broken 'image/p0'
fresh && cp data/image-parse-v3/p1.png broken/image-parse-v3/p0.png && broken 'must have the size of the photo'
fresh && cp data/image/p0.png broken/image-parse-v3/p0.png && broken 'channels of colour'
fresh && cp data/openpose_json/p1_keypoints.json broken/openpose_json/p0_keypoints.json && broken 'outside the photo'
fresh && echo '{"people": []}' >broken/openpose_json/p0_keypoints.json && broken 'nobody'
fresh && echo '{"people": [' >broken/openpose_json/p0_keypoints.json && broken 'not valid JSON'
fresh && echo 'no picture' >broken/image/p0.png && broken 'image/p0.png'
fresh && head -c 300 data/image/p0.png >broken/image/p0.png && broken 'image/p0.png'
fresh && png broken/cloth-mask/c0.png 128 256 black && broken 'black throughout'
fresh && png broken/cloth/c0.png 100 100 photo && broken 'its shape must be that of the result'
fresh && png broken/image-densepose/p0.png 100 100 photo && broken 'its shape must be that of the result'
fresh && printf '\x14' | dd of=broken/x bs=1 status=none && rm broken/x

# --- lists and settings that cannot be: nothing is begun ---
begun() {
    refused 1 "$1" warp --data data -o never/ "${@:2}"
    [ ! -e never/p0_c0.png ] || fail "begun in spite of '$1'"
}
printf '../p0.png c0.png\n' >pairs.txt && begun 'no plain file name' --pairs pairs.txt
printf 'p0.png c0.png d.png\n' >pairs.txt && begun '3 names, expected 2' --pairs pairs.txt
: >pairs.txt && begun 'no pairs' --pairs pairs.txt
begun 'none.txt' --pairs none.txt
expect 1 '' "$drape" warp --condition "$nets/gen.pth" --generator "$nets/gen.pth" --data data -o never/
grep -q 'condition generator' err || fail "does not say that the two are mixed up"
expect 1 'multiple' "$drape" warp --condition "$nets/mtviton.safetensors" --generator "$nets/gen.pth" --data data -o never/ \
    --width 100 --height 200
printf 'p0.png c0.png\np7.png c0.png\n' >pairs.txt
expect 1 'p7' warp --data data -o listed/ --pairs pairs.txt -q
[ -s listed/p0_c0.png ] || fail "the good pair is not made"

# --- the same in plain C, and where values lie elsewhere ---
for backend in ref far; do
    DRAPE_BACKEND=$backend warp --data data -o $backend/ --seed 5 -q >said 2>err || fail "fails with DRAPE_BACKEND=$backend"
done
same far/p0_c0.png plain.png
[ -s ref/p0_c0.png ] || fail "nothing of the plain ones"
echo "warp: works"
