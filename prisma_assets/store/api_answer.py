"""Answers of the HTTP API, kept for a day under the key a program gave. SQL stands in `api_answer`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prisma_assets.store.database import Database


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a request was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class KnownRequest:
    """A request that came under the key before."""

    request_sha256: str
    asked_at: datetime
    answer: Answer | None
    """None: it is not answered yet, or whoever answered it died."""


@dataclass(frozen=True, kw_only=True)
class AnswerStore:
    """Answers under one caller's key."""

    database: Database
    caller: str
    key: str

    async def claim(self, request_sha256: str) -> KnownRequest | None:
        """Take the key for a request; gives the one that came before under it, None when it is free."""
        while True:
            await self.database.execute("forget_api_answers")
            params = {**self._params, "request_sha256": request_sha256}
            if await self.database.execute("claim_api_answer", params):
                return None
            rows = await self.database.fetch("api_answer", self._params)
            if rows:  # else it was released in between
                return _known(rows[0])

    async def keep(self, answer: Answer) -> None:
        """Store what was answered."""
        said = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}  # fmt: skip
        await self.database.execute("keep_api_answer", {**self._params, **said})

    async def release(self) -> None:
        """Leave the key to the next request."""
        await self.database.execute("release_api_answer", self._params)

    @property
    def _params(self) -> dict[str, Any]:
        return {"caller": self.caller, "key": self.key}


def _known(row: Mapping[str, Any]) -> KnownRequest:
    answer = None
    if row["status"] is not None:
        answer = Answer(status=row["status"], headers=row["headers"], body=bytes(row["body"]))
    return KnownRequest(
        request_sha256=row["request_sha256"], asked_at=row["asked_at"], answer=answer
    )
