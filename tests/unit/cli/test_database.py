"""The state database under many commands at once."""

import subprocess
import sys
from pathlib import Path

OPENERS = 12
PROGRAM = """
import sys
from pathlib import Path
from dalston_cli.local.database import Database

print("ready", flush=True)
sys.stdin.readline()
Database(Path(sys.argv[1])).close()
"""


def test_many_commands_may_make_the_same_database_at_once(tmp_path: Path) -> None:
    for attempt in range(3):
        path = tmp_path / f"home-{attempt}" / "dalston.db"
        opening = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(OPENERS)
        ]
        for process in opening:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in opening:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate()[1] for process in opening]
        assert said == [""] * OPENERS
