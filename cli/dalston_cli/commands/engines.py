"""``dalston engines``: what is installed, what can run, and whether an engine.yaml is right."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dalston_cli.errors import UserError
from dalston_cli.local.installed import engines_here
from dalston_cli.local.settings import LocalSettings
from dalston_crds.v1alpha1 import Engine
from dalston_engines.catalogue import (
    MANIFEST,
    InstalledEngine,
    ManifestError,
    read_manifest,
)

app = typer.Typer(help="The engines of this installation.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_engines(as_json: AsJson = False) -> None:
    """Every engine, its stages and models, and whether it is ready."""
    engines = _installed()
    if as_json:
        print(json.dumps([item.manifest.wire() for item in engines], indent=2, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("ENGINE", "STAGES", "MODELS", "LANGUAGES", "READY"):
        table.add_column(heading, overflow="fold")
    for item in engines:
        table.add_row(*_cells(item.manifest))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@app.command("show")
def show_engine(
    name: Annotated[str, typer.Argument(help="An engine's name.")], as_json: AsJson = False
) -> None:
    """One engine: what it can do and what it is missing."""
    found = {item.manifest.name: item for item in _installed()}
    if name not in found:
        raise UserError(f"there is no engine {name!r}; there are {', '.join(found)}")
    manifest = found[name].manifest
    if as_json:
        print(json.dumps(manifest.wire(), indent=2, ensure_ascii=False))
        return
    print(f"{manifest.name}: {manifest.spec.description}")
    print(f"  stages     {', '.join(manifest.spec.stages)}")
    print(f"  languages  {_languages(manifest)}")
    print(f"  times      {manifest.spec.capabilities.timestamps}")
    missing = {item.name: item.missing for item in manifest.status.missing_models}
    for model in manifest.spec.models:
        print(f"  model      {model.name}: {missing.get(model.name, 'ready')}")
    print(f"  ready      {manifest.not_ready() or 'yes'}")
    print(f"  folder     {found[name].folder}")


@app.command("validate")
def validate_engine(
    folder: Annotated[Path, typer.Argument(help="An engine's folder, or its engine.yaml.")],
) -> None:
    """Check an engine.yaml before it is installed or applied."""
    path = folder / MANIFEST if folder.is_dir() else folder
    if not path.is_file():
        raise UserError(f"there is no {path}")
    try:
        manifest = read_manifest(path)
    except ManifestError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    print(f"{path}: engine {manifest.name} is valid")


def _installed() -> tuple[InstalledEngine, ...]:
    return engines_here(LocalSettings.read(os.environ))


def _cells(manifest: Engine) -> tuple[str, ...]:
    missing = {item.name for item in manifest.status.missing_models}
    models = [item.name for item in manifest.spec.models if item.name not in missing]
    absent = len(manifest.spec.models) - len(models)
    named = ", ".join(models) + (f" ({absent} without weights)" if absent else "")
    stages = ", ".join(manifest.spec.stages)
    ready = f"no; see: dalston engines show {manifest.name}" if manifest.not_ready() else "yes"
    return manifest.name, stages, named.strip(), _languages(manifest), ready


def _languages(manifest: Engine) -> str:
    known = manifest.spec.languages
    if known == ("*",):
        return "any"
    return ", ".join(known) if len(known) <= 6 else f"{len(known)} languages"
