"""Speaking, and export to a folder that plain f5-tts loads."""
