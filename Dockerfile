# uvisxr with [all]: the demonstration by default, and any of its commands, a batch or a dask worker.
#
#   docker build -t uvisxr .
#   docker run --rm uvisxr
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" uvisxr \
#       uvisxr batch products/ -p pipeline.yaml -o out/
#   docker run --rm uvisxr dask worker tcp://SCHEDULER:8786
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE kernels.yaml ./
COPY uvisxr ./uvisxr
RUN python -m venv /opt/uvisxr && /opt/uvisxr/bin/pip install --no-cache-dir ".[all]"

FROM python:3.13-slim
COPY --from=build /opt/uvisxr /opt/uvisxr
ENV PATH="/opt/uvisxr/bin:$PATH" \
    MPLBACKEND=agg \
    PYTHONUNBUFFERED=1 \
    UVISXR_CACHE=/data/cache
RUN useradd --create-home uvis && mkdir /data && chown uvis:uvis /data
USER uvis
WORKDIR /data
CMD ["uvisxr", "demo", "demo"]
