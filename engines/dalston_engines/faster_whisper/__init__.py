"""Speech to words by faster-whisper; ``engine.py`` holds all of it and the heavy imports."""
