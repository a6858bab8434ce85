# syntax=docker/dockerfile:1.7
# The image of the origin. It is built from the lock file and runs on amd64 and arm64, as an unprivileged user and with a
# read-only root file system:
#   docker build -t media-proxy .
#   docker run --read-only --tmpfs /tmp -p 8080:8080 --env-file production.env media-proxy
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
ENV CI=true
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY patches patches
COPY shared/package.json shared/
COPY client/package.json client/
COPY server/package.json server/
COPY playground/package.json playground/
COPY origin/package.json origin/
COPY edge-worker/package.json edge-worker/
COPY scripts/package.json scripts/
COPY test/package.json test/
# Installs only what the origin needs at run time: no wrangler, no test tools, no TensorFlow. Install scripts of packages
# do not run, because they only download files that the origin does not use.
RUN npx -y pnpm@12 install --frozen-lockfile --prod --ignore-scripts --filter @media-proxy/origin...
# Keeps only the onnxruntime binary for this platform, which saves 245 MB.
COPY scripts/prune-production.ts scripts/
RUN node scripts/prune-production.ts

FROM node:24-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends fonts-dejavu-core libjemalloc2 tini \
  && rm -rf /var/lib/apt/lists/* \
  && ln -s "/usr/lib/$(uname -m)-linux-gnu/libjemalloc.so.2" /usr/lib/libjemalloc.so
WORKDIR /app
COPY --from=dependencies /app ./
COPY shared/src shared/src
COPY playground/build.ts playground/
COPY playground/src playground/src
COPY origin/src origin/src
COPY origin/fonts origin/fonts
COPY origin/models origin/models

# Text in SVG images is drawn with the installed fonts. jemalloc returns freed memory to the system, which glibc keeps.
# The libuv thread pool reads files and resolves host names. Videos are decoded by libav, which is an npm package.
ENV NODE_ENV=production \
  MEDIA_PROXY_NODE_ENV=production \
  MEDIA_PROXY_HOST=0.0.0.0 \
  MEDIA_PROXY_PORT=8080 \
  MEDIA_PROXY_RATE_LIMIT_ENABLED=true \
  MEDIA_PROXY_RATE_LIMIT_MAX_ATTEMPTS=1000 \
  MEDIA_PROXY_RATE_LIMIT_RENDER_MAX_ATTEMPTS=300 \
  LD_PRELOAD=/usr/lib/libjemalloc.so \
  UV_THREADPOOL_SIZE=16
# Node keeps a separate compile cache for each user.
RUN mkdir -p origin/node_modules/.cache && chown node origin/node_modules/.cache
USER node
RUN node --input-type=module --eval "(await import('./origin/src/engine/compile-cache.ts')).compileAhead(['--max-semi-space-size=2', '--heap-growing-percent=50', '--expose-gc'])"
ENV NODE_COMPILE_CACHE=/app/origin/node_modules/.cache/media-proxy/compiled
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.MEDIA_PROXY_PORT + '/_health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]
CMD ["node", "--max-semi-space-size=2", "--heap-growing-percent=50", "--expose-gc", "origin/src/main.ts"]
