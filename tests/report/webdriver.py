"""A headless Chromium through chromedriver's own protocol (W3C WebDriver), with nothing but the standard library."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path


def missing() -> str:
    """Why there is no browser; "" where there is one."""
    wanted = {"chromedriver": ["chromedriver"], "Chromium": ["chromium", "chromium-browser", "google-chrome"]}
    gone = [name for name, programs in wanted.items() if not any(map(shutil.which, programs))]
    return f"needs {' and '.join(gone)} on the path" if gone else ""


class Browser:
    """A context manager: opens pages, runs scripts, presses keys, takes screenshots."""

    def __init__(self, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        self._size, self._dark = (width, height), dark

    def __enter__(self) -> Browser:
        self._process = subprocess.Popen(
            [shutil.which("chromedriver"), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )  # fmt: skip
        try:
            for line in self._process.stdout:
                if found := re.search(r"started successfully on port (\d+)", line):
                    break
            else:
                raise RuntimeError("chromedriver ended before it was ready")
            self._at = f"http://127.0.0.1:{found[1]}"
            arguments = [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--force-device-scale-factor=1", f"--window-size={self._size[0]},{self._size[1]}",
                *(["--blink-settings=preferredColorScheme=0"] if self._dark else []),
            ]  # fmt: skip
            program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
            wanted = {
                "goog:chromeOptions": {"binary": program, "args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            made = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self._at += f"/session/{made['sessionId']}"
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._send("DELETE", "")
        finally:
            self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._process.stdout.close()

    def _send(self, method: str, path: str, body: dict | None = None):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(
            self._at + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, path: Path) -> None:
        self._send("POST", "/url", {"url": path.resolve().as_uri()})

    def run(self, script: str, *arguments):
        """The body of a function; what it returns."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def keys(self, text: str) -> None:
        """Keys to whatever has the focus; W3C code points for those without a letter."""
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._send("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def media(self, **features: str) -> None:
        """Emulate CSS features, as media(**{"prefers-color-scheme": "dark"}), or the type: media(type="print")."""
        kind = features.pop("type", "")
        listed = [{"name": name, "value": value} for name, value in features.items()]
        self.cdp("Emulation.setEmulatedMedia", media=kind, features=listed)

    def cdp(self, command: str, **parameters):
        return self._send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def size(self, width: int, height: int) -> None:
        self._send("POST", "/window/rect", {"width": width, "height": height})

    def console(self) -> list[str]:
        """What the page wrote to the console since last asked: warnings and errors."""
        found = self._send("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in found if entry["level"] in ("SEVERE", "WARNING")]

    def screenshot(self, path: Path) -> Path:
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))
        return path
