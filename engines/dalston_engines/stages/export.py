"""Export: write the document's renderings, and deliver those the user wants elsewhere."""

from dalston_crds.artifact_keys import part_file
from dalston_crds.renderings import SUPPORTED, RenderOptions, file_name, render
from dalston_crds.stage_messages import PartFacts
from dalston_crds.transcript import Transcript
from dalston_crds.v1alpha1 import StageName
from dalston_engines.stages.merge import facts_of
from dalston_engines.stages.part_documents import TRANSCRIPT
from dalston_engines.stages.part_work import PartWork
from dalston_engines.storage import deliver


def run(work: PartWork) -> PartFacts:
    """Write every rendering; deliveries come last, when all of them exist."""
    merged = work.artifacts.finished(StageName.MERGE, 0)
    work.writer.made_from(merged, TRANSCRIPT)
    document = Transcript.model_validate_json(work.artifacts.read(merged, TRANSCRIPT))
    contents = {form: render(document, form, RenderOptions()) for form in SUPPORTED}
    files = []
    for form, content in contents.items():
        fact = work.writer.add(file_name(form), content)
        key = part_file(StageName.EXPORT, work.part, work.writer.origin.attempt, fact.name)
        files.append(fact.model_copy(update={"name": key}))
    for output in work.request.options.outputs:
        deliver(output.uri, contents[output.format])
    return PartFacts(document=facts_of(document), files=tuple(files))
