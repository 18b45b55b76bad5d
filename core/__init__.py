"""The Voicewright library: the road from a recording to a voice. Never imports gradio."""

__version__ = "0.2.0"

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
"""Where the program lies, with its presets."""
