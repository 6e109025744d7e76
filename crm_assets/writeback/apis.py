"""The interfaces of CRMs that take scores: batches in, and which deals the CRM took.

Salesforce: sObject collections, upsert by an external id, 200 records at once. HubSpot: batch update of
deals, 100 at once; the answer lists what it updated. Dynamics 365: the table of predictive scores, a PATCH
for each deal by the table's alternate key, which creates the row or updates it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from crm_assets.errors import SettingsError, SourceUnavailableError
from crm_assets.writeback.scores import Score
from crm_assets.writeback.targets import Target

TRIES = 5
SECONDS = 60
LONGEST_WAIT = 60.0
# If it refuses so many deals, each alone, and took none, it will take none.
ENOUGH = 5
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Refusal:
    """A deal that the CRM did not take, and why."""

    id: str
    why: str


class _AgainError(Exception):
    """The CRM is busy, or did not answer; the request may be sent again."""

    def __init__(self, told: str, wait: float | None) -> None:
        super().__init__(told)
        self.wait = wait


class Interface:
    """One CRM's interface, with its address and token from the environment."""

    def __init__(self, goal: Target) -> None:
        """Read address and token.

        Raises:
            SettingsError: the CRM takes files only, or a variable is missing or no address.
        """
        if goal.interface is None:
            raise SettingsError(f"{goal.name} takes files only; leave SEND away, and import the file.")
        told = goal.interface
        self._told, self.goal, self.at_once = told, goal, int(told["at_once"])
        self._url = os.environ.get(told["url"], told.get("default_url", "")).strip().rstrip("/")
        token = os.environ.get(told["token"], "").strip()
        parts = urlsplit(self._url)
        local = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if parts.hostname is None or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
            raise SettingsError(f"Set {told['url']} to the address of {goal.name}, https://…")
        if not token:
            raise SettingsError(f"Set {told['token']} to a token of {goal.name} that may write these fields.")
        self._session = requests.Session()
        self._session.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})
        # Whether it took any batch, and how many deals it refused alone.
        self._took, self._alone = False, 0
        self._write: Callable[[list[Score]], list[Refusal]] = getattr(self, f"_{told['kind']}")

    @property
    def address(self) -> str:
        """Where the CRM is."""
        return self._url

    def write(self, scores: list[Score]) -> list[Refusal]:
        """Write a batch, and return the deals that the CRM did not take.

        If the CRM refuses a batch as a whole, halves of it are sent until the deals are found that it minds:
        one of them must not keep all others back.

        Raises:
            SourceUnavailableError: the CRM does not answer, or refuses each deal.
        """
        try:
            return self._write(scores)
        except _RefusedError as error:
            if len(scores) == 1:
                self._alone += 1
                if not self._took and self._alone >= ENOUGH:
                    raise SourceUnavailableError(
                        f"{self.goal.name} {error} It took no deal. Check that the fields of "
                        f"crm_assets/writeback/targets/{self.goal.name}.yaml exist there."
                    ) from None
                return [Refusal(scores[0].id, str(error))]
        middle = len(scores) // 2
        return self.write(scores[:middle]) + self.write(scores[middle:])

    def _salesforce(self, scores: list[Score]) -> list[Refusal]:
        kind = self._told["object"]
        path = f"/services/data/{self._told['version']}/composite/sobjects/{kind}/{self._told['external_id']}"
        records = [{"attributes": {"type": kind}, **self.goal.row(score)} for score in scores]
        results = self._send("PATCH", path, {"allOrNone": False, "records": records})
        if not isinstance(results, list) or len(results) != len(scores):
            raise self._odd()
        return [
            Refusal(score.id, _words(result.get("errors") if isinstance(result, dict) else None))
            for score, result in zip(scores, results, strict=True)
            if not isinstance(result, dict) or not result.get("success")
        ]

    def _hubspot(self, scores: list[Score]) -> list[Refusal]:
        inputs = []
        for score in scores:
            row = self.goal.row(score)
            inputs.append(
                {"id": row.pop(self._told["id"]), "properties": {k: f"{v}" for k, v in row.items()}}
            )
        answer = self._send("POST", self._told["path"], {"inputs": inputs})
        if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
            raise self._odd()
        taken = {str(result.get("id")) for result in answer["results"] if isinstance(result, dict)}
        why = _words(answer.get("errors")) or "HubSpot did not list it among the deals that it updated"
        return [Refusal(score.id, why) for score in scores if score.id not in taken]

    def _dynamics(self, scores: list[Score]) -> list[Refusal]:
        refused = []
        for score in scores:
            if not _GUID.fullmatch(score.id):
                refused.append(Refusal(score.id, "the id is not a GUID, as those of Dynamics are"))
                continue
            row = self.goal.row(score)
            row.pop(self._told["id"])
            key = quote(
                f"msdyn_entityid='{score.id}',msdyn_entitytype='{self._told['entity_type']}'", safe="=,"
            )
            try:
                self._send("PATCH", f"{self._told['path']}({key})", row)
            except _RefusedError as error:
                refused.append(Refusal(score.id, str(error)))
        return refused

    def _send(self, method: str, path: str, body: Any) -> Any:
        """Send a request, again if the CRM is busy, and return the answer."""
        tries = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=_wait,
            retry=retry_if_exception_type(_AgainError),
            reraise=True,
        )
        try:
            return tries(self._once, method, path, body)
        except _AgainError as error:
            raise SourceUnavailableError(
                f"{self.goal.name} at {self._url} {error}. What it took so far is recorded; run again later."
            ) from error

    def _once(self, method: str, path: str, body: Any) -> Any:
        try:
            answer = self._session.request(
                method, f"{self._url}{path}", json=body, timeout=SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise _AgainError(f"does not answer ({type(error).__name__})", None) from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise _AgainError(f"answers {answer.status_code}", _seconds(answer.headers.get("Retry-After")))
        if answer.status_code in (401, 403):
            raise SourceUnavailableError(
                f"{self.goal.name} refuses the token ({answer.status_code}): check {self._told['token']}, "
                "and that it may write these fields."
            )
        if answer.status_code >= 300:
            raise _RefusedError(f"answers {answer.status_code}: {answer.text[:300]}")
        self._took = True
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise self._odd() from None

    def _odd(self) -> SourceUnavailableError:
        return SourceUnavailableError(
            f"{self.goal.name} at {self._url} answered in an undocumented form; check the address."
        )


class _RefusedError(Exception):
    """The CRM did not take a request."""


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _AgainError) else None
    return min(LONGEST_WAIT, 0.5 * 2**state.attempt_number if asked is None else asked)


def _seconds(header: str | None) -> float | None:
    return float(header) if header and re.fullmatch(r"\d+(\.\d+)?", header) else None


def _words(errors: Any) -> str:
    told = [one.get("message", "") if isinstance(one, dict) else str(one) for one in errors or []]
    return "; ".join(text for text in told if text)[:300]
