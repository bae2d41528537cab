#!/usr/bin/env bash
# Put nginx in front of the gateway: it terminates TLS. A configuration that nginx rejects never replaces the old one.
#
# Needs:    10-packages.sh (nginx, openssl), nginx.conf beside this script
# Changes:  /etc/lamplighter/tls/ (a self-signed certificate when there is none), /etc/nginx/nginx.conf, /var/www/acme
# Re-run:   safe at any time; a reload keeps every open connection.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

tls=$etc/lamplighter/tls
conf=$etc/nginx/nginx.conf

main() {
  local now
  if ! [[ -e $tls/server.crt && -e $tls/server.key ]]; then
    program certificate self-sign # so that HTTPS answers from the first minute
    rm -f "$state/started/nginx"
  fi
  mkdir -p "${WWW:-/var/www}/acme"
  nginx -t -q -c "$scripts/nginx.conf" # a bad one ends the step with nginx's message
  if differs "$scripts/nginx.conf" "$conf"; then put "$scripts/nginx.conf" "$conf"; fi
  now=$(fingerprint <"$conf") # not the certificate: host.certificate reloads nginx after a change
  if is_running_with nginx "$now"; then
    if ! systemctl is-active --quiet nginx.service; then systemctl start nginx.service; fi
    return
  fi
  systemctl enable --quiet nginx.service
  systemctl reload-or-restart nginx.service
  remember nginx "$now"
}

main "$@"
