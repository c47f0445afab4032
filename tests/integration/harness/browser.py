"""Chromium without windows (tools/reference-servers): loads a page, runs scripts in it, takes screenshots.

It is spoken to over its debugging pipe: JSON messages that end with NUL, at its descriptors 3 and 4.
"""

import base64
import contextlib
import fcntl
import json
import os
import subprocess
import time

from .patience import patient


class Browser:
    def __init__(self, program, folder):
        theirs_in, self.to_browser = os.pipe()
        self.from_browser, theirs_out = os.pipe()
        # Above 4, so that neither replaces the other.
        moved = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]

        def place():
            os.dup2(moved[0], 3)
            os.dup2(moved[1], 4)

        self.output = (folder / "browser.log").open("w")
        self.process = subprocess.Popen(
            [program, "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
             f"--user-data-dir={folder / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output, preexec_fn=place, pass_fds=(3, 4), env={**os.environ, "HOME": str(folder)})
        for fd in (theirs_in, theirs_out, *moved):
            os.close(fd)
        self.received, self.count, self.session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for part in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{part}.enable")

    def call(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self.events.append(answer)

    def receive(self):
        while b"\0" not in self.received:
            block = os.read(self.from_browser, 1 << 20)
            assert block, "the browser has ended"
            self.received += block
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def authorize(self, user, password):
        value = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.call("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {value}"})

    def show(self, width, height, scheme="light"):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        answer = self.call("Page.navigate", url=url)
        assert "errorText" not in answer, answer
        self.wait(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url)})")

    def run(self, script):
        """The value of the script, which may be a promise."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait(self, condition, seconds=20):
        deadline = time.monotonic() + patient(seconds)
        while not self.run(condition):
            assert time.monotonic() < deadline, f"{condition} is not so; the page: {self.run('document.body.innerText')[:3000]}"
            time.sleep(0.05)

    def press_enter(self):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")

    def complaints(self):
        """Errors, exceptions and what the page's policy has refused."""
        return [event for event in self.events
                if event.get("method") == "Runtime.exceptionThrown"
                or event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error"]

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def close(self):
        self.process.kill()
        self.process.wait(10)
        self.output.close()
        for fd in (self.to_browser, self.from_browser):
            with contextlib.suppress(OSError):
                os.close(fd)
