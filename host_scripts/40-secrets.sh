#!/usr/bin/env bash
# Bring the secrets: the API key as a hash for the gateway, the Hugging Face token for vLLM's next start.
#
# Needs:    the instance role may read the two SSM parameters
# Changes:  /etc/lamplighter/gateway/keys (0640, the gateway's group), /run/lamplighter/vllm.env (0600, gone at power-off)
# Re-run:   safe at any time; lamplighter-secrets.service does at every boot.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=host_scripts/lib.sh
source "$here/lib.sh"

group=${GATEWAY_GROUP:-10001} # the gateway's container runs as this user and group: files/inference-app.service
keys=$etc/lamplighter/gateway/keys
token=$run/vllm.env

main() {
  umask 077
  mkdir -p "$run" "$state"
  chmod 0755 "$run" "$state" # the agent reads its spool there; the token itself is 0600
  key_file
  token_file
}

# key_file - the directory is what the container mounts: a file replaced by mv would stay the old one inside.
key_file() {
  local name hash
  name=$(setting API_KEY_PARAMETER)
  hash=$(retry 5 3 parameter "$name" | fingerprint)
  install -d --mode=0755 "$etc/lamplighter"
  install -d --mode=0750 --group="$group" "$etc/lamplighter/gateway"
  printf 'default %s\n' "$hash" >"$run/keys.new"
  if differs "$run/keys.new" "$keys"; then
    install --mode=0640 --group="$group" "$run/keys.new" "$keys.new"
    mv "$keys.new" "$keys"
    log "wrote $keys"
  fi
  rm "$run/keys.new"
}

token_file() {
  local name
  name=$(setting HF_TOKEN_PARAMETER)
  if [[ -z $name ]]; then
    rm -f "$token"
    return
  fi
  {
    printf 'HF_TOKEN='
    retry 5 3 parameter "$name"
    printf '\n'
  } >"$token.new"
  mv "$token.new" "$token"
  log "the Hugging Face token is in place"
}

main "$@"
