"""Finds a model's weights on this machine, never on the network.

They lie in ``<folder>/<engine>/<model>/`` of one of the weights folders, or in a Hugging Face
cache that some other tool filled. This module reads no environment: callers pass a mapping.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dalston_crds.v1alpha1 import EngineModel
from dalston_engines.errors import EngineUnavailable

FOLDERS_VARIABLE = "DALSTON_WEIGHTS"
"""Environment variable: weights folders, separated as in PATH."""


@dataclass(frozen=True)
class WeightsPlaces:
    """Where a program looks for weights."""

    folders: tuple[Path, ...] = ()
    """Weights folders, the first one first."""
    cache: Path | None = None
    """A Hugging Face cache."""

    @classmethod
    def read(cls, environment: Mapping[str, str], home: Path) -> "WeightsPlaces":
        """The places an environment names; *home* is DALSTON_HOME."""
        return cls(weights_folders(environment, home), hugging_face_cache(environment))


def weights_folders(environment: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The folders to look in, first first: those of DALSTON_WEIGHTS, then ``<home>/weights``."""
    named = environment.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    return (*(Path(name) for name in named if name), home / "weights")


def hugging_face_cache(environment: Mapping[str, str]) -> Path | None:
    """Where Hugging Face's own tools keep what they fetched; None when nothing says."""
    if cache := environment.get("HF_HUB_CACHE"):
        return Path(cache)
    if home := environment.get("HF_HOME"):
        return Path(home, "hub")
    if cache := environment.get("XDG_CACHE_HOME"):
        return Path(cache, "huggingface", "hub")
    if home := environment.get("HOME"):
        return Path(home, ".cache", "huggingface", "hub")
    return None


def find_weights(
    engine: str, model: EngineModel, folders: Sequence[Path], cache: Path | None = None
) -> Path | None:
    """The folder that holds all files of a model's weights; None when its package carries them.

    ``cache`` is a Hugging Face cache. Raises EngineUnavailable, which tells what to put where.
    """
    if model.weights.bundled:
        return None
    own = [folder / engine / model.name for folder in folders]
    for place in (*own, *_snapshots(cache, model.weights.repository)):
        if place.is_dir() and not _missing(place, model):
            return place
    raise EngineUnavailable(_advice(engine, model, own))


def _snapshots(cache: Path | None, repository: str) -> Iterator[Path]:
    """The cached revisions of a repository; the one ``main`` last meant comes first."""
    if cache is None or not repository:
        return
    root = cache / f"models--{repository.replace('/', '--')}"
    reference = root / "refs" / "main"
    main = reference.read_text().strip() if reference.is_file() else ""
    revisions = sorted((root / "snapshots").glob("*"))
    yield from sorted(revisions, key=lambda revision: revision.name != main)


def _missing(folder: Path, model: EngineModel) -> list[str]:
    return [name for name in model.weights.files if not (folder / name).is_file()]


def _advice(engine: str, model: EngineModel, places: Sequence[Path]) -> str:
    """What to put where; a folder that was begun is to be finished."""
    place = min(places, key=lambda folder: len(_missing(folder, model)), default=None)
    files = ", ".join(_missing(place, model) if place else model.weights.files) or "the files"
    origin, command = "", ""
    if repository := model.weights.repository:
        origin = f" of Hugging Face repository {repository}"
        download = f"hf download {repository} --local-dir {model.name}"
        command = f" (on a machine with internet: {download})"
    return (
        f"weights of model {model.name!r} of engine {engine} are missing: put {files}{origin} "
        f"into {place or f'<a folder of {FOLDERS_VARIABLE}>/{engine}/{model.name}'}/{command}"
    )
