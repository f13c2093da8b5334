#!/bin/sh
# Runs a command and says, when it ends, how long it took: scripts/timed.sh NAME COMMAND [ARGUMENT ...]
name=$1
shift
start=$(date +%s)
printf '== %s: started at %s\n' "$name" "$(date +%H:%M:%S)"
"$@"
code=$?
elapsed=$(($(date +%s) - start))
if [ "$code" -eq 0 ]; then result="done"; else result="FAILED (exit code $code)"; fi
printf '== %s: %s after %d min %02d s\n' "$name" "$result" $((elapsed / 60)) $((elapsed % 60))
exit "$code"
