#!/bin/sh
# All figures of docs/speed.md that need a GPU, in less than eight minutes on a large one:
# where the time goes beside the network and with it, the network alone, and whole reconstructions
# on GPU and processor with the differences of their tables.
#
#     sh benchmarks/gpu.sh | tee gpu.txt
#     sh benchmarks/gpu.sh --dry-run      all of it with few frames and without a GPU: does it run?
#
# PYTHON: the Python that Deep-STORM is installed in, with its extra "gpu".
set -e
PYTHON="${PYTHON:-python}"
cd "$(dirname "$0")"
"$PYTHON" -m deep_storm benchmark --replay
"$PYTHON" gpu.py --stages --frames 20000 "$@"
