"""A real terminal that a test can look at and type into: tmux."""
import os
import subprocess
import time
import uuid


class Terminal:
    def __init__(self, command, env, cwd, columns=100, rows=30):
        self.socket = "countersign-" + uuid.uuid4().hex
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", cwd,
                  *sum((["-e", "%s=%s" % item] for item in {"LC_ALL": "C.UTF-8", **env}.items()), []),
                  command + "; echo exit=$?; sleep 60")

    def tmux(self, *words):
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        environment.pop("TMUX", None)
        return subprocess.run(["tmux", "-L", self.socket, *words], check=True, capture_output=True, text=True,
                              env=environment).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p", "-J")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def wait(self, text, seconds=20):
        """Until the screen shows it; the screen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            screen = self.screen()
            if text in screen:
                return screen
            time.sleep(0.1)
        raise AssertionError("%r does not appear:\n%s" % (text, self.screen()))

    def close(self):
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True, check=False)
