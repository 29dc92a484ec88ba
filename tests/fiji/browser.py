"""In the place of a browser: notes what it was to open."""

import os
import sys
from pathlib import Path

with (Path(os.environ["DEEP_STORM_TEST_HOME"]) / "opened.txt").open("a", encoding="utf-8") as file:
    file.write(sys.argv[1] + "\n")
