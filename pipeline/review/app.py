"""The site put together: routes, cookies, headers, errors."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipeline import __version__
from pipeline.errors import PermanentError, TransientError
from pipeline.review.access import SignInNeeded, declared_access
from pipeline.review.pages import STATIC, address, render
from pipeline.review.routes import ROUTERS
from pipeline.review.site import Site

SIGNED_IN_FOR_S = 12 * 3600
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # Pages hold words of calls: no copy of them stays behind in a browser.
    "Cache-Control": "no-store",
}

log = logging.getLogger(__name__)


def create_app(site: Site, hosts: Iterable[str] = ("*",), *, https: bool = False) -> FastAPI:
    """The site as an ASGI application.

    Parameters
    ----------
    hosts : iterable of str
        Names under which it may be asked for; others are refused.
    https : bool
        Whether people reach it by HTTPS: then cookies go over nothing else.
    """
    app = FastAPI(
        title="callscore",
        version=__version__,
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
    )
    app.state.site = site
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _check_access(app)
    app.add_exception_handler(StarletteHTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(PermanentError, _on_our_error)
    app.add_exception_handler(TransientError, _on_our_error)
    app.add_exception_handler(Exception, _on_surprise)
    app.add_middleware(
        SessionMiddleware,
        secret_key=site.secret,
        session_cookie="__Host-callscore" if https else "callscore",
        max_age=SIGNED_IN_FOR_S,
        same_site="strict",
        https_only=https,
    )
    app.middleware("http")(_add_headers)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    return app


def _check_access(app: FastAPI) -> None:
    undeclared = [
        route.path
        for route in app.routes
        if isinstance(route, APIRoute) and declared_access(route) is None
    ]
    if undeclared:
        raise RuntimeError(f"routes that do not say who may use them: {undeclared}")


async def _add_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.url.path.startswith("/static/"):
        response.headers["Cache-Control"] = "max-age=3600"
    return response


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    if _wants_json(request):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    if isinstance(error, SignInNeeded) and request.method in ("GET", "HEAD"):
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(address("/sign-in", {"then": asked}), 303)
    return _error_page(request, error.status_code, str(error.detail))


async def _on_bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    complaints = [
        f"{'.'.join(str(part) for part in found['loc'][1:])}: {found['msg']}"
        for found in error.errors()
    ]
    if _wants_json(request):
        return JSONResponse({"detail": complaints}, 422)
    return _error_page(request, 422, "; ".join(complaints))


async def _on_our_error(request: Request, error: Exception) -> Response:
    status = 503 if isinstance(error, TransientError) else 400
    if _wants_json(request):
        return JSONResponse({"detail": str(error)}, status)
    return _error_page(request, status, str(error))


async def _on_surprise(request: Request, error: Exception) -> Response:
    # Never the text: it may hold words of a call.
    log.error("%s in a page; please report it to the makers", type(error).__name__)
    message = f"Something went wrong here ({type(error).__name__}); please report it to the makers."
    if _wants_json(request):
        return JSONResponse({"detail": message}, 500)
    return _error_page(request, 500, message)


def _error_page(request: Request, status: int, message: str) -> Response:
    title = HTTPStatus(status).phrase
    return render(request, "error.html", status, title=title, message=message)


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/")
