"""The pages and the API, one file a subject."""

from fastapi import APIRouter

from pipeline.review.routes import account, calls, manage, overview, reviews, signin

ROUTERS: tuple[APIRouter, ...] = (
    signin.router,
    overview.router,
    calls.router,
    reviews.router,
    account.router,
    manage.router,
)
