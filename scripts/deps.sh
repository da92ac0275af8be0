#!/usr/bin/env bash
# Installs what drape needs and is not there yet, with the system's package manager.
# Quiet and quick when nothing is missing.
#   scripts/deps.sh [GROUP...]
#     build    to build and use drape (what is meant without a group)
#     test     for make test
#     check    for make check: clang with its runtimes, clang-format, schemathesis
#     package  for make package
#     mpi      for training over several machines (mpirun -n N drape train): Open MPI; optional
#     mpich    the same with MPICH, instead of Open MPI or beside it
#     web      the browser that the studio's tests drive
set -euo pipefail

# What each group needs beside the others.
packages() { # MANAGER GROUP
    case $1-$2 in
    apt-build) echo build-essential cmake ninja-build pkg-config libdnnl-dev libvips-dev libjansson-dev \
        libcurl4-openssl-dev libmicrohttpd-dev libsqlite3-dev libpq-dev liblapacke-dev ;;
    apt-test) echo libcmocka-dev python3 postgresql ;;
    apt-check) echo clang clang-format "libclang-rt-*-dev" python3 zsh fish groff ;;
    apt-package) echo dpkg-dev file ;;
    apt-mpi) echo libopenmpi-dev openmpi-bin ;;
    apt-mpich) echo libmpich-dev mpich ;;
    apt-web) echo chromium chromium-driver python3-selenium fonts-dejavu-core ;;
    dnf-build) echo gcc make cmake ninja-build pkgconf-pkg-config onednn-devel vips-devel jansson-devel libcurl-devel \
        libmicrohttpd-devel sqlite-devel libpq-devel lapack-devel ;;
    dnf-test) echo libcmocka-devel python3 postgresql-server ;;
    dnf-check) echo clang clang-tools-extra compiler-rt python3 ;;
    dnf-mpi) echo openmpi-devel ;;
    dnf-mpich) echo mpich-devel ;;
    dnf-web) echo chromium chromedriver python3-selenium ;;
    pacman-build) echo base-devel cmake ninja pkgconf onednn libvips jansson curl libmicrohttpd sqlite postgresql-libs lapacke ;;
    pacman-test) echo cmocka python postgresql ;;
    pacman-check) echo clang compiler-rt python ;;
    pacman-mpi) echo openmpi ;;
    pacman-mpich) echo mpich ;;
    pacman-web) echo chromium python-selenium ;;
    brew-build) echo cmake ninja pkg-config onednn vips jansson curl libmicrohttpd sqlite lapack libomp ;;
    brew-test) echo cmocka python3 postgresql@17 ;;
    brew-mpi) echo open-mpi ;;
    brew-mpich) echo mpich ;;
    brew-check) echo clang-format python3 ;;
    esac
}

groups=("${@:-build}")
for group in "${groups[@]}"; do
    case $group in build | test | check | package | web | mpi | mpich) ;; *)
        echo "deps.sh: '$group' is not one of build, test, check, package, web, mpi, mpich" >&2
        exit 2
        ;;
    esac
done
wanted() { # MANAGER
    for group in "${groups[@]}"; do packages "$1" "$group"; done | tr ' ' '\n' | awk '!seen[$0]++'
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        echo "deps.sh: needs root to install packages, and there is no sudo; as root run:" >&2
        echo "  $*" >&2
        exit 1
    fi
}

# Debian 12 has clang's runtimes in packages of their own, named after clang's version; clang tells which.
apt_name() {
    case $1 in
    'libclang-rt-*-dev') apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p' | head -1 ;;
    *) echo "$1" ;;
    esac
}
with_apt() { # PACKAGE...
    local missing=() known=() p
    for p in "$@"; do
        if [ "$p" = 'libclang-rt-*-dev' ]; then
            ls /usr/lib/llvm-*/lib/clang/*/lib/*/libclang_rt.fuzzer* >/dev/null 2>&1 && continue
        elif dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed'; then
            continue
        fi
        missing+=("$p")
    done
    [ ${#missing[@]} = 0 ] && return
    echo "deps.sh: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq
    for p in "${missing[@]}"; do
        p=$(apt_name "$p")
        if [ -n "$p" ] && apt-cache show "$p" >/dev/null 2>&1; then known+=("$p"); elif [ -n "$p" ]; then
            echo "deps.sh: this system has no package '$p'" >&2
        fi
    done
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${known[@]}" >/dev/null
}

# Elsewhere: install when something is missing, and name the packages where that fails.
have() { # GROUP
    case $1 in
    build) command -v cmake >/dev/null && command -v ninja >/dev/null && command -v pkg-config >/dev/null &&
        pkg-config --exists vips glib-2.0 jansson libcurl libmicrohttpd sqlite3 &&
        printf '#include <oneapi/dnnl/dnnl.h>\nint main(void){return 0;}\n' | cc -x c -c -o /dev/null - 2>/dev/null ;;
    test) command -v python3 >/dev/null && pkg-config --exists cmocka ;;
    check) command -v clang >/dev/null && command -v clang-format >/dev/null ;;
    package) true ;;
    mpi | mpich) command -v mpicc >/dev/null ;;
    web) command -v chromedriver >/dev/null ;;
    esac
}
have_all() {
    for group in "${groups[@]}"; do have "$group" || return 1; done
}
with_other() { # NAME COMMAND...
    local name=$1 list
    shift
    have_all && return
    list=$(wanted "$name" | tr '\n' ' ')
    echo "deps.sh: installing $list"
    # shellcheck disable=SC2086 # meant to be split into words
    "$@" $list || { echo "deps.sh: that failed; install these by hand: $list" >&2; exit 1; }
}

if command -v apt-get >/dev/null; then
    mapfile -t list < <(wanted apt)
    with_apt "${list[@]}"
elif command -v dnf >/dev/null; then with_other dnf as_root dnf install -y
elif command -v pacman >/dev/null; then with_other pacman as_root pacman -S --needed --noconfirm
elif command -v brew >/dev/null; then with_other brew brew install
elif ! have_all; then
    echo "deps.sh: no known package manager; drape needs a C compiler, cmake, ninja, pkg-config, oneDNN, libvips, glib," >&2
    echo "jansson, libcurl, libmicrohttpd and sqlite with their headers, its tests cmocka and Python 3" >&2
    exit 1
fi

# Two tools come from PyPI alone: axe-core, the checker for accessibility, and schemathesis, which tries the server's API
# against its description. The test that needs one is skipped, and says so, where it cannot be had.
python_tool() { # folder, module, package, test, pip's options...
    local into=$1 module=$2 package=$3 test=$4
    shift 4
    [ -d "$into/$module" ] && return
    python3 -m pip --version >/dev/null 2>&1 || { command -v apt-get >/dev/null && with_apt python3-pip; }
    echo "deps.sh: installing $package into $into"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$into" "$@" \
        "$package" || echo "deps.sh: that failed; $test will be skipped" >&2
}
cd "$(dirname "$0")/.."
for group in "${groups[@]}"; do
    case $group in
    web) python_tool .cache/python axe_core_python axe-core-python==0.1.0 "the test for accessibility" --no-deps ;;
    check) python_tool .cache/schemathesis schemathesis schemathesis==4.32.5 "the check of the API's description" ;;
    esac
done
