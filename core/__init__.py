"""The Voicewright library: the road from a recording to a voice. Never imports gradio."""

__version__ = "0.2.0"
