"""``python -m deep_storm`` is the command line."""

import sys

from deep_storm.cli import program

if __name__ == "__main__":
    sys.exit(program())
