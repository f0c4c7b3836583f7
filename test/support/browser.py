"""Drive a headless Chromium by chromedriver's HTTP protocol (W3C WebDriver).

Python's standard library only; every wait has an end.
"""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request

PATIENCE = 60  # seconds for one command; a loaded machine starts slowly


def is_there():
    """True when there is a browser to drive."""
    return bool(shutil.which("chromedriver") and shutil.which("chromium"))


class Browser:
    """One browser with one page."""

    def __init__(self, width=1280, height=900):
        self.folder = tempfile.mkdtemp(prefix="squire-browser-")
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=dict(os.environ, HOME=self.folder, TMPDIR=self.folder),
            start_new_session=True)
        try:
            self.base = f"http://127.0.0.1:{self.read_port()}"
            self.session = self.ask("POST", "/session", {
                "capabilities": {"alwaysMatch": self.options()}})["sessionId"]
            self.cdp("Page.enable")
            self.resize(width, height)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def options(self):
        return {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": [
                "--headless=new", "--no-sandbox", "--disable-gpu",
                "--disable-dev-shm-usage", "--no-first-run",
                "--no-proxy-server", "--disable-background-networking",
                "--hide-scrollbars",
                "--user-data-dir=" + os.path.join(self.folder, "profile")]}}

    def read_port(self):
        for line in self.driver.stdout:
            match = re.search(r"started successfully on port (\d+)", line)
            if match:
                return int(match.group(1))
        raise AssertionError("chromedriver ended with "
                             f"{self.driver.wait(PATIENCE)}")

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data, {"Content-Type": "application/json"},
            method=method)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from error

    def command(self, path, body=None, method="POST"):
        return self.ask(method, f"/session/{self.session}{path}",
                        {} if body is None and method == "POST" else body)

    def cdp(self, name, **parameters):
        """A command of the browser's own protocol."""
        return self.command("/goog/cdp/execute",
                            {"cmd": name, "params": parameters})

    def open(self, url):
        self.command("/url", {"url": url})

    def js(self, script, *arguments):
        """What the script returns; it finds its arguments in arguments."""
        return self.command("/execute/sync",
                            {"script": script, "args": list(arguments)})

    def resize(self, width, height, is_phone=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width,
                 height=height, mobile=is_phone,
                 deviceScaleFactor=2 if is_phone else 1)

    def media(self, **features):
        """Set media features: prefers_color_scheme="dark"."""
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": name.replace("_", "-"), "value": value}
            for name, value in features.items()])

    def screenshot(self, path):
        """The whole page as a PNG file."""
        size = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.cdp("Page.captureScreenshot", captureBeyondViewport=True,
                        clip=dict(size, scale=1))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def console(self):
        """What was written to the console since the last call."""
        return self.command("/se/log", {"type": "browser"})

    def close(self):
        with contextlib.suppress(OSError, AssertionError, AttributeError):
            self.command("", method="DELETE")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.driver.pid, signal.SIGKILL)
        self.driver.stdout.close()
        self.driver.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)
