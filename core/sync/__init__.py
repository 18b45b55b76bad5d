"""The mirror of a project on a slow or unreliable drive, such as a cloud folder that is mounted."""
