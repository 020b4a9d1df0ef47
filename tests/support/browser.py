"""A real browser without a window, which looks at pages of ours and at nothing else."""

from __future__ import annotations

import base64
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from programs import real
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

FLAGS = (
    "--headless=new",
    # It runs as root in a container, and sees pages of ours alone.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    # Whatever it asks for beside this machine is not there.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

SCRIPT_SECONDS = 240
# Whose right edge is beyond the window's, or text beyond the cell that it stands in.
OVERFLOWING = """
const beyond = [...document.body.querySelectorAll('*')].filter(element => {
  const box = element.getBoundingClientRect();
  if (!box.width || element.closest('.hidden, .skip, thead')) return false;
  const cell = element.closest('td, th, .card');
  const right = cell && cell !== element ? cell.getBoundingClientRect().right : 1e9;
  return box.right > Math.min(innerWidth, right) + 1;
});
if (document.documentElement.scrollWidth > innerWidth) beyond.push(document.body);
return beyond.map(element => element.outerHTML.slice(0, 120));
"""
AXE = """
const done = arguments[arguments.length - 1];
axe.run().then(found => done(found.violations.map(
  it => it.id + ': ' + it.nodes.map(node => node.target + ' ' + node.failureSummary)
)), error => done([String(error)]));
"""


@dataclass(frozen=True, slots=True)
class Browser:
    """One window, which every test shares."""

    driver: Chrome

    def open(self, url: str, *, width: int, scheme: str = "light") -> None:
        """Open a page in a window of this width, with this colour scheme."""
        self.look(width, scheme)
        self.driver.get(url)

    def look(
        self, width: int, scheme: str, *, height: int = 900, scale: float = 1
    ) -> None:
        """Change the window's size in pixels, their density, and the colour scheme."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )
        self._command(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def complaints(self) -> Sequence[str]:
        """Return what stands in the console since it was asked for last."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(entry["message"]) for entry in entries]

    def overflowing(self) -> Sequence[str]:
        """Return the beginnings of the elements that do not fit."""
        return self._strings(self.driver.execute_script(OVERFLOWING))

    def violations(self) -> Sequence[str]:
        """Return what axe-core finds that somebody could not read or reach."""
        self.driver.execute_script(_axe())
        return self._strings(self.driver.execute_async_script(AXE))

    def evaluate(self, expression: str) -> Any:
        """Return what an expression of JavaScript is."""
        return self.driver.execute_script(f"return {expression}")

    def text(self) -> str:
        """Return what can be read on the page."""
        return str(self.evaluate("document.body.innerText"))

    def press_tab(self) -> str:
        """Go on by keyboard; return the text of what then has the focus."""
        ActionChains(self.driver).send_keys(Keys.TAB).perform()
        return str(self.evaluate("document.activeElement.innerText"))

    def picture(self) -> bytes:
        """Return what the window shows, as PNG."""
        shot = self._command("Page.captureScreenshot", format="png")
        return base64.b64decode(shot["data"])

    def _command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def _strings(self, found: Any) -> Sequence[str]:
        return [str(each) for each in found]


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser, and end it with the context."""
    options = ChromeOptions()
    options.binary_location = real("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Both paths are given: it must not go and look for others.
    os.environ["SE_OFFLINE"] = "true"
    driver = Chrome(options, Service(real("chromedriver")))
    # A long page takes axe half a minute where others need the machine, too.
    driver.set_script_timeout(SCRIPT_SECONDS)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def _axe() -> str:
    """Return axe-core itself; the package around it would want another browser."""
    spec = importlib.util.find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    script = Path(spec.origin).with_name("axe.min.js")
    return script.read_text(encoding="utf-8")
