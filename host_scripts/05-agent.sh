#!/usr/bin/env bash
# Start the agent first: a step that fails or takes long is then seen from outside.
#
# Needs:    python3-boto3 (bootstrap)
# Changes:  /etc/systemd/system/lamplighter-{agent,setup}.service, on the first boot only: later versions of these
#           units come with 50-services.sh, because a daemon-reload takes the GPU from containers that run;
#           the user lamplighter-agent; the group lamplighter-gateway and its folder /etc/lamplighter/gateway, where it may write
# Re-run:   safe at any time.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=host_scripts/lib.sh
source "$here/lib.sh"

units=(lamplighter-agent.service lamplighter-setup.service)

main() {
  local unit missing=()
  agent_user
  gateway_folder
  for unit in "${units[@]}"; do
    if ! [[ -e $etc/systemd/system/$unit ]]; then missing+=("$unit"); fi
  done
  if ((${#missing[@]})); then
    for unit in "${missing[@]}"; do
      put "$here/files/$unit" "$etc/systemd/system/$unit"
    done
    systemctl daemon-reload
    systemctl enable --quiet "${missing[@]}"
  fi
  if ! systemctl is-active --quiet lamplighter-agent.service; then
    systemctl start lamplighter-agent.service
  fi
}

# agent_user - nobody in particular, but by name: D-Bus refuses whom it does not know, systemd's dynamic users among them,
# and the agent asks systemd about our units.
agent_user() {
  if getent passwd lamplighter-agent >/dev/null; then return; fi
  useradd --system --no-create-home --home-dir / --shell /usr/sbin/nologin lamplighter-agent
}

main "$@"
