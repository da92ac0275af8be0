# What the tests of the program share; sourced with the program's path as $1 by a script in this folder.
drape=$(realpath "${1:?usage: $0 DRAPE}")
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export DRAPE_CACHE_DIR=$dir/cache
model=$root/tests/golden/nano
mkdir in

fail() {
    echo "$(basename "$0"): $*" >&2
    [ ! -s err ] || sed 's/^/    /' err >&2
    exit 1
}

# expect STATUS WORDS COMMAND...: the exit status, and the words on stderr or stdout (WORDS empty: whatever)
expect() {
    local want=$1 words=$2 got=0
    shift 2
    "$@" >out 2>err || got=$?
    [ "$got" = "$want" ] || fail "'$*': exit status $got, not $want"
    grep -qF -- "$words" out err || fail "'$*' does not say '$words'"
}

# refused STATUS WORDS COMMAND...: the same, in one line, without a result
refused() {
    rm -f r.png
    expect "$@"
    [ "$(wc -l <err)" = 1 ] || fail "'${*:3}' says more than one line"
    [ ! -s out ] || fail "'${*:3}' prints results in spite of failing"
    [ ! -e r.png ] || fail "'${*:3}' leaves a picture in spite of failing"
}

# png FILE WIDTH HEIGHT KIND: a photo, a person as tests/data/colour-parser sees one, or a mask: black, white, or with a
# white box in the middle
png() {
    python3 - "$@" <<'END'
import struct, sys, zlib
name, w, h, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def person(x, y):  # in the middle of the picture, in parts of its size
    parts = [(.42, .05, .58, .12, "cyan"), (.42, .12, .58, .22, "blue"), (.36, .22, .64, .55, "red"),
             (.28, .24, .36, .50, "yellow"), (.64, .24, .72, .50, "yellow"), (.38, .55, .62, .88, "green"),
             (.38, .88, .62, .95, "magenta")]
    colours = {"cyan": (0, 255, 255), "blue": (0, 0, 255), "red": (255, 0, 0), "yellow": (255, 255, 0),
               "green": (0, 255, 0), "magenta": (255, 0, 255)}
    for left, top, right, bottom, colour in parts:
        if left * w <= x < right * w and top * h <= y < bottom * h:
            return bytes(colours[colour])
    return bytes(3)
def pixel(x, y):
    if kind == "person":
        return person(x, y)
    if kind == "photo":
        return bytes((x * 37 % 256, y * 53 % 256, (x * y) % 256))
    white = kind == "white" or kind == "box" and w // 3 <= x < 2 * w // 3 and h // 3 <= y < 2 * h // 3
    return b"\xff" if white else b"\0"
rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(w)) for y in range(h))
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
header = struct.pack(">IIBBBBB", w, h, 8, 2 if kind in ("photo", "person") else 0, 0, 0, 0)
with open(name, "wb") as f:
    f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
END
}

# size FILE.png: WIDTHxHEIGHT
size() {
    python3 -c 'import struct, sys; print("%dx%d" % struct.unpack(">II", open(sys.argv[1], "rb").read(24)[16:]))' "$1"
}

# Which files there are; with `before=$(files)`, that no other is there.
files() {
    find . -path ./cache -prune -o -path ./broken -prune -o -type f -print | grep -v '^./\(out\|err\|said\)$' | sort
}
nothing_left() {
    [ "$(files)" = "$before" ] || fail "left behind: $(comm -13 <(echo "$before") <(files) | tr '\n' ' ')"
}

limited() { # KIB COMMAND...
    (ulimit -f "$1" && "${@:2}")
}

interrupt() { # FILE COMMAND...: as soon as the file is there; the exit status is 130
    local file=$1 got=0 pid
    shift
    "$@" >out 2>err &
    pid=$!
    for _ in $(seq 600); do
        ls -d $file >said 2>&1 && break
        kill -0 $pid 2>said || break
        sleep 0.1
    done
    kill -INT $pid || fail "'$*' ended before it was interrupted"
    wait $pid || got=$?
    [ $got = 130 ] || fail "interrupted '$*': exit status $got"
}

png in/photo.png 90 70 photo
png in/mask.png 90 70 box

# tryon PHOTO MASK FLAGS...: a quick one to r.png. One thread: those of very small products mostly wait for each other.
tryon() {
    "$drape" tryon --model "$model" --image "$1" --mask "$2" --prompt "red t-shirt" --steps 2 --seed 7 --threads 1 -q \
        -o r.png "${@:3}"
}

dress() { # FLAGS...
    tryon in/photo.png in/mask.png "$@"
}

# The same where it has to work; what it says is in `said`.
dressed() {
    dress "$@" >said 2>err || fail "'$*' failed"
}
