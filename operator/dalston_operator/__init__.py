"""Decides what happens to a TranscriptionJob next, and sees that it does.

Pure: ``pipeline`` (which stages), ``selection`` (which engines), ``plan`` (which rounds),
``conditions`` (what the user is told). Shell: ``reconcile``, over the protocol in ``cluster``.
"""
