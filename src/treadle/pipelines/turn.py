"""A turn, station by station, in the words of the loop.

A composite run: every station is a run of its own, and after a kill the turn goes on at the one that was under way. What stations hand
on to each other are ids; the figures that a person asks for are gathered as the turn's outputs. Nothing here has an effect of its own.
"""

from __future__ import annotations

from treadle.core.types import JsonObject, JsonValue
from treadle.jobs.scope import RunScope
from treadle.pipelines import plan
from treadle.pipelines.plan import Station
from treadle.pipelines.service import found_in
from treadle.pipelines.types import NewTurn
from treadle.releases import service as releases

SCORER = "exact_match"

DRILL_RECIPE: JsonObject = {"method": "lora", "max_steps": 80}
"""Enough to unlearn the right labels, which is what the drill shows: on BANKING77 80 steps leave 43 % right of 88, 60 leave 31, 160 leave 16."""
DRILL_REASON = "drill: this release is broken on purpose, to see that its rollout is taken back"


async def do_turn(scope: RunScope) -> dict[str, JsonValue]:
    """Do a 'pipelines.turn' run."""
    turn = _Turn(scope, NewTurn.model_validate(scope.params))
    await turn.prepare_data()
    await turn.ensure_baseline()
    await turn.tune_candidate()
    if not turn.new.approve:
        await turn.ask()
    await turn.release()
    if turn.new.drill:
        await turn.drill()
    if turn.new.play_customers and turn.new.approve:
        await turn.curate()
    return turn.figures


class _Turn:
    """What the stations of one turn handed on so far."""

    def __init__(self, scope: RunScope, new: NewTurn) -> None:
        self.scope = scope
        self.new = new
        self.figures: dict[str, JsonValue] = {}
        self._source: JsonObject = {}
        self._version_id = ""
        self._base_id = ""
        self._prompt_id = ""
        self._baseline_experiment_id = ""
        self._release_id = ""
        self._is_first = False
        self._champion_experiment_id = ""

    async def prepare_data(self) -> None:
        """From a file or the sample to a prepared dataset version; or from a version that is there, with what people corrected."""
        if self.new.from_traffic:
            made = await self._take(plan.CURATE, {"dataset": self.new.name, "endpoint": self.new.name})
            self.figures["rows_from_traffic"] = made["num_added"]
        self._source = await self._take(plan.SOURCE, {"turn": self.new.model_dump(mode="json")})
        self._prompt_id = str(self._source["prompt_version_id"])
        if self.new.source == "dataset":
            self._version_id = str(self._source["dataset_version_id"])
            await self._take(plan.EXPLORE, {"version_id": self._version_id})
        else:
            imported = await self._take(plan.IMPORT, _import_params(self.new.name, self._source))
            await self._take(plan.EXPLORE, {"version_id": imported["version_id"]})
            self._version_id = await self._prepare(plan.PREPARE, imported)
        self.figures["dataset_version_id"] = self._version_id

    async def ensure_baseline(self) -> None:
        """What the candidate must beat: the release that serves, or the untaught base model in a release of its own."""
        found = found_in(self._source)
        if found.base_version_id is not None:
            self._base_id = found.base_version_id
        else:
            base = await self._take(
                plan.BASE,
                {
                    "kind": "base",
                    "model": f"{self.new.name}-base",
                    "dataset_version_id": self._version_id,
                    "recipe": {**self.new.base_recipe, "seed": self.new.seed},
                },
            )
            self._base_id = str(base["model_version_id"])
        self.figures["endpoint"] = self.new.name
        if found.stable_release_id is not None:
            await self._evaluate_baseline(found.stable_release_id)
            return
        self._is_first = True
        release_id = await self._bundle(plan.BASELINE, self._base_id, "the base model, taught nothing yet")
        await self._evaluate_baseline(release_id)
        if self.new.approve:
            await self._take(plan.SERVE, {"endpoint": self.new.name, "release_id": release_id})

    async def tune_candidate(self) -> None:
        """Fine-tune, evaluate on the same rows, and put the evidence on the release."""
        model_version_id = await self._tune(
            plan.TUNE, self._base_id, self._version_id, {"method": self.new.method, **self.new.recipe}
        )
        self._release_id = await self._bundle(plan.CANDIDATE, model_version_id, f"fine-tuned ({self.new.method})")
        experiment_id, score = await self._evaluate(plan.EVALUATE, self._release_id, "candidate")
        gate = await self._take(plan.APPROVE, self._gate(self._release_id, experiment_id, override=None))
        self._champion_experiment_id = experiment_id
        self.figures |= {"model_version_id": model_version_id, "release_id": self._release_id, "candidate_score": score}
        self.figures |= {"verdict": gate["words"], "verdict_word": gate["verdict"], "interval": gate["interval"]}

    async def ask(self) -> None:
        """Wait until people approved the release; ends the turn where somebody refuses."""
        params: JsonObject = {
            "turn_run_id": self.scope.run_id,
            "endpoint": self.new.name,
            "release_id": self._release_id,
        }
        self.figures["approved_by"] = (await self._take(plan.ASK, params))["approved_by"]

    async def release(self) -> None:
        """Move traffic to the candidate; with customers to play, until it is promoted. The first that serves has nothing before it."""
        if self._is_first and not self.new.approve:
            await self._take(
                plan.SERVE, {"endpoint": self.new.name, "release_id": self._release_id, "is_approved": True}
            )
            return
        decided = await self._roll_out(plan.ROLL_OUT, self._release_id, expect="promoted")
        self.figures |= {
            "rollout": decided["status"],
            "rollout_id": decided["rollout_id"],
            "rollout_words": decided["words"],
        }
        self.figures |= {
            "rollout_requests": decided.get("num_requests"),
            "latency_p50_ms": decided.get("latency_p50_ms"),
        }
        self.figures["example_trace_id"] = decided.get("example_trace_id")

    async def drill(self) -> None:
        """A plausible accident: the label column shifted by one. The gate fails, somebody overrides it, the rollout takes it back."""
        shifted = await self._take(plan.BREAK_DATA, {"version_id": self._version_id})
        imported = await self._take(
            plan.BREAK_IMPORT,
            _import_params(f"{self.new.name}-mislabelled", {**shifted, "licence": self._source.get("licence")}),
        )
        version_id = await self._prepare(plan.BREAK_PREPARE, imported)
        champion_id = str(self.figures["model_version_id"])
        model_version_id = await self._tune(plan.BREAK_TUNE, champion_id, version_id, DRILL_RECIPE)
        release_id = await self._bundle(
            plan.BREAK_RELEASE, model_version_id, "drill: tuned on labels that were shifted by one"
        )
        experiment_id, score = await self._evaluate(plan.BREAK_EVALUATE, release_id, "drill")
        gate = await self._take(plan.BREAK_APPROVE, self._gate(release_id, experiment_id, override=DRILL_REASON))
        decided = await self._roll_out(plan.BREAK_ROLL_OUT, release_id, expect="rolled_back")
        self.figures |= {"drill_score": score, "drill_verdict": gate["words"], "drill_rollout": decided["status"]}
        self.figures |= {"drill_rollout_id": decided["rollout_id"], "drill_words": decided["words"]}
        self.figures["drill_requests"] = decided.get("num_requests")

    async def curate(self) -> None:
        """What customers asked, with the answers they said are right, becomes the next version of the dataset."""
        made = await self._take(
            plan.CURATE, {"dataset": self.new.name, "parent_version_id": self._version_id, "endpoint": self.new.name}
        )
        self.figures |= {"next_dataset_version_id": made["version_id"], "rows_from_traffic": made["num_added"]}

    async def _prepare(self, station: Station, imported: JsonObject) -> str:
        settings = {"seed": self.new.seed}
        return str(
            (await self._take(station, {"version_id": imported["version_id"], "settings": settings}))["version_id"]
        )

    async def _tune(self, station: Station, base_id: str, dataset_version_id: str, recipe: JsonObject) -> str:
        made = await self._take(
            station,
            {
                "kind": "finetune",
                "model": self.new.name if station is plan.TUNE else f"{self.new.name}-drill",
                "dataset_version_id": dataset_version_id,
                "base_version_id": base_id,
                "prompt_version_id": self._prompt_id,
                "recipe": {**recipe, "seed": self.new.seed},
            },
        )
        return str(made["model_version_id"])

    async def _bundle(self, station: Station, model_version_id: str, notes: str) -> str:
        params: JsonObject = {
            "name": self.new.name,
            "model_version_id": model_version_id,
            "prompt_version_id": self._prompt_id,
            "notes": notes,
        }
        return str((await self._take(station, params))["release_id"])

    async def _evaluate_baseline(self, release_id: str) -> None:
        self._baseline_experiment_id, score = await self._evaluate(plan.EVALUATE_BASELINE, release_id, "baseline")
        self.figures |= {"baseline_release_id": release_id, "baseline_score": score}

    async def _evaluate(self, station: Station, release_id: str, what: str) -> tuple[str, JsonValue]:
        release = await releases.get_release(self.scope.ctx, release_id)
        judged = await self._take(
            station,
            {
                "name": f"{self.new.name} {what}",
                "target": {
                    "model_version_id": release.manifest.model_version_id,
                    "prompt_version_id": release.manifest.prompt_version_id,
                    "parameters": release.manifest.parameters,
                    "release_id": release_id,
                },
                "dataset_version_id": self._version_id,
                "part": "test",
                "scorers": [{"name": SCORER}],
            },
        )
        metrics = judged["metrics"]
        return str(judged["experiment_id"]), metrics.get(SCORER) if isinstance(metrics, dict) else None

    def _gate(self, release_id: str, experiment_id: str, *, override: str | None) -> JsonObject:
        return {
            "release_id": release_id,
            "baseline_experiment_id": self._champion_experiment_id or self._baseline_experiment_id,
            "candidate_experiment_id": experiment_id,
            "approve": self.new.approve,
            "override_reason": override,
        }

    async def _roll_out(self, station: Station, release_id: str, *, expect: str) -> JsonObject:
        customers = self._source.get("customers") if self.new.play_customers else None
        params = {
            "endpoint": self.new.name,
            "release_id": release_id,
            "customers": customers,
            "seed": self.new.seed,
            "expect": expect,
        }
        return await self._take(station, params)

    async def _take(self, station: Station, params: JsonObject) -> JsonObject:
        return await self.scope.run_step(station.kind, params, step=station.step, title=station.title)


def _import_params(dataset: str, source: JsonObject) -> JsonObject:
    return {
        "dataset": dataset,
        "digest": source["data"],
        "file_name": source["file_name"],
        "licence": source.get("licence"),
        "mapping": {"input": "input", "expected_output": "expected_output"},
    }
