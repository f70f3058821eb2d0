"""Weights are found on this machine or asked for in words a person can act on."""

from pathlib import Path

import pytest

from dalston_crds.v1alpha1 import EngineModel, WeightsSource
from dalston_engines.errors import EngineUnavailable
from dalston_engines.weights import find_weights, hugging_face_cache, weights_folders

FILES = ("config.json", "model.bin")
REPOSITORY = "Systran/faster-whisper-base"
MODEL = EngineModel(name="base", weights=WeightsSource(repository=REPOSITORY, files=FILES))


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def snapshot(cache: Path, revision: str, *names: str) -> Path:
    return fill(cache / "models--Systran--faster-whisper-base" / "snapshots" / revision, *names)


def test_bundled_weights_need_no_folder(tmp_path: Path):
    bundled = EngineModel(name="base", weights=WeightsSource(bundled=True))
    assert find_weights("silero", bundled, [tmp_path]) is None


def test_the_first_complete_folder_wins(tmp_path: Path):
    fill(tmp_path / "a" / "whisper" / "base", "config.json")
    complete = fill(tmp_path / "b" / "whisper" / "base", *FILES)
    fill(tmp_path / "c" / "whisper" / "base", *FILES)
    folders = [tmp_path / name for name in "abc"]
    assert find_weights("whisper", MODEL, folders) == complete


def test_another_engines_weights_are_not_taken(tmp_path: Path):
    fill(tmp_path / "other" / "base", *FILES)
    with pytest.raises(EngineUnavailable):
        find_weights("whisper", MODEL, [tmp_path])


def test_weights_folder_comes_before_the_cache(tmp_path: Path):
    own = fill(tmp_path / "weights" / "whisper" / "base", *FILES)
    snapshot(tmp_path / "hub", "1", *FILES)
    assert find_weights("whisper", MODEL, [tmp_path / "weights"], tmp_path / "hub") == own


def test_a_complete_snapshot_of_the_cache_is_used(tmp_path: Path):
    snapshot(tmp_path, "1", "config.json")
    complete = snapshot(tmp_path, "2", *FILES)
    assert find_weights("whisper", MODEL, [], tmp_path) == complete


def test_the_snapshot_of_main_comes_first(tmp_path: Path):
    snapshot(tmp_path, "1", *FILES)
    main = snapshot(tmp_path, "2", *FILES)
    snapshot(tmp_path, "3", *FILES)
    references = fill(main.parents[1] / "refs")
    (references / "main").write_text("2\n")
    assert find_weights("whisper", MODEL, [], tmp_path) == main


def test_a_cached_file_that_points_nowhere_is_missing(tmp_path: Path):
    found = snapshot(tmp_path, "1", "config.json")
    (found / "model.bin").symlink_to(tmp_path / "gone")
    with pytest.raises(EngineUnavailable):
        find_weights("whisper", MODEL, [], tmp_path)


def test_files_in_subfolders_count(tmp_path: Path):
    nested = EngineModel(name="base", weights=WeightsSource(files=("onnx/model.onnx",)))
    fill(tmp_path / "vad" / "base" / "onnx", "model.onnx")
    assert find_weights("vad", nested, [tmp_path]) == tmp_path / "vad" / "base"


def test_the_error_tells_what_to_put_where(tmp_path: Path):
    with pytest.raises(EngineUnavailable) as caught:
        find_weights("whisper", MODEL, [tmp_path / "a", tmp_path / "b"], tmp_path / "hub")
    assert str(caught.value) == (
        "weights of model 'base' of engine whisper are missing: put config.json, model.bin of "
        f"Hugging Face repository {REPOSITORY} into {tmp_path}/a/whisper/base/ (on a machine with "
        f"internet: hf download {REPOSITORY} --local-dir base)"
    )


def test_the_error_finishes_a_folder_that_was_begun(tmp_path: Path):
    begun = fill(tmp_path / "b" / "whisper" / "base", "config.json")
    with pytest.raises(EngineUnavailable, match=r"put model\.bin of") as caught:
        find_weights("whisper", MODEL, [tmp_path / "a", tmp_path / "b"])
    assert f"into {begun}/" in str(caught.value)


def test_the_error_without_a_folder_names_the_variable():
    with pytest.raises(EngineUnavailable, match="<a folder of DALSTON_WEIGHTS>/whisper/base/"):
        find_weights("whisper", MODEL, [])


def test_a_model_without_repository_names_none(tmp_path: Path):
    own = EngineModel(name="own")
    with pytest.raises(EngineUnavailable, match=r"put the files into .*/whisper/own/$"):
        find_weights("whisper", own, [tmp_path])


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, ("/home/weights",)),
        ("", ("/home/weights",)),
        ("/a:/b", ("/a", "/b", "/home/weights")),
        (":/a:", ("/a", "/home/weights")),
    ],
)
def test_weights_folders(variable: str | None, expected: tuple[str, ...]):
    environment = {} if variable is None else {"DALSTON_WEIGHTS": variable}
    folders = weights_folders(environment, Path("/home"))
    assert folders == tuple(Path(folder) for folder in expected)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HUB_CACHE": "/hub", "HF_HOME": "/hf", "HOME": "/me"}, "/hub"),
        ({"HF_HOME": "/hf", "XDG_CACHE_HOME": "/x", "HOME": "/me"}, "/hf/hub"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/me"}, "/x/huggingface/hub"),
        ({"HOME": "/me"}, "/me/.cache/huggingface/hub"),
    ],
)
def test_hugging_face_cache(environment: dict[str, str], expected: str):
    assert hugging_face_cache(environment) == Path(expected)


def test_no_environment_means_no_cache():
    assert hugging_face_cache({}) is None
