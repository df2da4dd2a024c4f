#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""crierctl's commands against a mock crierd."""

import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import time
import unittest

import harness


class Rooms(harness.Case):
    def test_add_show_delete(self):
        self.out("room", "add", "town", *harness.STREAM, "--ssrc", "0xCAFE", "--pt", "96", "--limit", "5")
        stream = self.server.rooms["town"]["streams"][0]
        self.assertEqual(stream, {"port": 5004, "from": "10.0.0.1", "ssrc": 0xCAFE, "pt": 96})
        self.assertEqual(self.server.rooms["town"]["limit"], 5)
        shown = self.out("room", "show", "town")
        self.assertIn("served by bypass: as asked", shown)
        for part in ("room town", "0x0000cafe", "10.0.0.1", "5004", "96", "at most 5"):
            self.assertIn(part, shown)
        self.assertEqual(self.json("room", "show", "town")["name"], "town")
        self.assertIn("town", self.out("room", "list"))
        self.assertIn("exists", self.err("room", "add", "town", *harness.STREAM))
        self.out("room", "del", "town")
        self.assertIn("no room", self.err("room", "del", "town"))
        self.assertIn("no room", self.err("room", "show", "town"))

    def test_source_must_be_said(self):
        self.assertIn("--from is missing", self.err("room", "add", "a", "--port", "5004"))
        self.assertIn(
            "needs --ssrc", self.err("room", "add", "a", "--port", "5004", "--from", "any")
        )
        udp = ["--from", "any", "--ssrc", "1", "--payload", "udp"]
        self.assertIn("no SSRC", self.err("room", "add", "a", "--port", "5004", *udp))
        self.assertEqual(self.server.requests, [])
        self.out("room", "add", "a", "--port", "5004", "--from", "any", "--ssrc", "77")
        self.assertEqual(self.server.rooms["a"]["streams"][0]["ssrc"], 77)

    def test_names_are_encoded(self):
        name = "a b/ü?#%"
        self.room(name)
        self.assertEqual(self.json("room", "show", name)["name"], name)

    def test_streams(self):
        self.room()
        self.out("stream", "add", "town", "--port", "5006", "--from", "[2001:db8::1]:9")
        self.out("stream", "add", "town", "--port", "5006", "--from", "any", "--ssrc", "9")
        self.assertEqual(len(self.server.rooms["town"]["streams"]), 3)
        self.out("stream", "del", "town", "5006", "--ssrc", "0x9")
        self.out("stream", "del", "town", "5006")
        self.assertEqual([s["port"] for s in self.server.rooms["town"]["streams"]], [5004])
        self.assertIn("no such stream", self.err("stream", "del", "town", "5006"))


class Listeners(harness.Case):
    def test_one_and_several(self):
        self.room()
        self.assertEqual(self.out("listener", "add", "town", "10.1.0.1:5000"), "1 added\n")
        self.assertIn("already", self.err("listener", "add", "town", "10.1.0.1:5000"))
        added = self.json("listener", "add", "town", "10.1.0.1:5000", "[2001:db8::1]:5000")
        self.assertEqual(added, {"added": 1, "existing": 1})
        self.assertEqual(self.out("listener", "count", "town"), "2\n")
        self.assertEqual(self.json("listener", "count", "town")["listeners6"], 1)
        self.assertEqual(
            self.out("listener", "list", "town").split(), ["10.1.0.1:5000", "[2001:db8::1]:5000"]
        )
        self.assertEqual(len(self.json("listener", "list", "town", "--limit", "1")["listeners"]), 1)
        self.assertIn("1 deleted", self.out("listener", "del", "town", "[2001:db8::1]:5000"))
        self.assertIn("no listener", self.err("listener", "del", "town", "[2001:db8::1]:5000"))
        self.assertIn("no ADDR:PORT", self.err("listener", "add", "town", "10.1.0.1"))

    def test_file_and_stdin(self):
        self.room()
        text = "# two\n10.1.0.1:1\n\n10.1.0.2:1 # here\n"
        self.assertIn("2 added", self.out("listener", "add", "town", "-f", self.path("l", text)))
        self.assertIn(
            "2 deleted", self.out("listener", "del", "town", "--file", "-", stdin=text)
        )
        bulk = [r for r in self.server.requests if r[2] == "text/plain"]
        self.assertEqual(len(bulk), 2)
        self.assertIn("No such file", self.err("listener", "add", "town", "--file", "/nowhere"))
        self.assertEqual(self.out("listener", "add", "town", "--file", "/dev/null"), "0 added\n")
        self.assertIn("no room", self.err("listener", "add", "city", "--file", "/dev/null"))

    def test_parts_keep_line_numbers(self):
        self.room()
        lines = [f"10.1.0.{n}:5000" for n in range(1, 101)]
        small = {"CRIERCTL_PART_MAX": "160"}
        text = "\n".join(lines)  # no line end at the end
        self.assertIn("100 added", self.out("listener", "add", "town", "-f-", stdin=text, env=small))
        bulk = [r for r in self.server.requests if r[2] == "text/plain"]
        self.assertGreater(len(bulk), 9)
        self.assertEqual(sum(r[3] for r in bulk), len(text))
        self.assertEqual(list(self.server.rooms["town"]["members"]), lines)
        lines[70] = "bad"
        said = self.err("listener", "del", "town", "-f-", stdin="\n".join(lines), env=small)
        self.assertIn("line 71: bad", said)
        gone = 100 - len(self.server.rooms["town"]["members"])
        self.assertIn(f"{gone} were deleted before that", said)
        said = self.err("listener", "add", "town", "-f-", stdin="x" * 400, env=small)
        self.assertIn("line 1 is longer than a request", said)

    def test_bad_line_of_one_part(self):
        self.room()
        said = self.err("listener", "add", "town", "-f-", stdin="10.1.0.1:1\noops\n")
        self.assertIn("stdin: line 2: oops is no ADDR:PORT", said)
        self.assertIn("nothing was added", said)

    def test_full(self):
        self.room()
        self.server.capacity = 3
        text = "".join(f"10.1.0.{n}:5000\n" for n in range(1, 9))
        said = self.err("listener", "add", "town", "-f-", stdin=text)
        self.assertIn("enlarge capacity.listeners", said)
        self.assertIn("3 were added", said)
        self.server.rooms["town"]["members"].clear()
        said = self.err("listener", "add", "town", *text.split())
        self.assertIn("enlarge capacity.listeners", said)
        self.assertIn("3 were added", said)

    def test_too_large(self):
        self.room()
        too_large = {"error": "the body is larger than 64 MB: split it"}
        self.server.answers = [lambda h: h.send(413, too_large)]
        said = self.err("listener", "add", "town", "-f-", stdin="10.1.0.1:1\n")
        self.assertIn("larger than 64 MB", said)
        self.server.answers = [lambda h: h.send(413, b"<HTML>", "text/html")]
        said = self.err("listener", "add", "town", "-f-", stdin="10.1.0.1:1\n")
        self.assertIn("larger than crierd takes", said)

    def test_65_megabytes_are_two_requests(self):
        self.room()
        path = self.path("large")
        line = "10.1.0.1:5000" + " " * 986 + "\n"
        with open(path, "w") as f:
            for _ in range(65):
                f.write(line * 1000)
        said = self.json("listener", "add", "town", "--file", path)
        self.assertEqual(said["added"] + said["existing"], 65000)
        self.assertEqual(sum(r[2] == "text/plain" for r in self.server.requests), 2)


class Guard(harness.Case):
    def test_block_allow_and_delete(self):
        said = self.out("guard", "block", "10.0.0.0/8", "2001:db8::/32")
        self.assertEqual(said, "2 added; now 2 are blocked, 0 allowed\n")
        said = self.out("guard", "allow", "10.1.0.7")
        self.assertEqual(said, "1 added; now 2 are blocked, 1 allowed\n")
        said = self.json("guard", "block", "10.0.0.0/8")
        self.assertEqual(said, {"added": 0, "existing": 1, "block": 2, "allow": 1})
        listed = "block 10.0.0.0/8\nblock 2001:db8::/32\nallow 10.1.0.7\n"
        self.assertEqual(self.out("guard", "list"), listed)
        self.assertEqual(self.out("guard", "list", "allow"), "10.1.0.7\n")
        self.assertEqual(
            self.json("guard", "list", "allow"),
            {"prefixes": [{"prefix": "10.1.0.7", "action": "allow"}]},
        )
        self.assertIn("1 deleted, 1 not there", self.out("guard", "del", "10.1.0.7", "10.9.9.9"))
        self.assertIn("10.9.9.9 is on neither list", self.err("guard", "del", "10.9.9.9"))
        self.assertIn("2 deleted; now 0", self.out("guard", "clear", "block"))
        self.assertIn("0 deleted; now 0", self.out("guard", "clear"))

    def test_refused_whole(self):
        said = self.err("guard", "block", "10.0.0.0/8", "ten")
        self.assertEqual(said, "crierctl: ten is no ADDRESS/LENGTH; nothing was changed\n")
        path = self.path("list", "# bad\n10.0.0.0/8\n\nten\n")
        said = self.err("guard", "block", "--file", path)
        self.assertIn(f"{path}: line 4: ten is no", said)
        self.assertIn("nothing was changed", said)
        self.assertEqual(self.server.guard, {})
        self.out("guard", "block", "10.0.0.0/8")
        self.assertIn("on the other list", self.err("guard", "allow", "10.0.0.0/8"))

    def test_file_and_replace(self):
        text = "10.0.0.0/8\n11.0.0.0/8 # eleven\n"
        self.assertIn("2 added", self.out("guard", "block", "--file", self.path("list", text)))
        said = self.out("guard", "block", "--replace", "-f", "-", stdin="11.0.0.0/8\n")
        self.assertEqual(said, "0 added, 1 deleted, 1 there already; now 1 are blocked, 0 allowed\n")
        self.out("guard", "del", "--file", "-", stdin=self.out("guard", "list", "block"))
        self.assertEqual(self.server.guard, {})
        self.assertIn("cannot read", self.err("guard", "block", "--file", self.path("none")))
        said = self.err("guard", "block", "-f", "-", stdin=text, env={"CRIERCTL_PART_MAX": "16"})
        self.assertIn("larger than 64 MB", said)
        self.assertEqual(self.server.guard, {})

    def test_mode(self):
        self.assertEqual(self.out("guard", "mode"), "enforce\n")
        self.assertEqual(self.out("guard", "mode", "count"), "count\n")
        self.assertEqual(self.server.settings["guard_mode"][0], 1)
        self.assertEqual(self.json("guard", "mode", "off")["mode"], "off")


class Sdp(harness.Case):
    def sdp(self, *args):
        return self.out("sdp", *args)

    def test_fields(self):
        self.room()
        text = self.sdp("town", "10.1.0.7:6000")
        for line in ("v=0", "s=town", "c=IN IP4 10.1.0.7", "m=audio 6000 RTP/AVP 111"):
            self.assertIn(line + "\n", text)
        self.assertIn("a=rtpmap:111 opus/48000/2\n", text)
        self.assertIn("a=rtcp-mux\n", text)
        self.assertIn("c=IN IP6 2001:db8::7\n", self.sdp("town", "[2001:db8::7]:6000"))
        self.assertIn("c=IN IP4 10.1.0.7\n", self.sdp("town", "[::ffff:10.1.0.7]:6000"))
        self.assertIn("v=0\r\n", self.json("sdp", "town", "10.1.0.7:6000")["sdp"])

    def test_payload_types_of_the_streams(self):
        self.room()
        for pt in ("96", "97", "96"):
            self.out("stream", "add", "town", "--port", "5006", "--from", "10.0.0.2", "--pt", pt)
        self.assertIn("RTP/AVP 111 96 97\n", self.sdp("town", "10.1.0.7:6000"))

    def test_no_sdp_of_plain_udp(self):
        self.out("room", "add", "raw", *harness.STREAM, "--payload", "udp")
        self.assertIn("plain UDP", self.err("sdp", "raw", "10.1.0.7:6000"))

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg")
    def test_ffmpeg_plays_it(self):
        self.room()
        for addr, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            with socket.socket(family, socket.SOCK_DGRAM) as free:
                free.bind((addr, 0))
                port = free.getsockname()[1]
            at = f"[{addr}]:{port}" if ":" in addr else f"{addr}:{port}"
            path = self.path("room.sdp", self.sdp("town", at))
            player = subprocess.Popen(
                ["ffmpeg", "-v", "error", "-protocol_whitelist", "file,udp,rtp", "-i", path]
                + ["-t", "0.2", "-f", "s16le", "-y", self.path("pcm")],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            with socket.socket(family, socket.SOCK_DGRAM) as publisher:
                for n in range(1500):
                    if player.poll() is not None:
                        break
                    silence = struct.pack(">BBHII", 0x80, 111, n, n * 960, 7) + b"\xf8\xff\xfe"
                    with contextlib.suppress(OSError):
                        publisher.sendto(silence, (addr, port))
                    time.sleep(0.02)
            said = player.communicate(timeout=60)[1]
            self.assertEqual(player.returncode, 0, said)
            self.assertEqual(os.path.getsize(self.path("pcm")), 9600 * 4, "stereo, 48 kHz")


class Views(harness.Case):
    def test_status(self):
        said = self.out("status")
        for part in (
            "edge1",
            "up 1 d 01:01:01",
            "WARNING: worker 0 is?[31m slow",
            "25000",
            "note: eth7: no native XDP",
            "IPv4 listeners",
            "1 without a neighbour",
            "guard: count; 7 prefixes blocked, 2 allowed, of 1024",
            "page triggers: none: crier-dp sends?[31m none",
            "no btf",
            "kernel 6.1",
        ):
            self.assertIn(part, said)
        self.assertRegex(said, r"BTF +host +NO +fewer names \(none there\)")
        self.assertRegex(said, r"zero-copy AF_XDP +eth0 +\? +one more copy")
        self.assertRegex(said, r"programs: built-in, loaded in 312 ms")
        self.assertRegex(said, r"crier_xdp +7 +88000 +200")
        self.assertEqual(self.json("status")["node"], "edge1")

    def test_stats(self):
        self.room(members=["10.1.0.1:1"])
        said = self.out("stats")
        for part in ("drop_source", "accepted", "town"):
            self.assertIn(part, said)
        self.assertEqual(self.json("stats")["rooms"][0]["name"], "town")

    def test_rates(self):
        self.room(members=["10.1.0.1:1"])
        said = self.out("stats", "--watch", "0.1", "--count", "2")
        self.assertEqual(said.count("copies 546/s"), 2)
        self.assertEqual(said.count("drop_source 7/s"), 2)
        lines = self.out("stats", "--watch=0.1", "--count", "3", "--json").splitlines()
        self.assertEqual(len(lines), 3)
        for line in map(json.loads, lines):
            self.assertEqual(line["rooms"][0]["copies"], 490)
            self.assertEqual(line["xdp"]["drop_source"], 7)
            self.assertNotIn("sweep_us", line["rooms"][0])

    def test_top_once(self):
        self.room("a-small")  # by name, the order would be the other one
        self.room("z-large")
        for args in (["top", "--once"], ["top"]):  # no terminal here
            lines = self.out(*args, "--interval", "0.1").splitlines()
            self.assertIn("copies 546/s", lines[1])
            self.assertIn("drops/s: drop_source 7 guard_media 3 kernel_tx_full 4 drop_tx_full 10", lines[2])
            at = [n for n, line in enumerate(lines) if "large" in line or "small" in line]
            self.assertTrue(lines[at[0]].startswith("z-large"), "by copies")
            self.assertIn("tx_full 20", lines[at[0]])
        lines = self.out("top", "--once", "--interval", "0.1", "--sort", "sweep").splitlines()
        self.assertTrue(lines[-1].startswith("a-small"))
        self.assertEqual(self.json("top", "--interval", "0.1")["rooms"][0]["pkts"], 50)


class Settings(harness.Case):
    def test_get_and_set(self):
        listed = self.out("get")
        for part in ("dscp", "0..63", "DSCP of copies", "dead_man_s"):
            self.assertIn(part, listed)
        self.assertEqual(len(self.out("get", "ttl").splitlines()), 2)
        self.assertEqual(self.json("get", "ttl")["default"], 64)
        self.out("set", "dscp", "0x20")
        self.assertEqual(self.json("get", "dscp")["value"], 32)
        self.assertIn("0 to 63", self.err("set", "dscp", "64"))
        self.assertIn("no setting", self.err("set", "colour", "1"))
        self.assertIn("no setting", self.err("get", "colour"))
        for args in (["get", "colour"], ["set", "colour", "1"], ["capture", "colour", "-w", "-"]):
            self.server.answers = [lambda h: h.send(404, {"error": "there is none"})]
            self.assertEqual(self.err(*args), "crierctl: colour: there is none\n")


if __name__ == "__main__":
    harness.main()
