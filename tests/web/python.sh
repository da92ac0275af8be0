#!/bin/sh
# Runs a script with a Python that has selenium: the first on the path, or the system's own.
# Exit status 77, which ctest calls skipped, where none has.
for python in "${DRAPE_WEB_PYTHON:-python3}" /usr/bin/python3; do
    if "$python" -c 'import selenium' 2>/dev/null; then exec "$python" "$@"; fi
done
echo "skipped: no Python with selenium (scripts/deps.sh web installs Debian's python3-selenium)"
exit 77
