#!/usr/bin/env bash
# Check that containers can use the GPUs before anything large is pulled; install the driver and the container toolkit
# when the machine image has none. Without ENGINE=gpu there is nothing to check.
#
# Needs:    10-packages.sh (docker); apt's mirrors and nvidia.github.io, only when something is missing
# Changes:  packages, held at their version; /etc/apt/sources.list.d/ and keyrings/; docker's runtimes; /etc/cdi/nvidia.yaml;
#           /var/lib/lamplighter/rebooted: this step restarts the machine at most once in its life
# Re-run:   safe at any time; lamplighter-setup.service does after the restart.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# Of Ubuntu's server packages, for 22.04 and 24.04: the first driver for the engine's default image (CUDA 13). With the open
# kernel modules, like AWS's image: they are the only ones for Blackwell, and CUDA 13 has no code for what they leave out (V100).
driver=580
toolkit=1.17.8-1 # of NVIDIA's container toolkit
repository=https://nvidia.github.io/libnvidia-container
fingerprint_of_nvidia=C95B321B61E88C1809C4F759DDCAE044F796ECB0
keyring=$etc/apt/keyrings/nvidia-container-toolkit.gpg
remedy='use the "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04)" (instance.ami: null chooses it) or set instance.gpu: false'

export DEBIAN_FRONTEND=noninteractive

main() {
  local engine
  engine=$(setting ENGINE)
  if [[ $engine != gpu ]]; then
    log "this deployment uses no GPU"
    return
  fi
  phase drivers 0
  if ! has_gpu; then refuse "this machine has no NVIDIA GPU: choose an instance.type with one, such as g6.xlarge, or set instance.gpu: false"; fi
  if ! has nvidia-smi; then add_driver; fi
  phase drivers 40
  if ! retry 6 10 nvidia-smi --list-gpus; then restart_once; fi
  count_gpus
  phase drivers 70
  if ! has nvidia-ctk; then add_toolkit; fi
  describe_gpus
  phase drivers 100
}

# has_gpu - a pure question: is there a PCI device of NVIDIA's? This needs no driver.
has_gpu() { grep --quiet --no-messages 0x10de "${PCI:-/sys/bus/pci/devices}"/*/vendor; }

add_driver() {
  local packages=("nvidia-headless-$driver-server-open" "nvidia-utils-$driver-server")
  log "this machine image has no NVIDIA driver: installing $driver"
  retry 5 15 apt update
  if ! retry 3 15 apt install --no-install-recommends "linux-headers-$(uname -r)" "${packages[@]}"; then
    refuse "the NVIDIA driver $driver cannot be installed: $remedy"
  fi
  apt-mark hold "${packages[@]}"
}

# restart_once - a new driver, or a changed kernel, may need it. Never a second time.
restart_once() {
  if [[ -e $state/rebooted ]]; then refuse "the NVIDIA driver finds no GPU (nvidia-smi failed), after a restart too: $remedy"; fi
  mkdir -p "$state"
  touch "$state/rebooted"
  log "the NVIDIA driver finds no GPU yet: restarting this machine, once"
  systemctl reboot
  exit "$restarting"
}

count_gpus() {
  local found=() wanted
  wanted=$(setting GPUS)
  mapfile -t found < <(nvidia-smi --list-gpus)
  if ((${#found[@]} < wanted)); then
    refuse "the engine wants $wanted GPUs, this machine has ${#found[@]}: choose a larger instance.type, or lower engine.tensor_parallel_size x engine.pipeline_parallel_size"
  fi
}

add_toolkit() {
  local packages=(nvidia-container-toolkit nvidia-container-toolkit-base libnvidia-container-tools libnvidia-container1)
  log "this machine image has no NVIDIA container toolkit: installing $toolkit"
  trust_nvidia
  retry 5 15 apt update
  if ! retry 3 15 apt install --no-install-recommends "${packages[@]/%/=$toolkit}"; then
    refuse "the NVIDIA container toolkit $toolkit cannot be installed: $remedy"
  fi
  apt-mark hold "${packages[@]}"
  nvidia-ctk runtime configure --runtime=docker
  systemctl restart docker.service
}

# trust_nvidia - install NVIDIA's signing key, only if it has the known fingerprint.
trust_nvidia() {
  local folder list=$etc/apt/sources.list.d/nvidia-container-toolkit.list
  folder=$(mktemp -d)
  retry 5 15 curl --fail --silent --show-error --max-time 60 --output "$folder/key" "$repository/gpgkey"
  if ! gpg --show-keys --with-colons "$folder/key" | grep --quiet "^fpr:.*:$fingerprint_of_nvidia:"; then
    refuse "the key of $repository is not $fingerprint_of_nvidia: nothing was installed; $remedy"
  fi
  gpg --dearmor --output "$folder/keyring" "$folder/key"
  put "$folder/keyring" "$keyring"
  printf 'deb [signed-by=%s] %s/stable/deb/amd64 /\n' "$keyring" "$repository" >"$folder/list"
  put "$folder/list" "$list"
  rm -r "$folder"
}

# describe_gpus - for containers that get GPUs by their CDI names (nvidia.com/gpu=0).
describe_gpus() {
  mkdir -p "$run"
  nvidia-ctk cdi generate >"$run/nvidia.yaml"
  if differs "$run/nvidia.yaml" "$etc/cdi/nvidia.yaml"; then put "$run/nvidia.yaml" "$etc/cdi/nvidia.yaml"; fi
  rm "$run/nvidia.yaml"
}

apt() { apt-get --quiet --yes -o DPkg::Lock::Timeout=600 "$@"; }

main "$@"
