#!/usr/bin/env bash
# Put nginx in front: TLS outside, the gateway behind. A configuration that nginx refuses never replaces the old one.
#
# Needs:    10-packages.sh (nginx, openssl), nginx.conf beside this script
# Changes:  /etc/lamplighter/tls/ (a self-signed certificate when there is none), /etc/nginx/nginx.conf, /var/www/acme
# Re-run:   safe at any time; a reload keeps every open connection.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=host_scripts/lib.sh
source "$here/lib.sh"

tls=$etc/lamplighter/tls
conf=$etc/nginx/nginx.conf

main() {
  local now
  if ! [[ -e $tls/server.crt ]]; then self_sign; fi
  mkdir -p "${WWW:-/var/www}/acme"
  nginx -t -q -c "$here/nginx.conf" # stops here, with nginx's own words, when it is bad
  if differs "$here/nginx.conf" "$conf"; then put "$here/nginx.conf" "$conf"; fi
  now=$(cat "$conf" "$tls/server.crt" | fingerprint)
  if is_running_with nginx "$now"; then return; fi
  systemctl enable --quiet nginx.service
  systemctl reload-or-restart nginx.service
  remember nginx "$now"
}

# self_sign - so that HTTPS answers from the first minute; a real certificate takes its place later.
self_sign() {
  local host
  host=$(setting ENDPOINT_HOST)
  install -d --mode=0755 "$etc/lamplighter"
  install -d --mode=0700 "$tls"
  (
    umask 077
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 \
      -subj /CN=lamplighter -addext "subjectAltName=DNS:${host:-localhost}" \
      -keyout "$tls/server.key" -out "$tls/server.crt.new"
  )
  mv "$tls/server.crt.new" "$tls/server.crt"
  log "made a self-signed certificate for ${host:-localhost}"
}

main "$@"
