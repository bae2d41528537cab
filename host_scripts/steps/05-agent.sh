#!/usr/bin/env bash
# Start the agent first: a step that fails or takes long is then seen from outside.
#
# Needs:    python3-boto3 (bootstrap)
# Changes:  /etc/systemd/system/lamplighter-{agent,setup}.service, on the first boot only: later versions of these
#           units come with 50-services.sh, because a daemon-reload takes the GPU from containers that run;
#           the user lamplighter-agent; the group lamplighter-gateway and its folder /etc/lamplighter/gateway, where it may write
# Re-run:   safe at any time.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

units=(lamplighter-agent.service lamplighter-setup.service)

main() {
  local unit asleep=()
  agent_user
  gateway_folder
  for unit in "${units[@]}"; do
    if ! will_start "$unit"; then asleep+=("$unit"); fi
  done
  if ((${#asleep[@]})); then
    for unit in "${asleep[@]}"; do
      if ! [[ -e $etc/systemd/system/$unit ]]; then put "$scripts/files/$unit" "$etc/systemd/system/$unit"; fi
    done
    systemctl daemon-reload
    systemctl enable --quiet "${asleep[@]}"
  fi
  if ! systemctl is-active --quiet lamplighter-agent.service; then
    systemctl start lamplighter-agent.service
  fi
}

# will_start UNIT - a pure question: is it here, and does it start at a boot? A run may have been cut off in between.
will_start() { [[ -e $etc/systemd/system/$1 ]] && systemctl is-enabled --quiet "$1"; }

# agent_user - nobody in particular, but by name: D-Bus refuses whom it does not know, systemd's dynamic users among them,
# and the agent asks systemd about our units.
agent_user() {
  if getent passwd lamplighter-agent >/dev/null; then return; fi
  useradd --system --no-create-home --home-dir / --shell /usr/sbin/nologin lamplighter-agent
}

main "$@"
