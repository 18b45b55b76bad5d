"""What programs ask: OpenAI's speech API under ``/v1``, everything else under ``/api/v1``."""
