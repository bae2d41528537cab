#!/usr/bin/env bash
# Install the units and start them; restart a service only when something that it was started from has changed.
#
# Needs:    30-images.sh (the images), 40-secrets.sh (the keys)
# Changes:  /etc/systemd/system/ (our units), /etc/lamplighter/gateway.env and vllm-0.env, the docker network `lamplighter`,
#           /var/lib/lamplighter/started/, gateway/ (where the gateway counts usage) and cache/ (where vLLM keeps weights)
# Re-run:   safe at any time; nothing restarts without a change, and an engine only after its requests have ended.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

at_boot=(inference-cleanup.service lamplighter-secrets.service lamplighter-setup.service inference-verify.timer)
at_boot+=(lamplighter-certificate.service lamplighter-certificate.timer lamplighter-machine.timer)
at_boot+=(lamplighter-repair.path lamplighter-drain.path)
services=(inference-app.service lamplighter-agent.service)

main() {
  local service now
  phase loading 0
  if has_engine; then
    at_boot+=(vllm.target vllm.service)
    services=(vllm@0.service "${services[@]}")
    engine_settings
  else
    retire_engine
  fi
  if ! docker network inspect lamplighter >/dev/null 2>&1; then docker network create lamplighter; fi
  gateway_settings
  install -d --mode=0750 --owner="$user" --group="$group" "$state/gateway"
  if has_engine && ! is_running_with vllm@0.service "$(made_from vllm@0.service | fingerprint)"; then drain; fi
  install_units
  for service in "${services[@]}"; do
    now=$(made_from "$service" | fingerprint)
    if ! is_running_with "$service" "$now"; then
      forgive "$service"
      systemctl restart "$service"
      remember "$service" "$now"
    elif ! systemctl is-active --quiet "$service"; then
      systemctl start "$service"
    fi
  done
  for service in inference-verify.timer lamplighter-machine.timer lamplighter-{repair,drain}.path; do
    if ! systemctl is-active --quiet "$service"; then systemctl start "$service"; fi
  done
}

# engine_settings - arguments for docker that differ between machines: the GPUs, and a model in a local folder.
engine_settings() {
  local device='' mount='' model
  install -d --mode=0750 --owner="$engine_user" --group="$engine_group" "$cache"
  if [[ $(setting ENGINE) == gpu ]]; then device='--gpus all'; fi
  model=$(setting MODEL)
  if [[ $model == /* ]]; then mount="--volume $model:$model:ro"; fi
  renew vllm-0.env "VLLM_DEVICE=$device" "VLLM_MOUNT=$mount"
}

# retire_engine - for a deployment that had an engine on the CPU and now has none.
retire_engine() {
  if ! [[ -e $etc/systemd/system/vllm@.service ]]; then return; fi
  drain
  systemctl disable --quiet --now vllm@0.service vllm.service vllm.target
  forgive vllm@0.service
  rm -r "$etc"/systemd/system/vllm*
  rm -f "$state/started/vllm@0.service" "$state/started/units"
}

# drain - stopping a running engine, or a daemon-reload, ends its requests. Before that the gateway lets them finish, for
# two minutes at most, and takes no new ones. It starts again after the engine, like every stopped service.
drain() {
  if systemctl is-active --quiet vllm@0.service; then systemctl stop inference-app.service; fi
}

# forgive SERVICE - reset its failed state: it is started from something else now.
forgive() {
  if systemctl is-failed --quiet "$1"; then systemctl reset-failed "$1"; fi
}

# gateway_settings - what does not change while the gateway runs; its settings.json has the rest. Without an engine it
# answers "disabled". nginx reaches its container through Docker's bridge, whose address it therefore trusts to name clients.
gateway_settings() {
  local engine=enabled default max bridge
  if ! has_engine; then engine=disabled; fi
  bridge=$(docker network inspect lamplighter --format '{{range .IPAM.Config}},{{.Gateway}}{{end}}')
  default=$(setting DEFAULT_TIMEOUT_SECONDS)
  max=$(setting MAX_TIMEOUT_SECONDS)
  renew gateway.env \
    "INFERENCE_CONFIG=/etc/gateway/settings.json" \
    "INFERENCE_ENGINE=$engine" \
    "INFERENCE_TRUSTED_PROXIES=127.0.0.0/8,::1/128$bridge" \
    "INFERENCE_KEYS_FILE=/etc/gateway/keys" \
    "INFERENCE_ETA_FILE=/etc/gateway/status" \
    "INFERENCE_USAGE_FILE=/var/lib/gateway/usage.json" \
    "INFERENCE_DEFAULT_TIMEOUT_SECONDS=$default" \
    "INFERENCE_MAX_TIMEOUT_SECONDS=$max"
}

# renew NAME LINE... - /etc/lamplighter/NAME with these lines, written only when they differ.
renew() {
  local name=$1
  shift
  mkdir -p "$run"
  printf '%s\n' "$@" >"$run/$name"
  if differs "$run/$name" "$etc/lamplighter/$name"; then put "$run/$name" "$etc/lamplighter/$name"; fi
  rm "$run/$name"
}

# install_units - all of them before anything starts: one daemon-reload, and none while GPU containers run.
install_units() {
  local unit now
  now=$({
    printf '%s\n' "${at_boot[@]}" "${services[@]}"
    unit_files | with_names
  } | fingerprint)
  if is_running_with units "$now"; then return; fi
  while IFS= read -r unit; do
    put "$scripts/files/$unit" "$etc/systemd/system/$unit"
  done < <(unit_files)
  systemctl daemon-reload
  systemctl enable --quiet "${at_boot[@]}" "${services[@]}"
  remember units "$now"
}

# unit_files - the paths under files/ that this machine needs.
unit_files() {
  local path
  for path in "$scripts"/files/*.{service,target,timer,path} "$scripts"/files/*.d/*.conf; do
    path=${path#"$scripts/files/"}
    if [[ $path != vllm* ]] || has_engine; then printf '%s\n' "$path"; fi
  done
}

# with_names - the content of the files named on standard input, each after its name.
with_names() {
  local name
  while IFS= read -r name; do
    printf '%s\n' "$name"
    cat "$scripts/files/$name"
  done
}

# made_from SERVICE - everything whose change must restart it, and no more: loading a model takes minutes.
made_from() {
  local key
  case $1 in
    vllm@0.service)
      unit_files | with_names # any changed unit means a daemon-reload, which takes the GPU from a running container
      cat "$etc/lamplighter/vllm-0.env"
      for key in MODEL VLLM_IMAGE VLLM_PORT VLLM_ARGS ENGINE_ARGUMENTS HF_TOKEN_PARAMETER; do setting "$key"; done
      ;;
    inference-app.service)
      cat "$scripts/files/$1" "$etc/lamplighter/gateway.env" # not keys and settings: the gateway reloads them by itself
      for key in GATEWAY_IMAGE GATEWAY_PORT; do setting "$key"; done
      ;;
    lamplighter-agent.service)
      cat "$scripts/files/$1" "$settings" "$scripts"/host/{agent,drain,gateway,keys,machine,probes}/*.py
      ;;
  esac
}

main "$@"
