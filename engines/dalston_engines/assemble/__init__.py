"""Engine ``assemble``: merge and export, which need no model."""
