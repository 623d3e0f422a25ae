"""The site put together: routes, cookies, headers, errors."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline import __version__
from pipeline.errors import PermanentError, TransientError
from pipeline.review.access import SignInNeeded, api_routes, declared_access
from pipeline.review.pages import ERROR, STATIC, address, render
from pipeline.review.routes import ROUTERS
from pipeline.review.site import Site

SIGNED_IN_FOR_S = 12 * 3600
LARGEST_BODY = 256 * 1024  # bytes; the longest comment in any script is a tenth of that
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


class BodyLimit:
    """Reads no more of a body than anything here needs: it is read before access is checked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def receive_some() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST_BODY:
                raise StarletteHTTPException(413, "That is too long; shorten it.")
            return message

        await self._app(scope, receive_some, send)


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
    app.state.cookie = "__Host-callscore" if https else "callscore"
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _check_access(app)
    app.add_exception_handler(StarletteHTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(PermanentError, _on_our_error)
    app.add_exception_handler(TransientError, _on_our_error)
    for unfit in (DataError, OverflowError, UnicodeEncodeError):
        app.add_exception_handler(unfit, _on_unfit)
    app.add_middleware(BodyLimit)
    app.add_middleware(
        SessionMiddleware,
        secret_key=site.secret,
        session_cookie=app.state.cookie,
        max_age=SIGNED_IN_FOR_S,
        # Not "strict": who follows a link from elsewhere, or comes back from an OpenID provider,
        # would look like nobody, and the answer would replace their session. What changes anything
        # is no GET, so another site's request has no cookie; and it needs the forgery token.
        same_site="lax",
        https_only=https,
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.middleware("http")(_add_headers)
    return app


def _check_access(app: FastAPI) -> None:
    undeclared = [route.path for route in api_routes(app) if declared_access(route) is None]
    if undeclared:
        raise RuntimeError(f"routes that do not say who may use them: {undeclared}")


async def _add_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    try:
        response = await call_next(request)
    except Exception as error:
        # Any further out would be logged with its text, and answered without these headers.
        response = await _on_surprise(request, error)
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
        # A key that was sent may hold half a character, which no answer can.
        f"{'.'.join(str(part) for part in found['loc'][1:])}: {found['msg']}".encode(
            errors="replace"
        ).decode()
        for found in error.errors()
    ]
    if _wants_json(request):
        return JSONResponse({"detail": complaints}, 422)
    return _error_page(request, 422, "; ".join(complaints))


async def _on_our_error(request: Request, error: Exception) -> Response:
    status = 503 if isinstance(error, TransientError) else 400
    if status == 503 and getattr(request.state, "person", None) is None:
        log.error("%s", error)  # it names the database, which is not for everybody
        error = TransientError("The database or a share is away for the moment; try again soon.")
    if _wants_json(request):
        return JSONResponse({"detail": str(error)}, status)
    return _error_page(request, status, str(error))


async def _on_unfit(request: Request, error: Exception) -> Response:
    """A number too large for the database, a NUL, half a character."""
    log.warning("%s: something was sent that cannot be stored", type(error).__name__)
    message = "A number or text here cannot be stored: it is too large, or not made of characters."
    if _wants_json(request):
        return JSONResponse({"detail": message}, 422)
    return _error_page(request, 422, message)


async def _on_surprise(request: Request, error: Exception) -> Response:
    # Never the text: it may hold words of a call.
    log.error("%s in a page; please report it to the makers", type(error).__name__)
    message = f"Something went wrong here ({type(error).__name__}); please report it to the makers."
    if _wants_json(request):
        return JSONResponse({"detail": message}, 500)
    return _error_page(request, 500, message)


def _error_page(request: Request, status: int, message: str) -> Response:
    title = HTTPStatus(status).phrase
    return render(request, ERROR, status, title=title, message=message)


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/")
