"""The ``dalston`` command: local mode on this machine. ``commands`` holds the subcommands.

Every expected failure is one sentence on stderr and an exit code: 2 for the user's mistakes, 1 for
ours, 130 after Ctrl-C.
"""

import sys
from io import TextIOWrapper

import typer

from dalston_cli.commands import doctor, engines, explain, jobs, transcribe
from dalston_cli.errors import CommandError
from dalston_cli.flags import expanded

app = typer.Typer(
    name="dalston",
    help="Speech to text: on this machine with no server, or on a Kubernetes cluster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("transcribe")(expanded(transcribe.transcribe, transcribe.TranscribeFlags))
app.command("explain")(expanded(explain.explain, explain.ExplainFlags))
app.add_typer(jobs.app, name="jobs")
app.add_typer(engines.app, name="engines")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line and exit."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may be any bytes
    try:
        app()
    except CommandError as error:
        print("dalston:", " ".join(str(error).splitlines()), file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
