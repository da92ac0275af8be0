#!/usr/bin/env bash
# The demo's page, of what scripts/demo/demo.sh left in OUT_DIR, on stdout: one file, pictures and all.
#   scripts/demo/page.sh OUT_DIR MODEL
set -euo pipefail
out=${1:?usage: scripts/demo/page.sh OUT_DIR MODEL} model=$2
here=$(cd "$(dirname "$0")" && pwd)

text() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'; }
data() { # FILE: as an address
    case $1 in *.jpg) printf 'data:image/jpeg;base64,' ;; *) printf 'data:image/png;base64,' ;; esac
    base64 -w0 "$1"
}
picture() { # FILE CAPTION
    printf '<figure><img src="%s" alt="%s"><figcaption>%s</figcaption></figure>\n' "$(data "$1")" "$2" "$2"
}
compare() { # BEFORE AFTER CAPTION
    cat <<END
<figure><div class="compare"><img src="$(data "$1")" alt="before"><img src="$(data "$2")" alt="after: $3">
<input type="range" min="0" max="100" value="50" aria-label="before and after: $3"><i></i><b>before</b><b>after</b></div>
<figcaption>$3</figcaption></figure>
END
}
# Each garment's photo beside the people in it.
from_photos() {
    local photo name
    for photo in examples/garments/*.jpg; do
        name=$(basename "$photo" .jpg)
        [ -e "$out/grace_hopper-$name.png" ] || continue
        echo '<div class="row three">'
        picture "$photo" "The photo: ${name//-/ }"
        compare examples/grace_hopper.jpg "$out/grace_hopper-$name.png" "Put on"
        compare examples/astronaut.jpg "$out/astronaut-$name.png" "And on her"
        echo '</div>'
    done
}
# The loss of every step (faint) and its running mean, from the training's log.
curve() {
    tr ',{}' '\n\n\n' <"$out/taught/logs/train.jsonl" | awk -F: '
        $1 ~ /"loss"/ { n++; y[n] = $2; if ($2 > top) top = $2 }
        END {
            if (n < 2) exit
            for (i = 1; i <= n; i++) {
                m = i == 1 ? y[1] : 0.93 * m + 0.07 * y[i]
                x = 40 + 650 * (i - 1) / (n - 1)
                raw = raw sprintf("%.1f,%.1f ", x, 190 - 170 * y[i] / top)
                mean = mean sprintf("%.1f,%.1f ", x, 190 - 170 * m / top)
            }
            print "<svg viewBox=\"0 0 700 220\" role=\"img\" aria-label=\"loss over " n " steps\">"
            print "<line x1=\"40\" x2=\"690\" y1=\"190\" y2=\"190\" stroke=\"var(--line)\"/>"
            print "<polyline fill=\"none\" stroke=\"var(--line)\" points=\"" raw "\"/>"
            print "<polyline fill=\"none\" stroke=\"var(--accent)\" stroke-width=\"2.5\" points=\"" mean "\"/>"
            printf "<text x=\"0\" y=\"24\">%.2f</text><text x=\"0\" y=\"194\">0</text>", top
            print "<text x=\"40\" y=\"212\">step 1</text><text x=\"690\" y=\"212\" text-anchor=\"end\">step " n "</text></svg>"
        }'
}
steps() {
    while IFS=$'\t' read -r seconds title command; do
        printf '<tr><td>%s s</td><td>%s<code>%s</code></td></tr>\n' "$seconds" "$(text <<<"$title")" "$(text <<<"$command")"
    done <"$out/steps.tsv"
}

cat <<END
<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>drape: a garment learnt, a person dressed</title>
<style>
$(cat "$here/page.css")
</style>
<main>
<h1>A garment learnt, a person dressed</h1>
<p class="soft">Made on this computer in $(awk -F'\t' '{ s += $1 } END { printf "%d min %02d s", s / 60, s % 60 }' "$out/steps.tsv"),
with the small model in <em>$model</em>. Outside the mask every pixel is the photo's own.</p>
<div class="row">
$(compare examples/grace_hopper.jpg "$out/grace_hopper-taught.png" "The suit of the other photo, after the lesson")
$(compare "$out/grace_hopper-before.png" "$out/grace_hopper-taught.png" "The same words before and after the lesson")
</div>

<h2>1. The garment is found</h2>
<p>No painting: the clothes parser marks the suit, and crops around it make a small lesson.</p>
<div class="row">
$(picture examples/astronaut.jpg "The only photo of the garment")
$(picture "$out/garment-seen.jpg" "What drape takes for the garment")
</div>
<div class="strip">
$(for f in "$out"/lesson/photos/*.png; do printf '<img src="%s" alt="a crop of the garment">' "$(data "$f")"; done)
</div>

<h2>2. The garment is learnt</h2>
<p>The loss is how far the model is from telling the noise in the pictures: it falls as the suit becomes known. A model as small as this one
learns the colours in that time and not the pattern, so cloth out of the best photo goes into the result's wardrobe, too.</p>
<div class="card">$(curve)</div>

<h2>3. People are dressed</h2>
<p>Where the new garment may go is found as well; face, hair and hands are kept.</p>
<div class="row">
$(picture "$out/grace_hopper-seen.jpg" "Where a new garment may go")
$(picture "$out/astronaut-seen.jpg" "And in the other photo")
</div>
<p>By one photo of the garment, without a lesson:</p>
$(from_photos)
<p>By words alone, without a lesson: they choose cloth in the small model's wardrobe, and dye it.</p>
<div class="row">
$(while read -r person name prompt; do compare "examples/$person.jpg" "$out/$person-$name.png" "$prompt"; done <"$here/prompts.txt")
</div>

<h2>What was run</h2>
<div class="card"><table>
$(steps)
</table></div>

<h2>What to expect</h2>
<ul>
<li>The small model has a hundredth of Stable Diffusion's size, pictures of 256 pixels, and some hours of training on one core.
Colours and cloth are right; cut, collar and length are the mask's. The same commands take a real model: see README.md.</li>
<li>Faces are never repainted: what is outside the mask stays as it was.</li>
<li>A garment known from a single photo is known from one side. Five to ten photos make a better lesson.</li>
</ul>
<p class="soft">Photos: Eileen Collins (NASA) and Grace Hopper (US Navy), in the public domain.
Garments: the Clothing Dataset of Alexey Grigorev and its many contributors (CC0), with thanks.</p>
</main>
<script>
$(cat "$here/page.js")
</script>
</html>
END
