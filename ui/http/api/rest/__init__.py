"""REST under ``/api/v1``: what the tabs do, by the same calls of core; described by OpenAPI, see docs/api.md."""
