#!/bin/sh
# Makes the certificates by which EventStoreDB, PostgreSQL and our nodes know each other: an authority, and one
# certificate for each server. What is there stays as it is. Where OWN holds the operator's own (ca.crt and, for each
# server, <server>.crt and <server>.key), these are taken instead and nothing is made.
#
#   TLS    below it: authority/ (its key), public/ (ca.crt), and <server>/ with node.crt and node.key; /tls
#   OWN    /own
#   OWNERS server=uid, who may read its key; "eventstore-1=1000 … postgres=999"
set -eu
umask 077
tls=${TLS:-/tls}
own=${OWN:-/own}
owners=${OWNERS:-eventstore-1=1000 eventstore-2=1000 eventstore-3=1000 postgres=999}
me=$(id -u)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# put <draft> <file> <mode> <uid>: in its place at once and whole, or not at all.
put() {
  chmod "$3" "$1"
  chown "$4" "$1"
  mv "$1" "$2"
}

# RSA, since EventStoreDB reads no other keys.
make_key() { openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1" 2>/dev/null; }

fits() { # <certificate> <key>
  [ "$(openssl x509 -in "$1" -noout -pubkey)" = "$(openssl pkey -in "$2" -pubout)" ]
}

say() { echo "certificates: $*"; }
fail() { echo "certificates: $*" >&2; exit 1; }

mkdir -p "$tls/authority" "$tls/public"
chmod 755 "$tls/public"
is_own=
if [ -e "$own/ca.crt" ]; then is_own=1; fi

if [ -e "$tls/public/ca.crt" ]; then
  say "kept the authority"
elif [ -n "$is_own" ]; then
  cp "$own/ca.crt" "$tls/public/.ca.crt"
  put "$tls/public/.ca.crt" "$tls/public/ca.crt" 444 "$me"
  say "took your authority"
else
  make_key "$tls/authority/.ca.key"
  openssl req -x509 -new -key "$tls/authority/.ca.key" -sha256 -days 3650 -subj '/O=MobileSync/CN=MobileSync authority' \
    -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -out "$tls/public/.ca.crt"
  put "$tls/authority/.ca.key" "$tls/authority/ca.key" 400 "$me"
  put "$tls/public/.ca.crt" "$tls/public/ca.crt" 444 "$me"
  say "made the authority"
fi

for pair in $owners; do
  server=${pair%%=*}
  owner=${pair#*=}
  to=$tls/$server
  mkdir -p "$to"
  chmod 755 "$to"
  if [ -e "$to/node.crt" ] && [ -e "$to/node.key" ]; then
    say "kept the certificate of $server"
  else
    if [ -n "$is_own" ]; then
      [ -e "$own/$server.crt" ] && [ -e "$own/$server.key" ] ||
        fail "$own has a ca.crt, but not both $server.crt and $server.key"
      cp "$own/$server.crt" "$to/.node.crt"
      cp "$own/$server.key" "$to/.node.key"
    else
      [ -e "$tls/authority/ca.key" ] || fail "the authority's key is gone, so $server can get no certificate"
      # All nodes of a cluster of EventStoreDB bear one common name, by which they know each other.
      case $server in eventstore*) common=eventstoredb-node ;; *) common=$server ;; esac
      make_key "$to/.node.key"
      openssl req -new -key "$to/.node.key" -sha256 -subj "/CN=$common" -out "$work/request"
      printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature,keyEncipherment' \
        'extendedKeyUsage=serverAuth,clientAuth' "subjectAltName=DNS:$server,DNS:localhost,IP:127.0.0.1" >"$work/extensions"
      openssl x509 -req -in "$work/request" -CA "$tls/public/ca.crt" -CAkey "$tls/authority/ca.key" \
        -set_serial "0x$(openssl rand -hex 15)" -sha256 -days 825 -extfile "$work/extensions" -out "$to/.node.crt" 2>/dev/null
    fi
    put "$to/.node.key" "$to/node.key" 400 "$owner"
    put "$to/.node.crt" "$to/node.crt" 444 "$me"
    if [ -n "$is_own" ]; then say "took your certificate of $server"; else say "made the certificate of $server"; fi
  fi
  openssl verify -CAfile "$tls/public/ca.crt" "$to/node.crt" >/dev/null ||
    fail "the certificate of $server is not signed by the authority, or has run out"
  fits "$to/node.crt" "$to/node.key" || fail "the key of $server is not that of its certificate"
  openssl x509 -in "$to/node.crt" -noout -checkend 2592000 >/dev/null ||
    say "WARNING: the certificate of $server ends within 30 days; remove node.crt and node.key in its volume and run me again"
done
