"""The System tab: health, models, disk, logins, notifications."""
