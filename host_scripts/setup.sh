#!/usr/bin/env bash
# Make this machine serve: run steps/NN-*.sh in order, and record the progress for the agent.
#
# Needs:    deployment.env and nginx.conf beside it (fetch.py brought and verified them)
# Changes:  what the steps change; /run/lamplighter/phase, /var/log/lamplighter/*.log, /var/lib/lamplighter/setup-done
# Re-run:   safe at any time; lamplighter-setup.service does it at boot after an interrupted run.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

logs=${LOGS:-/var/log}/lamplighter
export LAMPLIGHTER_SETUP=yes

main() {
  local path lock
  mkdir -p "$logs" "$state"
  exec {lock}>"$state/setup.lock" # held until this run and its children end
  if ! flock --nonblock "$lock"; then refuse "the set-up is already running: wait until it ends"; fi
  rm -f "$state/setup-done"
  phase booting 0
  for path in "$scripts"/steps/[0-8][0-9]-*.sh; do
    step "$path" "${path##*/}"
  done
  touch "$state/setup-done"
  phase "done" 100
  log "the set-up is complete"
  # From here on the agent probes by itself, and explains better than a step why an engine does not start.
  bash "$scripts/steps/90-verify.sh" 2>&1 | tee "$logs/90-verify.sh.log"
}

# step PATH NAME - run one step; when it fails, report which and why, and stop.
step() {
  local status=0
  log "running $2"
  bash "$1" 2>&1 | tee "$logs/$2.log" || status=$?
  if ((status == 0)); then return; fi
  if ((status == restarting)); then
    log "$2 restarts this machine; the set-up continues after the boot"
    exit 0
  fi
  phase failed 0 "$(cause "$2" "$status")"
  log "$2 failed: see $logs/$2.log"
  exit 1
}

# cause NAME STATUS - why it failed. A step that refused wrote one sentence as its last line: that is the cause. After a
# failed command the last line is the trap's (lib.sh), after a signal it is any line: then the lines before are the cause.
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

# without_noise - drop traps, counted tries, tracebacks except for their last line, and repeated lines.
without_noise() {
  sed --regexp-extended '/: (FAILED at |try [0-9]+ of [0-9]+ failed: )|^(Traceback |  File |    )/d' | uniq
}

main "$@"
