#!/usr/bin/env bash
# Runs a profile, exports its report and checks assertions; the CI systems below this folder call it.
# Environment: PROFILE, ASSERTIONS (one on each line), and optionally TRTBENCH, REPEAT, SET, REPORT,
# ALLOW_INCONCLUSIVE. Exit codes are those of `trtbench-tui`: 5 an assertion does not hold, 6 undecided.
set -euo pipefail

: "${PROFILE:?name of a profile, or path of its file}" "${ASSERTIONS:?one assertion on each line}"
trtbench="${TRTBENCH:-trtbench-tui}"
report="${REPORT:-trtbench-report}"
summary="${GITHUB_STEP_SUMMARY:-$report/summary.md}"
mkdir -p "$report"

changes=()
while IFS= read -r line; do
  [ -n "$line" ] && changes+=(--set "$line")
done <<< "${SET:-}"
assertions=()
while IFS= read -r line; do
  [ -n "$line" ] && assertions+=(--assert "$line")
done <<< "$ASSERTIONS"

# `wait` of the shell ends at a signal; a program in the foreground would delay it, and a cancelled job has only
# a few seconds.
trap 'exit 130' INT TERM HUP
ids=()
for _ in $(seq "${REPEAT:-1}"); do
  id="$("$trtbench" run "$PROFILE" "${changes[@]}" -d)"
  ids+=("$id")
  trap '"$trtbench" stop "$id" || true' EXIT  # a job that ends early leaves no run behind
  "$trtbench" wait "$id" &
  wait "$!" || { code=$?; "$trtbench" logs "$id" > "$report/$id.log"; exit "$code"; }
  trap - EXIT
  "$trtbench" export "$id" -o "$report/$id.html"
done
runs="$(IFS=,; echo "${ids[*]}")"

code=0
"$trtbench" check "$runs" "${assertions[@]}" --junit "$report/junit.xml" --summary "$summary" || code=$?
case "$code" in
  0) outcome=passed ;;
  6) outcome=inconclusive ;;
  *) outcome=failed ;;
esac
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'runs=%s\noutcome=%s\n' "$runs" "$outcome" >> "$GITHUB_OUTPUT"
fi
if [ "$code" = 6 ] && [ "${ALLOW_INCONCLUSIVE:-false}" = true ]; then
  code=0
fi
exit "$code"
