"""Which engines are installed here, and which of them can run.

Found by entry point; only ``engine.yaml`` is read, so listing engines imports no model library.
An engine's class is imported by ``load`` alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dalston_crds.v1alpha1 import (
    Condition,
    ConditionStatus,
    Engine,
    EngineModel,
    EngineStatus,
    ModelStatus,
)
from dalston_engines.engine_context import ENTRY_POINT_GROUP, EngineContext
from dalston_engines.errors import EngineUnavailable
from dalston_engines.weights import WeightsPlaces, find_weights

MANIFEST = "engine.yaml"
REQUIRED_MODULES = "dalston.dev/python-modules"
"""Annotation of engine.yaml: Python modules the engine imports, separated by commas."""


class ManifestError(ValueError):
    """An engine.yaml that does not describe an engine; the message names the field."""


@dataclass(frozen=True)
class InstalledEngine:
    """An engine of this Python environment."""

    manifest: Engine
    entry_point: EntryPoint
    folder: Path

    def load(self, context: EngineContext) -> object:
        """Import and construct it; raises EngineUnavailable when a package is missing."""
        try:
            factory: Any = self.entry_point.load()
        except ImportError as error:
            name = self.manifest.name
            raise EngineUnavailable(f"engine {name} cannot be imported: {error}") from error
        return factory(context)


def installed_engines(places: WeightsPlaces) -> tuple[InstalledEngine, ...]:
    """Every engine by name; *places* is where weights may lie."""
    points = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name)
    return tuple(_installed(point, places) for point in points)


def installed_engine(name: str, places: WeightsPlaces) -> InstalledEngine:
    """The engine called *name*; raises EngineUnavailable when it is not installed."""
    for point in entry_points(group=ENTRY_POINT_GROUP, name=name):
        return _installed(point, places)
    raise EngineUnavailable(f"engine {name!r} is not installed here")


def read_manifest(path: Path) -> Engine:
    """The Engine an engine.yaml describes; raises ManifestError with every fault in it."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        return Engine.model_validate(content)
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(_fault(item["loc"], item["msg"]) for item in error.errors())
        raise ManifestError(f"{path} does not describe an engine: {faults}") from error


def weights_of(manifest: Engine, model: str, places: WeightsPlaces) -> Path | None:
    """Where *model* lies (None when bundled); raises EngineUnavailable saying what is missing."""
    chosen = next((item for item in manifest.spec.models if item.name == model), None)
    if chosen is not None:
        return find_weights(manifest.name, chosen, places.folders, places.cache)
    return Path(model) if model.startswith("/") else None


def _installed(point: EntryPoint, places: WeightsPlaces) -> InstalledEngine:
    folder = _folder(point)
    manifest = read_manifest(folder / MANIFEST)
    if manifest.name != point.name:
        raise ManifestError(
            f"{folder / MANIFEST} names the engine {manifest.name!r} but its entry point is"
            f" {point.name!r}"
        )
    status = _status(manifest, places)
    return InstalledEngine(manifest.model_copy(update={"status": status}), point, folder)


def _folder(point: EntryPoint) -> Path:
    package = point.module.rpartition(".")[0]
    try:
        spec = find_spec(package)
    except ModuleNotFoundError as error:
        raise ManifestError(f"entry point {point.name!r} names no package: {error}") from error
    if spec is None or not spec.submodule_search_locations:
        raise ManifestError(f"entry point {point.name!r} names no package: {point.value}")
    return Path(next(iter(spec.submodule_search_locations)))


def _status(manifest: Engine, places: WeightsPlaces) -> EngineStatus:
    absent = [name for name in _modules(manifest) if find_spec(name) is None]
    missing = tuple(_missing_models(manifest, places))
    message = ""
    if absent:
        message = (
            f"the Python package {', '.join(absent)} is not installed: install the extra"
            f" {manifest.name!r}, for example pip install 'dalston[{manifest.name}]'"
        )
    elif missing and len(missing) == len(manifest.spec.models):
        message = f"none of its models has weights here; for example, {missing[0].missing}"
    ready = Condition(
        type="Ready",
        status=ConditionStatus.FALSE if message else ConditionStatus.TRUE,
        reason="Missing" if message else "Installed",
        message=message[:2048],
        last_transition_time=datetime.fromtimestamp(0, UTC),
    )
    return EngineStatus(conditions=(ready,), missing_models=missing)


def _modules(manifest: Engine) -> Iterable[str]:
    named = manifest.metadata.annotations.get(REQUIRED_MODULES, "")
    return (name.strip() for name in named.split(",") if name.strip())


def _missing_models(manifest: Engine, places: WeightsPlaces) -> Iterable[ModelStatus]:
    for model in manifest.spec.models:
        message = _missing(manifest.name, model, places)
        if message:
            yield ModelStatus(name=model.name, missing=message[:1024])


def _missing(engine: str, model: EngineModel, places: WeightsPlaces) -> str:
    try:
        find_weights(engine, model, places.folders, places.cache)
    except EngineUnavailable as error:
        return str(error)
    return ""


def _fault(place: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, place))}: {message}"
