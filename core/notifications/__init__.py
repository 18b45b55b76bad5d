"""Notifications: a word by mail, ntfy, Telegram and the like when a job has ended or needs a person."""
