"""What each job is told: one pydantic model a job, shared by what starts it, `job.json`, and the task."""
