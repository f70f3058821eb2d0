"""Installed engines: found by entry point, described by engine.yaml, imported only to be run."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dalston_crds.v1alpha1 import StageName
from dalston_engines.catalogue import (
    InstalledEngine,
    ManifestError,
    installed_engine,
    installed_engines,
    read_manifest,
    weights_of,
)
from dalston_engines.engine_context import EngineContext
from dalston_engines.errors import EngineUnavailable
from dalston_engines.weights import WeightsPlaces

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = WeightsPlaces()
INSTALLED = {engine.manifest.name: engine for engine in installed_engines(NOWHERE)}
HEAVY = (
    "av",
    "ctranslate2",
    "faster_whisper",
    "huggingface_hub",
    "numpy",
    "obstore",
    "onnxruntime",
    "pocketsphinx",
    "silero_vad",
    "soundfile",
    "tokenizers",
    "torch",
)

Install = Callable[..., None]


def manifest(**changes: Any) -> dict[str, Any]:
    spec = {
        "description": "A user's engine.",
        "stages": ["transcribe"],
        "devices": [{"type": "Cpu"}],
    }
    return {
        "apiVersion": "dalston.dev/v1alpha1",
        "kind": "Engine",
        "metadata": {"name": "users-own"},
        "spec": {**spec, **changes},
    }


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a user's distribution with one engine on the path."""

    def install(content: dict[str, Any], code: str = "class Own: pass\n") -> None:
        monkeypatch.syspath_prepend(tmp_path)
        for module in ("users_own", "users_own.engine"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        package = tmp_path / "users_own"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "engine.py").write_text(code)
        (package / "engine.yaml").write_text(yaml.safe_dump(content))
        facts = tmp_path / "users_own-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: users-own\nVersion: 1.0\n")
        points = "[dalston.engines]\nusers-own = users_own.engine:Own\n"
        (facts / "entry_points.txt").write_text(points)

    return install


def test_every_engine_folder_is_registered():
    folders = (ROOT / "engines" / "dalston_engines").glob("*/engine.yaml")
    names = {read_manifest(path).name for path in folders}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert names == set(project["entry-points"]["dalston.engines"])
    assert names <= set(INSTALLED)


@pytest.mark.parametrize("name", INSTALLED)
def test_an_installed_engine_is_described_as_it_is(name: str):
    engine = INSTALLED[name]
    spec = read_manifest(engine.folder / "engine.yaml").spec
    assert spec.description.endswith(".")
    assert list(spec.stages) == sorted(spec.stages, key=list(StageName).index)
    assert engine.folder.name == name.replace("-", "_") or name == "oracle"
    assert (engine.folder / "README.md").is_file()


def test_the_oracle_is_the_last_one_auto_would_choose():
    others = [engine.manifest.spec.rank for name, engine in INSTALLED.items() if name != "oracle"]
    oracle = INSTALLED["oracle"].manifest
    assert oracle.spec.rank < min(others)
    assert (oracle.spec.languages, oracle.spec.models) == (("*",), ())
    assert not oracle.spec.capabilities.detects_language


def test_listing_engines_imports_nothing_heavy():
    code = (
        "import json, sys\n"
        "from dalston_engines.catalogue import installed_engines\n"
        "from dalston_engines.weights import WeightsPlaces\n"
        "names = [e.manifest.name for e in installed_engines(WeightsPlaces())]\n"
        "print(json.dumps([names, sorted(sys.modules)]))\n"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    names, modules = json.loads(output)
    assert names == sorted(INSTALLED)
    assert set(HEAVY) & set(modules) == set()


def test_a_users_engine_is_found_like_our_own(install: Install):
    install(
        manifest(), "class Own:\n    def __init__(self, context):\n        self.given = context\n"
    )
    engine = installed_engine("users-own", NOWHERE)
    assert engine.manifest.not_ready() == ""
    assert "users-own" in [item.manifest.name for item in installed_engines(NOWHERE)]
    loaded: Any = engine.load(EngineContext(model="m"))
    assert loaded.given.model == "m"


def test_an_engine_that_is_not_installed_is_unavailable():
    with pytest.raises(EngineUnavailable, match="engine 'absent' is not installed here"):
        installed_engine("absent", NOWHERE)


def test_an_engine_whose_package_is_missing_says_so_when_loaded(install: Install):
    install(manifest(), "import not_there_at_all\n")
    engine = installed_engine("users-own", NOWHERE)
    with pytest.raises(EngineUnavailable, match="users-own cannot be imported: No module named"):
        engine.load(EngineContext())


def test_an_engine_that_names_its_packages_says_what_is_missing_before(install: Install):
    content = manifest()
    content["metadata"]["annotations"] = {"dalston.dev/python-modules": "json, not_there_at_all"}
    install(content)
    reason = installed_engine("users-own", NOWHERE).manifest.not_ready()
    assert "the Python package not_there_at_all is not installed" in reason


def test_an_entry_point_must_have_the_engines_name(install: Install):
    content = manifest()
    content["metadata"]["name"] = "another"
    install(content)
    with pytest.raises(ManifestError, match="names the engine 'another' but its entry point is"):
        installed_engine("users-own", NOWHERE)


MODELS = [
    {"name": "small", "weights": {"files": ["model.bin"]}},
    {"name": "tiny", "weights": {"bundled": True}},
]


def owned(install: Install, places: WeightsPlaces, models: list[dict[str, Any]]) -> InstalledEngine:
    install(manifest(models=models))
    return installed_engine("users-own", places)


def test_a_model_without_weights_is_named_with_what_to_do(install: Install, tmp_path: Path):
    engine = owned(install, WeightsPlaces((tmp_path / "weights",)), MODELS)
    assert engine.manifest.not_ready() == ""
    (missing,) = engine.manifest.status.missing_models
    assert missing.name == "small"
    assert f"put model.bin into {tmp_path}/weights/users-own/small/" in missing.missing


def test_an_engine_none_of_whose_models_has_weights_is_not_ready(install: Install):
    engine = owned(install, NOWHERE, MODELS[:1])
    assert "weights of model 'small' of engine users-own are missing" in engine.manifest.not_ready()


def test_weights_are_those_of_the_model_or_of_a_path(install: Install, tmp_path: Path):
    folder = tmp_path / "weights" / "users-own" / "small"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"")
    places = WeightsPlaces((tmp_path / "weights",))
    found = owned(install, places, MODELS).manifest
    assert weights_of(found, "small", places) == folder
    assert weights_of(found, "tiny", places) is None
    assert weights_of(found, "/somewhere/else", places) == Path("/somewhere/else")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"stages": []}, "spec.stages"),
        ({"stages": ["transcribing"]}, "spec.stages.0"),
        ({"devices": []}, "spec.devices"),
        ({"devices": [{"type": "Tpu"}]}, "spec.devices.0.type"),
        ({"devices": [{"type": "Cpu", "memory": 5}]}, "spec.devices.0.memory"),
        ({"languages": ["English"]}, "spec.languages.0"),
        ({"capabilities": {"timestamps": "Words"}}, "spec.capabilities.timestamps"),
        ({"capabilities": {"confidence": "perhaps"}}, "spec.capabilities.confidence"),
        ({"models": [{"languages": ["en"]}]}, "spec.models.0.name"),
        ({"rank": 5000}, "spec.rank"),
        ({"description": "x" * 1000}, "spec.description"),
        ({"speed": 10}, "spec.speed"),
    ],
)
def test_a_fault_in_a_manifest_is_named_by_its_field(tmp_path: Path, change: Any, field: str):
    path = tmp_path / "engine.yaml"
    path.write_text(yaml.safe_dump(manifest(**change)))
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert str(caught.value).startswith(f"{path} does not describe an engine: {field}: ")


def test_every_fault_of_a_manifest_is_named(tmp_path: Path):
    path = tmp_path / "engine.yaml"
    path.write_text(yaml.safe_dump({**manifest(rank=5000, stages=[]), "kind": "Motor"}))
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert all(field in str(caught.value) for field in ("kind:", "spec.rank:", "spec.stages:"))


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path):
    with pytest.raises(ManifestError, match="No such file"):
        read_manifest(tmp_path / "engine.yaml")


@pytest.mark.parametrize("content", ["a: [", "just words", "", "- a\n- b\n"])
def test_what_is_no_manifest_at_all_is_refused(tmp_path: Path, content: str):
    path = tmp_path / "engine.yaml"
    path.write_text(content)
    with pytest.raises(ManifestError, match=r"engine\.yaml"):
        read_manifest(path)
