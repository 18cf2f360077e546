# PgBouncer as Debian has it: the version that Waybill's tests go through.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends pgbouncer=1.18.* postgresql-client-common postgresql-client-15 \
    && rm -rf /var/lib/apt/lists/*
COPY pgbouncer.ini /etc/pgbouncer/waybill.ini
COPY --chmod=755 pgbouncer.sh /start
USER postgres
EXPOSE 6432
ENTRYPOINT ["/start"]
