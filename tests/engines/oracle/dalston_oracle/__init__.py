"""An engine for tests."""
