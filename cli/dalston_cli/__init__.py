"""The dalston command."""
