#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""save, restore and capture of crierctl: what they leave behind."""

import os
import signal
import stat
import struct
import subprocess
import unittest

import harness
import mock_crierd


class Saves(harness.Case):
    def test_round_trip(self):
        self.room(members=["10.1.0.1:1", "[2001:db8::1]:2"])
        path = self.path("save", "old")
        self.assertIn("saved", self.out("save", path))
        self.assertEqual(self.json("save", path)["saved"], path)
        self.assertEqual([f for f in os.listdir(self.dir) if f.startswith(".")], [])
        saved = self.read(path).decode()
        self.assertEqual(self.out("save", "-"), saved)
        said = self.err("restore", path)
        self.assertIn("exists", said)
        self.assertIn("restore --merge", said)
        self.server.answers = [lambda h: h.send(409, {"error": "port in use by room city"})]
        self.assertNotIn("--merge", self.err("restore", path))
        self.out("restore", path, "--merge")
        self.server.rooms.clear()
        self.assertEqual(
            self.json("restore", "-", stdin=saved), {"rooms": 1, "listeners": 2, "settings": 1}
        )
        self.assertEqual(len(self.server.rooms["town"]["members"]), 2)
        self.assertIn("no whole save", self.err("restore", "-", stdin="{}\n"))
        self.assertIn("No such file", self.err("restore", "/nowhere"))

    def test_cut_short_leaves_the_old_file(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        for answer in (
            head + b'Content-Length: 500\r\n\r\n{"crier":"save","abi":1}\n',
            head + b'Content-Length: 25\r\n\r\n{"crier":"save","abi":1}\n',
            head + b"Content-Length: 0\r\n\r\n",
        ):
            path = self.path("save", "old")
            self.server.answers = [answer]
            self.err("save", path)
            self.assertEqual(self.read(path).decode(), "old")
            self.assertEqual(sorted(os.listdir(self.dir)), ["crier.sock", "save"])

    def test_unwritable(self):
        self.assertIn("cannot write", self.err("save", "/nowhere/save"))

    @unittest.skipUnless(os.getuid() == 0, "needs root to make a device")
    def test_full_device(self):
        # One of our own: a save that replaced it would leave the machine without.
        full = self.path("full")
        os.mknod(full, stat.S_IFCHR | 0o666, os.stat("/dev/full").st_rdev)
        self.assertIn("cannot write", self.err("save", full))
        self.assertTrue(stat.S_ISCHR(os.stat(full).st_mode), "it is a device still")

    def test_devices_stay(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        reader = subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE, text=True)
        self.out("save", fifo)
        self.assertIn('{"end": true}', reader.communicate(timeout=60)[0])

    def test_restore_in_parts(self):
        self.room("one", [f"10.1.0.{n}:1" for n in range(1, 60)])
        self.room("two", [f"10.2.0.{n}:1" for n in range(1, 60)])
        before = {name: set(r["members"]) for name, r in self.server.rooms.items()}
        saved = self.out("save", "-")
        small = {"CRIERCTL_PART_MAX": "700"}
        said = self.err("restore", "-", stdin=saved, env=small)
        self.assertIn("room one exists", said)
        self.server.rooms.clear()
        done = self.json("restore", "-", stdin=saved, env=small)
        self.assertEqual(done, {"rooms": 2, "listeners": 118, "settings": 1})
        self.assertEqual({n: set(r["members"]) for n, r in self.server.rooms.items()}, before)
        del self.server.rooms["one"]
        said = self.err("restore", "-", stdin=saved, env=small)
        self.assertIn("room two exists", said)


class Capture(harness.Case):
    def blocks(self, data):
        kinds = []
        while data:
            kind, size = struct.unpack_from("<II", data)
            self.assertEqual(struct.unpack_from("<I", data, size - 4)[0], size)
            kinds.append(kind)
            data = data[size:]
        return kinds

    def test_count(self):
        self.room()
        path = self.path("c.pcapng", "x" * 100000)
        done = self.json("capture", "town", "-w", path, "--count", "20", "--drops")
        self.assertEqual(done["packets"], 20)
        self.assertEqual(self.blocks(self.read(path)), [0x0A0D0D0A, 1] + [6] * 20)
        self.assertEqual(
            self.server.capture_query,
            {"room": "town", "count": "20", "drops": "1", "input": "0", "copies": "0"},
        )
        self.run_capture("-w", "-", "--count", "3")
        self.assertEqual(self.server.capture_query["copies"], "1")

    def test_count_is_the_clients_too(self):
        """A crierd that goes on after the last packet asked for has the rest thrown away."""
        stream = mock_crierd.SECTION + mock_crierd.INTERFACE
        stream += b"".join(map(mock_crierd.packet, range(10)))
        self.server.answers = [lambda h: h.chunks("application/x-pcapng", [stream])]
        self.run_capture("-w", "-", "--count", "3")

    def run_capture(self, *args):
        done = subprocess.run([harness.CRIERCTL, "capture", *args], capture_output=True, env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.blocks(done.stdout), [0x0A0D0D0A, 1] + [6] * 3)

    def holds(self, path, packets):
        """The file is there, with so many packets and nothing half-written."""
        try:
            return self.blocks(self.read(path)) == [0x0A0D0D0A, 1] + [6] * packets
        except (OSError, AssertionError, struct.error):
            return False

    def test_interrupt_leaves_a_valid_file(self):
        path = self.path("c.pcapng")
        for sig in (signal.SIGINT, signal.SIGTERM):
            run = subprocess.Popen(
                [harness.CRIERCTL, "capture", "-w", path],
                env=self.env,
                stderr=subprocess.PIPE,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
            )
            harness.wait_for(lambda: self.holds(path, 10))
            run.send_signal(sig)
            self.assertEqual(run.wait(30), 0)
            self.assertIn(b"10 packets captured", run.stderr.read())
            run.stderr.close()
            self.assertEqual(self.blocks(self.read(path)), [0x0A0D0D0A, 1] + [6] * 10)
            os.unlink(path)

    def test_refused_leaves_nothing(self):
        path = self.path("c.pcapng")
        self.assertIn("no room", self.err("capture", "city", "-w", path))
        self.assertFalse(os.path.exists(path))
        self.path("c.pcapng", "old")
        self.assertIn("no room", self.err("capture", "city", "-w", path))
        self.assertEqual(self.read(path).decode(), "old")
        self.assertIn("cannot write", self.err("capture", "-w", "/nowhere/c"))

    def test_no_pcapng(self):
        path = self.path("c.pcapng")
        for body in (b"x" * 64, mock_crierd.INTERFACE, b"\n\r\r\n" + b"\xff" * 64):
            self.server.answers = [lambda h, body=body: h.send(200, body, "text/plain")]
            self.assertIn("no pcapng", self.err("capture", "-w", path))
            self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    harness.main()
