"""The SDK's door: one object, one attribute per slice, every method one HTTP call.

    client = Client("http://127.0.0.1:8700", api_key="tdl_…")
    client.prompts.create_version("greeting", [Message(role="user", template="Hello {{name}}")])

Errors are the server's own kinds (NotFound, Conflict, …) with its code and words. `treadle.connect()` finds the workspace's running
server, or mounts the application in this process: the same calls, the same checks.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, TracebackType
from typing import IO, Any, TypeVar, cast

import httpx2
from pydantic import TypeAdapter, ValidationError

from treadle import __version__
from treadle.client.batches import Batches
from treadle.client.bias import Bias
from treadle.client.cache import CacheCalls
from treadle.client.calls import Call
from treadle.client.changes import Changes
from treadle.client.choices import Catalogue, Choices
from treadle.client.comments import Comments
from treadle.client.datasets import Datasets
from treadle.client.experiments import Experiments, JudgeCalls
from treadle.client.feedback import FeedbackCalls
from treadle.client.forwards import Forwards
from treadle.client.gateway import GatewayCalls
from treadle.client.governance import Access, Audit, Projects, Secrets
from treadle.client.limits import Limits
from treadle.client.lineage import Lineage
from treadle.client.models import Models
from treadle.client.monitoring import Abuse, Alerts, Channels, Dashboards, Monitors, Rules
from treadle.client.optimizations import Optimizations
from treadle.client.playground import Playground
from treadle.client.prompt_cache import PromptCache, ServedPrompt
from treadle.client.prompts import Prompts
from treadle.client.providers import Providers
from treadle.client.queues import Queues
from treadle.client.releases import Endpoints, Environments, Releases, Rollouts
from treadle.client.runs import Runs
from treadle.client.schedules import Schedules
from treadle.client.surveys import Surveys
from treadle.client.traces import Traces
from treadle.client.training import Training
from treadle.client.turns import Turns
from treadle.core.errors import KIND_BY_STATUS, InvalidInput, TreadleError, Unavailable, rebuild
from treadle.core.revisions import Revised
from treadle.core.types import JsonObject, JsonValue, Record

T = TypeVar("T")

TIMEOUT_SECONDS = 60.0
UPLOAD_TIMEOUT_SECONDS = 3600.0


class Client:
    """A connection to one server with one key."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        transport: httpx2.BaseTransport | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """url: where the server listens. api_key: who asks. transport: another way to reach it (in-process).

        Raises InvalidInput for what cannot be an address or a key.
        """
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise InvalidInput(
                "the API key holds characters that no key has; copy it again, or make another: treadle access key create",
                code="client.key",
            )
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self.url = url.rstrip("/")
        self._http = httpx2.Client(
            base_url=_base(self.url),
            headers=headers,
            transport=transport,
            timeout=timeout,
            trust_env=False,
            # Reading the certificates takes 20 ms. Where there is no TLS they are not asked for; redirects are not followed.
            verify=not self.url.startswith("http://"),
        )
        self.abuse = Abuse(self.send)
        self.access = Access(self.send)
        self.alerts = Alerts(self.send)
        self.audit = Audit(self.send)
        self.cache = CacheCalls(self.send)
        self.batches = Batches(self.send, self.url)
        self.catalogue = Catalogue(self.send)
        self.bias = Bias(self.send)
        self.changes = Changes(self.stream)
        self.channels = Channels(self.send)
        self.comments = Comments(self.send)
        self.forwards = Forwards(self.send)
        self.choices = Choices(self.send)
        self.dashboards = Dashboards(self.send)
        self.datasets = Datasets(self.send)
        self.endpoints = Endpoints(self.send)
        self.environments = Environments(self.send)
        self.experiments = Experiments(self.send)
        self.feedback = FeedbackCalls(self.send)
        self.gateway = GatewayCalls(self.send)
        self.judges = JudgeCalls(self.send)
        self.limits = Limits(self.send)
        self.lineage = Lineage(self.send)
        self.models = Models(self.send)
        self.monitors = Monitors(self.send)
        self.optimizations = Optimizations(self.send)
        self.playground = Playground(self.send, self.stream)
        self.projects = Projects(self.send)
        self.prompts = Prompts(self.send)
        self._prompt_cache = PromptCache(self.prompts.get_version)
        self.providers = Providers(self.send)
        self.queues = Queues(self.send)
        self.releases = Releases(self.send)
        self.rollouts = Rollouts(self.send)
        self.rules = Rules(self.send)
        self.runs = Runs(self.send)
        self.secrets = Secrets(self.send)
        self.schedules = Schedules(self.send)
        self.surveys = Surveys(self.send)
        self.traces = Traces(self.send, self.url)
        self.training = Training(self.send)
        self.turns = Turns(self.send)

    def send(self, call: Call[T]) -> T:
        """Carry out one call."""
        request: dict[str, Any] = {"params": {key: value for key, value in call.query.items() if value is not None}}
        if call.headers:
            request["headers"] = dict(call.headers)
        if call.unpack_to is not None:
            self._unpack(call, request, call.unpack_to)
            return cast(T, None)
        if call.save_to is not None:
            self._save(call, request, call.save_to)
            return cast(T, None)
        body = _json_of(call.body)
        try:
            if call.upload is not None:
                with call.upload.open("rb") as file:
                    fields = {key: value for key, value in (body or {}).items() if value is not None}
                    request |= {
                        "data": fields,
                        "files": {"file": (call.upload.name, file)},
                        "timeout": UPLOAD_TIMEOUT_SECONDS,
                    }
                    response = self._http.request(call.method, call.path, **request)
            else:
                response = (
                    self._http.request(call.method, call.path, json=body, **request)
                    if body is not None
                    else (self._http.request(call.method, call.path, **request))
                )
        except httpx2.TransportError as error:
            raise Unavailable(
                f"no Treadle answers at '{self.url}' ({type(error).__name__}); start one with: treadle up, "
                f"or name another with TREADLE_URL",
                code="client.unreachable",
            ) from error
        if response.is_error:
            raise _error_of(response)
        return _read(call.result, response)

    def stream(self, call: Call[Any]) -> Iterator[tuple[str, JsonObject]]:
        """Carry out a call whose answer is a stream of events; yield each event's name and data as it comes."""
        body = _json_of(call.body)
        try:
            with self._http.stream(call.method, call.path, json=body, timeout=UPLOAD_TIMEOUT_SECONDS) as response:
                if response.is_error:
                    response.read()
                    raise _error_of(response)
                name = ""
                for line in response.iter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: "):
                        yield name, json.loads(line[6:])
        except httpx2.TransportError as error:
            raise Unavailable(
                f"the stream of '{call.path}' broke off ({type(error).__name__}); try again",
                code="client.stream_broken",
            ) from error

    def _unpack(self, call: Call[Any], request: dict[str, Any], folder: Path) -> None:
        """Carry out a call whose answer is a tar stream. What it holds passes through in pieces, whatever its size."""
        request["timeout"] = UPLOAD_TIMEOUT_SECONDS
        try:
            with self._http.stream(call.method, call.path, **request) as response:
                if response.is_error:
                    response.read()
                    raise _error_of(response)
                with tarfile.open(fileobj=cast(IO[bytes], _Pieces(response.iter_bytes())), mode="r|") as archive:
                    archive.extractall(folder, filter="data")
        except (httpx2.TransportError, tarfile.TarError) as error:
            raise Unavailable(
                f"the export of '{call.path}' broke off ({type(error).__name__}); what is in '{folder}' is not whole, "
                f"remove it and try again",
                code="client.download_broken",
            ) from error

    def _save(self, call: Call[Any], request: dict[str, Any], file: Path) -> None:
        """Carry out a call whose answer becomes a file, in pieces, whatever its size; what was there stays until it is whole."""
        request["timeout"] = UPLOAD_TIMEOUT_SECONDS
        part = file.with_name(f".{file.name}.part")
        try:
            with self._http.stream(call.method, call.path, **request) as response:
                if response.is_error:
                    response.read()
                    raise _error_of(response)
                with part.open("wb") as target:
                    for piece in response.iter_bytes():
                        target.write(piece)
            part.replace(file)
        except httpx2.TransportError as error:
            raise Unavailable(
                f"'{call.path}' broke off ({type(error).__name__}), so '{file}' is as it was; try again",
                code="client.download_broken",
            ) from error
        finally:
            part.unlink(missing_ok=True)

    def get_prompt(self, name: str, *, label: str = "production", fallback: Path | str | None = None) -> ServedPrompt:
        """Return a prompt from memory; only the first call for a name waits, and never for a refresh. See `prompt_cache`.

        fallback: a file of the application's own, for when the server is away before it ever answered.
        Raises NotFound, Denied, and Unavailable where nothing is known.
        """
        return self._prompt_cache.get(name, label, None if fallback is None else Path(fallback))

    def close(self) -> None:
        """Close the connections."""
        self._prompt_cache.close()
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Pieces:
    """An answer as it comes, as the tar reader takes it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer at the end only."""
        parts, missing = [self._rest], size - len(self._rest)
        while missing > 0 and (piece := next(self._pieces, b"")):
            parts.append(piece)
            missing -= len(piece)
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]


def _json_of(body: Record | Mapping[str, JsonValue] | None) -> Mapping[str, JsonValue] | None:
    # What was read, changed and sent back says only what can be edited.
    if isinstance(body, Revised):
        return body.edited()
    return body.model_dump(mode="json") if isinstance(body, Record) else body


def _base(url: str) -> httpx2.URL:
    try:
        base = httpx2.URL(f"{url}/api/v1")
    except httpx2.InvalidURL:
        base = httpx2.URL("")
    if base.scheme not in ("http", "https") or not base.host or not 0 < (base.port or 80) < 65536:
        raise InvalidInput(
            f"'{url}' is not the address of a server; it should look like http://127.0.0.1:8700 (TREADLE_URL)",
            code="client.url",
        )
    if url.endswith("/v1"):
        raise InvalidInput(
            f"'{url}' is where clients of OpenAI ask; the server itself is at '{url.removesuffix('/v1').removesuffix('/api')}' (TREADLE_URL)",
            code="client.url",
        )
    return base


def _read(kind: type[T], response: httpx2.Response) -> T:
    if kind is NoneType:
        return cast(T, None)
    if kind is str:
        return cast(T, response.text)
    if kind is bytes:
        return cast(T, response.content)
    adapter: TypeAdapter[T] = TypeAdapter(kind)
    try:
        return adapter.validate_json(response.content)
    except ValidationError as error:
        raise TreadleError(
            f"'{response.request.url}' answered something that this Treadle does not know ({error.error_count()} fields); "
            f"is the server of another version? This is {__version__}",
            code="client.answer",
        ) from error


def _error_of(response: httpx2.Response) -> TreadleError:
    kind = KIND_BY_STATUS.get(response.status_code, "InvalidInput" if response.status_code == 400 else "TreadleError")
    try:
        problem = json.loads(response.content)
        if "error" in problem:  # paths of OpenAI's API answer in its shape
            problem = {"detail": problem["error"]["message"], "code": problem["error"]["code"]}
        elif "message" in problem:  # OTLP's path answers with a google.rpc.Status
            problem = {"detail": problem["message"], "code": problem["details"][0]["reason"]}
        return rebuild(kind, problem["detail"], problem["code"], problem.get("values", {}))
    except (ValueError, KeyError, TypeError):
        return TreadleError(
            f"'{response.request.url}' answered {response.status_code} and not as Treadle does; is that its address?"
        )
