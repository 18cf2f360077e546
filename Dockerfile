# syntax=docker/dockerfile:1
# Images are pinned by version; the last one has none but its digest. To have all of it unchangeable, add the digests that you have looked at
# (docker buildx imagetools inspect <image>): FROM node:22.20.0-bookworm-slim@sha256:...
FROM node:22.20.0-bookworm-slim AS dashboard
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
# Nothing of the browser tests is needed to build.
RUN PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund
COPY web ./
RUN npm run build

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=dashboard /src/web/dist ./web/dist
# CGO off: the result runs on an image without a C library.
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags='-s -w' -o /waybill ./api

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /waybill /waybill
# A container has no private PostgreSQL: DATABASE_URL must be given, and WAYBILL_SECRET_KEY, which would be lost with it.
ENV WAYBILL_LISTEN=:8080 \
    WAYBILL_METRICS_LISTEN=:9090 \
    WAYBILL_LOG_FORMAT=json
EXPOSE 8080 9090
USER nonroot:nonroot
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 CMD ["/waybill", "healthy"]
ENTRYPOINT ["/waybill"]
CMD ["serve"]
