#!/usr/bin/env bash
# Recover this host: reset failed units, then run the same steps in the same order as at its first boot. There is no
# stronger way: a host that this does not recover is replaced by `lamplighter repair --force`.
#
# Needs:    root; deployment.env and nginx.conf beside it (fetch.py brought and verified them)
# Changes:  what the steps change; the failed state of our units
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

# ours - the units that files/ installs or extends; a template by its instance there (vllm@0.service.d). Other units of
# this machine are left alone.
ours() {
  local path name
  for path in "$scripts"/files/*.{service,target,timer,path} "$scripts"/files/*.d; do
    name=${path##*/}
    if [[ -e $path && $name != *@.* ]]; then printf '%s\n' "${name%.d}"; fi
  done
}

main "$@"
