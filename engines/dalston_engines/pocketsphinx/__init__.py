"""Engine ``pocketsphinx``: English speech recognition that carries its model."""
