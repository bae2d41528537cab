#!/usr/bin/env bash
# See that the model can be had, and that it fits on the disk, before vLLM is started. vLLM fetches it by itself: only it
# knows which of a repository's files it wants.
#
# Needs:    the instance role may read the token's SSM parameter; the Hugging Face Hub, when it can be reached
# Changes:  nothing
# Re-run:   safe at any time; what is already there is not counted again.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=host_scripts/lib.sh
source "$here/lib.sh"

main() {
  local model needed
  model=$(setting MODEL)
  if ! has_engine; then
    log "this deployment has no engine"
    return
  fi
  phase weights 0
  if [[ $model == /* ]]; then
    if ! [[ -e $model ]]; then refuse "there is no $model on this machine: \`model\` must be an id of the Hugging Face Hub, or a path that instance.ami brings"; fi
  else
    needed=$(token | python3 -B "$here/bin/weights.py" "$model")
    log "$model has $((needed / gib)) GiB of weights"
    mkdir -p "$cache"
    needed=$((needed - $(du --summarize --bytes "$cache" | cut -f1)))
    if ((needed > 0)); then has_room "$cache" $(((needed + gib - 1) / gib + 2)) "the weights of $model"; fi
  fi
  phase weights 100
}

token() {
  local name
  name=$(setting HF_TOKEN_PARAMETER)
  if [[ -n $name ]]; then retry 5 3 parameter "$name"; fi
}

refuse() {
  log "$1"
  exit 1
}

main "$@"
