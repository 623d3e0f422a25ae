"""The pages and the API, one file a subject."""

from fastapi import APIRouter

from pipeline.review.routes import (
    account,
    api,
    api_calls,
    api_people,
    calibration,
    calls,
    customers,
    manage,
    oidc,
    overview,
    playback,
    reviews,
    signin,
)

ROUTERS: tuple[APIRouter, ...] = (
    signin.router,
    oidc.router,
    overview.router,
    calls.router,
    customers.router,
    playback.router,
    reviews.router,
    calibration.router,
    account.router,
    manage.router,
    api.router,
    api_calls.router,
    api_people.router,
)
