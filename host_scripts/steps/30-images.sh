#!/usr/bin/env bash
# Pull the container images: the gateway, and vLLM where there is an engine. A present image is not pulled again
# (tags are immutable), none is pulled that does not fit on the disk, and the engine's must suit the NVIDIA driver.
#
# Needs:    10-packages.sh (docker); the instance role may read ECR
# Changes:  docker's images; the registry's password is not kept
# Re-run:   safe at any time.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
shopt -s lastpipe # the last part of a pipeline runs in this shell: `reported` keeps its value between tries

reported=0 # percent, of all images: it never decreases

main() {
  local images=() image before=0 needed=0
  images+=("$(setting GATEWAY_IMAGE)")
  if has_engine; then images+=("$(setting VLLM_IMAGE)"); fi

  for image in "${images[@]}"; do
    if ! is_here "$image"; then needed=$((needed + $(unpacked "$image"))); fi
  done
  if ((needed > 0)); then has_room "${DOCKER_ROOT:-/var/lib/docker}" "$needed" "the container images"; fi

  DOCKER_CONFIG=$(mktemp -d)
  export DOCKER_CONFIG
  trap 'rm -rf "$DOCKER_CONFIG"' EXIT
  phase images 0
  for image in "${images[@]}"; do
    if is_here "$image"; then continue; fi
    pull "$image" "$((100 * before / needed))" "$((100 * (before + $(unpacked "$image")) / needed))"
    before=$((before + $(unpacked "$image")))
  done
  if [[ $(setting ENGINE) == gpu ]]; then fits_driver "$(setting VLLM_IMAGE)"; fi
  phase images 100
}

# fits_driver IMAGE - compare its CUDA with what this driver supports, before an engine starts that would only fail.
fits_driver() {
  local driver
  driver=$(nvidia-smi)
  docker image inspect "$1" | program setup.driver "$1" "$driver"
}

# unpacked IMAGE - about how many GiB it takes: a registry knows the packed size only, which containerd's store keeps too.
unpacked() {
  if [[ $1 == "$(setting GATEWAY_IMAGE)" ]]; then
    printf '1\n'
  elif [[ $(setting ENGINE) == gpu ]]; then
    printf '40\n'
  else
    printf '7\n'
  fi
}

# remedy IMAGE - what to do when the registry has no such image, or refuses it.
remedy() {
  if [[ $1 == "$(setting GATEWAY_IMAGE)" ]]; then
    printf 'run "lamplighter up" again, which builds it\n'
  else
    printf 'correct engine.image to a tag that exists, in a public repository or under lamplighter/ in your own ECR\n'
  fi
}

is_here() { docker image inspect "$1" >/dev/null 2>&1; }

# pull IMAGE FROM TO - FROM and TO: its share of all images, in percent.
pull() {
  local registry=${1%%/*} account region password
  if [[ $registry =~ ^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$ ]]; then
    account=${BASH_REMATCH[1]} region=${BASH_REMATCH[2]}
    if [[ $account != "$(our_account)" ]]; then refuse "$1 is in the registry of account $account: copy it under lamplighter/ in your own ECR and correct engine.image"; fi
    password=$(retry 5 5 password_of_ecr "$region")
    retry 5 5 login "$registry" "$password"
  fi
  retry 5 15 fetch "$1" "$(remedy "$1")" "$2" "$3"
}

# our_account - the account whose ECR has the gateway's image. Its password is sent to that account's registries only.
our_account() {
  local image
  image=$(setting GATEWAY_IMAGE)
  printf '%s\n' "${image%%.*}"
}

password_of_ecr() { program setup.registry_password "$1"; }

# login REGISTRY PASSWORD - printf is a builtin, so the password is never an argument of a program.
login() { printf '%s' "$2" | docker login --username AWS --password-stdin "$1"; }

# fetch IMAGE REMEDY FROM TO - one pipeline, whose status is right in `retry` too, where errexit is off.
fetch() {
  local percent
  docker pull "$1" 2>&1 | program setup.pull "$@" | while read -r percent; do
    if ((percent > reported)); then phase images "$percent"; fi
    reported=$((percent > reported ? percent : reported))
  done
}

main "$@"
