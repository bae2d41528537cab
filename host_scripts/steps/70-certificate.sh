#!/usr/bin/env bash
# Give nginx an authority's certificate: the stored one at once, else one that is ordered while the boot goes on.
#
# Needs:    50-services.sh (the units), 60-nginx.sh (a self-signed one to begin with), apt when certbot is missing
# Changes:  the package certbot, /etc/lamplighter/tls/, /var/lib/lamplighter/acme/, /run/lamplighter/certificate, the SSM parameters under TLS_PATH
# Re-run:   safe at any time; the authority is asked only when the certificate expires soon, and not too often.

# shellcheck source=host_scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

service=lamplighter-certificate.service
timer=lamplighter-certificate.timer

main() {
  local kind
  kind=$(setting CERTIFICATE)
  log "certificate: $kind"
  if [[ $kind == *-01 ]] && ! has certbot; then add_certbot; fi
  program certificate restore
  if ! systemctl is-active --quiet "$timer"; then systemctl start "$timer"; fi
  # An order may take minutes, or fail for days: the service retries by itself, and nothing waits for it.
  if ! systemctl is-active --quiet "$service"; then systemctl start --no-block "$service"; fi
}

# add_certbot - without it the self-signed certificate is served, with a warning: no reason to end the boot.
add_certbot() {
  if retry 5 15 apt update && retry 5 15 apt install --no-install-recommends certbot; then
    log "installed certbot"
  else
    log "certbot cannot be installed: the self-signed certificate serves; run this step again"
  fi
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes -o DPkg::Lock::Timeout=600 "$@"; }

main "$@"
