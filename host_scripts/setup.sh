#!/usr/bin/env bash
# Make this machine serve: every NN-*.sh in order, and the agent told how far it is.
#
# Needs:    deployment.env and nginx.conf beside it (bootstrap brought and proved them)
# Changes:  what the steps change; /run/lamplighter/phase, /var/log/lamplighter/*.log, /var/lib/lamplighter/setup-done
# Re-run:   safe at any time; lamplighter-setup.service does at boot when a run was cut off.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

logs=${LOGS:-/var/log}/lamplighter
export LAMPLIGHTER_SETUP=yes

main() {
  local path lock
  mkdir -p "$logs" "$state"
  exec {lock}>"$state/setup.lock" # until this run ends, with whatever it runs
  if ! flock --nonblock "$lock"; then refuse "the set-up runs already: wait until it is over"; fi
  rm -f "$state/setup-done"
  phase booting 0
  for path in "$scripts"/steps/[0-8][0-9]-*.sh; do
    step "$path" "${path##*/}"
  done
  touch "$state/setup-done"
  phase "done" 100
  log "the set-up is complete"
  # From here on the agent looks for itself, and says better than a step why an engine does not come up.
  bash "$scripts/steps/90-verify.sh" 2>&1 | tee "$logs/90-verify.sh.log"
}

# step PATH NAME - run one step; when it fails, say which and why, and stop.
step() {
  local status=0
  log "running $2"
  bash "$1" 2>&1 | tee "$logs/$2.log" || status=$?
  if ((status == 0)); then return; fi
  if ((status == restarting)); then
    log "$2 restarts this machine; the set-up goes on after the boot"
    exit 0
  fi
  phase failed 0 "$(cause "$2" "$status")"
  log "$2 failed: see $logs/$2.log"
  exit 1
}

# cause NAME STATUS - why it failed. A step that ended itself said so with its last line: that sentence, alone. Where a
# command ended it, the trap's line is the last (lib.sh), and where a signal did, any line: then what was said before.
cause() {
  local last said=()
  last=$(tail --lines=1 "$logs/$1.log")
  if (($2 < 128)) && [[ -n $last && $last != *": FAILED at "* ]]; then
    printf '%s' "${last#"$1: "}"
    return
  fi
  mapfile -t said < <(without_noise <"$logs/$1.log" | tail --lines=4)
  printf '%s failed (status %d): %s' "$1" "$2" "${said[*]:-$last}"
}

# without_noise - no traps, no counted tries, no tracebacks but their last line, no line twice in a row.
without_noise() {
  sed --regexp-extended '/: (FAILED at |try [0-9]+ of [0-9]+ failed: )|^(Traceback |  File |    )/d' | uniq
}

main "$@"
