"""What a bench finds: a figure, the target it is held against, and whether it is met."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path("bench/results")


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    bench: str
    what: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


def at_least(bench: str, what: str, value: float, unit: str, bound: float) -> Figure:
    """A figure that should not be smaller than *bound*."""
    return Figure(bench, what, value, unit, f">= {bound:g}", value >= bound)


def at_most(bench: str, what: str, value: float, unit: str, bound: float) -> Figure:
    """A figure that should not be larger than *bound*."""
    return Figure(bench, what, value, unit, f"<= {bound:g}", value <= bound)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _output("git", "rev-parse", "--short", "HEAD"),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mebibytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def save(figures: Sequence[Figure]) -> Path:
    """Write the figures with the machine's facts; returns where."""
    facts = machine()
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{str(facts['date']).replace(':', '')}.json"
    content = {"machine": facts, "figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    return path


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned lines."""
    rows = [("BENCH", "WHAT", "VALUE", "TARGET", "")]
    marks = {True: "ok", False: "MISSED", None: ""}
    for item in figures:
        value = f"{item.value:,.3g} {item.unit}".strip()
        if abs(item.value) >= 1000:
            value = f"{item.value:,.0f} {item.unit}".strip()
        rows.append((item.bench, item.what, value, item.target, marks[item.met]))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
        return "unknown"
