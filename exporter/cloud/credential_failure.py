"""Answer what may be shown of an error that the vendor's credential chain raised.

It must not quote anything that is not known to be safe.
"""

import re
from typing import Final

_STEP: Final = re.compile(r"(\w+)CredentialsProvider: ")

# The vendor's messages quote URLs with OIDC tokens, answers with keys, lines of profile
# files. A list of what to hide would be one release behind; so this lists what to show.
_SAFE: Final = re.compile(
    r"""environment\ variable\ \w+\ cannot\ be\ empty
      | cli\ credentials\ file\ is\ disabled
      | [a-z ]+\ credentials\ file:\ \$?/[^\s'",]+
      | unable\ to\ get\ profile | invalid\ profile\ name
      | unsupported\ (?:profile\ mode|credential\ type)
      | failed\ to\ get\ (?:RAM\ session\ credentials|token)\ from\ ECS\ metadata
      | failed\ to\ execute\ external\ command | timed\ out\ after\ \d+\ milliseconds
      | http_?code[=:]\ ?\d{3} | "Code"\s*:\s*"[\w.]+"
      | (?:no\ such\ file\ or\ directory|permission\ denied)(?::\ \\?'/[^\s'\\]+)?
      | host=\\?'[\w.:-]+ | connection\ refused | connection\ reset | timed\ out
      | name\ or\ service\ not\ known | name\ resolution | network\ is\ unreachable
      | no\ route\ to\ host | certificate_verify_failed | cannot\ connect\ to\ proxy""",
    re.IGNORECASE | re.VERBOSE,
)


def told(error: Exception) -> str:
    """Return what may be shown of an error, step by step of the chain.

    >>> told(OSError("OIDCRoleArnCredentialsProvider: http_code: 400, result: ey..."))
    'OIDCRoleArn: http_code: 400'
    >>> told(ValueError("File contains no section headers: access_key_secret = ..."))
    'ValueError: failed'
    """
    text, *steps = _STEP.split(str(error))
    if not steps:
        return f"{type(error).__name__}: {_safe(text)}"
    pairs = zip(steps[::2], steps[1::2], strict=True)
    return "; ".join(f"{name}: {_safe(said)}" for name, said in pairs)


def _safe(text: str) -> str:
    shown = [re.sub(r"[\\'$]", "", match.group()) for match in _SAFE.finditer(text)]
    return ", ".join(dict.fromkeys(shown)) or "failed"
