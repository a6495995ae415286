# The tags name exact releases: the same image tomorrow.
ARG PYTHON_IMAGE=python:3.13.16-slim-trixie
ARG GO_IMAGE=golang:1.26.8-trixie

FROM ${GO_IMAGE} AS gateway
WORKDIR /src
COPY gateway/go.mod gateway/go.sum ./
RUN go mod download
COPY gateway/ ./
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /myd-gateway . \
    && go version -m -json /myd-gateway > /myd-gateway.json

FROM ${PYTHON_IMAGE} AS build
# For the bill of materials: what the last stage has, before this one gets more.
RUN dpkg-query --show > /packages.txt
# Without a version: Debian offers only the latest build of a package, so one named here would soon
# be gone. The image's release decides which compiler it is.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cargo \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/myd
WORKDIR /src
COPY pyproject.toml constraints.txt ./
COPY native/Cargo.toml native/
COPY native/core/ native/core/
COPY native/python/ native/python/
COPY myd/ myd/
COPY myd_grpc/ myd_grpc/
# Further extras with commas between: ray, object-storage, parquet.
ARG EXTRAS=
RUN /opt/myd/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt \
        ".[jwt${EXTRAS:+,$EXTRAS}]" \
    && /opt/myd/bin/python -c 'import myd_grpc._native'
# What is in this image, for whoever has to know: /opt/myd/share/sbom.cdx.json.
COPY scripts/sbom.py scripts/
COPY --from=gateway /myd-gateway.json ./
RUN python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt \
        cyclonedx-python-lib packageurl-python packaging \
    && cargo metadata --format-version 1 --manifest-path native/Cargo.toml > crates.json \
    && mkdir -p /opt/myd/share \
    && /opt/sbom/bin/python scripts/sbom.py --site /opt/myd/lib/python3.*/site-packages \
        --crates crates.json --gateway myd-gateway.json --system /packages.txt \
        --out /opt/myd/share/sbom.cdx.json

FROM ${PYTHON_IMAGE}
# A mounted data directory has to be writable by this uid, or by the one named with --user.
RUN groupadd --gid 10001 myd \
    && useradd --uid 10001 --gid myd --no-create-home --shell /usr/sbin/nologin myd \
    && install --directory --owner=myd --group=myd /app/data
WORKDIR /app
COPY --from=build /opt/myd /opt/myd
COPY --from=gateway /myd-gateway /usr/local/bin/
COPY server.py client.py ./

ENV PATH=/opt/myd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MYD_DATA_DIR=/app/data \
    MYD_GRPC_ADDRESS=0.0.0.0:50051 \
    MYD_REST_ADDRESS=0.0.0.0:9090 \
    MYD_PLAINTEXT=true
VOLUME /app/data
EXPOSE 50051 9090
# As a number, so that an orchestrator sees that it is not root.
USER 10001:10001
# The server ends its calls and workers in order on SIGTERM.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python", "-m", "myd_grpc.healthcheck"]
# gRPC and REST in one container, both logs on stdout.
ENTRYPOINT ["/bin/sh", "-c", "exec python server.py --rest \"$@\" 2>&1", "server"]
