"""What a release pins, how two differ, and how one is made again from its manifest."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.releases.studio import Studio
from treadle.core.canonical import digest_of
from treadle.core.errors import Conflict, InvalidInput, NotFound
from treadle.gateway.providers import store as providers
from treadle.gateway.providers.store import Kept
from treadle.models import service as models
from treadle.models.types import NewProviderVersion, ProviderModel
from treadle.prompts import service as prompts
from treadle.prompts.types import Message, NewVersion
from treadle.releases.packaging.folder import manifest_json
from treadle.releases.packaging.types import ManifestGuard, ManifestPrice, ManifestRefinement, NewTarget
from treadle.releases.types import ManifestFile, ManifestMessage, NewRelease, Release

CODE = f"shop.answers:reply@sha256:{'a' * 64}"


def _provider(studio: Studio, name: str = "openai", base_url: str = "https://api.openai.com/v1") -> None:
    kept = Kept(kind="openai", base_url=base_url)
    studio.run(studio.ctx.db.write(lambda db: providers.insert_provider(db, name, kept, studio.clock.now())))


def _hosted(studio: Studio, model: str = "gpt-4o") -> str:
    pointer = NewProviderVersion(provider=ProviderModel(provider="openai", model=model))
    return studio.run(models.register_provider_version(studio.ctx, "hosted", pointer)).model_version_id


def _everything(studio: Studio) -> NewRelease:
    _provider(studio)
    own = studio.model_version("base")
    return NewRelease(
        name="support",
        model_version_id=own,
        prompt_version_id=studio.prompt_version(),
        parameters={"temperature": 0.2},
        targets=[
            NewTarget(model_version_id=own, weight=3, region="eu"),
            NewTarget(model_version_id=_hosted(studio), priority=1),
            NewTarget(
                provider="openai", model="gpt-4o-mini", priority=2,
                price=ManifestPrice(input_usd_per_million=Decimal("0.15"), output_usd_per_million=Decimal("0.6")),
            ),
        ],
        guards=[ManifestGuard(name="personal", check="pii", action="mask")],
        refinement=ManifestRefinement(trim=True),
        index_id="idx_1",
        code=CODE,
    )  # fmt: skip


def _file(release: Release) -> ManifestFile:
    return ManifestFile.model_validate_json(manifest_json(release))


def test_release_pins_everything_and_its_targets_reach_the_gateway(studio: Studio) -> None:
    """
    Weights of ours, a registered provider's model and one by name: resolved in the manifest, priced where that is known.
    """
    made = studio.releases.create(_everything(studio))
    studio.releases.approve(made.release_id, override_reason="a rehearsal")
    studio.endpoint("support", made)

    published = studio.published("support")

    assert ["engine", "openai", "openai"] == [target.provider for target in made.manifest.targets]
    assert (CODE, "idx_1") == (made.manifest.code, made.manifest.index_id)
    assert published is not None
    own, hosted, named = published.arms[0].targets
    assert (made.manifest.model_version_id, 3.0, "eu", None) == (own.model, own.weight, own.region, own.price)
    assert hosted.price is not None
    assert ("gpt-4o", 1, True) == (hosted.model, hosted.priority, hosted.price.source.startswith("genai-prices"))
    assert named.price is not None
    assert (Decimal("0.15") / 1_000_000, "configured") == (named.price.input_usd_per_token, named.price.source)


def test_pointer_to_a_provider_is_served_without_an_engine(studio: Studio) -> None:
    """
    A release of a provider's model has one target and starts nothing on this machine.
    """
    _provider(studio)
    hosted = _hosted(studio)
    made = studio.releases.create(NewRelease(name="support", model_version_id=hosted))
    studio.releases.approve(made.release_id, override_reason="a rehearsal")

    studio.endpoint("support", made)

    published = studio.published("support")
    assert published is not None
    (target,) = published.arms[0].targets
    assert ("openai", "gpt-4o", hosted) == (target.provider, target.model, target.model_version_id)
    assert set() == studio.engines.started


def test_targets_that_cannot_answer_are_refused(studio: Studio) -> None:
    """
    An unknown provider, an unknown version, and a release whose own model is not among its targets.
    """
    own, hosted = studio.model_version("base"), _hosted(studio)
    with pytest.raises(InvalidInput) as unconfigured:
        studio.releases.create(NewRelease(name="support", model_version_id=hosted))
    _provider(studio)
    with pytest.raises(InvalidInput) as stranger:
        studio.releases.create(
            NewRelease(name="support", model_version_id=own, targets=[NewTarget(model_version_id=hosted)])
        )
    targets = [NewTarget(model_version_id=own), NewTarget(model_version_id="mdv_none")]
    with pytest.raises(NotFound):
        studio.releases.create(NewRelease(name="support", model_version_id=own, targets=targets))
    with pytest.raises(ValueError, match="needs a model_version_id, or both"):
        NewTarget(provider="openai")

    assert "provider 'openai' is not configured" in str(unconfigured.value)
    assert "add it to the targets" in str(stranger.value)


def test_guards_that_could_never_work_are_refused(studio: Studio) -> None:
    """
    A check where it has nothing to look at, or a schema that is none, is told when the release is bundled and not when it should serve.
    """
    new = NewRelease(
        name="support",
        model_version_id=studio.model_version("base"),
        guards=[ManifestGuard(name="odd", check="leak", stage="input", action="block")],
        refinement=ManifestRefinement(json_schema={"type": "nothing"}),
    )

    with pytest.raises(InvalidInput) as caught:
        studio.releases.create(new)

    assert "releases.parts_unsound" == caught.value.error_code
    assert "guard 'odd'" in caught.value.message
    assert "refinement:" in caught.value.message


def test_digest_of_plain_parts_is_what_it_always_was(studio: Studio) -> None:
    """
    Parts that came later say nothing here, so a release that was bundled before them is found again.
    """
    release = studio.release("base", approved=False)
    manifest = release.manifest
    old = {
        "model_version_id": manifest.model_version_id,
        "model_digest": manifest.model_digest,
        "prompt_version_id": manifest.prompt_version_id,
        "messages": [{"role": "user", "template": "Classify: {{input}}"}],
        "parameters": {"temperature": 0},
    }

    assert digest_of({**old, "parameters": manifest.parameters}) == release.digest


def test_same_manifest_is_the_same_release(studio: Studio) -> None:
    """
    Written to a file and read back: the same digest, under the same name the same release, under another name a new one.
    """
    made = studio.releases.create(_everything(studio))
    file = _file(made)

    again = studio.releases.create_from_manifest(file)
    elsewhere = studio.releases.create_from_manifest(file.model_copy(update={"name": "other"}))

    assert made == again
    assert (made.digest, made.manifest, 1) == (elsewhere.digest, elsewhere.manifest, elsewhere.version)
    assert made.digest == json.loads(manifest_json(made))["digest"]


@pytest.mark.parametrize("fault", ["model", "prompt", "digest", "content", "text"])
def test_manifest_whose_parts_are_not_here_is_refused(studio: Studio, fault: str) -> None:
    """
    Parts that do not exist, or are not what the manifest says they are, make no release.
    """
    made = studio.release("base", approved=False)
    file = _file(made)
    manifest, digest = file.manifest, None
    if fault == "model":
        manifest = manifest.model_copy(update={"model_version_id": "mdv_none"})
    elif fault == "prompt":
        manifest = manifest.model_copy(update={"prompt_version_id": "prv_none"})
    elif fault == "content":
        manifest = manifest.model_copy(update={"model_digest": f"sha256:{'0' * 64}"})
    elif fault == "text":
        manifest = manifest.model_copy(update={"messages": [ManifestMessage(role="user", template="else")]})
    else:
        digest = f"sha256:{'0' * 64}"

    with pytest.raises(NotFound if fault in ("model", "prompt") else Conflict) as caught:
        studio.releases.create_from_manifest(file.model_copy(update={"manifest": manifest, "digest": digest}))

    if fault not in ("model", "prompt"):
        assert "releases.parts_changed" == caught.value.error_code
    assert [made.release_id] == [release.release_id for release in studio.releases.list_().items]


def test_diff_names_every_field_and_the_line_of_the_prompt(studio: Studio) -> None:
    """
    Field by field with both values, and the prompt's text as a unified diff; a release differs from itself in nothing.
    """
    before = studio.release("base", approved=False)
    text = NewVersion(messages=[Message(role="user", template="Classify:\n{{input}}\nAnswer with one label.")])
    prompt = studio.run(prompts.create_version(studio.ctx, "support", text))
    after = studio.releases.create(
        NewRelease(
            name="support",
            model_version_id=before.manifest.model_version_id,
            prompt_version_id=prompt.prompt_version_id,
            parameters={**before.manifest.parameters, "max_tokens": 8},
            guards=[ManifestGuard(name="personal", check="pii")],
        )
    )

    diff = studio.releases.diff(before.release_id, after.release_id)
    none = studio.releases.diff(before.release_id, before.release_id)

    changes = {change.path: (change.before, change.after) for change in diff.changes}
    assert (None, 8) == changes["parameters.max_tokens"]
    assert ("Classify: {{input}}", text.messages[0].template) == changes["messages[0].template"]
    assert {"guards", "messages[0].template", "parameters.max_tokens", "prompt_version_id"} == set(changes)
    assert "--- support v1\n+++ support v2\n" in diff.prompt
    assert "+Answer with one label.\n" in diff.prompt
    assert ([], "") == (none.changes, none.prompt)
