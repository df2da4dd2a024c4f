# SPDX-License-Identifier: BSD-2-Clause
"""TRex, stateless: many rooms' RTP into crier's ingest.

In trex-console:  start -f scripts/pktgen/trex.py -m 1 -d 60 -t --rooms 1000 --to 192.0.2.1

Each room is a stream at its own port with its own SSRC, sequence numbers and timestamps counting up,
as a publisher's would; -m multiplies every room's rate.
"""
import argparse

from trex_stl_lib.api import (Ether, IP, UDP, STLPktBuilder, STLScVmRaw, STLStream, STLTXCont,
                              STLVmFlowVar, STLVmWrFlowVar)

RTP_SEQ = 14 + 20 + 8 + 2
RTP_TIMESTAMP = RTP_SEQ + 2


def rtp_head(ssrc, pt):
    return bytes([0x80, pt]) + bytes(6) + ssrc.to_bytes(4, "big")


class Rooms:
    def stream(self, args, n):
        payload = rtp_head(args.ssrc + n, 111) + bytes(args.size - 12)
        # UDP without a checksum: crier sums the payload itself.
        packet = (Ether() / IP(src=args.source, dst=args.to, tos=46 << 2) /
                  UDP(sport=args.sport, dport=args.port + n, chksum=0) / payload)
        counters = STLScVmRaw([
            STLVmFlowVar("seq", 0, 0xffff, size=2, op="inc"),
            STLVmWrFlowVar("seq", pkt_offset=RTP_SEQ),
            STLVmFlowVar("ts", 0, 0xffffffff - 959, size=4, step=960, op="inc"),
            STLVmWrFlowVar("ts", pkt_offset=RTP_TIMESTAMP),
        ])
        # Spread over the frame interval: publishers don't speak at one instant.
        return STLStream(isg=1e6 / args.pps * n / args.rooms, mode=STLTXCont(pps=args.pps),
                         packet=STLPktBuilder(pkt=packet, vm=counters))

    def get_streams(self, tunables=(), **_):
        parser = argparse.ArgumentParser(prog="trex.py")
        parser.add_argument("--to", default="192.0.2.1", help="the node")
        parser.add_argument("--source", default="192.0.2.2", help="--from of the rooms")
        parser.add_argument("--sport", type=int, default=4000)
        parser.add_argument("--port", type=int, default=5000, help="ingest port of the first room")
        parser.add_argument("--rooms", type=int, default=1)
        parser.add_argument("--ssrc", type=int, default=1, help="of the first room")
        parser.add_argument("--size", type=int, default=112, help="UDP payload")
        parser.add_argument("--pps", type=float, default=50)
        args = parser.parse_args(tunables)
        return [self.stream(args, n) for n in range(args.rooms)]


def register():
    return Rooms()
