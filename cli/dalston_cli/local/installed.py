"""The engines of this machine, for commands."""

from dalston_cli.errors import UserError
from dalston_cli.local.settings import LocalSettings
from dalston_engines.catalogue import InstalledEngine, ManifestError, installed_engines


def engines_here(settings: LocalSettings) -> tuple[InstalledEngine, ...]:
    """Every engine installed here; raises UserError naming a broken engine.yaml."""
    try:
        return installed_engines(settings.weights)
    except ManifestError as error:
        raise UserError(str(error)) from error
