#!/usr/bin/env bash
# Wait until the whole chain has returned its first token. There is no time limit while there is progress: a large model
# may take long. Without any for fifteen minutes, or when systemd gave up on a unit, this step fails.
#
# Needs:    50-services.sh, 60-nginx.sh
# Changes:  nothing (inference-verify.service writes /run/lamplighter/verify.json)
# Re-run:   safe at any time.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

verdict=$run/verify.json
pause=5
patience=${PATIENCE:-900} # seconds without progress

main() {
  local before='' now moved=$SECONDS unit
  while true; do
    systemctl start inference-verify.service
    if is_verified; then break; fi
    for unit in $(units); do
      if systemctl is-failed --quiet "$unit"; then refuse "$unit gave up; its journal says why: journalctl --unit $unit"; fi
    done
    now=$(movement)
    if [[ $now != "$before" ]]; then moved=$SECONDS; fi
    before=$now
    if ((SECONDS - moved >= patience)); then refuse "nothing moved for $((SECONDS - moved)) s: $(tr -d '\n' <"$verdict")"; fi
    sleep "$pause"
  done
  log "verified: $(tr -d '\n' <"$verdict")"
}

units() {
  if has_engine; then printf 'vllm@0.service '; fi
  printf 'inference-app.service nginx.service'
}

# is_verified - a pure question: a verdict from an earlier boot does not count.
is_verified() {
  grep --quiet '"ok": true' "$verdict" && grep --quiet --fixed-strings "$(<"${BOOT_ID_FILE:-/proc/sys/kernel/random/boot_id}")" "$verdict"
}

# movement - what changes while a model is downloaded and loaded: the engine's journal, the size of its cache. An engine
# that answers logs every request, so from then on only the verdict counts.
movement() {
  sed 's/"at": "[^"]*"//' "$verdict"
  if grep --quiet '"engine": "' "$verdict"; then
    journalctl --unit vllm@0.service --lines=1 --output=short-unix --no-pager
    du --summarize --bytes "$cache"
  fi
}

main "$@"
