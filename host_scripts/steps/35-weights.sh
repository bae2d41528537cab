#!/usr/bin/env bash
# Check that the model may be downloaded, and that it fits on the disk and into the GPUs, before vLLM starts. vLLM downloads
# it: only vLLM knows which of a repository's files it needs.
#
# Needs:    the instance role may read the token's SSM parameter; the Hugging Face Hub, when it can be reached; 20-gpu.sh
# Changes:  /run/lamplighter/weights.json: {"bytes": N}, the size of what vLLM downloads, when the hub says it
# Re-run:   safe at any time; files that are already here are not counted again.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

main() {
  local model
  model=$(setting MODEL)
  if ! has_engine; then
    log "this deployment has no engine"
    return
  fi
  phase weights 0
  if [[ $model != /* ]]; then
    look_up "$model"
  elif [[ -e $model ]]; then
    note 0 # nothing is downloaded
  else
    refuse "there is no $model on this machine: \`model\` must be an id of the Hugging Face Hub, or a path that instance.ami brings"
  fi
  phase weights 100
}

# look_up MODEL - ask the hub for its size, and compare that with this machine.
look_up() {
  local name token='' sizes fetched loaded
  name=$(setting HF_TOKEN_PARAMETER)
  if [[ -n $name ]]; then token=$(retry 5 3 parameter "$name" engine.hf_token_parameter); fi
  sizes=$(printf '%s' "$token" | program setup.weights "$1" "$name")
  read -r fetched loaded <<<"$sizes"
  log "$1 has $((fetched / gib)) GiB of weights"
  note "$fetched"
  if [[ $(setting ENGINE) == gpu ]]; then fits_gpus "$1" "$loaded"; fi
  fits_disk "$1" "$fetched"
}

# note BYTES - for the agent, which reports the progress of the download; 0 is unknown.
note() {
  mkdir -p "$run"
  if (($1 == 0)); then
    rm -f "$run/weights.json"
    return
  fi
  printf '{"bytes": %d}\n' "$1" >"$run/weights.json.new"
  chmod 0644 "$run/weights.json.new"
  mv "$run/weights.json.new" "$run/weights.json"
}

# fits_gpus MODEL BYTES - only when both numbers are known. Weights that just fit may still be too large: the context needs
# memory too, and vLLM says how much.
fits_gpus() {
  local memory
  memory=$(gpu_memory)
  if ((memory == 0 || $2 <= memory)); then return; fi
  refuse "the weights of $1 need $((($2 + gib - 1) / gib)) GiB of GPU memory, the engine's GPUs ($(setting GPUS)) have $((memory / gib)) GiB: choose a larger instance.type, more GPUs by engine.tensor_parallel_size, or a quantised model"
}

# gpu_memory - the bytes of as many GPUs as the engine uses; 0 when nvidia-smi does not say.
gpu_memory() {
  local each=() size total=0
  mapfile -t each < <(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits)
  for size in "${each[@]:0:$(setting GPUS)}"; do
    if ! [[ $size =~ ^[0-9]+$ ]]; then
      total=0
      break
    fi
    total=$((total + size))
  done
  printf '%s\n' $((total * 1024 * 1024))
}

# fits_disk MODEL BYTES
fits_disk() {
  local needed
  mkdir -p "$cache"
  needed=$(($2 - $(du --summarize --bytes "$cache" | cut -f1)))
  if ((needed > 0)); then has_room "$cache" $(((needed + gib - 1) / gib + 2)) "the weights of $1"; fi
}

main "$@"
