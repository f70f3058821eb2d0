"""Where the artifacts of a job lie, below ``<root>/<cluster id>/<namespace>/<job uid>/``.

Every artifact is created once and never written again. A part is done when its manifest exists;
the manifest names the part's other files, which carry the attempt in their name.
"""

from dalston_crds.v1alpha1.engine import StageName

RENDERINGS = "export"


def job_root(root: str, cluster: str, namespace: str, uid: str) -> str:
    """Address below which everything of one job lies."""
    return f"{root.rstrip('/')}/{cluster}/{namespace}/{uid}"


def part_folder(stage: StageName, part: int) -> str:
    """Folder of one part of *stage*."""
    return f"{stage}/{part:05d}"


def part_manifest(stage: StageName, part: int) -> str:
    """The object whose existence says the part is done."""
    return f"{part_folder(stage, part)}/manifest.json"


def part_file(stage: StageName, part: int, attempt: str, name: str) -> str:
    """A file of one attempt at a part."""
    return f"{part_folder(stage, part)}/{attempt}-{name}"


def rendering(name: str) -> str:
    """A finished rendering, such as ``transcript.json``."""
    return f"{RENDERINGS}/{name}"
