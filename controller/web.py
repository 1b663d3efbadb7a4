"""The web routes of the service: health, metrics, status, and the operator's stop and resume."""

from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request

from controller.access import Access
from controller.metrics import CONTENT_TYPE
from controller.service import ControllerService

PROBES = frozenset({"/healthz", "/readyz"})

_Refusal = tuple[Response, int] | None


def web_app(service: ControllerService, access: Access) -> Flask:
    """Returns the web application of a service.

    `/healthz` and `/readyz` are for probes and need no token, since they tell nothing but one word; all
    else does where the service has one.
    """
    app = Flask("liquid_drive", static_folder=None)
    app.before_request(_gatekeeper(access))

    @app.get("/healthz")
    def healthz() -> str:
        return "ok\n"

    @app.get("/readyz")
    def readyz() -> tuple[str, int]:
        return ("ready\n", 200) if service.ready else ("not ready\n", 503)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(service.metrics_page(), content_type=CONTENT_TYPE)

    @app.get("/status")
    def status() -> Response:
        return jsonify(service="liquid-drive", vehicles=[asdict(vehicle) for vehicle in service.status()])

    @app.post("/stop")
    def stop() -> tuple[str, int]:
        service.stop_all("the operator stopped")
        return "", 204

    @app.post("/resume")
    def resume() -> tuple[Response | str, int]:
        if not service.resume_all("the operator resumed"):
            return _refusal("the service goes down", 409)
        return "", 204

    return app


def _gatekeeper(access: Access) -> Callable[[], _Refusal]:
    def refuse() -> _Refusal:
        if not access.admits_name(request.host):
            return _refusal("this service does not go by that name", 403)
        if request.path in PROBES:
            return None
        if not access.admits_operator(request.headers.get("Authorization", "")):
            return _refusal("send the token: Authorization: Bearer ...", 401)
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return _refusal("another site may not use this service", 403)
        return None

    return refuse


def _refusal(why: str, status: int) -> tuple[Response, int]:
    return jsonify(error=why), status
