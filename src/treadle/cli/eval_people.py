"""`treadle eval export|hand-over|take-back`: the rows of an experiment as a file, before people, and back."""

from __future__ import annotations

from pathlib import Path

import click

from treadle.cli.output import connected, emit_json, json_option, say
from treadle.evals.people.types import NewHandOver, NewTakeBack
from treadle.evals.types import Experiment


@click.command("export", epilog="\b\nExample: treadle eval export exp_15wxzzs6ckpz32trft6dkj90qw results.parquet")
@click.argument("experiment_id")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def export(experiment_id: str, path: Path, as_json: bool) -> None:
    """Write all judged rows to a Parquet file."""
    with connected() as client:
        client.experiments.export(experiment_id, path)
    written = {"file": str(path), "size_bytes": path.stat().st_size}
    return emit_json(written) if as_json else say(f"written to {path}")


@click.command(
    "hand-over", epilog="\b\nExample: treadle eval hand-over exp_15wxzzs6ckpz32trft6dkj90qw review --which abstained"
)
@click.argument("experiment_id")
@click.argument("queue")
@click.option(
    "--which", type=click.Choice(["all", "abstained", "below"]), default="all", show_default=True, help="Which answers."
)
@click.option(
    "--below", default=1.0, show_default=True, help="First score that is just good enough, with --which below."
)
@click.option("--limit", default=1_000, show_default=True, type=click.IntRange(1, 1_000), help="At most so many.")
@json_option
def hand_over(experiment_id: str, queue: str, which: str, below: float, limit: int, as_json: bool) -> None:
    """Let people judge answers: put them into a queue."""
    new = NewHandOver.model_validate({"queue": queue, "which": which, "below": below, "limit": limit})
    with connected() as client:
        done = client.experiments.hand_over(experiment_id, new)
    return emit_json(done) if as_json else say(f"{done.num_added} added; judge them: treadle queue next {queue}")


@click.command("take-back", epilog="\b\nExample: treadle eval take-back exp_15wxzzs6ckpz32trft6dkj90qw review correct")
@click.argument("experiment_id")
@click.argument("queue")
@click.argument("field")
@click.option("--good", multiple=True, help="Of a category: an option that is worth 1. May be repeated.")
@json_option
def take_back(experiment_id: str, queue: str, field: str, good: tuple[str, ...], as_json: bool) -> None:
    """Take what people said in a queue as scores of the experiment."""
    with connected() as client:
        new = NewTakeBack(queue=queue, field=field, good=list(good))
        experiment = client.experiments.take_back(experiment_id, new)
    return emit_json(experiment) if as_json else _print(experiment)


def _print(experiment: Experiment) -> None:
    metric = experiment.metrics[-1]
    shown = "nobody has judged a row yet" if metric.mean is None else f"{metric.mean:.3f} over {metric.scored} rows"
    say(f"{metric.name}: {shown}")
