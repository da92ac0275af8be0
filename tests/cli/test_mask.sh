#!/usr/bin/env bash
# Masks made by the program: what it writes and says, and what it does with bad photos, a full disk, interruptions. The
# parser here goes by colours (tools/golden/make_colour_parser.py), so that it is known what it finds.
#   test_mask.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
export DRAPE_PARSER=$root/tests/data/colour-parser
png in/person.png 120 160 person
png in/plain.png 80 60 white

mask() { # PHOTO FLAGS...
    "$drape" mask "$1" --threads 1 -q -o r.png "${@:2}"
}
masked() { # the same where it has to work
    mask "$@" >said 2>err || fail "'mask $*' failed"
}
changes() { # FLAGS...: make another mask of the garment
    masked in/person.png --what garment "$@"
    ! cmp -s r.png garment.png || fail "'$*' changes nothing"
}

# --- usage ---
refused 2 'no photo given' "$drape" mask -o r.png
refused 2 '--output is missing' "$drape" mask in/person.png
refused 2 "'hat' is not one of upper|lower|dress|outer" mask in/person.png --category hat
refused 2 "'all' is not one of agnostic|garment" mask in/person.png --what all
refused 2 'out of range' mask in/person.png --person 65
refused 2 'out of range' mask in/person.png --grow 2
refused 2 '--output must end with .png' mask in/person.png -o r.txt
refused 2 '--labels must be a folder' mask in/person.png in/photo.png -o many/ --labels l.png
refused 2 'add --refine' mask in/person.png --mask in/mask.png
refused 2 '--refine needs the painted mask' mask in/person.png --refine
refused 2 'have no meaning with it' mask in/person.png --refine --mask in/mask.png --category lower
refused 2 'give one mask for all photos' mask in/person.png in/photo.png in/plain.png -o many/ --refine \
    --mask in/mask.png --mask in/mask.png
expect 0 '(default upper)' "$drape" mask --help

# --- faults that are told before any work: even the parser is not there ---
early() {
    refused 1 "$1" mask "${@:2}" --parser nowhere
}
early "there is no folder 'missing'" in/person.png -o missing/r.png
early "there is no folder 'missing'" in/person.png --overlay missing/o.png
early 'would replace the photo' in/person.png -o in/person.png
early 'would replace the photo' in/person.png --overlay in/
early 'would replace the mask' in/photo.png -o in/mask.png --refine --mask in/mask.png
early "--output and --labels would both be 'r.png'" in/person.png --labels r.png
cp in/person.png person.png
early "would both become 'many/person.png'" in/person.png person.png -o many/
rm person.png
[ ! -e many ] || fail "a folder in spite of the failure"

# --- parsers ---
refused 1 "'nowhere': there is no such folder" mask in/person.png --parser nowhere
refused 1 "in/config.json" mask in/person.png --parser in
DRAPE_PARSER=nowhere refused 1 "'nowhere'" mask in/person.png
DRAPE_PARSER=nowhere masked in/person.png --parser "$DRAPE_PARSER"

# --- results ---
masked in/person.png --what garment
[ "$(cat said)" = r.png ] || fail "says '$(cat said)' instead of the result's name"
[ "$(size r.png)" = 120x160 ] || fail "the mask has another size than the photo"
mv r.png garment.png
masked in/person.png --what garment --category upper --person 1
cmp r.png garment.png || fail "the defaults are others than --help says"
changes --category lower
changes --grow 0.05
changes --what agnostic
masked in/person.png --labels l.png --overlay o.jpg
[ "$(size l.png)" = 120x160 ] && [ -s o.jpg ] || fail "no labels or no overlay"
"$drape" mask in/person.png --threads 1 -o r.png >out 2>err
grep -q '^r.png: 120x160, 1 person, [0-9.]* % masked' err || fail "says '$(cat err)'"
"$drape" mask in/person.png --threads 1 -q --json -o r.png >out 2>err
python3 - <<'END' || fail "the JSON is wrong: $(cat out)"
import json
one, = json.load(open("out"))
person, = one["persons"]
assert one["image"] == "in/person.png" and one["output"] == "r.png" and one["parser"].endswith("colour-parser")
assert abs(person["x"] - 34) < 4 and abs(person["height"] - 144) < 8 and person["area"] > 4000
assert sum(one["labels"].values()) == 120 * 160 == one["width"] * one["height"]
assert one["labels"]["Upper-clothes"] > 1400 and "Dress" not in one["labels"]
assert 0.05 < one["masked"] < 0.5 and one["seconds"] > 0
END

# --- a painted mask ---
png in/rough.png 120 160 box
png in/wide.png 160 120 box
masked in/person.png --refine --mask in/rough.png
mv r.png refined.png
refused 1 "160x120" mask in/person.png --refine --mask in/wide.png
mkdir rough
cp in/rough.png rough/person.png
masked in/person.png --refine --mask rough
cmp r.png refined.png || fail "another mask with the rough one in a folder"
refused 1 "no mask named 'plain' in folder 'rough'" mask in/plain.png --refine --mask rough

# --- bad photos ---
echo 'not a picture' >in/text.png
: >in/empty.png
head -c 200 in/person.png >in/short.png
cp in/person.png in/locked.png
mkdir in/folder.png
before=$(files)
refused 1 "in/none.png" mask in/none.png
refused 1 "'in/text.png'" mask in/text.png
refused 1 "the file is empty" mask in/empty.png
refused 1 "'in/short.png'" mask in/short.png
refused 1 "'in/folder.png'" mask in/folder.png
refused 1 "'in/plain.png'" mask in/plain.png
refused 1 "'in/person.png'" mask in/person.png --person 2
chmod 0 in/locked.png
if [ ! -r in/locked.png ]; then # root reads everything
    refused 1 "'in/locked.png'" mask in/locked.png
fi
chmod 600 in/locked.png
nothing_left

# --- several photos: training finds their masks by name ---
cp in/person.png 'in/blue coat (1).png'
expect 1 "in/plain.png" "$drape" mask in/person.png in/plain.png in/text.png 'in/blue coat (1).png' -o many/ \
    --overlay seen/ --threads 1 -q
grep -q "in/text.png" err && [ "$(wc -l <err)" = 2 ] || fail "the bad photos are not named, one line each"
[ "$(ls many | tr '\n' '|')" = "blue coat (1).png|person.png|" ] || fail "these were made: $(ls many)"
[ "$(ls seen | tr '\n' '|')" = "blue coat (1).png|person.png|" ] || fail "these were made: $(ls seen)"
[ "$(tr '\n' '|' <out)" = "many/person.png|many/blue coat (1).png|" ] || fail "these were said: $(cat out)"

# --- try-on ---
auto() { # PHOTO FLAGS...
    "$drape" tryon --model "$model" --image "$1" --prompt "red t-shirt" --steps 2 --seed 7 --threads 1 -q -o r.png "${@:2}"
}
same_mask() { # TRYON'S MASK, FLAGS OF BOTH...: what `drape mask` makes is what try-on uses and keeps
    local how=$1
    shift
    masked in/person.png "${@:2}" --category "$1"
    mv r.png made.png
    auto in/person.png --mask "$how" "${@:2}" --save-mask kept.png >said 2>err || fail "--mask $how failed"
    cmp kept.png made.png || fail "--mask $how $* is another mask than drape mask makes"
}
same_mask auto upper
mv r.png auto.png
auto in/person.png --mask made.png >said 2>err || fail "the made mask does not work"
cmp r.png auto.png || fail "the saved mask gives another picture"
same_mask auto:lower lower
same_mask auto:upper upper --sleeve long
refused 1 "'in/plain.png'" auto in/plain.png --mask auto
refused 1 "'nowhere': there is no such folder" auto in/person.png --mask auto --parser nowhere
refused 1 "'in/person.png'" auto in/person.png --mask auto --person 2
expect 1 "in/plain.png" auto in/plain.png --image in/person.png --image 'in/blue coat (1).png' --mask auto -o worn/ \
    --save-mask kept/
[ "$(tr '\n' '|' <out)" = "worn/person.png|worn/blue coat (1).png|" ] || fail "these were said: $(cat out)"
[ "$(ls kept | tr '\n' '|')" = "blue coat (1).png|person.png|" ] || fail "these were kept: $(ls kept)"
expect 0 "worn/photo.png" auto in/person.png --image in/photo.png --mask auto --mask in/mask.png -o worn/

# --- a full disk, Ctrl-C ---
png in/large.png 900 1200 person
before=$(files)
refused 1 "'r.png'" limited 1 mask in/large.png
refused 1 "'l.png'" limited 1 mask in/large.png --labels l.png
nothing_left
mkdir row
for n in $(seq 200); do ln -s ../in/large.png "row/$n.png"; done
interrupt 'made/*.png' "$drape" mask row/*.png --threads 1 -q -o made/
grep -q "cancelled\|interrupted" err || fail "an interruption is not named"
[ "$(find made -type f | wc -l)" -lt 200 ] || fail "the interruption came too late to test anything"
[ -z "$(find made -type f ! -name '*.png')" ] || fail "an interrupted run leaves $(ls made)"
for f in made/*.png; do [ "$(size "$f")" = 900x1200 ] || fail "'$f' is not whole"; done
echo "mask: works"
