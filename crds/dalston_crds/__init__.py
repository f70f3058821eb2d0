"""The shared language of Dalston: everything that crosses a process boundary.

Pure: pydantic and the standard library only. ``v1alpha1`` holds the Kubernetes resources,
``stage_messages`` what the operator tells a stage and what it answers, ``transcript`` the
document users read, ``renderings`` its text forms, ``artifact_keys`` where things lie in storage.
"""
