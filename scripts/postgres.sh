#!/usr/bin/env bash
# A PostgreSQL server to try things with: in a folder of its own, for one user, gone afterwards. Never as root.
#   scripts/postgres.sh run COMMAND...   starts one, runs the command with these in its environment, and removes it:
#                                          DRAPE_TEST_STORE    postgresql://... of an empty database
#                                          DRAPE_TEST_STORE_TCP  the same by TCP with a password; with TLS where openssl is
#                                          DRAPE_TEST_POSTGRES the folder
#   scripts/postgres.sh start            starts one, prints the folder and the URLs
#   scripts/postgres.sh stop FOLDER      at once, as if it had crashed; it can be started again
#   scripts/postgres.sh again FOLDER
#   scripts/postgres.sh remove FOLDER
# Ends with 77 where no server is installed (Debian: postgresql).
set -euo pipefail

bin=
find_server() {
    local d
    for d in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin 2>/dev/null | sort -Vr); do
        [ -x "$d/initdb" ] && bin=$d && return
    done
    d=$(dirname "$(command -v initdb || echo none)")
    [ -x "$d/createdb" ] && [ -x "$d/pg_ctl" ] && bin=$d && return
    echo "postgres.sh: no PostgreSQL server here (Debian: apt install postgresql): skipped" >&2
    exit 77
}

# The server refuses to run as root.
as_user() {
    local user=postgres
    if [ "$(id -u)" != 0 ]; then
        "$@"
        return
    fi
    id postgres >/dev/null 2>&1 || user=nobody
    (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- env HOME="$folder" "$@")
}

make_folder() {
    folder=$(mktemp -d /tmp/drape-pg-XXXXXX) # short: a socket's path has 107 letters at most
    local user=postgres
    if [ "$(id -u)" = 0 ]; then
        id postgres >/dev/null 2>&1 || user=nobody
        chown "$user" "$folder"
    fi
    chmod 755 "$folder" # the socket is for others, too
    echo secret-of-the-test >"$folder/password"
    as_user "$bin/initdb" -D "$folder/data" -U drape -A trust --auth-host=scram-sha-256 --pwfile="$folder/password" \
        -E UTF8 --no-sync >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }
    if command -v openssl >/dev/null; then
        openssl req -new -x509 -days 2 -nodes -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost \
            -keyout "$folder/data/server.key" -out "$folder/data/server.crt" 2>/dev/null
        cp "$folder/data/server.crt" "$folder/ca.crt"
        chmod 644 "$folder/ca.crt"
        if [ "$(id -u)" = 0 ]; then chown "$user" "$folder"/data/server.*; fi
        chmod 600 "$folder/data/server.key"
        echo "ssl = on" >>"$folder/data/postgresql.conf"
    fi
    cat >>"$folder/data/postgresql.conf" <<CONF
unix_socket_directories = '$folder'
listen_addresses = '127.0.0.1'
fsync = off
max_connections = 60
shared_buffers = 16MB
CONF
}

start_server() { # FOLDER
    local tries
    for tries in 1 2 3 4 5 6 7 8; do
        [ -f "$folder/port" ] || echo $((20000 + RANDOM % 40000)) >"$folder/port"
        if as_user "$bin/pg_ctl" -D "$folder/data" -l "$folder/data/log" -o "-p $(cat "$folder/port")" -w -t 60 start \
            >/dev/null 2>&1; then
            return
        fi
        [ "${1-}" = again ] || rm "$folder/port" # somebody else's
        sleep 0.2
    done
    cat "$folder/data/log" >&2
    exit 1
}

set_urls() {
    local port
    port=$(cat "$folder/port")
    DRAPE_TEST_STORE="postgresql://drape@/drape?host=$folder&port=$port"
    DRAPE_TEST_STORE_TCP="postgresql://drape:secret-of-the-test@127.0.0.1:$port/drape"
    DRAPE_TEST_POSTGRES=$folder
    export DRAPE_TEST_STORE DRAPE_TEST_STORE_TCP DRAPE_TEST_POSTGRES
}

start_new() {
    make_folder
    start_server
    set_urls
    as_user "$bin/createdb" -h "$folder" -p "$(cat "$folder/port")" -U drape drape
}

stop_server() {
    as_user "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
}

remove() {
    stop_server
    rm -rf "$folder"
}

find_server
what=${1-}
case $what in
run)
    shift
    folder=
    trap '[ -z "$folder" ] || remove' EXIT
    trap 'exit 130' INT TERM
    start_new
    "$@"
    ;;
start)
    start_new
    printf '%s\n' "$folder" "$DRAPE_TEST_STORE" "$DRAPE_TEST_STORE_TCP"
    ;;
stop | again | remove)
    folder=${2-}
    case $folder in /tmp/drape-pg-*) ;; *)
        echo "postgres.sh: '$folder' is no folder of this script's" >&2
        exit 2
        ;;
    esac
    case $what in
    stop) stop_server ;;
    again) start_server again ;;
    remove) remove ;;
    esac
    ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
