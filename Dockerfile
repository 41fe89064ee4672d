# The worker, and every other fault316 command. Kafka and Redis are others' images (docker-compose.yml).
FROM python:3.12.8-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/fault316
COPY requirements.worker.lock .
RUN /opt/fault316/bin/pip install --no-cache-dir --require-hashes -r requirements.worker.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY clients clients
COPY streams streams
RUN /opt/fault316/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12.8-slim-bookworm
RUN useradd --system --uid 10316 --create-home --home-dir /var/lib/fault316 fault316
COPY --from=build /opt/fault316 /opt/fault316
ENV PATH=/opt/fault316/bin:$PATH PYTHONUNBUFFERED=1 FAULT316_LOG_FORMAT=json
USER fault316
WORKDIR /var/lib/fault316
# The worker's web server stays on loopback, so the check runs inside.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:6316/healthz', timeout=4)"]
ENTRYPOINT ["fault316"]
CMD ["worker"]
