"""Audio in, speech found: decode, mix, levels, voice activity, shards. Files in FLAC at 16 kHz."""
