"""What of a log event may be shown: the last line of defence for secrets.

It must not be relied on: whoever logs leaves secrets out in the first place.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from math import isfinite

MASK = "***"

_SECRET_NAME = re.compile(r"(?i)secret|token|passw|authorization|signature")
_FILE_NAME = re.compile(r"(?i)_file$")
# A quote may have been escaped again by each text that quotes the one before.
_QUOTE = r"""\\{0,8}['"]"""
_GAP = rf"(?:{_QUOTE})?\s*[:=]\s*b?"
_QUOTED = rf"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|{_QUOTE}.{{0,4000}}?{_QUOTE})"""
_WORD = r"""[^\s,;&"'\\)}\]]+"""
# What a line of `settings.faults` says of a setting, after its name.
_FAULT = r"(?:required: )?expected\b|unknown setting(?:, did you mean [\w.-]+\?)?(?m:$)"
_RULES = (
    # AccessKey ids of users and of STS.
    (re.compile(r"\b(?:LTAI|STS\.|TMP\.)[0-9A-Za-z]{4,}"), MASK),
    # A whole header: its value holds key id, signed headers and signature.
    (
        re.compile(
            r"(?i)\b((?:authorization|x-acs-[a-z-]{0,20}(?:token|accesskey-id))"
            rf"""(?:{_GAP}|{_QUOTE},\s*b?))(?:{_QUOTED}|[^\n'"]+)"""
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(rf"(?i)\b((?:signature|credential)=)(?:{_QUOTED}|{_WORD})"),
        rf"\1{MASK}",
    ),
    # `name: value` and `name=value`; but neither the name of a file nor a fault of our
    # own settings, in which no value stands.
    (
        re.compile(
            r"(?i)((?:secret|token|passw(?:or)?d)(?!\w{0,40}_file\b)[\w-]{0,40}"
            rf"{_GAP})(?!{_FAULT})(?:{_QUOTED}|{_WORD})"
        ),
        rf"\1{MASK}",
    ),
)


def redacted_text(text: str) -> str:
    """Return the text with what looks like a secret masked.

    >>> redacted_text("signed by LTAI5tTESTakid, Signature=0bfe65c3")
    'signed by ***, Signature=***'
    >>> redacted_text("{'instancePassword': 'abc', 'name': 'orders'}")
    "{'instancePassword': ***, 'name': 'orders'}"
    """
    for pattern, masked in _RULES:
        text = pattern.sub(masked, text)
    return text


def redacted(name: str, value: object) -> object:
    """Return a value that renderers can show as it is, secrets masked.

    What is no number, truth value or collection becomes text, so that no renderer
    meets an object whose own text was never looked at.
    """
    if value is None:
        return None
    if _is_secret(name):
        return MASK
    if isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {
            redacted_text(str(key)): redacted(str(key), each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple | AbstractSet):
        return [redacted(name, each) for each in value]
    return redacted_text(value if isinstance(value, str) else str(value))


def _is_secret(name: str) -> bool:
    """Tell whether a key is named like a secret and not like a file of one."""
    has_secret = _SECRET_NAME.search(name) is not None
    return has_secret and _FILE_NAME.search(name) is None
