#!/usr/bin/env bash
# Pull the container images: the gateway, and vLLM where there is an engine. An image that is here is not pulled again
# (tags are immutable), and none is pulled that the disk cannot hold.
#
# Needs:    10-packages.sh (docker); the instance role may read ECR
# Changes:  docker's images; the registry's password is kept nowhere
# Re-run:   safe at any time.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=host_scripts/lib.sh
source "$here/lib.sh"

main() {
  local images=() image done=0 needed=0
  images+=("$(setting GATEWAY_IMAGE)")
  if has_engine; then images+=("$(setting VLLM_IMAGE)"); fi

  for image in "${images[@]}"; do
    if ! is_here "$image"; then needed=$((needed + $(unpacked "$image"))); fi
  done
  if ((needed > 0)); then has_room "${DOCKER_ROOT:-/var/lib/docker}" "$needed" "the container images"; fi

  DOCKER_CONFIG=$(mktemp -d)
  export DOCKER_CONFIG
  trap 'rm -rf "$DOCKER_CONFIG"' EXIT
  for image in "${images[@]}"; do
    phase images $((100 * done / ${#images[@]}))
    if ! is_here "$image"; then pull "$image"; fi
    done=$((done + 1))
  done
  phase images 100
}

# unpacked IMAGE - about how many GiB it takes: the registry only tells the packed size.
unpacked() {
  if [[ $1 == "$(setting GATEWAY_IMAGE)" ]]; then
    printf '1\n'
  elif [[ $(setting ENGINE) == gpu ]]; then
    printf '30\n'
  else
    printf '5\n'
  fi
}

is_here() { docker image inspect "$1" >/dev/null 2>&1; }

pull() {
  local registry=${1%%/*}
  if [[ $registry == *.dkr.ecr.*.amazonaws.com* ]]; then retry 5 5 login "$registry"; fi
  retry 5 15 docker pull --quiet "$1"
}

# login REGISTRY - one pipeline: its status is also right inside `if`, where errexit is off.
login() {
  python3 -B "$here/bin/registry_password.py" "$(setting AWS_REGION)" |
    docker login --username AWS --password-stdin "$1"
}

main "$@"
