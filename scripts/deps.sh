#!/usr/bin/env bash
# Installs what building drape needs and is not there yet, with the system's package manager.
# Quiet and quick when nothing is missing.
#   scripts/deps.sh          to build and test
#   scripts/deps.sh web      also the browser that the studio's tests drive
#   scripts/deps.sh api      also schemathesis, which tries the server's API against its description
set -euo pipefail

apt_packages="build-essential cmake ninja-build pkg-config libdnnl-dev libvips-dev libjansson-dev libcurl4-openssl-dev
    libmicrohttpd-dev libsqlite3-dev libcmocka-dev clang clang-format libclang-rt-14-dev python3"
dnf_packages="gcc make cmake ninja-build pkgconf-pkg-config onednn-devel vips-devel jansson-devel libcurl-devel
    libmicrohttpd-devel sqlite-devel libcmocka-devel
    clang clang-tools-extra compiler-rt python3"
pacman_packages="base-devel cmake ninja pkgconf onednn libvips jansson curl libmicrohttpd sqlite cmocka clang python"
brew_packages="cmake ninja pkg-config onednn vips jansson curl libmicrohttpd sqlite cmocka libomp clang-format python3"
web_apt_packages="chromium chromium-driver python3-selenium fonts-dejavu-core"
web_dnf_packages="chromium chromedriver python3-selenium"
web_pacman_packages="chromium python-selenium"

group=${1:-}
if [ "$group" = web ]; then
    apt_packages="$apt_packages $web_apt_packages"
    dnf_packages="$dnf_packages $web_dnf_packages"
    pacman_packages="$pacman_packages $web_pacman_packages"
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        echo "deps.sh: needs root to install packages, and there is no sudo; as root run:" >&2
        echo "  $*" >&2
        exit 1
    fi
}

with_apt() {
    local missing=()
    for p in $apt_packages; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' && continue
        # Ubuntu and newer Debians carry other versions of clang's runtime, which clang brings itself
        [ "$p" = libclang-rt-14-dev ] && ls /usr/lib/llvm-*/lib/clang/*/lib/*/libclang_rt.fuzzer* >/dev/null 2>&1 && continue
        missing+=("$p")
    done
    [ ${#missing[@]} = 0 ] && return
    echo "deps.sh: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq
    local known=()
    for p in "${missing[@]}"; do
        if apt-cache show "$p" >/dev/null 2>&1; then known+=("$p"); elif [ "$p" != libclang-rt-14-dev ]; then
            echo "deps.sh: this system has no package '$p'" >&2
        fi
    done
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${known[@]}" >/dev/null
}

# Elsewhere: install when something is missing, and name the packages where that fails.
have_all() { # [web]
    { [ "${1:-}" != web ] || command -v chromedriver >/dev/null; } &&
    command -v cmake >/dev/null && command -v ninja >/dev/null && command -v pkg-config >/dev/null &&
        pkg-config --exists vips glib-2.0 jansson libcurl libmicrohttpd sqlite3 cmocka &&
        printf '#include <oneapi/dnnl/dnnl.h>\nint main(void){return 0;}\n' | cc -x c -c -o /dev/null - 2>/dev/null
}
with_other() { # manager, packages...
    local manager=$1
    shift
    have_all "$group" && return
    echo "deps.sh: installing $*"
    "$manager" "$@" || { echo "deps.sh: that failed; install these by hand: $*" >&2; exit 1; }
}
dnf_install() { as_root dnf install -y "$@"; }
pacman_install() { as_root pacman -S --needed --noconfirm "$@"; }
brew_install() { brew install "$@"; }

# The lists are meant to be split into words.
# shellcheck disable=SC2086
if command -v apt-get >/dev/null; then with_apt
elif command -v dnf >/dev/null; then with_other dnf_install $dnf_packages
elif command -v pacman >/dev/null; then with_other pacman_install $pacman_packages
elif command -v brew >/dev/null; then with_other brew_install $brew_packages
elif ! have_all; then
    echo "deps.sh: no known package manager; drape needs a C compiler, cmake, ninja, pkg-config, oneDNN, libvips, glib," >&2
    echo "jansson, libcurl, libmicrohttpd, sqlite and cmocka with their headers" >&2
    exit 1
fi

# Two tools come from PyPI alone: axe-core, the checker for accessibility, and schemathesis. The test that needs one is
# skipped, and says so, where it cannot be had.
python_tool() { # folder, module, package, test, pip's options...
    local into=$1 module=$2 package=$3 test=$4
    shift 4
    [ -d "$into/$module" ] && return
    python3 -m pip --version >/dev/null 2>&1 || { command -v apt-get >/dev/null && apt_packages=python3-pip with_apt; }
    echo "deps.sh: installing $package into $into"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$into" "$@" \
        "$package" || echo "deps.sh: that failed; $test will be skipped" >&2
}
cd "$(dirname "$0")/.."
if [ "$group" = web ]; then
    python_tool .cache/python axe_core_python axe-core-python==0.1.0 "the test for accessibility" --no-deps
elif [ "$group" = api ]; then
    python_tool .cache/schemathesis schemathesis schemathesis==4.32.5 "the check of the API's description"
fi
