"""The pages of the server, for people in browsers: templates, and what they are filled with.

They show what the API tells; what they change, they change through the API (`routes.opened`).
"""

from __future__ import annotations

from fastapi import APIRouter

from launcher.server.routes.pages import assets, cluster, compare, entrance, job, jobs

router = APIRouter(include_in_schema=False)
for one in (assets, entrance, jobs, cluster, job, compare):
    router.include_router(one.router)
api_router = entrance.api_router
"""What pages ask of the API beside what everybody may."""
