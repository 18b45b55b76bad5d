"""``/health``: whether the page works, for whoever watches over it. Open to all, so it tells no names and no paths."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse

from core.health import HealthCheck
from core.project.workspace import Workspace

_STATUS_CODES = {"ok": 200, "degraded": 200, "failed": 503}


def routes(workspace: Workspace) -> APIRouter:
    """``/health``."""
    router = APIRouter()
    check = HealthCheck(workspace)

    @router.get("/health")
    def health() -> JSONResponse:
        state = check()
        return JSONResponse(
            {"status": state.status, "checks": state.checks},
            status_code=_STATUS_CODES[state.status],
            headers={"Cache-Control": "no-store"},
        )

    return router
