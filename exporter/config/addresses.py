"""Where: region names, API endpoints and listen addresses, as settings write them.

It must not look anything up: whether a name resolves is found out by connecting.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

ENDPOINT = (
    "a host, host:port or URL without user, path and query; https, or http to loopback"
)
LISTEN_ADDRESS = "an address such as :10063, 127.0.0.1:10063 or [::1]:10063"
REGION = "a region name such as cn-hangzhou"

_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})")
_LARGEST_PORT = 65_535


def checked_region(name: str) -> str:
    """Return the name if it can stand in a host name; unknown regions are welcome.

    >>> checked_region("cn-atlantis-7")
    'cn-atlantis-7'
    >>> checked_region("evil.example/")
    Traceback (most recent call last):
    ValueError: expected a region name such as cn-hangzhou
    """
    if _REGION.fullmatch(name) is None:
        raise ValueError(f"expected {REGION}")
    return name


def endpoint_url(text: str) -> str:
    """Return the base URL an ``api.endpoint`` stands for.

    >>> endpoint_url("rocketmq.cn-hangzhou.aliyuncs.com")
    'https://rocketmq.cn-hangzhou.aliyuncs.com'
    >>> endpoint_url("http://127.0.0.1:10064/")
    'http://127.0.0.1:10064'
    >>> endpoint_url("http://rocketmq.cn-hangzhou.aliyuncs.com")
    Traceback (most recent call last):
    ValueError: expected https: plain http is allowed to loopback only
    """
    split = _bare_url(text if "://" in text else f"https://{text}")
    if split.scheme == "http" and not is_loopback(split.hostname or ""):
        raise ValueError("expected https: plain http is allowed to loopback only")
    return f"{split.scheme}://{split.netloc.lower()}"


def _bare_url(text: str) -> SplitResult:
    """Split a URL that is scheme, host and port and nothing else."""
    split = urlsplit(text)
    port = f":{split.port}" if split.port else ""
    host = split.hostname or ""
    shown = f"[{host}]" if _is_ipv6(host) else host
    # urlsplit silently drops tabs and newlines, so the text must be what it split.
    is_bare = text.lower() in {
        f"{split.scheme}://{shown}{port}{slash}" for slash in ("", "/")
    }
    has_host = _is_ipv6(host) or _HOST.fullmatch(host) is not None
    if split.scheme not in {"https", "http"} or not (is_bare and has_host):
        raise ValueError(f"expected {ENDPOINT}")
    return split


def _is_ipv6(host: str) -> bool:
    """Tell whether the host is a literal IPv6 address."""
    try:
        return ipaddress.ip_address(host).version == 6  # noqa: PLR2004 - IPv6
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Tell whether the host, as written, can only be this machine.

    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("127.0.0.1.example")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def split_address(text: str) -> tuple[str | None, int]:
    """Return host and port of a listen address; None is every interface.

    >>> split_address(":10063"), split_address("[::1]:9100")
    ((None, 10063), ('::1', 9100))
    """
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[3]) > _LARGEST_PORT:
        raise ValueError(f"expected {LISTEN_ADDRESS}")
    if match[1] is not None and not _is_ipv6(match[1]):
        raise ValueError(f"expected {LISTEN_ADDRESS}")
    return match[1] or match[2] or None, int(match[3])
