"""``dalston explain``: which stages and engines a job would get, and why, without running it."""

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from dalston_cli.errors import UserError
from dalston_cli.local.installed import engines_here
from dalston_cli.local.local_cluster import on_cpu
from dalston_cli.local.settings import LocalSettings
from dalston_cli.options import JobFlags, spec_for
from dalston_operator.selection import Selection, StageChoice, select


@dataclass(frozen=True)
class ExplainFlags(JobFlags):
    """The options of the command."""

    brief: Annotated[bool, typer.Option("--brief", help="Leave out engines ruled out.")] = False


def explain(flags: ExplainFlags) -> None:
    """Show which stages and engines a job would get, and why."""
    spec = spec_for(flags, "file:///not-read")
    settings = LocalSettings.read(os.environ)
    engines = [on_cpu(item.manifest) for item in engines_here(settings)]
    selection = select(spec, engines)
    print("\n".join(_lines(selection, flags.brief)))
    if selection.plan is None:
        raise UserError(selection.refusal)


def _lines(selection: Selection, brief: bool) -> list[str]:
    choices = {choice.stage: choice for choice in selection.choices}
    nodes = selection.plan.stages if selection.plan else ()
    lines: list[str] = []
    for node in nodes:
        best, *others = node.candidates
        pod = " + ".join(node.covers)
        after = f"  after {', '.join(node.needs)}" if node.needs else ""
        fallbacks = ", ".join(dict.fromkeys(item.engine.name for item in others))
        lines.append(f"{pod}{after}")
        lines.append(f"  {best.engine.name} {best.model}".rstrip() + f" on {best.device.type}")
        lines += [f"  fallback: {fallbacks}"] if fallbacks else []
        lines += [] if brief else _excluded(choices[node.name])
    if not nodes:
        unserved = (choice for choice in selection.choices if not choice.candidates)
        lines = [line for choice in unserved for line in _refused(choice)]
    return lines


def _refused(choice: StageChoice) -> list[str]:
    return [str(choice.stage), *_excluded(choice)]


def _excluded(choice: StageChoice) -> list[str]:
    """Engines ruled out; models of one engine with the same reason share a line."""
    models: dict[tuple[str, str], list[str]] = {}
    for item in choice.verdicts:
        if item.reason and "does not cover" not in item.reason:
            models.setdefault((item.engine, item.reason), []).append(item.model)
    return [
        f"  not {engine} {', '.join(filter(None, names))}".rstrip() + f": {reason}"
        for (engine, reason), names in models.items()
    ]
