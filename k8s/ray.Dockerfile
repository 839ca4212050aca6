# Ray with launcher in it, for head, executor and workers. From the repository's root:
#   docker build -f k8s/ray.Dockerfile -t trainlaunch-ray:2.60.0 .
# With a framework for jobs that bring no Python of their own, and with CUDA:
#   docker build -f k8s/ray.Dockerfile --build-arg EXTRAS=ray,torch \
#     --build-arg RAY=rayproject/ray:2.60.0-py311-cu128 -t trainlaunch-ray:2.60.0-cu128 .
ARG RAY=rayproject/ray:2.60.0-py311
FROM ${RAY}
ARG EXTRAS=ray
COPY --chown=1000:100 pyproject.toml README.md LICENSE /tmp/launcher/
COPY --chown=1000:100 launcher /tmp/launcher/launcher
# The wheel stays, for images that are not made from this one: docs/kubernetes.md#images.
USER root
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /opt/launcher /tmp/launcher
USER 1000
# Ray stays as it is: all nodes of a cluster have one version.
RUN python -m pip install --no-cache-dir "$(echo /opt/launcher/*.whl)[${EXTRAS}]" \
    "ray==$(python -c 'import ray; print(ray.__version__)')"
