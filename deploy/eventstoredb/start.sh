#!/bin/sh
# Starts a node of EventStoreDB with the passwords that files hold: it takes those of its first two users from the
# environment only, once, when the cluster is made.
set -eu
read -r EVENTSTORE_DEFAULT_ADMIN_PASSWORD </run/secrets/eventstore_admin_password
read -r EVENTSTORE_DEFAULT_OPS_PASSWORD </run/secrets/eventstore_ops_password
export EVENTSTORE_DEFAULT_ADMIN_PASSWORD EVENTSTORE_DEFAULT_OPS_PASSWORD
exec /opt/eventstore/EventStore.ClusterNode "$@"
