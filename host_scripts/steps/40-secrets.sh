#!/usr/bin/env bash
# Fetch the secrets: the API keys as hashes for the gateway, the Hugging Face token for vLLM's next start; and the gateway's
# settings, with the keys of its fallbacks.
#
# Needs:    the instance role may read the SSM parameters and the gateway's settings in the bucket
# Changes:  /etc/lamplighter/gateway/{keys,settings.json,fallback-*} (0640, the gateway's group), /run/lamplighter/vllm.env (0600, gone at power-off)
# Re-run:   safe at any time; lamplighter-secrets.service does it at every boot.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

keys=$etc/lamplighter/gateway/keys
gateway_settings=$etc/lamplighter/gateway/settings.json
token=$run/vllm.env

main() {
  umask 077
  mkdir -p "$run" "$state"
  chmod 0755 "$run" "$state" # the agent reads its spool there; the token itself is 0600
  gateway_folder
  key_file
  settings_file
  token_file
}

# key_file - the first set; from then on the agent keeps it up to date, with the same code. While AWS is unreachable, the
# last good set stays in force.
key_file() {
  retry 5 3 program keys "$(setting AWS_REGION)" "$(setting KEYS_PATH)" "$keys"
}

# settings_file - as the keys: the first ones here, then the agent follows them with the same code.
settings_file() {
  retry 5 3 program gateway "$(setting AWS_REGION)" "$(setting GATEWAY_SETTINGS)" "$gateway_settings"
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
    retry 5 3 parameter "$name" engine.hf_token_parameter
    printf '\n'
  } >"$token.new"
  mv "$token.new" "$token"
  log "the Hugging Face token is in place"
}

main "$@"
