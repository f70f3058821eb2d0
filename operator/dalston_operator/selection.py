"""Which engine runs each stage. Pure: reads Engine objects and the job's spec, nothing else.

Hard requirements first, each with a reason when it excludes; then rank. ``explain`` shows both.
A job that nothing can serve is refused with all reasons. A pinned model or engine has no fallback.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dalston_crds.v1alpha1 import (
    Capabilities,
    Engine,
    EngineModel,
    JobSpec,
    SpeakerMode,
    StageName,
    Task,
    Verify,
)
from dalston_crds.v1alpha1.engine import CONTRACT
from dalston_operator.frozen_plan import Candidate, FrozenPlan, FrozenStage, UnavailableStage
from dalston_operator.pipeline import (
    OPTIONAL,
    SKIPS_WITH,
    PipelineStage,
    aligned,
    pipeline,
    without,
)

AUTO = "auto"
RETRIES = 2
TELLS_SPEAKERS = frozenset({StageName.DIARIZE, StageName.SPEAKER_LINK})
"""Stages that may fail, but that a job which asks for speakers is not accepted without."""
KEEPS_PRIVATE = frozenset({StageName.PII_DETECT, StageName.AUDIO_REDACT, StageName.PURGE})
"""Stages that no override can make optional: without them a private job would leak."""
HEARS_LANGUAGE = (StageName.TRANSCRIBE, StageName.ALIGN, StageName.VERIFY)
"""Stages whose engine must know the language of the words."""


@dataclass(frozen=True)
class Verdict:
    """What selection thinks of one engine for one stage; ``reason`` is empty when it can serve."""

    engine: str
    model: str
    reason: str


@dataclass(frozen=True)
class StageChoice:
    """The ranked candidates of a stage and every verdict."""

    stage: StageName
    candidates: tuple[Candidate, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Selection:
    """The frozen plan, or why there is none, with every choice made on the way."""

    plan: FrozenPlan | None
    refusal: str
    choices: tuple[StageChoice, ...]


def select(spec: JobSpec, engines: Sequence[Engine]) -> Selection:
    """Choose engines for every stage of the job."""
    transcribe = choose(StageName.TRANSCRIBE, spec, engines)
    if not transcribe.candidates:
        return Selection(None, _refusal(transcribe, spec, engines), (transcribe,))
    stages = pipeline(spec, transcribe.candidates[0].engine.spec.capabilities)
    choices = tuple(
        transcribe if stage.name is StageName.TRANSCRIBE else choose(stage.name, spec, engines)
        for stage in stages
    )
    refusals = [
        _refusal(choice, spec, engines)
        for choice in choices
        if not choice.candidates and _indispensable(choice.stage, spec)
    ]
    if refusals:
        return Selection(None, "; ".join(refusals), choices)
    return Selection(_frozen(spec, stages, choices), "", choices)


def choose(stage: StageName, spec: JobSpec, engines: Sequence[Engine]) -> StageChoice:
    """Rank the engines that can run *stage* for this job."""
    verdicts: list[Verdict] = []
    fit: list[Candidate] = []
    for engine in engines:
        for model in engine.spec.models or (None,):
            name = _model_name(model)
            reason = _exclusion(stage, spec, engine, model)
            verdicts.append(Verdict(engine.name, name, reason))
            if not reason:
                fit.extend(
                    Candidate(engine=engine, model=_model(stage, spec, engine, name), device=device)
                    for device in engine.spec.devices
                )
    fit.sort(key=lambda candidate: _rank(stage, spec, candidate), reverse=True)
    kept = fit[:1] if _pinned(stage, spec) else fit
    return StageChoice(stage, tuple(kept), tuple(verdicts))


def _exclusion(stage: StageName, spec: JobSpec, engine: Engine, model: EngineModel | None) -> str:
    """The first hard requirement that rules the engine out; empty when none does."""
    checks = (
        _covers,  # it can do the stage at all
        _speaks_contract,  # the operator can talk to it
        _is_named,  # the job pins another engine or model
        _is_ready,  # its packages and weights are there
        _keeps_data,  # privacy was asked for
        _knows_language,
        _can_translate,
        _finds_entities,
        _enriches,
        _tells_speakers,
    )
    return next(filter(None, (check(stage, spec, engine, model) for check in checks)), "")


Check = Callable[[StageName, JobSpec, Engine, EngineModel | None], str]


def _covers(stage: StageName, _: JobSpec, engine: Engine, __: EngineModel | None) -> str:
    return "" if stage in engine.spec.stages else f"does not cover {stage}"


def _speaks_contract(_: StageName, __: JobSpec, engine: Engine, ___: EngineModel | None) -> str:
    spoken = (CONTRACT, CONTRACT - 1)
    return "" if engine.spec.contract in spoken else f"speaks contract {engine.spec.contract}"


def _is_named(stage: StageName, spec: JobSpec, engine: Engine, model: EngineModel | None) -> str:
    pin = _pin(stage, spec)
    if pin == AUTO:
        return ""
    name, _, path = pin.partition(":")
    known = {engine.name, *(item.name for item in engine.spec.models)}
    if name == engine.name and (not path or model in (None, *engine.spec.models[:1])):
        return ""
    if pin not in known or (model is not None and model.name != pin):
        return f"is not {pin!r}, which the job asks for"
    return ""


def _is_ready(stage: StageName, spec: JobSpec, engine: Engine, model: EngineModel | None) -> str:
    pin = _pin(stage, spec)
    missing = {item.name: item.missing for item in engine.status.missing_models}
    lacks = missing.get(_model_name(model), "")
    if ":" in pin and missing:
        return ""
    if lacks and pin == _model_name(model):
        return f"is not ready: {lacks}"
    found = engine.not_ready() or lacks
    return f"is not ready: {found}" if found else ""


def _model_name(model: EngineModel | None) -> str:
    """The model's name; empty for an engine without named models."""
    return model.name if model else ""


def _keeps_data(_: StageName, spec: JobSpec, engine: Engine, __: EngineModel | None) -> str:
    leaves = spec.privacy is not None and engine.spec.data_leaves_cluster
    return "sends data out of the cluster and the job asks for privacy" if leaves else ""


def _knows_language(
    stage: StageName, spec: JobSpec, engine: Engine, model: EngineModel | None
) -> str:
    if spec.language is None or stage not in HEARS_LANGUAGE:
        return ""
    known = (model.languages if model else ()) or engine.spec.languages
    primary = spec.language.split("-")[0]
    if "*" in known or spec.language in known or primary in known:
        return ""
    return f"does not know language {spec.language!r} (knows {', '.join(known[:12])})"


def _can_translate(
    stage: StageName, spec: JobSpec, engine: Engine, model: EngineModel | None
) -> str:
    if stage is not StageName.TRANSCRIBE or spec.task is not Task.TRANSLATE:
        return ""
    able = engine.spec.capabilities.translate and (model is None or model.translates)
    return "" if able else "cannot translate"


def _finds_entities(stage: StageName, spec: JobSpec, engine: Engine, _: EngineModel | None) -> str:
    if stage is not StageName.PII_DETECT or spec.privacy is None:
        return ""
    unknown = set(spec.privacy.entities) - set(engine.spec.capabilities.entities)
    return f"cannot find {', '.join(sorted(unknown))}" if unknown else ""


def _enriches(stage: StageName, spec: JobSpec, engine: Engine, _: EngineModel | None) -> str:
    offered = engine.spec.capabilities
    wanted: dict[StageName, tuple[set[str], set[str]]] = {
        StageName.DETECT: (set(spec.enrich.detect), set(offered.detects)),
        StageName.REFINE: (set(spec.enrich.refine), set(offered.refines)),
    }
    asked, able = wanted.get(stage, (set(), set()))
    lacking = sorted(asked - able)
    return f"cannot give {', '.join(lacking)}" if lacking else ""


def _tells_speakers(stage: StageName, spec: JobSpec, engine: Engine, _: EngineModel | None) -> str:
    most = engine.spec.capabilities.max_speakers
    wanted = spec.speakers.count or spec.speakers.min or 0
    if stage not in TELLS_SPEAKERS or not most or wanted <= most:
        return ""
    return f"tells at most {most} speakers apart and the job has {wanted}"


def _rank(stage: StageName, spec: JobSpec, candidate: Candidate) -> tuple[int, ...]:
    """Greater is better: native times, native speakers, quality, rank, speed."""
    engine, device = candidate.engine, candidate.device
    quality = {model.name: model.quality for model in engine.spec.models}
    native = 0
    if stage is StageName.TRANSCRIBE:
        native = _native(spec, engine.spec.capabilities)
    order = -engine.spec.devices.index(device)
    return native, quality.get(candidate.model, 0), engine.spec.rank, order, device.speed_milli


def _native(spec: JobSpec, offered: Capabilities) -> int:
    times = not aligned(spec.timestamps, offered)
    speakers = spec.speakers.mode is SpeakerMode.DIARIZE and offered.diarizes
    return 2 * times + speakers


def _pin(stage: StageName, spec: JobSpec) -> str:
    """The engine or model the job asks for at this stage."""
    override = spec.override(stage).engine
    if override is not None:
        return override.removeprefix("shared/")
    return spec.model.removeprefix("shared/") if stage is StageName.TRANSCRIBE else AUTO


def _pinned(stage: StageName, spec: JobSpec) -> bool:
    return _pin(stage, spec) != AUTO


def _model(stage: StageName, spec: JobSpec, engine: Engine, name: str) -> str:
    """The model to load: the path in ``engine:/path``, else the named one."""
    pinned, _, path = _pin(stage, spec).partition(":")
    return path if path and pinned == engine.name else name


def _indispensable(stage: StageName, spec: JobSpec) -> bool:
    """Whether the job is refused when nothing can run the stage: to fail later is an accident."""
    if stage is StageName.VERIFY and spec.privacy is not None:
        return spec.privacy.verify is not Verify.BEST_EFFORT
    tolerated = spec.override(stage).required is False
    return _required(stage, spec) or (stage in TELLS_SPEAKERS and not tolerated)


def _required(stage: StageName, spec: JobSpec) -> bool:
    if stage in KEEPS_PRIVATE:
        return True
    chosen = spec.override(stage).required
    return stage not in OPTIONAL if chosen is None else chosen


def _frozen(
    spec: JobSpec, stages: Sequence[PipelineStage], choices: Sequence[StageChoice]
) -> FrozenPlan:
    absent = _absent(choices)
    able = {choice.stage: choice.candidates for choice in choices}
    nodes = list(_nodes(spec, without(stages, absent.keys()), able))
    names = {stage: node.name for node in nodes for stage in node.covers}
    return FrozenPlan(
        stages=tuple(_renamed(node, names) for node in nodes),
        unavailable=tuple(UnavailableStage(name=name, reason=why) for name, why in absent.items()),
    )


def _absent(choices: Sequence[StageChoice]) -> dict[StageName, str]:
    """Stages nothing here can run, and those that have nothing to work on without them."""
    absent = {choice.stage: "no engine can run it" for choice in choices if not choice.candidates}
    for choice in choices:
        cause = SKIPS_WITH.get(choice.stage)
        if cause in absent:
            absent.setdefault(choice.stage, f"stage {cause} was skipped")
    return absent


Able = Mapping[StageName, Sequence[Candidate]]
"""The ranked candidates of every stage."""


def _nodes(spec: JobSpec, stages: Sequence[PipelineStage], able: Able) -> Iterator[FrozenStage]:
    """One node per run of stages that the best engine may run in one pod."""
    done: set[StageName] = set()
    for place, stage in enumerate(stages):
        if stage.name in done:
            continue
        run = _run(stages[place:], _serves(able[stage.name][0].engine, able))
        done.update(item.name for item in run)
        yield _node(spec, run, able)


def _serves(engine: Engine, able: Able) -> set[StageName]:
    """Stages the engine is a candidate for."""
    return {stage for stage in able if any(item.engine is engine for item in able[stage])}


def _run(stages: Sequence[PipelineStage], served: set[StageName]) -> list[PipelineStage]:
    """The first stage and those after it that may share its pod; purge runs whatever failed."""
    run = [stages[0]]
    for stage in stages[1:]:
        inside = {item.name for item in run} | set(run[0].needs)
        fits = stage.name in served and stage.per_part == run[0].per_part
        if stage.name is StageName.PURGE or not fits or not set(stage.needs) <= inside:
            break
        run.append(stage)
    return run


def _node(spec: JobSpec, run: Sequence[PipelineStage], able: Able) -> FrozenStage:
    covers = tuple(stage.name for stage in run)
    override = spec.override(covers[0])
    return FrozenStage(
        name=covers[0],
        covers=covers,
        needs=tuple(need for stage in run for need in stage.needs if need not in covers),
        per_part=run[0].per_part,
        required=any(_required(name, spec) for name in covers),
        retries=RETRIES if override.retries is None else override.retries,
        timeout_seconds=override.timeout_seconds,
        candidates=tuple(
            item for item in able[covers[0]] if set(covers) <= _serves(item.engine, able)
        ),
    )


def _renamed(node: FrozenStage, names: dict[StageName, StageName]) -> FrozenStage:
    """The node with its needs given as nodes, not as stages inside them."""
    needs = dict.fromkeys(names[need] for need in node.needs if need in names)
    return node.model_copy(update={"needs": tuple(needs)})


def _refusal(choice: StageChoice, spec: JobSpec, engines: Sequence[Engine]) -> str:
    """Why no engine can run the stage, engine by engine."""
    able = [verdict for verdict in choice.verdicts if "does not cover" not in verdict.reason]
    if not able:
        return f"no engine here covers stage {choice.stage}"
    named = [v for v in able if "which the job asks for" not in v.reason]
    if not named:
        known = sorted({name for engine in engines for name in _names(choice.stage, engine)})
        pin = _pin(choice.stage, spec)
        return f"unknown model {pin!r}; known for {choice.stage} are {', '.join(known)}"
    reasons = dict.fromkeys(f"{verdict.engine} {verdict.reason}" for verdict in named)
    return f"no engine can run stage {choice.stage}: {'; '.join(reasons)}"


def _names(stage: StageName, engine: Engine) -> list[str]:
    if stage not in engine.spec.stages:
        return []
    return [engine.name, *(model.name for model in engine.spec.models)]
