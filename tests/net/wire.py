#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Packets made and read by hand, with nothing of crier in between.

wire.py send  FROM TO      RTP from a UDP socket; prints the packets' hash
wire.py recv  AT           what arrives at a UDP socket; prints count, hash, source, TTL and DSCP
wire.py raw   IFACE MAC FROM TO [--vlan ID[,ID]]   RTP as whole frames
wire.py bad   IFACE MAC FROM TO                    every sort of malformed frame
wire.py flood IFACE MAC FROM TO --kind KIND [--sources N]   COUNT frames as fast as they go,
              from FROM and the next N - 1 addresses by turns
wire.py tap   IFACE MAC FROM TO    the user side of a TAP: COUNT RTP packets as whole frames (--block:
              by blocking writes), and who got what of the frames that come out

FROM, TO, AT are ADDR:PORT or [ADDR]:PORT.  The hash is of all payloads in order, SHA-256.
"""
import argparse
import fcntl
import hashlib
import ipaddress
import json
import os
import random
import select
import socket
import struct
import sys
import time

# Not in Python's socket module.
IP_RECVTTL = 12
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000

def endpoint(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def rtp(args, n, rng):
    head = struct.pack("!BBHII", 0x80, args.pt | (0x80 if n == 0 else 0),
                       (args.seq + n) & 0xFFFF, (n * 960) & 0xFFFFFFFF, args.ssrc)
    size = args.size if args.size >= 0 else rng.randrange(0, 1200)
    return head + rng.randbytes(size)


def sender_report(args):
    now = time.time() + 2208988800
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, args.ssrc, int(now),
                       int(now % 1 * 2**32), 0, 0, 0)


def payloads(args):
    rng = random.Random(args.seed)
    for n in range(args.count):
        yield sender_report(args) if args.rtcp else rtp(args, n, rng)


def send(args):
    sock = socket.socket(family(args.source[0]), socket.SOCK_DGRAM)
    sock.bind(args.source)
    digest = hashlib.sha256()
    for payload in payloads(args):
        sock.sendto(payload, args.to)
        digest.update(payload)
        time.sleep(args.interval)
    print(json.dumps({"sent": args.count, "hash": digest.hexdigest()}))


def recv(args):
    host, port = args.at
    sock = socket.socket(family(host), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    if family(host) == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    sock.bind((host, port))
    sock.settimeout(args.first)
    print("listening", file=sys.stderr, flush=True)
    digest, count, seen, disorder, last = hashlib.sha256(), 0, {}, [], None
    while count < args.count:
        try:
            payload, anc, _, source = sock.recvmsg(2048, 256)
        except socket.timeout:
            break
        sock.settimeout(args.quiet)
        digest.update(payload)
        count += 1
        seq = int.from_bytes(payload[2:4], "big")
        if last is not None and seq != (last + 1) % 65536:
            disorder.append([last, seq])  # of no matter for RTCP
        last = seq
        for level, kind, data in anc:
            value = int.from_bytes(data, sys.byteorder)
            if kind in (socket.IP_TTL, socket.IPV6_HOPLIMIT):
                seen["ttl"] = value
            elif kind in (socket.IP_TOS, socket.IPV6_TCLASS):
                seen["dscp"] = value >> 2
        seen["source"] = source[0] + ":" + str(source[1])
    print(json.dumps({"received": count, "hash": digest.hexdigest(), **seen,
                      "disorder": disorder[:5]}))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_udp(args, payload, length=None, **ip):
    """An IP packet; length: what UDP says of itself; ip: wrong words to put into the IPv4 header."""
    src, dst = (ipaddress.ip_address(a[0]).packed for a in (args.source, args.to))
    udp_len = 8 + len(payload) if length is None else length
    udp = struct.pack("!HHHH", args.source[1], args.to[1], udp_len, 0) + payload
    if len(src) == 16:
        pseudo = src + dst + struct.pack("!II", len(udp), 17)
        summed = checksum(pseudo + udp) or 0xFFFF
        udp = udp[:6] + struct.pack("!H", summed) + udp[8:]
        return struct.pack("!IHBB", 6 << 28, ip.get("total", len(udp)), 17, 64) + src + dst + udp
    options = ip.get("options", b"")
    head = struct.pack("!BBHHHBBH", ip.get("first", 0x45 + len(options) // 4), 0,
                       ip.get("total", 20 + len(options) + len(udp)), 1, ip.get("fragment", 0),
                       64, 17, 0) + src + dst + options
    head = head[:10] + struct.pack("!H", checksum(head) ^ ip.get("spoil", 0)) + head[12:]
    return head + udp


def ethernet(args, packet, tags=()):
    kind = 0x86DD if ":" in args.source[0] else 0x0800
    frame = bytes.fromhex(args.mac.replace(":", "")) + b"\x02\0\0\0\0\x09"
    for n, tag in enumerate(tags):
        frame += struct.pack("!HH", 0x88A8 if n + 1 < len(tags) else 0x8100, tag)
    return frame + struct.pack("!H", kind) + packet


def raw_socket(iface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((iface, 0))
    # By CPU then, as the caller is pinned: by hash, a tagged flow would spread over all queues.
    sock.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    return sock


def raw(args):
    sock, digest = raw_socket(args.iface), hashlib.sha256()
    for payload in payloads(args):
        sock.send(ethernet(args, ip_udp(args, payload), args.vlan))
        digest.update(payload)
        time.sleep(args.interval)
    print(json.dumps({"sent": args.count, "hash": digest.hexdigest()}))


def tap_open(args):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", args.iface.encode(), IFF_TAP | IFF_NO_PI))
    print("listening", file=sys.stderr, flush=True)
    os.set_blocking(fd, args.block)
    return fd


def tap_read(fd, seconds, heard):
    """How many UDP packets come within so many seconds; by whom they are for: [packets, hash]."""
    end, got = time.monotonic() + seconds, 0
    while select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
        frame = os.read(fd, 4096)
        kind, v6 = struct.unpack_from("!H", frame, 12)[0], frame[12:14] == b"\x86\xdd"
        if kind not in (0x0800, 0x86DD) or frame[20 if v6 else 23] != 17:
            continue
        ip = 14 + (40 if v6 else 20)
        to = str(ipaddress.ip_address(frame[38:54] if v6 else frame[30:34]))
        packets = heard.setdefault(f"{to} {struct.unpack_from('!H', frame, ip + 2)[0]}",
                                   [0, hashlib.sha256()])
        packets[0] += 1
        packets[1].update(frame[ip + 8:])
        got += 1
    return got


def tap(args):
    fd, digest, heard = tap_open(args), hashlib.sha256(), {}
    for payload in payloads(args):
        os.write(fd, ethernet(args, ip_udp(args, payload), args.vlan))
        digest.update(payload)
        tap_read(fd, args.interval, heard)
    if not args.count:
        select.select([fd], [], [], args.first)
    while tap_read(fd, args.quiet, heard):
        pass
    print(json.dumps({"sent": args.count, "hash": digest.hexdigest(), "listeners": len(heard),
                      "counts": sorted({n for n, _ in heard.values()}),
                      "hashes": sorted({h.hexdigest() for _, h in heard.values()})}))


def bad_frames(args):
    good = rtp(args, 1, random.Random(1)) + b"payload" * 10
    whole = ethernet(args, ip_udp(args, good))
    for cut in range(14, len(whole) - 1):
        yield whole[:cut]  # ends before its headers do, or before its lengths say
    yield ethernet(args, ip_udp(args, good, length=7))
    yield ethernet(args, ip_udp(args, good, length=0))
    yield ethernet(args, ip_udp(args, good, length=0xFFFF))
    yield ethernet(args, ip_udp(args, b""))
    for total in (0, 19, 27, 0xFFFF):
        yield ethernet(args, ip_udp(args, good, total=total))
    for first in (0x00, 0x40, 0x44, 0x4F, 0x65, 0xF5):
        yield ethernet(args, ip_udp(args, good, first=first))
    yield ethernet(args, ip_udp(args, good, options=b"\x01" * 4))
    yield ethernet(args, ip_udp(args, good, fragment=0x2000))
    yield ethernet(args, ip_udp(args, good, fragment=0x00B9))
    for start in (b"", b"\x80", b"\0" * 12, b"\xc0" * 12, b"\x8f" + good[1:14], b"\x90" + good[1:12]):
        yield ethernet(args, ip_udp(args, start))
    # An RTCP report that says it is longer than it is; padding longer than the packet.
    yield ethernet(args, ip_udp(args, struct.pack("!BBHI", 0x80, 200, 0xFFFF, args.ssrc)))
    yield ethernet(args, ip_udp(args, b"\xa0" + good[1:] + b"\xff"))
    for tags in ((1, 2, 3), (0xFFFF,) * 8):
        yield ethernet(args, ip_udp(args, good), tags)
    rng = random.Random(7)
    for _ in range(2000):
        frame = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            frame[rng.randrange(12, 54)] = rng.randrange(256)
        yield bytes(frame)


def bad(args):
    sock, sent, refused = raw_socket(args.iface), 0, 0
    for frame in bad_frames(args):
        try:
            sock.send(frame)
            sent += 1
        except OSError:
            refused += 1  # Linux does not even send a frame that short
    print(json.dumps({"sent": sent, "not_sendable": refused}))


def stun(_):
    return struct.pack("!HHI", 1, 0, 0x2112A442) + b"crier-flood!"


def good_rtp(args):
    return rtp(args, 1, random.Random(1)) + b"payload" * 10


# What a frame of a flood is: its payload, and what is wrong with it.
FLOODS = {
    "rtp": lambda args: ethernet(args, ip_udp(args, good_rtp(args))),
    "runt": lambda args: ethernet(args, ip_udp(args, b"", total=24))[:14 + 20 + 4],
    "length": lambda args: ethernet(args, ip_udp(args, good_rtp(args), length=0xFFFF)),
    "checksum": lambda args: ethernet(args, ip_udp(args, good_rtp(args), spoil=1)),
    "stun": lambda args: ethernet(args, ip_udp(args, stun(args))),
    "rtcp": lambda args: ethernet(args, ip_udp(args, sender_report(args))),
    "noise": lambda args: ethernet(args, ip_udp(args, random.Random(1).randbytes(99))),
    "fragment": lambda args: ethernet(args, ip_udp(args, good_rtp(args), fragment=0x2000)),
}


def flood(args):
    sock, sent, refused, frames = raw_socket(args.iface), 0, 0, []
    first, port = ipaddress.ip_address(args.source[0]), args.source[1]
    for n in range(args.sources):
        args.source = (str(first + n), port)
        frames.append(FLOODS[args.kind](args))
    start = time.monotonic()
    for n in range(args.count):
        try:
            sock.send(frames[n % len(frames)])
            sent += 1
        except OSError:
            refused += 1
    seconds = time.monotonic() - start
    print(json.dumps({"sent": sent, "not_sendable": refused, "seconds": round(seconds, 3)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for run in (send, recv, raw, bad, flood, tap):
        command = commands.add_parser(run.__name__)
        command.set_defaults(run=run)
        if run in (raw, bad, flood, tap):
            command.add_argument("iface")
            command.add_argument("mac")
        if run is recv:
            command.add_argument("at", type=endpoint)
        else:
            command.add_argument("source", type=endpoint)
            command.add_argument("to", type=endpoint)
        if run is flood:
            command.add_argument("--kind", choices=FLOODS, required=True)
            command.add_argument("--sources", type=int, default=1)
        if run is tap:
            command.add_argument("--block", action="store_true")
        command.add_argument("--count", type=int, default=100)
        command.add_argument("--interval", type=float, default=0.005)
        command.add_argument("--first", type=float, default=30, help="longest wait for a packet")
        command.add_argument("--quiet", type=float, default=3, help="silence that ends recv")
        command.add_argument("--ssrc", type=lambda s: int(s, 0), default=0x1234)
        command.add_argument("--pt", type=int, default=111)
        command.add_argument("--seq", type=int, default=65500)
        command.add_argument("--size", type=int, default=-1, help="of the payload; -1: random")
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--rtcp", action="store_true", help="sender reports instead of RTP")
        command.add_argument("--vlan", type=lambda s: [int(v) for v in s.split(",")], default=())
    args = parser.parse_args()
    args.run(args)


main()
