"""``doctor``: Python, packages, memory and devices of this machine."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from deep_storm import packages
from deep_storm.fiji.setup.checks import fiji_findings
from deep_storm.interface.declaration import Shown
from deep_storm.interface.verb import verb

PACKAGES = ("deep-storm", "tensorflow", "keras", "numpy", "numba", "pandas", "tifffile", "scipy")


@dataclass(frozen=True, repr=False)
class DoctorResult(Shown):
    """Findings by subject, and problems with their remedies.

    Attributes
    ----------
    findings
        By subject.
    problems
        What is missing or scarce, with what to do about it.
    failed
        Those of them with which something does not work; the command line then ends with exit
        code 2.
    written
        Nothing.
    """

    findings: dict[str, str]
    problems: tuple[str, ...]
    failed: tuple[str, ...] = ()
    written: tuple[Path, ...] = ()

    def summary(self) -> str:
        """Return a line for each finding, then the problems."""
        width = max(map(len, self.findings)) + 2
        lines = [f"{name:{width}}{value}" for name, value in self.findings.items()]
        ending = [f"Problem: {p}" for p in self.problems] or ["Everything needed is installed."]
        return "\n".join([*lines, "", *ending])

    def to_json(self) -> dict[str, Any]:
        """Return findings and problems."""
        return {"findings": dict(self.findings), "problems": list(self.problems)}


@verb("show what Deep-STORM finds on this computer: versions, processors, GPUs, Fiji")
def doctor() -> DoctorResult:
    """Examine Python, packages, memory, and the devices that TensorFlow finds."""
    memory = psutil.virtual_memory()
    scarce: list[str] = []
    failed: list[str] = []
    if memory.available < 2 * 2**30:
        scarce.append(
            f"only {memory.available / 2**30:.1f} GiB of memory are free; close other programs"
        )
    findings = {
        "Python": f"{platform.python_version()} ({sys.executable})",
        "System": f"{platform.system()} {platform.machine()}",
        "Cores": f"{psutil.cpu_count(logical=True)}",
        "Memory": f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free",
        "Disk here": f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB free",
        "Packages": ", ".join(packages.installed(PACKAGES, "python3 run.py doctor", failed)),
        **_devices(failed),
        **fiji_findings(failed),
    }
    return DoctorResult(findings, (*scarce, *failed), tuple(failed))


def _devices(problems: list[str]) -> dict[str, str]:
    """Return the devices of TensorFlow, the precision in use and the speed of a small network."""
    from deep_storm.machine.devices import tensorflow_devices  # numba, scipy

    try:
        return tensorflow_devices()
    except ImportError as error:
        problems.append(f"TensorFlow cannot be loaded ({error}); run `python3 run.py doctor`")
        return {}
