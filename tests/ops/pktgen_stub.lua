-- SPDX-License-Identifier: BSD-2-Clause
-- A stand-in for what Pktgen-DPDK gives to its scripts: it takes the numbers and types of arguments
-- that app/lpktgenlib.c there takes, refuses what that refuses, and says each call.
function printf(...)
	io.write(string.format(...))
end

local rate, sending, sent = 100, false, 0

local function call(name, types, ...)
	local args = table.pack(...)
	assert(args.n == #types, name .. ", wrong number of arguments")
	local text = name
	for i = 1, args.n do
		assert(type(args[i]) == types[i], name .. ": argument " .. i .. " is a " .. type(args[i]))
		text = text .. " " .. args[i]
	end
	printf("call %s\n", text)
end

local settable = { count = true, size = true, rate = true, burst = true }

pktgen = {
	screen = function(...) call("screen", { "string" }, ...) end,
	pcap = function(...) call("pcap", { "string", "string" }, ...) end,
	clr = function(...)
		call("clr", {}, ...)
		sent = 0
	end,
	set = function(...)
		call("set", { "string", "string", "number" }, ...)
		local _, what, value = ...
		assert(settable[what], "set does not support " .. what)
		rate = what == "rate" and value or rate
	end,
	start = function(...)
		call("start", { "string" }, ...)
		sending = true
	end,
	stop = function(...)
		call("stop", { "string" }, ...)
		sending = false
	end,
	-- 25 Gbit/s, frames of 154 bytes
	delay = function(...)
		call("delay", { "number" }, ...)
		sent = sent + (sending and math.floor(rate * 175000 * (...) / 1000 + 0.5) or 0)
	end,
	portStats = function(...)
		call("portStats", { "string", "string" }, ...)
		return { [tonumber((...))] = { opackets = sent }, n = 1 }
	end,
	quit = function(...) call("quit", {}, ...) end,
}
