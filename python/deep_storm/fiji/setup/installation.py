"""What an installation is made of, and whether it is ready: the verdict first, then a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deep_storm.words import counted

FINE, TO_FIX, OPTIONAL = "ok", "to fix", "optional"


@dataclass(frozen=True)
class Part:
    """One part of an installation.

    Attributes
    ----------
    name
        What it is.
    found
        What is there.
    problem, advice
        What is wrong and what to do about it; empty where nothing is.
    optional
        Whether it is missing, and the commands run without it.
    """

    name: str
    found: str
    problem: str = ""
    advice: str = ""
    optional: bool = False

    @property
    def state(self) -> str:
        """One word: ``ok``, ``to fix`` or ``optional``."""
        return TO_FIX if self.problem else OPTIONAL if self.optional else FINE

    def sentence(self) -> str:
        """Return problem and advice."""
        return f"{self.problem}; {self.advice}" if self.advice else self.problem

    def row(self) -> dict[str, str]:
        """Return its row of the table."""
        more = f"; to fix it: {self.advice}" if self.problem and self.advice else ""
        found = self.problem or self.found
        return {"Part": self.name, "State": self.state, "Found": found + more}


@dataclass(frozen=True)
class Installation:
    """All parts, and what to do next where all is well."""

    parts: tuple[Part, ...]
    next_step: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, with what to do."""
        return tuple(part.sentence() for part in self.parts if part.problem)

    def verdict(self) -> str:
        """Return one sentence: ready, or not, why and what to do."""
        wrong = [part for part in self.parts if part.problem]
        if not wrong:
            return f"Deep-STORM is ready.{f' {self.next_step}' if self.next_step else ''}"
        first = wrong[0]
        said = f"Deep-STORM is not ready: {first.problem}."
        if first.advice:
            # the dots of a menu item stay, and are not four
            advice = first.advice if first.advice.endswith("...") else f"{first.advice}."
            said += f" To fix it: {advice}"
        more = len(wrong) - 1
        return said + (f" The table names {counted(more, 'more problem')}." if more else "")

    def rows(self) -> list[dict[str, str]]:
        """Return the table."""
        return [part.row() for part in self.parts]

    def summary(self) -> str:
        """Return the verdict, and the table in aligned columns."""
        return "\n".join([self.verdict(), "", *_aligned(self.rows())])

    def to_json(self) -> dict[str, Any]:
        """Return whether it is ready, the parts, and the problems."""
        return {
            "ready": not self.problems,
            "parts": self.rows(),
            "problems": list(self.problems),
        }


def _aligned(rows: Iterable[dict[str, str]]) -> list[str]:
    listed = [list(row.values()) for row in rows]
    widths = [max(len(line[column]) for line in listed) for column in range(2)]
    return ["  ".join([a.ljust(widths[0]), b.ljust(widths[1]), c]) for a, b, c in listed]
