#!/bin/sh
# Runs programs one after another; fails when one does.
bad=0
for program; do "$program" || bad=1; done
exit $bad
