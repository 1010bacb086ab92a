"""What can be commented on: per kind, how its slice finds the object that a page names, as the caller may see it."""

from __future__ import annotations

from urllib.parse import quote

from treadle.comments.service import Finders
from treadle.comments.types import Subject
from treadle.data import service as data
from treadle.evals import service as evals
from treadle.feedback.queues import service as queues
from treadle.feedback.surveys import service as surveys
from treadle.http.context import Context
from treadle.jobs import service as jobs
from treadle.models import service as models
from treadle.monitoring import service as monitoring
from treadle.pipelines.schedules import service as schedules
from treadle.prompts import service as prompts
from treadle.releases import service as releases
from treadle.releases.endpoints import service as endpoints
from treadle.releases.rollouts import service as rollouts
from treadle.traces import service as traces
from treadle.traces.asking import people


async def _dataset(ctx: Context, name: str) -> Subject:
    found = await data.get_dataset(ctx, name)
    return _subject("dataset", found.dataset_id, found.name, "datasets", found.name)


async def _dataset_version(ctx: Context, said: str) -> Subject:
    name, _, version = said.partition("@")
    found = await (
        data.get_version_by_id(ctx, said)
        if said.startswith("dsv_")
        else data.get_version(ctx, name, version or "latest")
    )
    title = f"{found.dataset} v{found.version}"
    return _subject("dataset version", found.version_id, title, "datasets", found.dataset, "versions", found.version)


async def _prompt(ctx: Context, name: str) -> Subject:
    found = await prompts.get_prompt(ctx, name)
    return _subject("prompt", found.prompt_id, found.name, "prompts", found.name)


async def _prompt_version(ctx: Context, said: str) -> Subject:
    name, _, version = said.partition("@")
    found = await (
        prompts.get_version_by_id(ctx, said)
        if said.startswith("prv_")
        else prompts.get_version(ctx, name, version or "latest")
    )
    title = f"{found.prompt_name} v{found.version}"
    subject = _subject("prompt version", found.prompt_version_id, title, "prompts", found.prompt_name)
    return subject.model_copy(update={"path": f"{subject.path}?version={found.version}"})


async def _model(ctx: Context, name: str) -> Subject:
    found = await models.get_model(ctx, name)
    return _subject("model", found.model_id, found.name, "models", found.name)


async def _model_version(ctx: Context, said: str) -> Subject:
    name, _, version = said.partition("@")
    found = await (
        models.get_version_by_id(ctx, said)
        if said.startswith("mdv_")
        else models.get_version(ctx, name, version or "latest")
    )
    title = f"{found.model_name} v{found.version}"
    return _subject(
        "model version", found.model_version_id, title, "models", found.model_name, "versions", found.version
    )


async def _experiment(ctx: Context, experiment_id: str) -> Subject:
    found = await evals.get_experiment(ctx, experiment_id)
    return _subject("experiment", found.experiment_id, found.name, "experiments", found.experiment_id)


async def _run(ctx: Context, run_id: str) -> Subject:
    found = await jobs.get_run(ctx, run_id)
    return _subject("run", found.run_id, found.title, "runs", found.run_id)


async def _release(ctx: Context, release_id: str) -> Subject:
    found = await releases.get_release(ctx, release_id)
    return _subject("release", found.release_id, f"{found.name} v{found.version}", "releases", found.release_id)


async def _endpoint(ctx: Context, name: str) -> Subject:
    found = await endpoints.get_endpoint(ctx, name)
    return _subject("endpoint", found.endpoint_id, found.name, "endpoints", found.name)


async def _rollout(ctx: Context, rollout_id: str) -> Subject:
    found = await rollouts.get_rollout(ctx, rollout_id)
    return _subject("rollout", found.rollout_id, f"rollout on {found.endpoint}", "rollouts", found.rollout_id)


async def _trace(ctx: Context, trace_id: str) -> Subject:
    found = await traces.get_line(ctx, trace_id)
    return _subject("trace", found.trace_id, f"trace {found.trace_id[:8]}", "traces", found.trace_id)


async def _session(ctx: Context, name: str) -> Subject:
    found = await people.get_session(ctx, name)
    return _subject("session", found.name, f"session {found.name}", "sessions", found.name)


async def _queue(ctx: Context, name: str) -> Subject:
    found = await queues.get_queue(ctx, name)
    return _subject("queue", found.queue_id, found.name, "queues", found.name)


async def _survey(ctx: Context, name: str) -> Subject:
    found = await surveys.get_survey(ctx, name)
    return _subject("survey", found.survey_id, found.name, "surveys", found.name)


async def _alert(ctx: Context, alert_id: str) -> Subject:
    found = await monitoring.get_alert(ctx, alert_id)
    return _subject("alert", found.alert_id, f"alert of {found.monitor}", "alerts", found.alert_id)


async def _monitor(ctx: Context, name: str) -> Subject:
    found = await monitoring.get_monitor(ctx, name)
    return _subject("monitor", found.monitor_id, found.name, "monitors", found.name)


async def _schedule(ctx: Context, name: str) -> Subject:
    found = await schedules.get_schedule(ctx, name)
    return _subject("schedule", found.schedule_id, found.name, "schedules", found.name)


def _subject(kind: str, object_id: str, title: str, *path: str | int) -> Subject:
    # A name may hold anything, a slash too; the browser's router reads each part percent-encoded.
    parts = "/".join(quote(str(part), safe="") for part in path)
    return Subject(kind=kind, object_id=object_id, title=title, path=f"/{parts}")


FINDERS: Finders = {
    "dataset": _dataset,
    "dataset version": _dataset_version,
    "prompt": _prompt,
    "prompt version": _prompt_version,
    "model": _model,
    "model version": _model_version,
    "experiment": _experiment,
    "run": _run,
    "release": _release,
    "endpoint": _endpoint,
    "rollout": _rollout,
    "trace": _trace,
    "session": _session,
    "queue": _queue,
    "survey": _survey,
    "alert": _alert,
    "monitor": _monitor,
    "schedule": _schedule,
}
