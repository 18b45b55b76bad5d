"""The XTTS engine. `base_files` is light; all other modules here import torch and coqui-tts."""
