# The tags name exact releases: the same image tomorrow.
ARG PYTHON_IMAGE=python:3.13.16-slim-trixie
ARG GO_IMAGE=golang:1.26.8-trixie
# From 1.89 on, the engine has AVX-512 and VAES; Debian's own is older.
ARG RUST_IMAGE=rust:1.95.0-slim-trixie

FROM ${GO_IMAGE} AS gateway
WORKDIR /src
COPY gateway/go.mod gateway/go.sum ./
RUN go mod download
COPY gateway/ ./
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /myd-gateway . \
    && go version -m -json /myd-gateway > /myd-gateway.json

FROM ${RUST_IMAGE} AS rust

FROM ${PYTHON_IMAGE} AS wheel
# To link with. Without a version: Debian offers only the latest build of a package, so one named
# here would soon be gone.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo \
    RUSTUP_HOME=/usr/local/rustup \
    PATH=/usr/local/cargo/bin:$PATH
WORKDIR /src
COPY pyproject.toml constraints.txt ./
COPY native/Cargo.toml native/
COPY native/core/ native/core/
COPY native/python/ native/python/
COPY myd/ myd/
COPY myd_grpc/ myd_grpc/
RUN pip wheel --no-cache-dir --disable-pip-version-check --no-deps --wheel-dir /wheels . \
    && cargo metadata --format-version 1 --manifest-path native/Cargo.toml > /crates.json

FROM ${PYTHON_IMAGE} AS build
# For the bill of materials: what the last stage has.
RUN dpkg-query --show > /packages.txt \
    && python -m venv /opt/myd
WORKDIR /src
COPY constraints.txt ./
COPY --from=wheel /wheels/ /wheels/
COPY --from=wheel /crates.json ./
# Further extras with commas between: ray, object-storage, parquet.
ARG EXTRAS=
RUN /opt/myd/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt \
        "$(echo /wheels/*.whl)[jwt${EXTRAS:+,$EXTRAS}]" \
    && /opt/myd/bin/python -c 'import myd_grpc._native'
# What is in this image, for whoever has to know: /opt/myd/share/sbom.cdx.json.
COPY scripts/sbom.py scripts/
COPY --from=gateway /myd-gateway.json ./
RUN python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt \
        cyclonedx-python-lib packageurl-python packaging \
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
