"""Everything the command says on stderr on purpose, and the exit code each becomes.

CommandError            1   ours: state, disk, a crash
├── UserError           2   the user's: a missing file, an unknown model, bad audio
└── Interrupted       130   Ctrl-C
"""


class CommandError(Exception):
    """One clear sentence; the next step is part of it."""

    exit_code = 1


class UserError(CommandError):
    """What was asked for cannot be done as asked."""

    exit_code = 2


class Interrupted(CommandError):
    """The user pressed Ctrl-C; the jobs were cancelled."""

    exit_code = 130
