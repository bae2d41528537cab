#!/usr/bin/env bash
# Bring this host back: the same steps in the same order as at its first boot, once systemd may start again what it gave
# up. There is no stronger way: what this does not mend, `lamplighter repair --force` replaces.
#
# Needs:    root; deployment.env and nginx.conf beside it (bootstrap brought and proved them)
# Changes:  what the steps of setup.sh change; the failed state of units of ours
# Re-run:   safe at any time; on a healthy host nothing is restarted.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local unit failed=()
  if (($(id -u) != 0)); then refuse "only root may do this: sudo bash $scripts/recover.sh"; fi
  while IFS= read -r unit; do
    if systemctl is-failed --quiet "$unit"; then failed+=("$unit"); fi
  done < <(ours)
  if ((${#failed[@]})); then
    log "these have failed and may start again: ${failed[*]}"
    systemctl reset-failed "${failed[@]}"
  else
    log "no unit of ours has failed: the steps change only what is not as it should be"
  fi
  exec bash "$scripts/setup.sh"
}

# ours - the units that files/ brings or adds to; a template runs as the instance named there (vllm@0.service.d). What
# others put on this machine is theirs.
ours() {
  local path name
  for path in "$scripts"/files/*.{service,target,timer,path} "$scripts"/files/*.d; do
    name=${path##*/}
    if [[ -e $path && $name != *@.* ]]; then printf '%s\n' "${name%.d}"; fi
  done
}

main "$@"
