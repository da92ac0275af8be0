#!/usr/bin/env bash
# Published networks by the program: what is in their files, judging by them, and what is said where they are missing.
#   test_backbones.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
nets=$root/tests/golden/backbones-nano

judge() { # FLAGS...
    "$drape" eval --results made --reference ref --backbones "$nets" --threads 1 -q "$@"
}
field() { # FILE EXPRESSION: of the report j
    python3 -c 'import json, sys; j = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"
}

mkdir made ref masks
for n in 1 2 3; do
    png "made/$n.png" $((60 + n)) 70 photo
    png "ref/$n.png" $((60 + n)) 70 person
    png "masks/$n.png" $((60 + n)) 70 box
done

# --- what they are ---------------------------------------------------------------------------------
expect 0 'AlexNet' "$drape" info "$nets"
expect 0 'Inception v3 in its FID form' "$drape" info "$nets"/pt_inception*.pth
expect 0 'patch_size' "$drape" info "$nets/clip-nano"

# --- judging ------------------------------------------------------------------------------------------
all=lpips,lpips_vgg,lpips_squeeze,clip,fid,kid,fid_clean,kid_clean
judge --masks masks --garments ref --metrics $all --json >report.json 2>err || fail "judging failed"
[ "$(field report.json 'sorted(len(p["numbers"]) for p in j["pairs"])')" = '[11, 11, 11]' ] ||
    fail "not all numbers of a pair"
[ "$(field report.json 'all(v > 0 for p in j["pairs"] for k, v in p["numbers"].items() if k.startswith("lpips"))')" = True ] ||
    fail "a distance is not above zero"
[ "$(field report.json 'j["summary"]["fid"]["mean"] > 0 and j["summary"]["fid_clean"]["mean"] > 0')" = True ] ||
    fail "no distance of the sets"
[ "$(field report.json 'j["summary"]["fid"]["mean"] != j["summary"]["fid_clean"]["mean"]')" = True ] ||
    fail "both ways to Inception are one"
grep -q 'fewer than 2048' err || fail "nothing is said of a small set"

# Another time, with what was kept: the same to the last digit, in another number of threads as well.
judge --masks masks --garments ref --metrics $all --json --threads 2 >again.json 2>err || fail "judging again failed"
[ "$(field again.json 'j["reused"]')" = 3 ] || fail "numbers were not kept"
[ "$(field again.json 'j["summary"]')" = "$(field report.json 'j["summary"]')" ] || fail "kept numbers are others"

# --- what cannot be judged ------------------------------------------------------------------------------
mkdir one && cp made/1.png one
expect 0 "'one' has a single one" "$drape" eval --results one --reference ref --backbones "$nets" --metrics fid -q
refused 1 "'none' for AlexNet; \`drape pull --backbones" "$drape" eval --results made --reference ref --metrics lpips \
    --backbones none -q
mkdir broken
cp "$nets"/pt_inception*.pth broken
python3 - broken/pt_inception*.pth <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.truncate(100000)
END
refused 1 "broken/pt_inception" "$drape" eval --results made --reference ref --metrics fid --backbones broken -q

# --- fetching them ----------------------------------------------------------------------------------------
refused 1 "'lpips' is none of lpips-alex" "$drape" pull --backbones --only lpips
refused 2 "--only goes with --backbones" "$drape" pull --only fid org/name
refused 1 "pt_inception-2015-12-05-6726825d.pth' is missing" "$drape" pull --backbones --only fid --offline there
