#!/usr/bin/env bash
# Brings this checkout to a bare machine with a GPU and measures there. Such a machine has Python 3.12 and PyTorch 2.11
# with NumPy, pandas, pyarrow, Pillow, scikit-image and pytest, and no package index.
#
#   benchmarks/gpu.sh wheels          here: gathers the wheels that it lacks, into .whl (some MB; git ignores it)
#   benchmarks/gpu.sh run [OUTPUT]    there: the tests of tests/gpu, then benchmarks.gpu; 10 minutes
#   benchmarks/gpu.sh tests|measure [OUTPUT]   one of the two
set -euo pipefail
cd "$(dirname "$0")/.."
lacking=(cyclopts docstring-parser rich-rst docutils pydantic pydantic-core annotated-types safetensors fsspec
    pytest-timeout hypothesis sortedcontainers rich markdown-it-py mdurl pygments jinja2 markupsafe
    altair jsonschema jsonschema-specifications referencing rpds-py attrs narwhals)
output=${2:-gpu}

case "${1:-}" in
wheels | run | tests | measure) ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
if [ "$1" = wheels ]; then
    pinned=$(.venv/bin/uv pip compile --quiet --python-version 3.12 --python-platform x86_64-manylinux_2_28 --no-annotate --no-header \
        --no-emit-index-url --all-extras pyproject.toml)
    names=$(printf '%s|' "${lacking[@]}")
    grep -E "^(${names%|})==" <<<"$pinned" | cut -d' ' -f1 | xargs .venv/bin/pip download --quiet --disable-pip-version-check \
        --no-deps --only-binary=:all: --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 \
        --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --dest .whl
    # What an installation knows of this package, and what it makes: the release, and the script that draws charts.
    built=$(mktemp -d)
    .venv/bin/uv build --quiet --wheel --build-constraints requirements.txt --out-dir "$built"
    rm -rf .whl/own && mkdir -p .whl/own
    .venv/bin/python -m zipfile -e "$built"/*.whl "$built/all"
    cp -r "$built"/all/*.dist-info "$built/all/stylize_core/report/vega.js.gz" .whl/own/
    du -sh .whl
    exit
fi

site=$(mktemp -d)
python3 -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" .whl/*.whl
cp -r .whl/own/*.dist-info "$site" && cp .whl/own/vega.js.gz stylize_core/report/
export PYTHONPATH=$PWD:$PWD/flows:$site PYTHONUNBUFFERED=1
mkdir -p "$output"
[ -d manifests/images ] || python3 manifests/make_images.py
case "$1" in
run | tests) python3 -m pytest tests/gpu -q -p no:cacheprovider 2>&1 | tee "$output/tests.log" || [ "$1" = run ] ;;&
run | measure) python3 -m benchmarks.gpu --output "$output" 2>&1 | tee "$output/gpu.log" ;;
esac
