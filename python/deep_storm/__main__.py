"""``python -m deep_storm`` is the command line."""

import sys

from deep_storm.cli import main

if __name__ == "__main__":
    sys.exit(main())
