#!/usr/bin/env bash
# The manual page drape(1) on standard output, made of what the program's --help says.
#   scripts/man.sh DRAPE_BINARY
set -euo pipefail
drape=${1:?usage: scripts/man.sh DRAPE_BINARY}

# Text as it is: no backslash, hyphen or leading dot means anything to roff.
verbatim() {
    echo ".nf"
    sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"
    echo ".fi"
}

version=$("$drape" --version)
cat <<END
.TH DRAPE 1 "" "$version" "User commands"
.SH NAME
drape \\- virtual try\\-on with Stable Diffusion inpainting models, on the CPU
.SH SYNOPSIS
.B drape
.I COMMAND
[options]
.SH COMMANDS
END
"$drape" --help | sed -n '/^  /p' | verbatim
for command in $("$drape" --help | awk '/^  / { print $1 }'); do
    echo ".SH DRAPE $(echo "$command" | tr '[:lower:]' '[:upper:]')"
    "$drape" "$command" --help | sed -e '1,2d' | verbatim
done
cat <<END
.SH EXIT STATUS
0 done, 1 failed, 2 wrong usage, 130 interrupted.
.SH ENVIRONMENT
.TP
.B DRAPE_CACHE_DIR
where drape remembers which convolution algorithms are fastest on this machine
.TP
.B DRAPE_PARSER
folder of the clothes parser to use instead of the one that comes with drape
.TP
.B DRAPE_MODEL
folder of the model that is taken without \-\-model, instead of the small one
.TP
.B DRAPE_BACKEND
ref: plain C for all computations, to find a fault
.TP
.B OMP_NUM_THREADS
how many threads compute, where \-\-threads does not say; without it as many as there are physical cores, or as the
control groups' quota and the affinity mask allow
.TP
.BR OMP_WAIT_POLICY ", " GOMP_SPINCOUNT
how those threads wait for each other; without them drape chooses what goes well beside other programs
.TP
.BR HF_TOKEN ", " HF_ENDPOINT ", " HF_HUB_OFFLINE
for drape pull, as other programs for the Hugging Face hub use them
END
