"""What each stage of a reconstruction takes, and what more cores or a GPU would make of it."""

from __future__ import annotations

from dataclasses import dataclass

from deep_storm.inference.stages import ONE_AT_A_TIME

CORES = 16
SERIAL = (*ONE_AT_A_TIME, "write")


@dataclass(frozen=True)
class StageTable:
    """Processor time of the stages of one reconstruction, in milliseconds.

    Attributes
    ----------
    what
        Which reconstruction.
    size_px, frames, localizations
        Edge of a frame, number of frames, rows of the table.
    milliseconds
        Of one core for one frame, by stage.
    serial
        Stages that only one thread works on at a time.
    """

    what: str
    size_px: int
    frames: int
    localizations: int
    milliseconds: dict[str, float]
    serial: tuple[str, ...] = SERIAL

    @property
    def total(self) -> float:
        """All stages together, in core-milliseconds per frame."""
        return sum(self.milliseconds.values())

    @property
    def serial_milliseconds(self) -> float:
        """Stages that more cores do not make faster, per frame."""
        return sum(ms for name, ms in self.milliseconds.items() if name in self.serial)

    def frames_per_second(self, cores: int, gpu: bool = False) -> float:
        """Return the speed that Amdahl's law allows; with a GPU, that of all but the network."""
        whole = self.total - (self.milliseconds.get("network", 0.0) if gpu else 0.0)
        serial = self.serial_milliseconds
        return 1000.0 / max(serial + (whole - serial) / cores, 1e-9)

    def summary(self) -> list[str]:
        """Return the table as lines."""
        rows_per_frame = self.localizations / self.frames
        lines = [
            f"{self.what}, {self.frames} frames of {self.size_px} × {self.size_px} px, "
            f"{rows_per_frame:.0f} localizations in each:",
            f"  {'stage':12}{'core-ms/frame':>16}{'core-µs/localization':>24}",
        ]
        for name, ms in [*self.milliseconds.items(), ("all", self.total)]:
            each = f"{1000.0 * ms / rows_per_frame:24.2f}" if rows_per_frame else f"{'–':>24}"
            lines.append(f"  {name:12}{ms:16.3f}{each}{'  serial' * (name in self.serial)}")
        share = self.serial_milliseconds / max(self.total, 1e-9)
        said = f"{self.frames_per_second(CORES):.0f} frames/s on {CORES} cores"
        if "network" in self.milliseconds:
            said += f", {self.frames_per_second(CORES, gpu=True):.0f} with a GPU for the network"
        lines.append(f"  serial share {share:.1%}; by Amdahl's law {said}")
        return lines
