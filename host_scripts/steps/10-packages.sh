#!/usr/bin/env bash
# Install what the machine image lacks: nginx, docker, openssl, boto3; let apt install security updates by itself.
#
# Needs:    apt and its mirrors, only when something is missing
# Changes:  packages, by apt; docker enabled and started; /etc/apt/apt.conf.d/52lamplighter-updates
# Re-run:   safe at any time; a complete machine is left alone.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

updates=$etc/apt/apt.conf.d/52lamplighter-updates

export DEBIAN_FRONTEND=noninteractive

main() {
  local packages=()
  phase booting 20
  # By command, not by package: the Deep Learning AMI has docker-ce, which docker.io would remove.
  if ! has nginx; then packages+=(nginx); fi
  if ! has docker; then packages+=(docker.io); fi
  if ! has openssl; then packages+=(openssl); fi
  if ! imports_boto3; then packages+=(python3-boto3); fi
  if ((${#packages[@]})); then add "${packages[@]}"; fi
  if ! systemctl is-active --quiet docker.service; then systemctl enable --quiet --now docker.service; fi
  if ! has unattended-upgrade; then add_updater; fi
  if differs "$scripts/files/52lamplighter-updates.conf" "$updates"; then put "$scripts/files/52lamplighter-updates.conf" "$updates"; fi
}

imports_boto3() { python3 -c 'import boto3' 2>/dev/null; }

# add PACKAGE... - unattended-upgrades holds the locks in the first minutes; a power cut may have interrupted dpkg.
add() {
  retry 60 10 dpkg --configure -a
  retry 5 15 apt update
  retry 5 15 apt install --no-install-recommends "$@"
  log "installed $*"
}

# add_updater - Ubuntu's images have it; a machine without it serves all the same, and logs it.
add_updater() {
  if retry 2 5 apt update && retry 2 5 apt install --no-install-recommends unattended-upgrades; then
    log "installed unattended-upgrades"
  else
    log "unattended-upgrades cannot be installed: nothing brings security updates to this machine"
  fi
}

apt() { apt-get --quiet --yes -o DPkg::Lock::Timeout=600 "$@"; }

main "$@"
