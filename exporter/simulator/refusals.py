"""How the cloud says no: by the gateway, by the service, or by falling silent.

It must not decide when.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class GatewayError(Exception):
    """The gateway refuses, in PascalCase, before the service has seen the request."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        detail: Mapping[str, str] | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = headers


class ServiceError(Exception):
    """The service refuses, in camelCase; ``detail`` only where RAM denies."""

    def __init__(
        self, status: int, code: str, message: str, *, detail: str | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail


class BadGatewayError(Exception):
    """Something in front of the gateway answers with an HTML page."""


class DroppedError(Exception):
    """The connection breaks without an answer."""
