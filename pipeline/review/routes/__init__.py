"""The pages and the API, one file a subject."""

from fastapi import APIRouter

from pipeline.review.routes import (
    account,
    api,
    api_calls,
    api_coaching,
    api_people,
    api_privacy,
    calibration,
    calls,
    coaching,
    customers,
    manage,
    oidc,
    overview,
    playback,
    privacy,
    reviews,
    signin,
)

ROUTERS: tuple[APIRouter, ...] = (
    signin.router,
    oidc.router,
    overview.router,
    calls.router,
    customers.router,
    coaching.router,
    playback.router,
    reviews.router,
    calibration.router,
    account.router,
    manage.router,
    privacy.router,
    api.router,
    api_calls.router,
    api_people.router,
    api_privacy.router,
    api_coaching.router,
)
