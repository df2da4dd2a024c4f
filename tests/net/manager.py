#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A service manager as small as can be: manager.py UDPPORT|- COMMAND...

Holds a UDP socket on UDPPORT and passes it on (sd_listen_fds(3)), wants a sign of life each
second (sd_watchdog_enabled(3)), prints what the command says to it (sd_notify(3)), passes SIGTERM
on, and ends with the command's exit status.
"""
import os
import signal
import socket
import sys


def command(port, argv, notify):
    env = dict(os.environ, NOTIFY_SOCKET=notify, WATCHDOG_USEC="1000000",
               WATCHDOG_PID=str(os.getpid()))
    if port != "-":
        media = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        media.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        media.bind(("::", int(port)))
        if media.fileno() == 3:
            os.set_inheritable(3, True)
        else:
            os.dup2(media.fileno(), 3)
        env.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    os.execve(argv[0], argv, env)


def main():
    listen = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listen.bind("\0crier-manager-%d" % os.getpid())
    listen.settimeout(0.1)
    child = os.fork()
    if child == 0:
        command(sys.argv[1], sys.argv[2:], "@crier-manager-%d" % os.getppid())
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    status = None
    while status is None:
        try:
            print(listen.recv(4096).decode(), flush=True)
        except TimeoutError:
            pid, code = os.waitpid(child, os.WNOHANG)
            if pid:
                status = os.waitstatus_to_exitcode(code)
    return status


sys.exit(main())
