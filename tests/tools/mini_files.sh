#!/usr/bin/env bash
# The small model's files, made by mini_wardrobe and mini_mean: cloth cut out of photos with the words for it, and the mean of
# two files of weights.
#   mini_files.sh DRAPE WARDROBE MEAN
set -euo pipefail
wardrobe=$(realpath "${2:?usage: $0 DRAPE WARDROBE MEAN}")
mean=$(realpath "${3:?usage: $0 DRAPE WARDROBE MEAN}")
. "$(dirname "$0")/../cli/common.sh"

cat >list.json <<END
{"garments": [{"photo": "a.jpg", "from": "striped-shirt.jpg", "part": [0.4, 0.3, 0.6, 0.8], "described": ["striped"]},
              {"photo": "b.jpg", "from": "blue-pullover.jpg", "part": [0, 0, 1, 0.5], "called": ["pullover"]}]}
END
"$wardrobe" --garments "$root/examples/garments" --list list.json --output model/wardrobe || fail "mini_wardrobe failed"
grep -q '"striped"' model/wardrobe/wardrobe.json || fail "the words are not there: $(cat model/wardrobe/wardrobe.json)"
! grep -q '"from"\|"part"' model/wardrobe/wardrobe.json || fail "the list's own keys are still there"
[ -s model/wardrobe/a.jpg ] && [ -s model/wardrobe/b.jpg ] || fail "no cloth"
sed -i 's/0.4, 0.3, 0.6/0.6, 0.3, 0.4/' list.json
! "$wardrobe" --garments "$root/examples/garments" --list list.json --output other 2>err || fail "a part the wrong way round is taken"
grep -q "left, top, right, bottom" err || fail "the wrong message: $(cat err)"

works() { "$@" 2>err || fail "'$*' failed: $(cat err)"; }
works "$drape" init --arch "$root/examples/small.json" --seed 1 --quiet one
works "$drape" init --arch "$root/examples/small.json" --seed 2 --quiet two
weights=unet/diffusion_pytorch_model.safetensors
works "$mean" one/$weights one/$weights same.safetensors
"$drape" info --hash one/$weights >a
"$drape" info --hash same.safetensors >b
cmp -s <(grep -v metadata a | sort) <(grep -v metadata b | sort) || fail "the mean of a file and itself is another"
works "$mean" one/$weights two/$weights mean.safetensors
"$drape" info --hash mean.safetensors >c
! cmp -s <(sort b) <(sort c) || fail "the mean of two files is the first"
! "$mean" one/$weights one/vae/diffusion_pytorch_model.safetensors no.safetensors 2>err || fail "weights of another net are taken"
grep -q "of the same shape" err || fail "the wrong message: $(cat err)"
[ ! -e no.safetensors ] || fail "a failure has left a file"
echo "mini_files.sh: works"
