#!/bin/sh
# PgBouncer reads passwords from a file only.
set -eu
umask 077
printf '"waybill_serve" "%s"\n' "${SERVE_PASSWORD:?set SERVE_PASSWORD}" > /tmp/users
exec pgbouncer /etc/pgbouncer/waybill.ini
