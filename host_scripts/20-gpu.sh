#!/usr/bin/env bash
# Prove that containers can use the GPU before anything heavy is pulled. GPU=no: nothing to prove.
#
# Needs:    the machine image's NVIDIA driver and container toolkit
# Changes:  nothing
# Re-run:   safe at any time.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=host_scripts/lib.sh
source "$here/lib.sh"

remedy='use the "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04)" (instance.ami: null chooses it) or set instance.gpu: false'

main() {
  local gpu
  gpu=$(setting GPU)
  if [[ $gpu != yes ]]; then
    log "this deployment uses no GPU"
    return
  fi
  phase drivers 0
  if ! has nvidia-smi; then refuse "this machine image has no NVIDIA driver (no nvidia-smi)"; fi
  if ! retry 6 10 nvidia-smi --list-gpus; then refuse "the NVIDIA driver finds no GPU (nvidia-smi failed)"; fi
  if ! has nvidia-ctk; then refuse "this machine image has no NVIDIA container toolkit (no nvidia-ctk)"; fi
  phase drivers 100
}

refuse() {
  log "$1: $remedy"
  exit 1
}

main "$@"
