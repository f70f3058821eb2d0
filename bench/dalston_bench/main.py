"""``make bench``: every bench, or those named on the command line; a table and a results file."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from dalston_bench import (
    accuracy_bench,
    overhead_bench,
    parts_bench,
    planner_bench,
    prepare_bench,
)
from dalston_bench.measurement import Figure, machine, save, table

BENCHES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    module.NAME: module.run
    for module in (planner_bench, accuracy_bench, overhead_bench, prepare_bench, parts_bench)
}


def main() -> None:
    """Run benches; exits with 1 when a target is missed."""
    wanted = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        sys.exit(f"no bench {unknown[0]}; there are {', '.join(BENCHES)}")
    figures: list[Figure] = []
    for name in wanted:
        print(f"running {name} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="dalston-bench-") as folder:
            figures += BENCHES[name](Path(folder))
    facts = machine()
    print(f"{facts['cpu']}, {facts['cores']} cores, Python {facts['python']}, {facts['commit']}")
    print(table(figures))
    print(f"written to {save(figures)}")
    sys.exit(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    main()
