"""Who asks: callers are recognised by their key, session or sign-in link, and get the context that they act in."""

from __future__ import annotations

import hmac
import secrets as randomness
from datetime import timedelta

from fastapi import Request

from treadle.core.clock import Clock
from treadle.core.errors import Denied, InvalidInput, Unauthenticated
from treadle.core.types import JsonValue
from treadle.governance import access, audit, store
from treadle.governance.envelope import MasterKeys
from treadle.governance.keys import PREFIXES, parse_key, secret_hmac
from treadle.governance.service import DEFAULT_PROJECT, LOCAL_ACTOR, LOCAL_NAME, PUBLISHED_PER_MINUTE, HasEndpoint
from treadle.governance.types import ApiKey, Identity, SignIn, SignInLink
from treadle.http.actor import Actor, Published
from treadle.http.context import Context
from treadle.http.cors import let_read
from treadle.http.problems import refuse_cross_site
from treadle.storage.blobs import Blobs
from treadle.storage.database import Connection, Database

SESSION_DAYS = 30
LINK_MINUTES = 15
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gatekeeper:
    """Recognises callers by API key or session cookie. Built at the roof; knows the database and the master keys."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        clock: Clock,
        master_keys: MasterKeys,
        *,
        public_url: str | None = None,
        has_endpoint: HasEndpoint | None = None,
    ) -> None:
        """public_url: where people open the server when that is not where it listens. has_endpoint: whether a project has an
        endpoint, asked when a publishable key is made for one; None asks nobody.
        """
        self.database = database
        self._blobs = blobs
        self._clock = clock
        self.master_keys = master_keys
        self.has_endpoint = has_endpoint
        self._public_url = public_url
        self.is_https = (public_url or "").startswith("https://")
        """Whether browsers come by https: then the session cookie never travels otherwise."""
        self.session_cookie = "__Host-treadle_session" if self.is_https else "treadle_session"
        """The cookie's name; browsers keep a __Host- cookie to this very host, and to https (RFC 6265bis, 4.1.3.2)."""

    async def context_of(self, request: Request) -> Context:
        """Return who asks and for which project.

        Raises Unauthenticated; Denied for another site's use of a cookie, or of a publishable key.
        """
        bearer = request.headers.get("authorization", "")
        if bearer:
            scheme, _, text = bearer.partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthenticated("the authorization header must be 'Bearer <API key>'", code="access.scheme")
            return _from_its_page(await self.context_of_key(text.strip()), request)
        # A browser asks beforehand, without headers of ours, whether a page may send: so the key is in the address.
        in_address = request.query_params.get("key", "")
        if in_address.startswith(f"{PREFIXES['publishable']}_"):
            return _from_its_page(await self.context_of_key(in_address), request)
        token = request.cookies.get(self.session_cookie)
        if token is None:
            raise Unauthenticated(
                "nobody is signed in; send an API key as 'Authorization: Bearer …', for commands in TREADLE_API_KEY "
                "(make one with: treadle access key create --name NAME) or sign in at the web page",
                code="access.missing_key",
            )
        if request.method not in SAFE_METHODS:
            refuse_cross_site(request, self._public_url)
        return await self._context_of_token(token, "session")

    async def context_of_key(self, text: str) -> Context:
        """Return the context of an API key. Raises Unauthenticated: malformed keys never reach the database."""
        parsed = parse_key(text)
        if parsed is None:
            raise Unauthenticated(
                "that is not an API key of Treadle (tdl_… or tdlp_…, with a checksum at the end); "
                "was it cut off when copied? make a new one with: treadle access key create --name NAME",
                code="access.malformed_key",
            )
        rows = await self.database.system(lambda db: store.find_key_rows(db, parsed.key_id))
        if not rows or not hmac.compare_digest(
            rows[0].secret_hmac, secret_hmac(self.master_keys.pepper, parsed.secret)
        ):
            raise Unauthenticated(
                f"no API key '{parsed.key_id}' is known here; list yours with: treadle access key list",
                code="access.unknown_key",
            )
        return self._context(rows[0].project_id, rows[0].actor, self._usable(rows[0].key))

    async def sign_in(self, given: SignIn) -> str:
        """Start a session from a key or a one-time link; return the cookie's token. Raises Unauthenticated."""
        link_hmac = None
        if given.key is not None:
            ctx = await self.context_of_key(given.key)
            if ctx.actor.published is not None:
                raise Unauthenticated(
                    "a publishable key signs nobody in: it only sends feedback; sign in with another key",
                    code="access.publishable_key",
                )
        elif given.token is not None:
            ctx = await self._context_of_token(given.token, "link")
            link_hmac = self._token_hmac(given.token)
        else:
            raise InvalidInput("give an API key or the token of a sign-in link", code="access.nothing_given")
        token = randomness.token_urlsafe(32)

        def write(db: Connection) -> None:
            if link_hmac is not None and not store.delete_session(db, link_hmac, ctx.clock.now()):
                raise _signed_out()
            self._insert_session(db, ctx, token, "session", timedelta(days=SESSION_DAYS))
            by_key: dict[str, JsonValue] = {"with": "key", "key_id": ctx.actor.key_id}
            detail: dict[str, JsonValue] = by_key if link_hmac is None else {"with": "link"}
            audit.record(db, ctx, action="access.sign_in", object_id=ctx.actor.actor_id, detail=detail)

        await ctx.db.write(write)
        return token

    async def sign_out(self, token: str) -> None:
        """Forget a session. Safe to repeat."""
        await self.database.system(lambda db: store.delete_session(db, self._token_hmac(token), self._clock.now()))

    async def create_sign_in_link(self, ctx: Context) -> SignInLink:
        """Make a link that signs its opener in as this actor, once, within 15 minutes.

        Raises Denied for a key that is cut down to scopes: a session has all of its actor's role.
        """
        if not access.PERMISSIONS[ctx.actor.role] <= ctx.actor.permissions:
            raise Denied(
                "a key with scopes cannot make sign-in links, because a session would have more rights than the key; "
                "use a key without scopes, or sign in with the key itself",
                code="access.scoped_link",
            )
        lifetime = timedelta(minutes=LINK_MINUTES)
        token = randomness.token_urlsafe(32)

        def write(db: Connection) -> None:
            self._insert_session(db, ctx, token, "link", lifetime)
            audit.record(db, ctx, action="access.create_link", object_id=ctx.actor.actor_id)

        await ctx.db.write(write)
        url = f"{self._public_url}/#/sign-in?token={token}" if self._public_url else None
        return SignInLink(token=token, url=url, expires_at=ctx.clock.now() + lifetime)

    def context_for(self, project_id: str, actor: Actor) -> Context:
        """Return the context that durable work goes on in: its project, and the rights of whoever started it."""
        return Context(
            actor=actor,
            project_id=project_id,
            db=self.database.for_project(project_id),
            blobs=self._blobs,
            clock=self._clock,
        )

    def local_context(self) -> Context:
        """Return the context of the workspace's own owner: whoever can read its folder."""
        owner = Identity(
            actor_id=LOCAL_ACTOR, name=LOCAL_NAME, kind="person", role="owner", created_at=self._clock.now()
        )
        return self._context(DEFAULT_PROJECT, owner, None)

    def _insert_session(self, db: Connection, ctx: Context, token: str, kind: str, lifetime: timedelta) -> None:
        """Keep a session or link, with the key that it goes back to: it is worth no more than that key."""
        expires = ctx.clock.now() + lifetime
        who = ctx.actor
        store.insert_session(db, ctx.project_id, self._token_hmac(token), kind, who.actor_id, who.key_id, expires)

    async def _context_of_token(self, token: str, kind: str) -> Context:
        def find(db: Connection) -> tuple[str, Identity, ApiKey | None] | None:
            found = store.find_session(db, self._token_hmac(token), kind, self._clock.now())
            if found is None:
                return None
            project_id, actor_id, key_id = found
            actor = store.get_actor(db, actor_id)
            rows = store.find_key_rows(db, key_id) if key_id else []
            return (project_id, actor, rows[0].key if rows else None) if actor else None

        session = await self.database.system(find)
        if session is None:
            raise _signed_out()
        project_id, actor, key = session
        return self._context(project_id, actor, self._usable(key) if key else None)

    def _usable(self, key: ApiKey) -> ApiKey:
        if key.revoked_at is not None:
            raise Unauthenticated(
                f"API key '{key.name}' was revoked on {key.revoked_at:%Y-%m-%d %H:%M} UTC; "
                f"make a new one with: treadle access key create --name NAME",
                code="access.revoked_key",
            )
        if key.expires_at <= self._clock.now():
            raise Unauthenticated(
                f"API key '{key.name}' expired on {key.expires_at:%Y-%m-%d %H:%M} UTC; "
                f"make a new one with: treadle access key create --name NAME",
                code="access.expired_key",
            )
        return key

    def _context(self, project_id: str, actor: Identity, key: ApiKey | None) -> Context:
        is_local = actor.actor_id == LOCAL_ACTOR
        permissions = access.permissions_of(actor.role, key.scopes if key else None)
        return self.context_for(
            project_id,
            Actor(
                actor_id=actor.actor_id,
                name=actor.name,
                kind=actor.kind,
                role=actor.role,
                permissions=permissions | access.INSTANCE if is_local else permissions,
                published=_published(key),
                key_id=None if key is None else key.key_id,
                endpoints=None if key is None or key.endpoints is None else frozenset(key.endpoints),
                owner_id=actor.owner_id,
                key_made_by=_made_by_another(actor, key),
            ),
        )

    def _token_hmac(self, token: str) -> bytes:
        return secret_hmac(self.master_keys.pepper, f"session|{token}")


def _published(key: ApiKey | None) -> Published | None:
    if key is None or key.kind != "publishable":
        return None
    assert key.endpoints, "a publishable key has its endpoint"
    return Published(
        endpoint=key.endpoints[0],
        origins=frozenset(key.origins or ()),
        per_minute=key.per_minute or PUBLISHED_PER_MINUTE,
    )


def _from_its_page(ctx: Context, request: Request) -> Context:
    """Let a publishable key be used by the pages that it was made for. Other programs can pretend to be one."""
    if ctx.actor.published is not None:
        origin = request.headers.get("origin")
        if origin not in ctx.actor.published.origins:
            raise Denied(
                f"key '{ctx.actor.name}' may not be used by pages from {origin!r}; make a key for them with: "
                f"treadle access key create --publishable --origin {origin or 'https://YOUR-SITE'} --endpoint ENDPOINT --name NAME",
                code="access.origin",
            )
        let_read(request, origin)
    return ctx


def _made_by_another(holder: Identity, key: ApiKey | None) -> str | None:
    """Return who made a person's key for them; None for their own, and for keys that the owner of the workspace hands out."""
    if key is None or holder.kind != "person" or key.made_by in (holder.actor_id, LOCAL_ACTOR):
        return None
    return key.made_by


def _signed_out() -> Unauthenticated:
    return Unauthenticated(
        "the session or sign-in link has expired or was used; sign in again with an API key, or get a new link with: treadle open",
        code="access.signed_out",
    )
