#!/bin/sh
# Makes the keys, passwords and certificates of an installation that are missing, in $KEYS, and
# gives each service the files that it needs, in $OUT/<service>. Running it again changes nothing
# but the certificates, which are made anew.
set -eu
umask 077

KEYS=${KEYS:-/keys}
OUT=${OUT:-/out}
# Where a role finds its own files; {role} stands for its name. And where they find each other.
ETC=${ETC:-/etc/tenon}
POSTGRES=${POSTGRES:-postgres:5432}
POSTGRES_PARAMETERS=${POSTGRES_PARAMETERS:-application_name=tenon}
REDIS=${REDIS:-redis:6379}
# Empty for none: large values are then in a folder.
S3=${S3-http://s3:8333}
VAULT_HOST=${VAULT_HOST:-vault}
VAULT_PORT=${VAULT_PORT:-7171}
# Whom the files belong to; empty leaves them to whoever runs this.
OWNER=${OWNER-10001:10001}
TENON=${TENON:-tenon}

password() {
  [ -s "$KEYS/$1.password" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$KEYS/$1.password"
  cat "$KEYS/$1.password"
}

mkdir -p "$KEYS"
[ -s "$KEYS/root.key" ] || "$TENON" vault new-root-key "$KEYS/root.key"
[ -s "$KEYS/grant.key" ] || "$TENON" vault new-grant-key "$KEYS/grant.key"
[ -s "$KEYS/redis.key" ] || "$TENON" vault new-redis-key "$KEYS/redis.key"
"$TENON" certificates --out "$KEYS/tls" --vault-host "$VAULT_HOST"

etc() { # role
  echo "$ETC" | sed "s/{role}/$1/"
}

url() { # role and database
  echo "postgres://$1:$(password "$1")@$POSTGRES/$2?$POSTGRES_PARAMETERS"
}

give() { # service and file
  install -m 0400 "$KEYS/$2" "$OUT/$1/$(basename "$2")"
}

identity() { # role
  give "$1" tls/ca.pem
  give "$1" "tls/$1.pem"
  give "$1" "tls/$1.key"
  printf 'authority_file = "%s/ca.pem"\n' "$(etc "$1")"
  printf 'certificate_file = "%s/%s.pem"\n' "$(etc "$1")" "$1"
  printf 'key_file = "%s/%s.key"\n' "$(etc "$1")" "$1"
}

redis() { # role
  give "$1" redis.key
  printf '[redis]\nurl = "redis://:%s@%s"\nkey_file = "%s/redis.key"\n' \
    "$(password redis)" "$REDIS" "$(etc "$1")"
}

blobs() { # role
  [ -n "$S3" ] || return 0
  printf '[default]\naws_access_key_id = tenon\naws_secret_access_key = %s\n' \
    "$(password s3)" > "$OUT/$1/s3.credentials"
  printf '[blobs]\nurl = "s3://tenon?endpoint=%s&region=us-east-1"\n' "$S3"
  printf 'plain_http = true\ncredentials_file = "%s/s3.credentials"\n' "$(etc "$1")"
}

execution() {
  printf 'execution_url = "%s"\n' "$(url tenon_execution tenon_execution)"
}

asks_vault() { # role
  printf '[vault]\nurl = "https://%s:%s"\n' "$VAULT_HOST" "$VAULT_PORT"
  identity "$1"
}

grants() { # role
  give "$1" grant.key
  printf 'grant_key_file = "%s/grant.key"\n' "$(etc "$1")"
}

config() { # role
  case $1 in
    api)
      printf '[postgres]\nconfig_url = "%s"\n' "$(url tenon_config tenon_config)"
      execution; redis "$1"; blobs "$1"; asks_vault "$1"; grants "$1" ;;
    gateway)
      printf '[postgres]\n'; execution; redis "$1"; blobs "$1"; asks_vault "$1"; grants "$1" ;;
    proxy)
      printf '[postgres]\n'; execution; redis "$1"; asks_vault "$1"; grants "$1" ;;
    worker)
      # No key that signs grants: it may not make work of its own.
      printf '[postgres]\n'; execution; redis "$1"; blobs "$1"; asks_vault "$1" ;;
    controller)
      printf '[postgres]\n'; execution; redis "$1"; blobs "$1"
      printf '[vault]\n'; grants "$1" ;;
    vault)
      give "$1" root.key
      printf '[vault]\nlisten = "0.0.0.0:%s"\nroot_key = "file:%s/root.key"\n' \
        "$VAULT_PORT" "$(etc "$1")"
      printf 'values_url = "%s"\n' "$(url tenon_vault_values tenon_vault_values)"
      printf 'keys_url = "%s"\n' "$(url tenon_vault_keys tenon_vault_keys)"
      identity "$1"; grants "$1" ;;
  esac
}

for role in api gateway proxy worker controller vault; do
  mkdir -p "$OUT/$role"
  config "$role" > "$OUT/$role/tenon.toml"
  chmod 0400 "$OUT/$role"/*
  chmod 0500 "$OUT/$role"
  [ -z "$OWNER" ] || chown -R "$OWNER" "$OUT/$role"
done

# PostgreSQL, Redis and the object store drop their privileges before they read these; nobody else
# mounts the folders.
mkdir -p "$OUT/postgres" "$OUT/redis" "$OUT/s3"
umask 022
password postgres > "$OUT/postgres/superuser.password"
{
  for name in tenon_config tenon_execution tenon_vault_values tenon_vault_keys; do
    echo "CREATE ROLE $name LOGIN NOBYPASSRLS PASSWORD '$(password $name)';"
    echo "CREATE DATABASE $name OWNER $name;"
    echo "REVOKE CONNECT ON DATABASE $name FROM PUBLIC;"
    echo "GRANT CONNECT ON DATABASE $name TO $name;"
  done
} > "$OUT/postgres/roles.sql"
password redis > "$OUT/redis/password"
cat > "$OUT/redis/redis.conf" <<CONF
bind * -::*
requirepass $(password redis)
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
CONF
cat > "$OUT/s3/s3.json" <<JSON
{"identities": [{"name": "tenon", "actions": ["Admin", "Read", "List", "Tagging", "Write"],
  "credentials": [{"accessKey": "tenon", "secretKey": "$(password s3)"}]}]}
JSON
