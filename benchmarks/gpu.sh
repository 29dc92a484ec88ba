#!/bin/sh
# All figures of docs/speed.md that need a GPU, in less than eight minutes on a large one:
# where the time goes beside the network and with it, the network alone, and whole reconstructions
# on GPU and processor with the differences of their tables.
#
#     sh benchmarks/gpu.sh | tee gpu.txt
set -e
cd "$(dirname "$0")"
python -m deep_storm benchmark --replay
python gpu.py --stages --frames 20000
