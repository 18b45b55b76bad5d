"""F5-TTS: flow matching over mel frames, spoken in the voice of one clip and its text."""
