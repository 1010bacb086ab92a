"""Make surveys, show them to sessions, take answers, and say what they come to.

A session is asked when its hash falls into the survey's share, so pages need not remember anything. An answer is
counted for the release that gave the session's newest answer at that moment.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from treadle.core.errors import NotFound
from treadle.core.ids import new_id
from treadle.core.revisions import ALWAYS, When
from treadle.core.types import Page
from treadle.feedback.labels.answers import check_answers
from treadle.feedback.service import NotPublishable, TooMuchFeedback
from treadle.feedback.surveys import store
from treadle.feedback.surveys.results import results_of
from treadle.feedback.surveys.types import FieldResult, NewSurvey, NewSurveyAnswer, ShownSurvey, Survey, SurveyAnswer
from treadle.governance import audit, editing
from treadle.governance.editing import Audited
from treadle.governance.service import CARETAKER
from treadle.http.actor import Published
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.storage.database import Connection
from treadle.traces import service as traces
from treadle.traces.types import TraceFilter

MANAGE = "queues.write"
_NOT_SHOWN = ShownSurvey(is_asked=False, title="", fields=[])


class SurveyNotFound(NotFound):
    """No survey has the name, or none of the key's endpoint."""

    code = "surveys.not_found"


class SessionUnknown(NotFound):
    """Nothing was answered in the session, or not by the survey's endpoint."""

    code = "surveys.session_unknown"


async def put_survey(ctx: Context, new: NewSurvey, *, when: When = ALWAYS) -> Survey:
    """Make a survey, or change the one of this name; answers stay. Safe to repeat. Raises Outdated, see `editing.check`."""
    ctx.require(MANAGE)

    def write(db: Connection) -> Survey:
        called = f"survey '{new.name}'"
        editing.hold(db, called)
        before = store.find_survey(db, new.name)
        editing.check(
            db, ctx, when, called, before, lambda found: Audited("surveys.put", found.survey_id, "feedback.read")
        )
        store.put_survey(db, new_id("svy"), new, ctx.clock.now())
        survey = _require(db, new.name)
        audit.record(db, ctx, action="surveys.put", object_id=survey.survey_id, detail={"name": new.name})
        return survey

    return await ctx.db.write(write)


async def get_survey(ctx: Context, name: str) -> Survey:
    """Return a survey. Raises SurveyNotFound."""
    ctx.require("feedback.read")
    return await ctx.db.read(lambda db: _require(db, name))


async def list_surveys(ctx: Context, *, limit: int, cursor: str | None = None) -> Page[Survey]:
    """Return surveys by name."""
    ctx.require("feedback.read")
    after = decode_cursor(cursor, str)
    rows = await ctx.db.read(lambda db: store.list_surveys(db, str(after[0]) if after else None, limit + 1))
    return page_of(rows, limit, lambda survey: (survey.name,))


async def list_answers(ctx: Context, name: str, *, limit: int, cursor: str | None = None) -> Page[SurveyAnswer]:
    """Return what sessions answered, newest first. Raises SurveyNotFound."""
    ctx.require("feedback.read")
    after = decode_cursor(cursor, str, str)
    before = (datetime.fromisoformat(str(after[0])), str(after[1])) if after else None
    rows = await ctx.db.read(lambda db: store.list_answers(db, _require(db, name).survey_id, limit + 1, before))
    return page_of(rows, limit, lambda one: (one.created_at.isoformat(), one.session_id))


async def get_results(ctx: Context, name: str) -> list[FieldResult]:
    """Return what each question came to for each release. Raises SurveyNotFound. Cost: reads every answer."""
    ctx.require("feedback.read")

    def read(db: Connection) -> tuple[Survey, list[SurveyAnswer]]:
        survey = _require(db, name)
        return survey, store.list_answers(db, survey.survey_id, None, None)

    survey, answers = await ctx.db.read(read)
    return results_of(survey.fields, answers)


async def show_survey(ctx: Context, name: str, session_id: str) -> ShownSurvey:
    """Tell a page what to ask a session, if anything. Raises SurveyNotFound, also for another endpoint's survey."""
    limits = _published(ctx)

    def read(db: Connection) -> ShownSurvey:
        survey = _require(db, name, limits)
        if not survey.is_open or not _is_in_share(survey, session_id):
            return _NOT_SHOWN
        if store.has_answered(db, survey.survey_id, session_id):
            return _NOT_SHOWN
        return ShownSurvey(is_asked=True, title=survey.title, fields=survey.fields)

    return await ctx.db.read(read)


async def publish_answer(ctx: Context, name: str, new: NewSurveyAnswer) -> None:
    """Keep what a session answered in a web page. Raises as `answer`, TooMuchFeedback."""
    await _keep(ctx, name, new, _published(ctx))


async def answer(ctx: Context, name: str, new: NewSurveyAnswer) -> SurveyAnswer:
    """Keep what a session answered, replacing what it answered before.

    Raises SurveyNotFound (also for a closed one), SessionUnknown, AnswersInvalid.
    """
    ctx.require("feedback.write")
    return await _keep(ctx, name, new, None)


async def _keep(ctx: Context, name: str, new: NewSurveyAnswer, limits: Published | None) -> SurveyAnswer:
    survey = await ctx.db.read(lambda db: _require(db, name, limits))
    if not survey.is_open:
        raise SurveyNotFound(
            f"survey '{name}' is closed and takes no more answers; open it, or leave it out of your pages"
        )
    check_answers(survey.fields, new.answers)
    # Looked up with the platform's own eyes: whoever answers is told nothing of what is found.
    looking = replace(ctx, actor=CARETAKER)
    # A page speaks of its own endpoint's sessions, also where the survey asks all.
    endpoint = survey.endpoint if limits is None else limits.endpoint
    wanted = TraceFilter(session_id=new.session_id, endpoint=endpoint)
    newest = (await traces.list_traces(looking, wanted, limit=1)).items
    if not newest:
        nothing = "nothing was answered" if endpoint is None else f"'{endpoint}' answered nothing"
        raise SessionUnknown(
            f"{nothing} in session '{new.session_id}' (new "
            "answers are known within a second); send the session that the requests, or the spans, were made with"
        )
    release_id, now = newest[0].release_id, ctx.clock.now()
    kept = SurveyAnswer(**new.model_dump(), release_id=release_id, created_at=now)

    def write(db: Connection) -> None:
        if (
            limits is not None
            and store.count_since(db, ctx.actor.actor_id, now - timedelta(minutes=1)) >= limits.per_minute
        ):
            raise TooMuchFeedback(
                f"this key sends at most {limits.per_minute} answers a minute; send it again in a minute",
                per_minute=limits.per_minute,
            )
        store.put_answer(db, survey.survey_id, kept, ctx.actor.actor_id)

    await ctx.db.write(write)
    return kept


def _published(ctx: Context) -> Published:
    ctx.require("feedback.publish")
    if ctx.actor.published is None:
        raise NotPublishable(
            f"'{ctx.actor.name}' is no publishable key; answer surveys at /api/v1/surveys, or make a key for your pages with: "
            "treadle access key create --publishable --origin https://YOUR-SITE --endpoint ENDPOINT --name NAME"
        )
    return ctx.actor.published


def _require(db: Connection, name: str, limits: Published | None = None) -> Survey:
    survey = store.find_survey(db, name)
    if survey is None or (limits is not None and survey.endpoint not in (None, limits.endpoint)):
        raise SurveyNotFound(f"there is no survey '{name}'; list them with: treadle survey list")
    return survey


def _is_in_share(survey: Survey, session_id: str) -> bool:
    place = int.from_bytes(hashlib.blake2b(f"{survey.survey_id}|{session_id}".encode(), digest_size=8).digest(), "big")
    return place < survey.share * 2**64
