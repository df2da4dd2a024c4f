# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of crierctl share: test_X.py CRIERCTL COMPLETION [unittest's arguments]"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import mock_crierd

CRIERCTL, COMPLETION = map(os.path.abspath, sys.argv[1:3])
STREAM = ["--port", "5004", "--from", "10.0.0.1"]


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="crier-cli.")
        self.addCleanup(shutil.rmtree, self.dir)
        self.socket = os.path.join(self.dir, "crier.sock")
        self.server = mock_crierd.Server(self.socket)
        self.addCleanup(self.server.close)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("CRIER")}
        self.env.update(CRIER_SOCKET=self.socket, http_proxy="http://127.0.0.1:9", TERM="xterm")

    def run_cli(self, *args, want=0, stdin="", env=None):
        done = subprocess.run(
            [CRIERCTL, *args],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env={**self.env, **(env or {})},
        )
        said = f"crierctl {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        self.assertEqual(done.returncode, want, said)
        self.assertNotIn("\x1b", done.stdout, "no control characters reach the terminal")
        if want == 0:
            self.assertEqual(done.stderr.replace("capturing", ""), done.stderr)
        else:
            self.assertTrue(done.stderr.startswith("crierctl: "), said)
        return done

    def out(self, *args, **kw):
        return self.run_cli(*args, **kw).stdout

    def err(self, *args, want=1, **kw):
        return self.run_cli(*args, want=want, **kw).stderr

    def json(self, *args, **kw):
        return json.loads(self.out(*args, "--json", **kw))

    def path(self, name, text=None):
        path = os.path.join(self.dir, name)
        if text is not None:
            with open(path, "w") as f:
                f.write(text)
        return path

    def read(self, path):
        with open(path, "rb") as f:
            return f.read()

    def room(self, name="town", members=()):
        self.run_cli("room", "add", name, *STREAM)
        self.server.rooms[name]["members"] = dict.fromkeys(members, True)


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.02)


def main():
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
