"""Whether a secret, or a word of the API, is to be found anywhere about an error."""

from __future__ import annotations

import traceback

from exporter.model.errors import CloudError


def everything_about(error: BaseException) -> str:
    """Return all the text that a log, a debugger or a page could show of an error."""
    texts: list[str] = []
    queue: list[BaseException | None] = [error]
    while queue:
        if (one := queue.pop()) is None:
            continue
        texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
        texts += traceback.format_exception(one)
        queue += [one.__cause__, one.__context__]
        if isinstance(one, CloudError):
            texts.append(repr(one.origin))
    return "\n".join(texts)
