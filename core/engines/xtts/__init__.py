"""The XTTS engine. `light`, and what it imports, brings neither torch nor coqui-tts; `engine` does."""
