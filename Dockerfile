# The image of the exporter. Any base with Python 3.11 or newer and its venv will do:
# scripts/image.sh builds it without a registry too, on one made of Debian's packages.
ARG BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS build
# For machines with their own way to packages; nothing of it is in the image.
ARG PIP_CERT
ARG PIP_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements-build.txt requirements-kubernetes.txt ./
RUN python3 -m venv /build/venv \
    && /build/venv/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes \
        --only-binary=:all: --requirement=requirements-build.txt \
    && /build/venv/bin/pip wheel --quiet --no-cache-dir --no-deps --require-hashes \
        --no-build-isolation --wheel-dir=/build/wheels \
        --requirement=requirements-kubernetes.txt
COPY LICENSE README.md pyproject.toml ./
COPY scripts/revision_hook.py scripts/
COPY exporter exporter/
ARG REVISION
ARG SOURCE_DATE_EPOCH
# Only the wheels of the lock are available; pip checks that they fit together.
# Not compiled: 20 MB of types, few of which a Lease needs.
RUN /build/venv/bin/pip wheel --quiet --no-cache-dir --no-deps --no-build-isolation \
        --wheel-dir=/build/wheels . \
    && python3 -m venv --without-pip /opt/venv \
    && /build/venv/bin/pip --python=/opt/venv/bin/python install --quiet \
        --no-cache-dir --no-compile --no-index --find-links=/build/wheels \
        'rocketmq-dr-exporter[kubernetes]' \
    && /opt/venv/bin/python -m compileall -q --invalidation-mode=unchecked-hash \
        -x=/kubernetes_asyncio/client/ /opt/venv

FROM ${BASE}
ARG BASE
ARG CREATED
ARG REVISION
ARG SOURCE
ARG VERSION
LABEL org.opencontainers.image.title="rocketmq-dr-exporter" \
    org.opencontainers.image.description="Prometheus exporter for the replication lag of RocketMQ disaster-recovery plans on Alibaba Cloud" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.base.name="${BASE}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.version="${VERSION}"
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 10063
STOPSIGNAL SIGTERM
ENTRYPOINT ["rocketmq-dr-exporter"]
CMD ["serve"]
