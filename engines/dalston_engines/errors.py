"""Everything a stage raises on purpose, and the exit code each becomes.

StageError                     1   ours, or passing: tried again
├── InputError                65   the audio or the options are wrong: not tried again
├── EngineUnavailable         69   this engine cannot run here: next fallback
├── Terminated               143   asked to stop: the part is left to another try
├── ArtifactDamaged            1   what storage holds is not what was written
└── StorageFailed              1   storage cannot be read or written
"""

from dalston_crds.stage_messages import ExitCode


class StageError(Exception):
    """A stage cannot go on; the message says why and what to do."""

    exit_code = ExitCode.CRASHED


class InputError(StageError):
    """The audio or the options are wrong; another try would end the same way."""

    exit_code = ExitCode.INPUT_WRONG


class EngineUnavailable(StageError):
    """The engine cannot run here, for example because its weights are missing."""

    exit_code = ExitCode.ENGINE_UNAVAILABLE


class Terminated(StageError):
    """The process was asked to stop."""

    exit_code = ExitCode.TERMINATED


class ArtifactDamaged(StageError):
    """An artifact's bytes do not have the digest its manifest names."""


class StorageFailed(StageError):
    """Storage cannot be read or written."""
