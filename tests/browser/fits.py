"""Whether a page still shows everything where there is little room, and pictures of it for people to look at."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page

SCREENS = Path(__file__).resolve().parents[2] / "build" / "screens"

ZOOMED = {"width": 640, "height": 512, "deviceScaleFactor": 2, "mobile": False}
"""What a window of 1280 x 1024 is at 200 %."""

SCROLLS_BY_ITSELF = (
    "table, pre, code, svg, canvas, textarea, input, .cm-scroller, [role='grid'], [role='tree'], [role='treegrid']"
)
"""What may be wider than its place, and is then moved to and fro inside of it: WCAG 1.4.10 leaves it out."""

LOST = """(own) => {
  const found = []
  const excess = document.documentElement.scrollWidth - document.documentElement.clientWidth
  if (excess > 0) found.push(`the page is ${excess} px too wide`)
  const named = (element) => element.tagName.toLowerCase() + (element.getAttribute('class') ? `.${element.getAttribute('class').split(' ')[0]}` : '')
  const styles = new Map()
  const styleOf = (element) => styles.get(element) ?? (styles.set(element, getComputedStyle(element)), styles.get(element))
  for (const element of document.body.querySelectorAll('*')) {
    const { overflowX, position, visibility } = styleOf(element)
    if (visibility === 'hidden' || !element.checkVisibility()) continue
    if (/auto|scroll/.test(overflowX) && element.scrollWidth > element.clientWidth + 1 && !element.matches(own) && element.querySelector(own) === null)
      found.push(`${named(element)} has to be moved sideways: ${element.textContent.trim().slice(0, 40)}`)
    if (/fixed|sticky/.test(position) && element.closest('[role="dialog"]') === null && element.getBoundingClientRect().height > innerHeight / 2 && element.getBoundingClientRect().width > innerWidth / 2)
      found.push(`${named(element)} stands over more than half of the window`)
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    if (text.data.trim() === '' || !text.parentElement.checkVisibility({ visibilityProperty: true })) continue
    const range = document.createRange()
    range.selectNodeContents(text)
    const place = range.getBoundingClientRect()
    if (place.width === 0) continue
    for (let around = text.parentElement; around !== null; around = around.parentElement) {
      const { overflowX, overflowY, textOverflow, webkitLineClamp, clipPath } = styleOf(around)
      const edge = around.getBoundingClientRect()
      // For ears only; and what says itself that there is more.
      if (edge.width <= 1 || clipPath !== 'none' || textOverflow === 'ellipsis' || webkitLineClamp !== 'none') break
      if (/auto|scroll/.test(overflowX)) break
      if (around === document.documentElement || around === document.body) {
        if (place.left < -1 || place.right > innerWidth + 1) found.push(`out of the window: ${text.data.trim().slice(0, 40)}`)
        break
      }
      const isCut = /hidden|clip/.test(overflowX) && (place.left < edge.left - 1 || place.right > edge.right + 1)
      const isLow = /hidden|clip/.test(overflowY) && (place.top < edge.top - 3 || place.bottom > edge.bottom + 3)
      if (isCut || isLow) {
        found.push(`cut off by ${named(around)}: ${text.data.trim().slice(0, 40)}`)
        break
      }
    }
  }
  return found
}"""
"""Words that nobody can read: outside of the window, or cut off by what is around them. What scrolls by itself may hold them."""


def lost(page: Page) -> list[str]:
    """Return what cannot be read or has to be moved sideways as the page stands now."""
    found: list[str] = page.evaluate(LOST, SCROLLS_BY_ITSELF)
    return found


def zoom(page: Page) -> None:
    """Show the page as at 200 %; `set_viewport_size` takes it back."""
    page.context.new_cdp_session(page).send("Emulation.setDeviceMetricsOverride", ZOOMED)


def screens_folder() -> Path | None:
    """Where pictures of pages are kept: TREADLE_SCREENSHOTS; build/screens where CI is 'true'; else nowhere."""
    named = os.environ.get("TREADLE_SCREENSHOTS")
    if named:
        return Path(named)
    return SCREENS if os.environ.get("CI") == "true" else None


def picture(page: Page, name: str) -> None:
    """Keep a picture of the whole page, if pictures are kept. name: such as 'home-dark'."""
    folder = screens_folder()
    if folder is not None:
        page.screenshot(path=folder / f"{name}.png", full_page=True)
