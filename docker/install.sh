#!/bin/sh
# install.sh dependencies [EXTRAS]: installs the pinned dependencies into /opt/liquid-drive.
# install.sh project: adds the project's wheel, removes what never runs, and writes the list of packages (SBOM).
set -eu
env=/opt/liquid-drive
pip="/opt/tools/bin/pip --python $env/bin/python"

case $1 in
dependencies)
    $pip install ".${2:+[$2]}"
    ;;
project)
    $pip install --no-deps --force-reinstall /wheels/*.whl
    site=$(echo $env/lib/python3*/site-packages)
    find "$site" -type d -name tests -prune -exec rm -rf {} +
    # LiteRT brings compilers for phones' accelerators, and drivers of GPUs, beside its interpreter.
    rm -rf "$site"/ai_edge_litert/tools "$site"/ai_edge_litert/vendors "$site"/ai_edge_litert/*Accelerator.so
    /opt/tools/bin/cyclonedx-py environment --output-reproducible --output-file $env/sbom.cdx.json $env/bin/python
    ;;
esac
