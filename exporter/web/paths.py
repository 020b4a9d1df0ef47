"""Which page is asked for; whatever that is, what stands before the pages comes first.

It must not answer for a page, only for what is none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_pages(app: web.Application, pages: Mapping[str, Mapping[str, Page]]) -> None:
    """Serve pages, which are given by path and method; all else is 405 or 404.

    aiohttp looks at an Expect header before any middleware, and at its own 404 and 405
    too. So that nobody is answered whom a middleware would refuse, what is no page is a
    route as well, and no route expects anything.
    """
    for path, methods in pages.items():
        resource = app.router.add_resource(path)
        for method, page in methods.items():
            resource.add_route(method, page, expect_handler=_go_on)
        resource.add_route("*", _not_allowed(methods), expect_handler=_go_on)
    app.router.add_route("*", "/{_:.*}", _not_found, expect_handler=_go_on)


async def _go_on(_request: web.Request) -> None:
    """Promise nothing: no page reads a body, and its answer is the final one.

    RFC 9110, 10.1.1, lets a server pass over what it is expected to do.
    """


def _not_allowed(methods: Mapping[str, Page]) -> Page:
    async def answer(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, methods)

    return answer


async def _not_found(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound
