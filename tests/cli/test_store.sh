#!/bin/bash
# drape store: a studio moves into another store, and what is refused says why and shows no password.
. "$(dirname "$0")/common.sh"

expect 0 "has the tables of this drape" "$drape" store upgrade --data a
expect 0 "" "$drape" store token add anna --data a
token=$(cat out)
expect 0 "0 jobs, 0 files with 0 bytes, 1 tokens copied into b" "$drape" store copy sqlite:a sqlite:b
expect 0 "anna" "$drape" store token list --store sqlite:b
! grep -qaF -- "$token" b/drape.db || fail "the token itself is in the database"

refused 2 "give two stores" "$drape" store copy sqlite:a
refused 1 "a store is sqlite:FOLDER or postgresql://" "$drape" store copy sqlite:a mysql://u:hunter2@db/x
! grep -q hunter2 err || fail "a password is shown"
refused 1 "another drape serve works in" "$drape" store copy sqlite:a sqlite:a
expect 1 "" "$drape" store upgrade --store 'postgresql://u:hunter2@127.0.0.1:1/x'
! grep -q hunter2 err || fail "a password is shown"
python3 -c "
import sqlite3
c = sqlite3.connect('b/drape.db')
c.execute('PRAGMA user_version=99'); c.execute(\"UPDATE meta SET value='99' WHERE key='oldest'\"); c.commit()"
refused 1 "a newer drape has written" "$drape" store upgrade --store sqlite:b

# The rest needs a server (DRAPE_TEST_STORE, by scripts/postgres.sh run).
[ -n "${DRAPE_TEST_STORE-}" ] || exit 0
tls="$DRAPE_TEST_STORE_TCP?sslmode=verify-full&sslrootcert=$DRAPE_TEST_POSTGRES/ca.crt"
expect 0 "tokens copied into postgresql://drape@127.0.0.1" "$drape" store copy sqlite:a "$tls" --data c
expect 0 "anna" "$drape" store token list --store "$DRAPE_TEST_STORE" --data c
expect 1 "certificate" "$drape" store token list --store "$DRAPE_TEST_STORE_TCP?sslmode=verify-full&sslrootcert=$root/LICENSE" --data c
expect 1 "password authentication failed" "$drape" store token list --data c \
    --store "${DRAPE_TEST_STORE_TCP/secret-of-the-test/hunter2}"
! grep -q hunter2 err || fail "a password is shown"
PGPASSWORD=secret-of-the-test expect 0 "anna" "$drape" store token list --data c \
    --store "${DRAPE_TEST_STORE_TCP/:secret-of-the-test/}"
