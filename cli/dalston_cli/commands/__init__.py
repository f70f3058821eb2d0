"""The subcommands of ``dalston``, one module each."""
