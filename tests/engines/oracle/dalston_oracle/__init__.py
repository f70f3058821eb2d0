"""Engine ``oracle``: answers from truth files, and fails in whatever way a test asks for."""
