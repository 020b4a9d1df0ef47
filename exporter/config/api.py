"""The settings of the upstream API, and which of its credentials go together.

It must not read a credential file: `exporter.cloud` does, each time one changes.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exporter.config.kinds import (
    Endpoint,
    Expected,
    KeyId,
    PageSize,
    PositiveCount,
    PositiveDuration,
    Rate,
    Region,
    Secret,
    faults,
)
from exporter.config.section import Section

_File = Annotated[Path | None, Expected("the path of a file")]


class ApiSettings(Section):
    """How the vendor's API is reached, and how gently.

    With `access_key_id`, its secret and `security_token` all left out, the standard
    Alibaba Cloud credential chain is used.
    """

    region: Region = Field(
        "cn-hangzhou",
        description="Region whose plans are read, where a plan names none.",
    )
    network: Annotated[Literal["public", "vpc"], Expected("public or vpc")] = Field(
        "public",
        description="Whether the endpoint is the public one or the one inside a VPC.",
    )
    endpoint: Endpoint | None = Field(
        None,
        description="Host, host:port or URL used instead of the one that region and "
        "network name. Plain http:// is allowed to loopback only.",
    )
    access_key_id: KeyId | None = Field(
        None, repr=False, description="AccessKey id; needs a secret beside it."
    )
    access_key_secret: Secret | None = Field(
        None, description="AccessKey secret. Prefer a file: environments leak."
    )
    access_key_secret_file: _File = Field(
        None,
        description="File that holds the AccessKey secret; read again when it changes.",
    )
    security_token: Secret | None = Field(
        None, description="STS token that belongs to the AccessKey."
    )
    security_token_file: _File = Field(
        None, description="File that holds the STS token; read again when it changes."
    )
    page_size: PageSize = Field(
        100,
        description="Rows asked for per page. The API may send fewer per page than "
        "asked; all pages are read in any case.",
    )
    timeout: PositiveDuration = Field(
        timedelta(seconds=10), description="Time for one request, as a whole."
    )
    max_concurrency: PositiveCount = Field(
        5, description="Requests in flight at once, over all routes."
    )
    requests_per_second: Rate = Field(
        5.0,
        description="Requests per second for the account, retries included. Halved "
        "when the API throttles, won back with success.",
    )

    @model_validator(mode="after")
    def _credentials_fit(self) -> Self:
        """Refuse halves of a key pair, and one secret told in two ways."""
        found = tuple(_credential_faults(self))
        if found:
            raise faults(*found)
        return self


def _credential_faults(api: ApiSettings) -> Iterator[tuple[str, str]]:
    """Yield the setting and the message of each credential that cannot be used."""
    given = {name for name in _CREDENTIALS if getattr(api, name) is not None}
    secrets = given & {"access_key_secret", "access_key_secret_file"}
    for name in ("access_key_secret", "security_token"):
        if given >= {name, f"{name}_file"}:
            yield f"{name}_file", f"expected either this or api.{name}, not both"
    if "access_key_id" not in given:
        for name in sorted(given):
            yield name, "expected api.access_key_id beside it"
    elif not secrets:
        message = "expected api.access_key_secret or api.access_key_secret_file beside"
        yield "access_key_id", f"{message} it"


_CREDENTIALS = (
    "access_key_id",
    "access_key_secret",
    "access_key_secret_file",
    "security_token",
    "security_token_file",
)
