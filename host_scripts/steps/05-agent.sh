#!/usr/bin/env bash
# Start the agent first, so that a step that fails or takes long is reported.
#
# Needs:    python3-boto3 (user_data)
# Changes:  /etc/systemd/system/lamplighter-{agent,setup}.service, on the first boot only: later versions of these
#           units come with 50-services.sh, because a daemon-reload takes the GPU from running containers;
#           the user lamplighter-agent; the group lamplighter-gateway and its folder /etc/lamplighter/gateway, where it may write
# Re-run:   safe at any time.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

units=(lamplighter-agent.service lamplighter-setup.service)

main() {
  local unit disabled=()
  agent_user
  gateway_folder
  for unit in "${units[@]}"; do
    if ! will_start "$unit"; then disabled+=("$unit"); fi
  done
  if ((${#disabled[@]})); then
    for unit in "${disabled[@]}"; do
      if ! [[ -e $etc/systemd/system/$unit ]]; then put "$scripts/files/$unit" "$etc/systemd/system/$unit"; fi
    done
    systemctl daemon-reload
    systemctl enable --quiet "${disabled[@]}"
  fi
  if ! systemctl is-active --quiet lamplighter-agent.service; then
    systemctl start lamplighter-agent.service
  fi
}

# will_start UNIT - a pure question: is it installed and enabled? A run may have been interrupted in between.
will_start() { [[ -e $etc/systemd/system/$1 ]] && systemctl is-enabled --quiet "$1"; }

# agent_user - an unprivileged user with a name: D-Bus rejects unknown users, systemd's dynamic ones too, and the agent
# queries systemd about our units.
agent_user() {
  if getent passwd lamplighter-agent >/dev/null; then return; fi
  useradd --system --no-create-home --home-dir / --shell /usr/sbin/nologin lamplighter-agent
}

main "$@"
