"""Models through the HTTP contract: versions, aliases, cards, files, and what bad input gets."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import RunningServer
from treadle.client.client import Client
from treadle.core.errors import InvalidInput, NotFound
from treadle.models import service
from treadle.models.card import card_of, not_measured
from treadle.models.types import Description, Measurement, ProviderModel, Version

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def measured(name: str = "exact_match", part: str = "test") -> Measurement:
    """
    Return a measurement of 0.9 on 100 rows.
    """
    return Measurement(
        name=name, value=0.9, low=0.826, high=0.945, rows_count=100, source_id="exp_1", part=part, measured_at=NOW
    )


def test_same_pointer_is_same_version(client: Client) -> None:
    """
    Registering a provider's model again makes nothing new.
    """
    first = client.models.register_provider_version("gpt", provider="openai", model="gpt-small")

    again = client.models.register_provider_version("gpt", provider="openai", model="gpt-small")

    assert first == again
    assert 1 == client.models.get("gpt").latest_version
    assert first == client.models.get_version_by_id(first.model_version_id)


def test_alias_moves_and_versions_stay(client: Client) -> None:
    """
    An alias moves between versions; a version never changes.
    """
    first = client.models.register_provider_version("gpt", provider="openai", model="one")
    second = client.models.register_provider_version("gpt", provider="openai", model="two")
    client.models.set_alias("gpt", "champion", 1)

    client.models.set_alias("gpt", "champion", 2)

    assert {"champion": 2} == client.models.get("gpt").aliases
    assert second == client.models.get_version("gpt", "champion")
    assert [second, first] == client.models.list_versions("gpt")


@pytest.mark.parametrize(
    ("version", "words"),
    [("7", "has no version 7 (newest is 1)"), ("staging", "has no alias 'staging' (it has none)")],
)
def test_unknown_version(client: Client, version: str, words: str) -> None:
    """
    An unknown version or alias is named beside what there is.
    """
    client.models.register_provider_version("gpt", provider="openai", model="one")

    with pytest.raises(NotFound) as caught:
        client.models.get_version("gpt", version)

    assert words in caught.value.message


def test_unknown_model(client: Client) -> None:
    """
    An unknown model says how to list those there are.
    """
    with pytest.raises(NotFound, match="treadle model list"):
        client.models.get("nobody")


def test_latest_cannot_be_moved(client: Client) -> None:
    """
    'latest' is computed and never set.
    """
    client.models.register_provider_version("gpt", provider="openai", model="one")

    with pytest.raises(InvalidInput, match="'latest' always is the newest"):
        client.models.set_alias("gpt", "latest", 1)


def test_alias_to_nowhere(client: Client) -> None:
    """
    An alias never points at a version that does not exist.
    """
    client.models.register_provider_version("gpt", provider="openai", model="one")

    with pytest.raises(NotFound):
        client.models.set_alias("gpt", "champion", 2)

    assert {} == client.models.get("gpt").aliases


async def test_files_come_back_whole(server: RunningServer, tmp_path: Path) -> None:
    """
    What a run kept is served by name with the same bytes; a name that is not there says what is.
    """
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "config.json").write_bytes(b"{}")
    (tmp_path / "model.gguf").write_bytes(b"GGUF" * 1000)
    ctx = server.platform.local_context()
    files = await service.keep_files(ctx, tmp_path, patterns=("model.gguf", "weights/*"))
    description = Description(kind="weights", files=files, run_id="run_1", dataset_version_id="dsv_1")

    made = await service.register_version(ctx, "tiny", description)
    again = await service.register_version(ctx, "tiny", description)
    path = (await service.prepare(ctx, made.model_version_id)).place

    assert made == again
    assert b"GGUF" * 1000 == path.read_bytes()
    assert b"{}" == server.client.models.read_file("tiny", "latest", "weights/config.json")
    with pytest.raises(NotFound, match=r"has no file 'x' \(it has 'model.gguf', 'weights/config.json'\)"):
        server.client.models.read_file("tiny", "latest", "x")


@pytest.mark.parametrize(
    ("names", "facts", "place"),
    [
        (["model.gguf", "weights/config.json"], {}, "file"),
        (["model.gguf", "weights/config.json"], {"engine": {"kind": "vllm"}}, "folder"),
        (["model.gguf"], {"engine": {"kind": "vllm"}}, "file"),
        (["weights/config.json"], {}, "folder"),
    ],
)
async def test_what_an_engine_gets(
    server: RunningServer, tmp_path: Path, names: list[str], facts: dict[str, object], place: str
) -> None:
    """
    The GGUF where there is one, the folder of weights where there is none or the facts ask for vLLM.
    """
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    ctx = server.platform.local_context()
    files = await service.keep_files(ctx, tmp_path, patterns=tuple(names))
    made = await service.register_version(
        ctx, "tiny", Description(kind="weights", files=files, run_id="r", facts=facts)
    )

    prepared = await service.prepare(ctx, made.model_version_id)

    assert (made.model_version_id, facts.get("engine", {}), None) == (prepared[0], prepared.engine, prepared.base)
    assert place == ("folder" if prepared.place.is_dir() else "file")
    if place == "folder":
        assert "weights/config.json" == (prepared.place / "config.json").read_text()


async def test_an_adapter_brings_its_base(server: RunningServer, tmp_path: Path) -> None:
    """
    An adapter is handed over with the weights it belongs on; one without them is refused with what is needed.
    """
    for name in ("weights/config.json", "adapter/adapter_config.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    ctx = server.platform.local_context()
    weights = await service.keep_files(ctx, tmp_path, patterns=("weights/*",))
    files = await service.keep_files(ctx, tmp_path, patterns=("adapter/*",))
    base = await service.register_version(ctx, "base", Description(kind="weights", files=weights, run_id="r"))
    tuned = Description(kind="adapter", files=files, run_id="r", base_version_id=base.model_version_id)
    made = await service.register_version(ctx, "tuned", tuned)
    alone = await service.register_version(ctx, "alone", Description(kind="adapter", files=files, run_id="r"))

    prepared = await service.prepare(ctx, made.model_version_id)

    assert ["adapter_config.json"] == [path.name for path in prepared.place.iterdir()]
    assert prepared.base is not None
    assert (base.model_version_id, ["config.json"]) == (
        prepared.base[0],
        [path.name for path in prepared.base[1].iterdir()],
    )
    with pytest.raises(NotFound, match=r"'model.gguf' for llama.cpp or 'weights/' for vLLM"):
        await service.prepare(ctx, alone.model_version_id)


async def test_version_is_drawn_into_the_lineage(server: RunningServer) -> None:
    """
    Dataset, base and run lead to the version that they made.
    """
    ctx = server.platform.local_context()
    base = await service.register_version(ctx, "base", Description(kind="weights", run_id="run_0"))

    made = await service.register_version(
        ctx,
        "tuned",
        Description(kind="weights", run_id="run_1", dataset_version_id="dsv_1", base_version_id=base.model_version_id),
    )

    graph = server.client.lineage.get(made.model_version_id)
    into = {edge.source_id for edge in graph.edges if edge.target_id == made.model_version_id}
    assert {"run_1", "dsv_1", base.model_version_id} == into


async def test_measurements_reach_the_card(server: RunningServer) -> None:
    """
    A card shows what was measured, by whom, and stops listing it as not measured.
    """
    ctx = server.platform.local_context()
    made = await service.register_version(ctx, "tiny", Description(kind="weights", run_id="run_1"))
    before = server.client.models.get_card("tiny")

    await service.record_measurements(ctx, made.model_version_id, [measured()])
    await service.record_measurements(ctx, made.model_version_id, [measured()])
    after = server.client.models.get_card("tiny")

    assert "exact match on rows it never saw" in before.not_measured
    assert "exact match on rows it never saw" not in after.not_measured
    assert "| exact_match | 0.900 (0.826 to 0.945) | test | 100 | `exp_1` |" in after.markdown
    assert 1 == len(after.measurements)


def version(**changes: object) -> Version:
    """
    Return a version with some facts.
    """
    return Version.model_validate(
        {
            "kind": "weights",
            "model_version_id": "mdv_1",
            "model_name": "tiny",
            "version": 2,
            "digest": "sha256:0",
            "created_at": NOW,
            "parameters_count": 2_311_872,
            "context_length": 256,
            **changes,
        }
    )


def test_card_says_only_what_is_recorded() -> None:
    """
    A version without facts has a card that claims nothing.
    """
    card = card_of(version(), [])

    assert "A language model with 2.3 million weights, not tuned for any task" in card.summary
    assert "Licence: none stated" in card.markdown
    assert "Nothing has been measured yet." in card.markdown
    assert "## Training" not in card.markdown


def test_card_names_the_licence_of_its_rows() -> None:
    """
    Whoever reads a card sees under which terms the rows were that it was made from.
    """
    made = version(dataset_version_id="dsv_1", licence="MIT", facts={"dataset_licence": "CC-BY-4.0"})

    card = card_of(made, [])

    assert "- dataset version: `dsv_1`, licence CC-BY-4.0" in card.markdown
    assert "Licence: MIT." in card.markdown


def test_card_of_a_pointer() -> None:
    """
    A provider's model is named as somebody else's.
    """
    card = card_of(version(kind="provider", provider=ProviderModel(provider="openai", model="gpt-small")), [])

    assert "A pointer to 'gpt-small', which openai runs; we hold no weights." == card.summary


@given(st.sampled_from(["test", "validation", "train"]))
def test_only_the_test_part_answers_for_unseen_rows(part: str) -> None:
    """
    Exact match on validation rows does not count as exact match on unseen rows.
    """
    found = not_measured([measured(part=part)])

    assert (part != "test") == ("exact match on rows it never saw" in found)
