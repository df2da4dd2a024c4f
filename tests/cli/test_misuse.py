#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""crierctl used wrongly, and a crierd that is away, refuses or talks nonsense."""

import json
import os
import re
import shutil
import subprocess
import unittest

import harness
import mock_crierd


def command_names():
    text = subprocess.run([harness.CRIERCTL, "--help"], capture_output=True, text=True).stdout
    lines = text.split("commands:\n")[1].split("\n\n")[0].splitlines()
    return [line[2:17].strip() for line in lines]


class Usage(harness.Case):
    def test_wrong_usage_is_2(self):
        for args in (
            [],
            ["nonsense"],
            ["room"],
            ["room", "nonsense"],
            ["--nonsense"],
            ["room", "add"],
            ["room", "add", "a", "b", *harness.STREAM],
            ["room", "add", "a", "--from", "10.0.0.1"],
            ["room", "add", "a", "--from", "10.0.0.1", "--port", "0"],
            ["room", "add", "a", "--from", "10.0.0.1", "--port", "65536"],
            ["room", "add", "a", "--from", "10.0.0.1", "--port", "5o4"],
            ["room", "add", "a", *harness.STREAM, "--ssrc", "0x100000000"],
            ["room", "add", "a", *harness.STREAM, "--ssrc", "-1"],
            ["room", "add", "a", *harness.STREAM, "--pt", "128"],
            ["room", "add", "a", *harness.STREAM, "--payload", "rt"],
            ["room", "add", "a", *harness.STREAM, "--engine", "warp"],
            ["room", "list", "a"],
            ["stream", "del", "a", "x"],
            ["stream", "add", "a"],
            ["listener", "add", "a"],
            ["listener", "add", "a", "10.0.0.1:1", "--file", "x"],
            ["listener", "list", "a", "--limit", "0"],
            ["guard"],
            ["guard", "block"],
            ["guard", "block", "10.0.0.0/8", "--file", "x"],
            ["guard", "allow", ""],
            ["guard", "allow", "10.0.0.0/8 # ten"],
            ["guard", "del"],
            ["guard", "del", "10.0.0.0/8", "--replace"],
            ["guard", "list", "all"],
            ["guard", "clear", "block", "allow"],
            ["guard", "mode", "on"],
            ["sdp", "a", "10.0.0.1"],
            ["sdp", "a", "10.0.0.1:0"],
            ["sdp", "a", "2001:db8::1:5004"],
            ["sdp", "a", "[10.0.0.1]:5004"],
            ["sdp", "a", "0.0.0.0:5004"],
            ["sdp", "a", "224.0.0.1:5004"],
            ["sdp", "a", "255.255.255.255:5004"],
            ["sdp", "a", "[::]:5004"],
            ["sdp", "a", "[ff02::1]:5004"],
            ["sdp", "a", "[::ffff:239.0.0.1]:5004"],
            ["stats", "2"],
            ["stats", "--count", "2"],
            ["stats", "--watch=soon"],
            ["top", "--sort", "colour"],
            ["top", "--interval", "0"],
            ["set", "dscp"],
            ["set", "dscp", "high"],
            ["set", "dscp", "1e3"],
            ["get", "a", "b"],
            ["save"],
            ["capture"],
            ["capture", "-w"],
            ["capture", "-w", "x", "--count", "0"],
            ["status", "--socket", "a", "--url", "http://b"],
        ):
            with self.subTest(args=args):
                self.err(*args, want=2)
        self.assertEqual(self.server.requests, [])

    def test_arguments_that_are_no_utf8(self):
        self.room()
        asked = len(self.server.requests)
        for args in (["\udcff:5"], ["10.0.0.1:1", "\udcff:5"], ["\udcff:5", "10.0.0.1:1"]):
            for verb in ("add", "del"):
                with self.subTest(args=args, verb=verb):
                    done = subprocess.run(
                        [harness.CRIERCTL, "listener", verb, "town", *args],
                        capture_output=True,
                        env=self.env,
                    )
                    self.assertEqual(done.returncode, 2)
                    self.assertIn(b"no listener", done.stderr)
        self.assertEqual(len(self.server.requests), asked)

    def test_help(self):
        listed = self.out("--help")
        for name in command_names():
            with self.subTest(name=name):
                self.assertIn(f"  {name} ", listed)
                told = self.out(*name.split(), "--help")
                self.assertTrue(told.startswith(f"usage: crierctl {name}"))
                self.assertIn("--json", told)
                self.assertEqual(told, self.out("help", *name.split()))
        self.assertIn("room show", self.out("room", "--help"))
        self.assertIn("crierctl ", self.out("--version"))

    def test_man_page_tells_all(self):
        here = os.path.dirname(os.path.abspath(__file__))
        page = self.read(os.path.join(here, "../../control/cli/crierctl.8.scd")).decode()
        for name in command_names():
            told = page[page.rindex(f"\n*{name}*") + 1 :]
            told = re.split(r"\n\*[a-z]|\n# ", told)[0]
            for option in re.findall(r"(--[a-z]+)", self.out(*name.split(), "--help")):
                with self.subTest(name=name, option=option):
                    self.assertIn(option, page if option in self.out("--help") else told)

    def test_options_go_anywhere(self):
        self.room()
        for args in (["--json", "room", "list"], ["room", "list", "--json"]):
            self.assertEqual(len(json.loads(self.out(*args))["rooms"]), 1)
        self.out("--socket", self.socket, "status", env={"CRIER_SOCKET": "/nowhere"})


class Trouble(harness.Case):
    def test_no_server(self):
        self.assertIn("crierd is not running", self.err("status", "--socket", "/nowhere/s"))
        self.server.close()
        self.assertIn("crierd is not running", self.err("status"))
        self.assertIn("crierd is not running", self.err("save", self.path("s")))
        self.assertEqual(os.listdir(self.dir), ["crier.sock"])
        self.assertIn("cannot connect", self.err("status", "--socket", "/" + "x" * 200))

    @unittest.skipUnless(os.getuid() == 0, "needs root to become another user")
    def test_no_permission(self):
        os.chmod(self.socket, 0o600)
        os.chmod(self.dir, 0o755)
        local = shutil.copy(harness.CRIERCTL, self.path("crierctl"))
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", local, "status"],
            capture_output=True,
            text=True,
            env=self.env,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("no permission", done.stderr)

    def test_malformed_answers(self):
        ok = b"HTTP/1.1 200 OK\r\nContent-Length: "
        for answer in (
            b"",
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n",
            ok + b"0\r\n\r\n",
            ok + b"3\r\n\r\nabc",
            ok + b"2\r\n\r\n[]",
            ok + b"2\r\n\r\n42",
            ok + b"9\r\n\r\n{}",
            ok + b"11\r\n\r\n{} and more",
            b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nouch",
            b"HTTP/1.1 400 Oops\r\nContent-Length: 12\r\n\r\n{\"error\": 12}",
            b"HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        ):
            for args in (["status"], ["room", "list"], ["stats"], ["get"], ["top", "--once"]):
                with self.subTest(answer=answer, args=args):
                    self.server.answers = [answer]
                    self.assertEqual(self.run_cli(*args, want=1).stdout, "")

    def test_fields_of_wrong_types(self):
        for body in (
            {},
            {"rooms": 5, "interfaces": {}, "workers": "x", "settings": [1, None], "xdp": []},
            {"rooms": [None, 3, {"name": [], "streams": 7}], "interfaces": [1], "workers": [{}],
             "warnings": [4], "vias": 1, "features": [], "stats": 4, "streams": [0], "used": 0},
        ):
            for args in (
                ["status"],
                ["room", "list"],
                ["room", "show", "a"],
                ["stats"],
                ["get"],
                ["get", "a"],
                ["listener", "count", "a"],
                ["sdp", "a", "10.0.0.1:5"],
                ["stats", "--watch=0.1", "--count=1"],
                ["top", "--once", "--interval=0.1"],
            ):
                with self.subTest(body=body, args=args):
                    self.server.answers = [lambda h, b=body: h.send(200, b)] * 4
                    self.run_cli(*args)
                    self.server.answers = []

    def test_reasons_are_passed_on(self):
        self.room()
        for status in (400, 404, 409, 413, 500, 503, 507):
            for args in (
                ["room", "add", "b", *harness.STREAM],
                ["listener", "add", "town", "10.0.0.1:1"],
                ["set", "dscp", "1"],
                ["listener", "list", "town"],
                ["restore", "/dev/null"],
                ["save", self.path("s")],
            ):
                why = {"error": f"because of {status}\x1b[2J"}
                self.server.answers = [lambda h, s=status, w=why: h.send(s, w)]
                with self.subTest(status=status, args=args):
                    said = self.err(*args)
                    self.assertIn(f"because of {status}?[2J", said)

    def test_full_stdout(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([harness.CRIERCTL, "get"], stdout=full, stderr=-1, env=self.env)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot write the output", done.stderr)

    def test_tcp_and_token(self):
        server = mock_crierd.Server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        server.token = "secret"
        url = f"http://127.0.0.1:{server.server_address[1]}"
        self.out("status", "--url", url, env={"CRIER_TOKEN": "secret"})
        self.assertIn("CRIER_TOKEN", self.err("status", "--url", url))
        self.assertIn("cannot connect", self.err("status", "--url", "http://127.0.0.1:1"))
        self.assertIn("no address", self.err("status", "--url", "ftp://127.0.0.1"))


if __name__ == "__main__":
    harness.main()
