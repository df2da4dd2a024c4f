#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""crierctl on a terminal: top, and the shell's completion."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios

import harness
import mock_crierd


class Terminal(harness.Case):
    @contextlib.contextmanager
    def top(self, *args):
        self.server.real_time = True
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 60, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        self.run = subprocess.Popen(
            [harness.CRIERCTL, "top", "--interval", "0.2", *args],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=self.env,
            start_new_session=True,
        )
        try:
            yield
        finally:
            if self.run.poll() is None:
                self.run.kill()
            self.run.wait()
            os.close(self.master)
            os.close(self.slave)

    def see(self, what):
        def seen():
            if select.select([self.master], [], [], 0)[0]:
                self.seen += os.read(self.master, 65536)
            return what in self.seen

        harness.wait_for(seen)
        text, self.seen = self.seen, b""
        return text

    def ends(self, code=0):
        harness.wait_for(lambda: self.run.poll() is not None)
        self.assertEqual(self.run.returncode, code)
        self.see(b"\x1b[?25h\x1b[?1049l")
        self.assertEqual(termios.tcgetattr(self.slave), self.before)

    def test_keys_and_quit(self):
        self.room("a")
        self.room("b")
        with self.top():
            self.see(b"by copies")
            for key, name in (b"n", b"name"), (b"d", b"drops"), (b"s", b"sweep"), (b"l", b"listeners"):
                os.write(self.master, key)
                self.see(b"by " + name)
            os.write(self.master, b"r")
            self.see(b"reversed")
            os.write(self.master, b"q")
            self.ends()

    def test_signals_restore_the_terminal(self):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.top():
                self.see(b"by copies")
                self.run.send_signal(sig)
                self.ends()
        with self.top():
            self.see(b"by copies")
            self.run.send_signal(signal.SIGSEGV)  # as in a crash
            self.ends(-signal.SIGSEGV)

    def test_resize_and_stop(self):
        for n in range(40):
            self.room(f"room{n:02}")
        with self.top("--sort", "name"):
            text = self.see(b"room05")
            self.assertNotIn(b"room06", text)
            fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 20, 0, 0))
            self.run.send_signal(signal.SIGWINCH)
            text = self.see(b"room30")
            self.run.send_signal(signal.SIGTSTP)
            self.see(b"\x1b[?1049l")
            self.run.send_signal(signal.SIGCONT)
            self.see(b"\x1b[?1049h")
            os.write(self.master, b"q")
            self.ends()

    def test_goes_on_without_crierd(self):
        self.room("a")
        with self.top():
            self.see(b"by copies")
            self.server.close()
            os.unlink(self.socket)
            self.see(b"crierd is not running")
            self.server = mock_crierd.Server(self.socket)
            self.addCleanup(self.server.close)
            self.server.real_time = True
            self.see(b"rooms 0")
            os.write(self.master, b"q")
            self.ends()


class Completion(harness.Case):
    def complete(self, line, **env):
        script = """
        source "$1"; set -f; read -ra COMP_WORDS <<<"$3"; set +f; COMP_WORDS[0]=$2
        [[ $3 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _crierctl 2>/dev/null; echo "${COMPREPLY[*]}"
        """
        done = subprocess.run(
            ["bash", "-c", script, "bash", harness.COMPLETION, harness.CRIERCTL, line],
            capture_output=True,
            text=True,
            env={**self.env, **env},
            cwd=self.dir,
        )
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_words(self):
        self.room("town")
        self.room("tower")
        self.path("file1", "")
        for line, want in (
            ("crierctl ro", ["room"]),
            ("crierctl st", ["stream", "status", "stats"]),
            ("crierctl room ", ["add", "set", "del", "list", "show"]),
            ("crierctl room add ", []),
            ("crierctl room add x --pa", ["--payload"]),
            ("crierctl room add x --payload ", ["rtp", "udp"]),
            ("crierctl room add x --engine b", ["bypass"]),
            ("crierctl room add x --from a", ["any"]),
            ("crierctl room del to", ["town", "tower"]),
            ("crierctl --json listener add tow", ["town", "tower"]),
            ("crierctl listener add town ", []),
            ("crierctl listener add town --file f", ["file1"]),
            ("crierctl set d", ["dscp", "dead_man_s"]),
            ("crierctl get tt", ["ttl"]),
            ("crierctl top --sort s", ["sweep"]),
            ("crierctl capture tow", ["town", "tower"]),
            ("crierctl capture -w f", ["file1"]),
            ("crierctl save f", ["file1"]),
            ("crierctl guard ", ["block", "allow", "del", "list", "mode", "clear"]),
            ("crierctl guard block ", []),
            ("crierctl guard block --file f", ["file1"]),
            ("crierctl guard list ", ["block", "allow"]),
            ("crierctl guard mode e", ["enforce"]),
            ("crierctl status --so", ["--socket"]),
        ):
            with self.subTest(line=line):
                self.assertEqual(self.complete(line), want)
        line = f"crierctl --socket {self.socket} sdp town"
        self.assertEqual(self.complete(line, CRIER_SOCKET="/nowhere"), ["town"])
        self.server.close()
        self.assertEqual(self.complete("crierctl room del "), [])


if __name__ == "__main__":
    harness.main()
