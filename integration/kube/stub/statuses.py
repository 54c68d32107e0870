"""The errors of an API server: a Status object each, in the words of Kubernetes 1.36.2."""

from __future__ import annotations

from typing import Any

from aiohttp import web

__all__ = ["ApiError", "Json"]

Json = dict[str, Any]


class ApiError(Exception):
    """An answer with an error."""

    def __init__(
        self, code: int, message: str, reason: str = "", details: Json | None = None, metadata: Json | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.headers: dict[str, str] = {}
        self.body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata or {},
            "status": "Failure",
            "message": message,
        }
        if reason:
            self.body["reason"] = reason
        if details is not None:
            self.body["details"] = details
        self.body["code"] = code

    def response(self) -> web.Response:
        return web.json_response(self.body, status=self.code, headers=self.headers)


def bad_request(message: str) -> ApiError:
    return ApiError(400, message, "BadRequest")


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, resource: str, namespace: str, name: str | None) -> ApiError:
    subject = f'pods "{name}"' if name else "pods"
    message = (
        f'{subject} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "" in the namespace '
        f'"{namespace}"'
    )
    return ApiError(403, message, "Forbidden", {"name": name, "kind": "pods"} if name else {"kind": "pods"})


def refused(name: str, why: str, causes: list[Json] | None = None) -> ApiError:
    details: Json = {"name": name, "kind": "pods"}
    if causes:
        details["causes"] = causes
    return ApiError(403, f'pods "{name}" is forbidden: {why}', "Forbidden", details)


def not_found(name: str, kind: str = "pods") -> ApiError:
    return ApiError(404, f'{kind} "{name}" not found', "NotFound", {"name": name, "kind": kind})


def not_allowed() -> ApiError:
    return ApiError(405, "the server does not allow this method on the requested resource", "MethodNotAllowed", {})


def already_exists(name: str, being_deleted: bool) -> ApiError:
    prefix = "object is being deleted: " if being_deleted else ""
    return ApiError(409, f'{prefix}pods "{name}" already exists', "AlreadyExists", {"name": name, "kind": "pods"})


def uid_conflict(name: str, wanted: str, uid: str) -> ApiError:
    message = (
        f'Operation cannot be fulfilled on Pod "{name}": the UID in the precondition ({wanted}) does not match the UID '
        f"in record ({uid}). The object might have been deleted and then recreated"
    )
    return ApiError(409, message, "Conflict", {"name": name, "kind": "Pod"})


def expired_continue(token: str) -> ApiError:
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list."
    )
    return ApiError(410, message, "Expired", metadata={"continue": token})


def expired_list() -> ApiError:
    return ApiError(410, "The resourceVersion for the provided list is too old.", "Expired")


def expired_watch(version: int, oldest: int) -> ApiError:
    return ApiError(410, f"too old resource version: {version} ({oldest})", "Expired")


def too_large() -> ApiError:
    return ApiError(413, "Request entity too large: limit is 3145728", "RequestEntityTooLarge")


def invalid(name: str, causes: list[tuple[str, str, str]]) -> ApiError:
    """The causes are (reason, field, message)."""
    lines = [f"{field}: {message}" for _, field, message in causes]
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    details = {
        "name": name,
        "kind": "Pod",
        "causes": [{"reason": reason, "message": message, "field": field} for reason, field, message in causes],
    }
    return ApiError(422, f'Pod "{name}" is invalid: {text}', "Invalid", details)


def match_without_version() -> ApiError:
    field, message = (
        "resourceVersionMatch",
        "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
    )
    details = {
        "group": "meta.k8s.io",
        "kind": "ListOptions",
        "causes": [{"reason": "FieldValueForbidden", "message": message, "field": field}],
    }
    return ApiError(422, f'ListOptions.meta.k8s.io "" is invalid: {field}: {message}', "Invalid", details)


def bad_version(version: str) -> ApiError:
    message = f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
    return ApiError(500, message)


def kubelet_down(path: str) -> ApiError:
    return ApiError(500, f'Get "https://192.0.2.2:10250{path}": dial tcp 192.0.2.2:10250: connect: connection refused')


def future_version(version: int, current: int) -> ApiError:
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    error = ApiError(504, f"Timeout: Too large resource version: {version}, current: {current}", "Timeout", details)
    error.headers["Retry-After"] = "1"
    return error
