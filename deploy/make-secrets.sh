#!/bin/sh
# Makes the secrets of docker-compose.yml, each in a file of its own below deploy/secrets: strong random values, and a
# certificate for the proxy that nobody signed, for the name given: deploy/make-secrets.sh sync.example.com
# What is there stays as it is, so it can be run again at any time.
#
# The directory is its owner's alone. The files in it are readable to all, because a container gets each as it is, under
# a user of its own; on this machine nobody else comes past the directory.
set -eu
umask 077

case ${1:-localhost} in
  -*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
name=${1:-localhost}
directory=${SECRETS_DIR:-$(dirname "$0")/secrets}
mkdir -p "$directory"
chmod 700 "$directory"

# keep <name>: what comes in becomes the secret of that name, unless there is one.
keep() {
  draft=$directory/.$1.$$
  cat >"$draft"
  [ -s "$draft" ] || { echo "no value for $1 could be made" >&2; exit 1; }
  chmod 444 "$draft"
  if ln "$draft" "$directory/$1" 2>/dev/null; then echo "made $1"; else echo "kept $1"; fi
  rm -f "$draft"
}

for secret in postgres_superuser_password postgres_password eventstore_admin_password eventstore_ops_password \
  eventstore_password admin_token; do
  openssl rand -hex 32 | keep "$secret"
done
openssl rand -base64 32 | keep master_key

read -r postgres_password <"$directory/postgres_password"
read -r eventstore_password <"$directory/eventstore_password"
echo "postgres://mobilesync:$postgres_password@postgres:5432/mobilesync?sslmode=verify-full&sslrootcert=/tls/ca.crt" |
  keep database_url
echo "esdb://mobilesync:$eventstore_password@eventstore-1:2113,eventstore-2:2113,eventstore-3:2113?tls=true&tlsCaFile=/tls/ca.crt" |
  keep eventstore_url

if [ -e "$directory/proxy.pem" ]; then
  echo "kept proxy.pem"
else
  key=$directory/.proxy.key.$$
  openssl ecparam -name prime256v1 -genkey -noout -out "$key"
  { openssl req -x509 -new -key "$key" -sha256 -days 397 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" && cat "$key"; } |
    keep proxy.pem
  rm -f "$key"
  echo "proxy.pem is signed by nobody: put your own certificate, its chain and its key there before phones come"
fi
