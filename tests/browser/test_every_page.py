"""Every page, in both colour schemes: it opens, nothing fails, axe finds nothing, and it fits a narrow screen and one at 200 %.

The same pass keeps pictures where they are wanted (`fits.screens_folder`): each page loads once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fits import lost, picture, zoom
from tests.browser.world import World

AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
HASH_ROUTES = {"skip-link": {"enabled": False}}
"""Every address of ours begins with '#', so axe takes links that are scrolled out of sight for links to skip to; the one that is one has
its own test."""
VIOLATIONS = """async ([tags, rules]) => {
  const found = await axe.run(document, { runOnly: tags, rules, resultTypes: ["violations"] });
  return found.violations.map(({ id, nodes }) => ({ id, targets: nodes.slice(0, 3).map(({ target }) => target) }));
}"""
"""Only what is wrong leaves the page; all that is right is much more."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""All of these rules that look at colours. A page that was sound in light has them looked at in dark; narrow, all rules are again."""

PAGES: dict[str, Callable[[World], str]] = {
    "home": lambda world: "/",
    "datasets": lambda world: "/datasets",
    "dataset": lambda world: f"/datasets/{world.name}",
    "examples": lambda world: f"/datasets/{world.name}/versions/2",
    "profile": lambda world: f"/datasets/{world.name}/versions/1?tab=profile",
    "changes": lambda world: f"/datasets/{world.name}/versions/2?tab=changes",
    "duplicates": lambda world: f"/datasets/{world.name}/versions/1?tab=duplicates",
    "map": lambda world: f"/datasets/{world.name}/versions/1?tab=map",
    "difference": lambda world: f"/datasets/{world.name}/versions/2?tab=difference",
    "origin": lambda world: f"/datasets/{world.name}/versions/2?tab=origin",
    "models": lambda world: "/models",
    "model": lambda world: f"/models/{world.name}",
    "card": lambda world: f"/models/{world.name}/versions/1",
    "size-and-speed": lambda world: f"/models/{world.name}/versions/1?tab=served",
    "training": lambda world: f"/models/{world.name}/versions/1?tab=training",
    "model-lineage": lambda world: f"/models/{world.name}/versions/1?tab=lineage",
    "files": lambda world: f"/models/{world.name}/versions/1?tab=files",
    "choices": lambda world: "/choices",
    "prompts": lambda world: "/prompts",
    "prompt": lambda world: f"/prompts/{world.name}",
    "prompt-checks": lambda world: f"/prompts/{world.name}?tab=checks",
    "prompt-results": lambda world: f"/prompts/{world.name}?tab=results",
    "prompt-used": lambda world: f"/prompts/{world.name}?tab=used",
    "prompt-write": lambda world: f"/prompts/{world.name}/write",
    "optimizations": lambda world: "/optimizations",
    "playground": lambda world: f"/playground?prompt={world.name}",
    "scorers": lambda world: "/scorers",
    "scorer": lambda world: "/scorers/rubric",
    "runs": lambda world: "/runs",
    "turn": lambda world: f"/runs/{world.turn.run_id}",
    "fine-tune": lambda world: f"/runs/{world.step('finetune').run_id}",
    "runs-compared": lambda world: f"/runs/compare?runs={world.step('base').run_id},{world.step('finetune').run_id}",
    "experiments": lambda world: "/experiments",
    "experiment": lambda world: f"/experiments/{world.step('evaluate').outputs['experiment_id']}",
    "grid": lambda world: (
        f"/experiments/grid?ids={world.step('evaluate-baseline').outputs['experiment_id']},"
        f"{world.step('evaluate').outputs['experiment_id']}"
    ),
    "bias": lambda world: f"/experiments/{world.step('evaluate').outputs['experiment_id']}/bias",
    "harness-runs": lambda world: "/harness-runs",
    "endpoints": lambda world: "/endpoints",
    "endpoint": lambda world: f"/endpoints/{world.name}",
    "rollout": lambda world: f"/rollouts/{world.made['rollout_id']}",
    "releases": lambda world: "/releases",
    "release": lambda world: f"/releases/{world.made['release_id']}",
    "alerts": lambda world: "/alerts",
    "channels": lambda world: "/channels",
    "sessions": lambda world: "/sessions",
    "users": lambda world: "/users",
    "views": lambda world: "/views",
    "surveys": lambda world: "/surveys",
    "pipelines": lambda world: "/pipelines",
    "schedules": lambda world: "/schedules",
    "dashboards": lambda world: "/dashboards",
    "queues": lambda world: "/queues",
    "traces": lambda world: "/traces",
    "trace": lambda world: f"/traces/{world.trace_id}",
    "traces-compared": lambda world: "/traces/{}/against/{}".format(
        *(one.trace_id for one in world.client.traces.list_(limit=2).items)
    ),
    "rollouts": lambda world: "/rollouts",
    "release-difference": lambda world: (
        f"/releases/{world.made['release_id']}/against/{world.client.releases.list_().items[-1].release_id}"
    ),
    "reports": lambda world: "/reports",
    "report": lambda world: f"/reports/{world.made['release_id']}",
    "chat": lambda world: f"/endpoints/{world.name}/chat",
    "gateway": lambda world: "/gateway",
    "gateway-keys": lambda world: "/gateway/keys",
    "cache": lambda world: "/gateway/cache",
    "gateway-health": lambda world: "/gateway/health",
    "batches": lambda world: "/gateway/batches",
    "drift": lambda world: "/drift",
    "jobs": lambda world: "/jobs",
    "access": lambda world: "/access",
    "roles": lambda world: "/access/roles",
    "keys": lambda world: "/access/keys",
    "audit": lambda world: "/audit",
    "settings": lambda world: "/settings",
    "keeping": lambda world: "/settings/keeping",
    "approvals": lambda world: "/settings/approvals",
    "secrets": lambda world: "/settings/secrets",
    "nowhere": lambda world: "/no/such/page",
}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound(name: str, world: World, open_page: OpenPage) -> None:
    """
    A page opens without an error, in both schemes without a fault that axe knows; at 200 % and on 320 px nothing is lost.
    """
    page = open_page(PAGES[name](world))

    settle(page)

    assert [] == faults(page)
    picture(page, f"{name}-light")
    page.emulate_media(color_scheme="dark")
    assert [] == faults(page, COLOURS)
    picture(page, f"{name}-dark")
    zoom(page)
    settle(page)
    assert [] == lost(page)
    page.set_viewport_size({"width": 320, "height": 800})
    assert [] == faults(page)
    assert [] == lost(page)


def test_sign_in_page_is_sound(world: World, browser: Browser, open_page: OpenPage) -> None:
    """
    The page before all others keeps the same rules.
    """
    page = open_page("/sign-in", signed_in=False)

    page.get_by_label("API key").wait_for()

    assert [] == faults(page)
    page.emulate_media(color_scheme="dark")
    assert [] == faults(page)


REST = """(frames) => {
    const answers = performance.getEntriesByType('resource').length
    const isBusy = window.treadleAsking > 0 || answers !== window.treadleAnswers
        || document.querySelector('h1') === null
        || document.querySelector('[aria-label^="Loading"], .mantine-Skeleton-root') !== null
    window.treadleAnswers = answers
    window.treadleStill = isBusy ? 0 : (window.treadleStill ?? 0) + 1
    if (window.treadleStill < frames) return false
    window.treadleStill = 0
    return true
}"""
"""Looked at in each frame: nothing is asked for, nothing came, nothing is being loaded."""
STILL_FRAMES = 6
"""An answer is drawn, and what it leads to is asked for, within a frame or two."""


def settle(page: Page) -> None:
    """Wait until the page has its name and rests: `conftest.COUNT_ASKED` counts what it waits for."""
    page.wait_for_function(REST, arg=STILL_FRAMES)


def faults(page: Page, rules: object = RULES) -> list[str]:
    """Return what axe finds by rules, as 'rule: elements'. What is dimmed until the new is there is looked at when that is there."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: python tools/build_web.py")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(VIOLATIONS, [rules, HASH_ROUTES])
    return [f"{fault['id']}: {fault['targets']}" for fault in found]
