"""The one list of slices: their schema, their routes, their handlers. Mounting a slice is a line in each table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import APIRouter

from treadle.choosing import routes as choosing_routes
from treadle.choosing import store as choosing_store
from treadle.choosing import work as choosing_work
from treadle.comments import routes as comments_routes
from treadle.comments import store as comments_store
from treadle.data import handlers as data_handlers
from treadle.data import routes as data_routes
from treadle.data import store as data_store
from treadle.data import version_routes as data_version_routes
from treadle.engines import store as engines_store
from treadle.evals import experiment as evals_experiment
from treadle.evals import routes as evals_routes
from treadle.evals import store as evals_store
from treadle.evals.bias import making as bias_making
from treadle.evals.bias import routes as bias_routes
from treadle.evals.grid import routes as grid_routes
from treadle.evals.judges import calibrating as judges_calibrating
from treadle.evals.judges import routes as judges_routes
from treadle.evals.suites import routes as suites_routes
from treadle.feedback import routes as feedback_routes
from treadle.feedback import store as feedback_store
from treadle.feedback.queues import fill as queues_fill
from treadle.feedback.queues import routes as queues_routes
from treadle.feedback.queues import store as queues_store
from treadle.feedback.surveys import routes as surveys_routes
from treadle.feedback.surveys import store as surveys_store
from treadle.gateway import store as gateway_store
from treadle.gateway.batches import routes as batches_routes
from treadle.gateway.batches import store as batches_store
from treadle.gateway.batches import work as batches_work
from treadle.gateway.cache import routes as cache_routes
from treadle.gateway.cache import store as cache_store
from treadle.gateway.forwarding import routes as forwarding_routes
from treadle.gateway.forwarding import store as forwarding_store
from treadle.gateway.limits import routes as limits_routes
from treadle.gateway.limits import store as limits_store
from treadle.gateway.providers import routes as providers_routes
from treadle.gateway.providers import store as providers_store
from treadle.gateway.repeats import store as repeats_store
from treadle.gateway.standing import routes as standing_routes
from treadle.gateway.standing import store as standing_store
from treadle.governance import routes as governance_routes
from treadle.governance import store as governance_store
from treadle.jobs import routes as jobs_routes
from treadle.jobs import store as jobs_store
from treadle.jobs.scope import Handler
from treadle.lineage import routes as lineage_routes
from treadle.lineage import store as lineage_store
from treadle.live import routes as live_routes
from treadle.live import store as live_store
from treadle.models import routes as models_routes
from treadle.models import store as models_store
from treadle.monitoring import drift_work as monitoring_drift
from treadle.monitoring import routes as monitoring_routes
from treadle.monitoring import store as monitoring_store
from treadle.monitoring.abuse import routes as abuse_routes
from treadle.monitoring.abuse import store as abuse_store
from treadle.monitoring.channels import routes as channels_routes
from treadle.monitoring.channels import store as channels_store
from treadle.monitoring.dashboards import routes as dashboards_routes
from treadle.monitoring.dashboards import store as dashboards_store
from treadle.monitoring.rules import routes as rules_routes
from treadle.monitoring.rules import store as rules_store
from treadle.monitoring.usage import routes as usage_routes
from treadle.monitoring.usage import store as usage_store
from treadle.optimize import routes as optimize_routes
from treadle.optimize import store as optimize_store
from treadle.optimize import work as optimize_work
from treadle.pipelines import routes as pipelines_routes
from treadle.pipelines import stations as pipelines_stations
from treadle.pipelines import store as pipelines_store
from treadle.pipelines.schedules import routes as schedules_routes
from treadle.pipelines.schedules import store as schedules_store
from treadle.playground import routes as playground_routes
from treadle.playground import safety as playground_safety
from treadle.prompts import routes as prompts_routes
from treadle.prompts import store as prompts_store
from treadle.releases import routes as releases_routes
from treadle.releases import store as releases_store
from treadle.storage.database import Migration
from treadle.traces import followers as traces_followers
from treadle.traces import routes as traces_routes
from treadle.traces import schema as traces_schema
from treadle.traces.asking import exports as asking_exports
from treadle.traces.asking import routes as asking_routes
from treadle.traces.asking import schema as asking_schema
from treadle.traces.capture import routes as capture_routes
from treadle.traces.capture import store as capture_store
from treadle.training import routes as training_routes
from treadle.training import service as training_service
from treadle.training import store as training_store

MIGRATIONS: Mapping[str, Sequence[Migration]] = {
    "governance": governance_store.MIGRATIONS,
    "lineage": lineage_store.MIGRATIONS,
    "comments": comments_store.MIGRATIONS,
    "live": live_store.MIGRATIONS,
    "jobs": jobs_store.MIGRATIONS,
    "prompts": prompts_store.MIGRATIONS,
    "models": models_store.MIGRATIONS,
    "engines": engines_store.MIGRATIONS,
    "traces": traces_schema.MIGRATIONS,
    "followers": traces_followers.MIGRATIONS,
    "asking": asking_schema.MIGRATIONS,
    "capture": capture_store.MIGRATIONS,
    "feedback": feedback_store.MIGRATIONS,
    "queues": queues_store.MIGRATIONS,
    "surveys": surveys_store.MIGRATIONS,
    "gateway": gateway_store.MIGRATIONS,
    "cache": cache_store.MIGRATIONS,
    "batches": batches_store.MIGRATIONS,
    "forwarding": forwarding_store.MIGRATIONS,
    "limits": limits_store.MIGRATIONS,
    "repeats": repeats_store.MIGRATIONS,
    "providers": providers_store.MIGRATIONS,
    "standing": standing_store.MIGRATIONS,
    "data": data_store.MIGRATIONS,
    "evals": evals_store.MIGRATIONS,
    "training": training_store.MIGRATIONS,
    "optimize": optimize_store.MIGRATIONS,
    "choosing": choosing_store.MIGRATIONS,
    "channels": channels_store.MIGRATIONS,
    "monitoring": monitoring_store.MIGRATIONS,
    "rules": rules_store.MIGRATIONS,
    "abuse": abuse_store.MIGRATIONS,
    "dashboards": dashboards_store.MIGRATIONS,
    "usage": usage_store.MIGRATIONS,
    "releases": releases_store.MIGRATIONS,
    "schedules": schedules_store.MIGRATIONS,
    "pipelines": pipelines_store.MIGRATIONS,
}

ROUTERS: Sequence[APIRouter] = (
    governance_routes.router,
    lineage_routes.router,
    comments_routes.router,
    live_routes.router,
    jobs_routes.router,
    prompts_routes.router,
    prompts_routes.label_router,
    prompts_routes.file_router,
    models_routes.router,
    capture_routes.router,  # before the traces': its path looks like one trace's
    traces_routes.router,
    asking_routes.router,
    feedback_routes.router,
    queues_routes.router,
    surveys_routes.router,
    batches_routes.router,
    forwarding_routes.router,
    limits_routes.router,
    cache_routes.router,
    providers_routes.router,
    standing_routes.router,
    data_routes.router,
    data_version_routes.router,
    evals_routes.router,
    suites_routes.router,
    bias_routes.router,
    grid_routes.router,
    judges_routes.router,
    playground_routes.router,
    optimize_routes.router,
    choosing_routes.router,
    training_routes.router,
    channels_routes.router,
    monitoring_routes.router,
    rules_routes.router,
    abuse_routes.router,
    dashboards_routes.router,
    usage_routes.router,
    releases_routes.router,
    pipelines_routes.router,
    schedules_routes.router,
)

HANDLERS: Mapping[str, Handler] = {
    **asking_exports.HANDLERS,
    **data_handlers.HANDLERS,
    **queues_fill.HANDLERS,
    **batches_work.HANDLERS,
    **evals_experiment.HANDLERS,
    **bias_making.HANDLERS,
    **judges_calibrating.HANDLERS,
    **playground_safety.HANDLERS,
    **optimize_work.HANDLERS,
    **choosing_work.HANDLERS,
    **training_service.HANDLERS,
    **monitoring_drift.HANDLERS,
    **pipelines_stations.HANDLERS,
}

COMPOSITES = pipelines_stations.COMPOSITES | choosing_work.COMPOSITES
