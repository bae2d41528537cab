#!/usr/bin/env bash
# Install the units and start them; restart a service only when what it was started from changed.
#
# Needs:    30-images.sh (the images), 40-secrets.sh (the keys)
# Changes:  /etc/systemd/system/*.service of ours, /etc/lamplighter/gateway.env, the docker network `lamplighter`,
#           /var/lib/lamplighter/started/, /var/lib/lamplighter/gateway (where the gateway counts usage)
# Re-run:   safe at any time; nothing restarts without a change.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=host_scripts/lib.sh
source "$here/lib.sh"

helpers=(inference-cleanup.service lamplighter-secrets.service lamplighter-setup.service)
services=(inference-app.service lamplighter-agent.service)

main() {
  local service now
  phase loading 0
  if [[ $(setting GPU) == yes ]]; then services=(vllm.service "${services[@]}"); fi
  gateway_settings
  install -d --mode=0750 --owner="$user" --group="$group" "$state/gateway"
  if ! docker network inspect lamplighter >/dev/null 2>&1; then docker network create lamplighter; fi
  install_units "${helpers[@]}" "${services[@]}"
  for service in "${services[@]}"; do
    now=$(made_from "$service" | fingerprint)
    if ! is_running_with "$service" "$now"; then
      systemctl restart "$service"
      remember "$service" "$now"
    elif ! systemctl is-active --quiet "$service"; then
      systemctl start "$service"
    fi
  done
}

# gateway_settings - the gateway's own names for our settings; without a GPU it answers "disabled" by itself.
gateway_settings() {
  local engine=enabled target=$etc/lamplighter/gateway.env default max
  if [[ $(setting GPU) != yes ]]; then engine=disabled; fi
  default=$(setting DEFAULT_TIMEOUT_SECONDS)
  max=$(setting MAX_TIMEOUT_SECONDS)
  mkdir -p "$run"
  printf '%s\n' \
    "INFERENCE_BACKENDS=http://vllm:8000" \
    "INFERENCE_ENGINE=$engine" \
    "INFERENCE_KEYS_FILE=/etc/gateway/keys" \
    "INFERENCE_ETA_FILE=/etc/gateway/status" \
    "INFERENCE_USAGE_FILE=/var/lib/gateway/usage.json" \
    "INFERENCE_DEFAULT_TIMEOUT_SECONDS=$default" \
    "INFERENCE_MAX_TIMEOUT_SECONDS=$max" >"$run/gateway.env"
  if differs "$run/gateway.env" "$target"; then put "$run/gateway.env" "$target"; fi
  rm "$run/gateway.env"
}

# install_units UNIT... - all of them before anything starts: one daemon-reload, and none beside running GPU containers.
install_units() {
  local unit now
  now=$(cat "${@/#/$here/files/}" | fingerprint)
  if is_running_with units "$now"; then return; fi
  for unit in "$@"; do
    put "$here/files/$unit" "$etc/systemd/system/$unit"
  done
  systemctl daemon-reload
  systemctl enable --quiet "$@"
  remember units "$now"
}

# made_from SERVICE - everything whose change must restart it, and nothing else: loading a model takes minutes.
made_from() {
  local key
  cat "$here/files/$1"
  case $1 in
    vllm.service)
      cat "$here"/files/*.service # a changed unit means a daemon-reload, which takes the GPU from a running container
      for key in MODEL VLLM_IMAGE VLLM_PORT VLLM_ARGS HF_TOKEN_PARAMETER; do setting "$key"; done
      ;;
    inference-app.service)
      cat "$etc/lamplighter/gateway.env" # not the keys: the gateway reads them again by itself
      for key in GATEWAY_IMAGE GATEWAY_PORT; do setting "$key"; done
      ;;
    lamplighter-agent.service)
      cat "$settings" "$here"/bin/*.py "$here"/bin/lamplighter_agent/*.py
      ;;
  esac
}

main "$@"
