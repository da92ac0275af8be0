#!/usr/bin/env bash
# The GAN's example makes the picture that the program makes, and fails with one clear line where it must.
#   example_warp.sh EXAMPLE DRAPE
set -euo pipefail
example=$(realpath "${1:?usage: example_warp.sh EXAMPLE DRAPE}")
shift
. "$(dirname "$0")/../cli/common.sh"
export DRAPE_PARSER=$root/tests/data/colour-parser
nets=$root/tests/golden/hr-viton
data=$root/tests/golden/viton
png in/person.png 128 256 person

expect 0 'non-commercial' "$example" "$nets/mtviton.safetensors" "$nets/gen.pth" in/person.png "$data/cloth/c0.png" \
    "$data/image-densepose/p0.png" "$data/openpose_json/p0_keypoints.json" example.png 128 256
[ "$(cat out)" = example.png ] || fail "says '$(cat out)' instead of the picture's name"
"$drape" warp --condition "$nets/mtviton.safetensors" --generator "$nets/gen.pth" --image in/person.png \
    --cloth "$data/cloth/c0.png" --densepose "$data/image-densepose/p0.png" \
    --keypoints "$data/openpose_json/p0_keypoints.json" --occlusion --width 128 --height 256 -o drape.png -q >said 2>err ||
    fail "drape warp failed"
[ "$(size example.png)" = 128x256 ] || fail "a picture of $(size example.png)"
pixels() {
    python3 -c 'import sys; d = open(sys.argv[1], "rb").read(); sys.stdout.buffer.write(d[d.index(b"IDAT"):])' "$1"
}
cmp -s <(pixels example.png) <(pixels drape.png) || fail "the example and drape warp give different pictures"

refused 2 'usage: ' "$example" a b c
expect 1 "in/none.png" "$example" "$nets/mtviton.safetensors" "$nets/gen.pth" in/none.png "$data/cloth/c0.png" \
    "$data/image-densepose/p0.png" "$data/openpose_json/p0_keypoints.json" r.png 128 256
[ ! -e r.png ] || fail "leaves a picture in spite of failing"
echo "example_warp: works"
