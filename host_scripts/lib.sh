# shellcheck shell=bash
# Sourced by every script here: strict mode, one log format, a few small functions.
set -Eeuo pipefail
shopt -s inherit_errexit
# Silent after a refusal: its sentence stays the last line, which setup.sh reports as the cause.
trap '(($? == refused)) || log "FAILED at ${BASH_SOURCE[0]##*/}:${LINENO}: ${BASH_COMMAND}"' ERR

# shellcheck disable=SC2034 # the steps read these; a test points them at a sandbox
{
  # The gateway's container runs as this user and group: files/inference-app.service
  user=${GATEWAY_USER:-10001}
  group=${GATEWAY_GROUP:-10001}
  # The engine's: files/vllm@.service
  engine_user=${ENGINE_USER:-10002}
  engine_group=${ENGINE_GROUP:-10002}
  gib=$((1024 * 1024 * 1024))
  refused=91    # exit status when only the operator can help: the last line is one sentence that says what to do
  restarting=90 # exit status of a step that restarts the machine: lamplighter-setup.service continues after the boot
  etc=${ETC:-/etc}
  run=${RUN:-/run}/lamplighter
  state=${STATE:-/var/lib}/lamplighter
  cache=$state/cache # weights and compiled kernels
}
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) # /opt/lamplighter
settings=$scripts/deployment.env

log() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# refuse SENTENCE - exit with what is wrong, which, and what to do. host/setup/refusal.py does the same in Python.
refuse() {
  log "$1"
  exit "$refused"
}

# setting KEY - print the value of KEY. The file is read, never sourced: a value cannot become a command.
setting() {
  local line
  if ! line=$(grep --max-count=1 "^$1=" "$settings"); then
    refuse "$settings has no $1: render it again from deployment.env.j2"
  fi
  printf '%s\n' "${line#*=}"
}

# has COMMAND - a pure question, like every function used inside `if`: errexit is off there.
has() { command -v "$1" >/dev/null; }

# differs SOURCE TARGET - a pure question.
differs() { ! cmp --silent "$1" "$2"; }

# has_engine - a pure question: does this machine run vLLM, on a GPU or without?
has_engine() { [[ $(setting ENGINE) != none ]]; }

# has_room FOLDER GIB WHAT - stop when the disk of FOLDER has less than GIB free for WHAT.
has_room() {
  local free
  free=$(df --output=avail --block-size=1 "$1" | tail --lines=1)
  if ((free >= $2 * gib)); then return; fi
  refuse "$3 need $2 GiB, the disk has $((free / gib)) GiB free: raise instance.root_volume_gib"
}

# put SOURCE TARGET [MODE] - write TARGET whole or not at all.
put() {
  install -D --mode="${3:-0644}" "$1" "$2.new"
  mv "$2.new" "$2"
  log "wrote $2"
}

# retry TRIES SECONDS COMMAND... - run COMMAND until it succeeds, or refuses: then retrying does not help.
retry() {
  local tries=$1 pause=$2 try status
  shift 2
  for ((try = 1; try <= tries; try++)); do
    status=0
    "$@" || status=$?
    if ((status == 0 || status == refused)); then return "$status"; fi
    log "try $try of $tries failed: $1 ${2:-}"
    sleep "$pause"
  done
  return 1
}

# program NAME ARGUMENT... - run a program of host/. In our folder: Python imports from the folder that it is started in.
program() (
  cd "$scripts" && exec python3 -B -m "host.$1" "${@:2}"
)

# parameter NAME SETTING - print the SSM parameter that SETTING of the specification names: never to a log, never as an
# argument of a program.
parameter() { program setup.parameter "$(setting AWS_REGION)" "$@"; }

# gateway_folder - for what the agent writes and the gateway reads: keys and status. The group owns the folder and, by the
# setgid bit, every file in it, so the agent needs neither root nor a capability.
gateway_folder() {
  if ! getent group lamplighter-gateway >/dev/null; then groupadd --system --gid "$group" lamplighter-gateway; fi
  if [[ -g $etc/lamplighter/gateway ]]; then return; fi # lamplighter-secrets.service may not create it
  install -d --mode=0755 "$etc/lamplighter"
  install -d --mode=2770 --group="$group" "$etc/lamplighter/gateway"
}

# phase PHASE PERCENT [CAUSE] - record how far the set-up is, for the agent. A step that runs alone records nothing:
# then the agent's probes decide.
phase() {
  if [[ ${LAMPLIGHTER_SETUP:-no} != yes ]]; then return; fi
  mkdir -p "$run"
  program setup.phase "$@" >"$run/phase.new"
  mv "$run/phase.new" "$run/phase"
}

# is_running_with NAME FINGERPRINT - a pure question: was NAME last (re)started with exactly this?
is_running_with() { [[ $(cat "$state/started/$1" 2>/dev/null) == "$2" ]]; }

# remember NAME FINGERPRINT - after the (re)start, so that an interrupted run starts it again.
remember() {
  mkdir -p "$state/started"
  printf '%s\n' "$2" >"$state/started/$1.new"
  mv "$state/started/$1.new" "$state/started/$1"
}

# fingerprint - of its standard input.
fingerprint() { sha256sum | cut -c1-64; }
