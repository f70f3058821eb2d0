"""Runs one stage in a process of its own and prints what it took, as JSON.

``python -m dalston_bench.stage_process ENGINE REQUEST PARTS``
"""

import json
import os
import secrets
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from dalston_crds.part_set import PartSet
from dalston_crds.stage_messages import StageRequest
from dalston_engines.runner import StageRun, World
from dalston_engines.settings import StageSettings
from dalston_engines.worker import load_engine


def main() -> None:
    """Run the stage; ends with its exit code."""
    engine, path, parts = sys.argv[1:]
    request = StageRequest.model_validate_json(Path(path).read_bytes())
    settings = StageSettings.read(os.environ)
    world = World(lambda: datetime.now(UTC), time.monotonic, secrets.token_hex(4))
    loaded = load_engine(engine, request.model, settings)
    before, began = time.process_time(), time.monotonic()
    result = StageRun(request, 0, PartSet.parse(parts), world).run(lambda: loaded)
    print(
        json.dumps(
            {
                "cpu_seconds": time.process_time() - before,
                "wall_seconds": time.monotonic() - began,
                "peak_mebibytes": _peak_mebibytes(),
                "result": result.wire(),
            }
        )
    )
    sys.exit(result.exit_code)


def _peak_mebibytes() -> float:
    """Not ru_maxrss: that still holds the peak of the process this one was forked from."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
