-- SPDX-License-Identifier: BSD-2-Clause
-- Pktgen-DPDK: replay real RTP into crier's ingest at rising rates, and print what went out.
--
--   scripts/pktgen/rtp-pcap speech.opus rtp.pcap --to ... --from ... --dst-mac ... --ssrc ...
--   pktgen -l 0-2 -a PCI -- -P -m "[1:2].0" -s 0:rtp.pcap -f scripts/pktgen/rtp.lua
--
-- One stream of real speech is 50 packets a second.  What loads a node is the copies: one packet to
-- a room of a million listeners is 154 MB of them.  So the rates here are of ingest packets, as a part
-- of line rate in percent, and are small; each step is held for some seconds, and between steps the
-- node is left to finish its queue.  Read crier's side with "crierctl stats" meanwhile: what it did
-- not take it counts by name.  See crier-pktgen(7).
package.path = package.path .. ";?.lua;test/?.lua;app/?.lua"
require "Pktgen"

local port = "0"
local number = 0
-- Percent of line rate: of 25 Gbit/s, 0.001 is about 175 frames of 154 bytes a second.
local rates = { 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1 }
local hold_ms = 10000
local rest_ms = 2000

local function sent()
	return pktgen.portStats(port, "port")[number].opackets
end

local function step(rate)
	pktgen.set(port, "rate", rate)
	pktgen.clr()
	pktgen.start(port)
	pktgen.delay(hold_ms)
	pktgen.stop(port)
	pktgen.delay(rest_ms)
	local n = sent()
	printf("rate %g%%: %d packets in %d s, %.0f/s\n", rate, n, hold_ms / 1000, n / (hold_ms / 1000))
end

pktgen.screen("off")
pktgen.stop(port)
pktgen.set(port, "count", 0)
pktgen.set(port, "burst", 1) -- speakers don't speak in bursts
pktgen.pcap(port, "on")
for _, rate in ipairs(rates) do
	step(rate)
end
pktgen.quit()
