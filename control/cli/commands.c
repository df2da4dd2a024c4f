// SPDX-License-Identifier: BSD-2-Clause
#include "cli.h"

#define END \
	{ \
		.id = OPT_NONE \
	}

const struct cli_flag global_flags[] = {
	{OPT_SOCKET, "PATH", "crierd's socket (default $CRIER_SOCKET or /run/crier/crier.sock)"},
	{OPT_URL, "URL", "crierd over TCP, http://HOST:PORT; the token is taken from $CRIER_TOKEN"},
	{OPT_JSON, NULL, "print JSON"},
	{OPT_HELP, NULL, "print this help"},
	END,
};

static const struct cli_flag room_add[] = {
	{OPT_PORT, "UDPPORT", "the port to which the publisher sends (required)"},
	{OPT_FROM, "ADDR[:PORT]", "who may publish, or any, which then needs --ssrc (required)"},
	{OPT_SSRC, "N", "only this SSRC, decimal or 0x hex"},
	{OPT_PT, "N", "only this RTP payload type, 0..127"},
	{OPT_PAYLOAD, "rtp|udp", "udp: no RTP rules, any UDP payload (default rtp)"},
	{OPT_ENGINE, "auto|bypass|kernel|none", "who makes the copies (default auto)"},
	{OPT_LIMIT, "N", "most listeners (default: as many as the node holds)"},
	END,
};

static const struct cli_flag stream_add[] = {
	{OPT_PORT, "UDPPORT", "the port to which the publisher sends (required)"},
	{OPT_FROM, "ADDR[:PORT]", "who may publish, or any, which then needs --ssrc (required)"},
	{OPT_SSRC, "N", "only this SSRC, decimal or 0x hex"},
	{OPT_PT, "N", "only this RTP payload type, 0..127"},
	END,
};

static const struct cli_flag none[] = {END};

static const struct cli_flag stream_del[] = {
	{OPT_SSRC, "N", "only the stream with this SSRC (default: all of this port)"},
	END,
};

static const struct cli_flag listener_file[] = {
	{OPT_FILE, "FILE", "read listeners, one a line, from FILE; - is stdin"},
	END,
};

static const struct cli_flag guard_put[] = {
	{OPT_FILE, "FILE", "read prefixes, one a line, from FILE; - is stdin"},
	{OPT_REPLACE, NULL, "put them in place of all that the list has"},
	END,
};

static const struct cli_flag guard_del[] = {
	{OPT_FILE, "FILE", "read prefixes, one a line, from FILE; - is stdin"},
	END,
};

static const struct cli_flag listener_list[] = {
	{OPT_LIMIT, "N", "print at most N"},
	END,
};

static const struct cli_flag stats_flags[] = {
	{OPT_WATCH, "[SECONDS]", "print rates each SECONDS (default 1) until Ctrl-C"},
	{OPT_COUNT, "N", "with --watch: end after N times"},
	END,
};

static const struct cli_flag top_flags[] = {
	{OPT_ONCE, NULL, "print once, without touching the terminal"},
	{OPT_SORT, "KEY", "name, listeners, copies, drops or sweep (default copies)"},
	{OPT_INTERVAL, "SECONDS", "how often to look (default 1)"},
	END,
};

static const struct cli_flag restore_flags[] = {
	{OPT_MERGE, NULL, "add listeners to rooms that exist already"},
	END,
};

static const struct cli_flag reload_flags[] = {
	{OPT_BUILT_IN, NULL, "those that are built into crierd, whatever is in its --bpf-dir"},
	END,
};

static const struct cli_flag capture_flags[] = {
	{OPT_WRITE, "FILE", "where the pcapng goes; - is stdout (required)"},
	{OPT_COUNT, "N", "end after N packets"},
	{OPT_INPUT, NULL, "only packets that were accepted"},
	{OPT_COPIES, NULL, "only copies to listeners"},
	{OPT_DROPS, NULL, "only refused and dropped packets, with their verdict"},
	END,
};

const struct command commands[] = {
	{"room add", "NAME --port UDPPORT --from ADDR[:PORT]|any",
	 "make a room with its first stream", room_add, 1, 1, cmd_room_add},
	{"room set", "ROOM engine=auto|bypass|kernel|none", "change who makes a room's copies",
	 none, 2, 2, cmd_room_set},
	{"room del", "ROOM", "delete a room and its members", none, 1, 1, cmd_room_del},
	{"room list", "", "list the rooms", none, 0, 0, cmd_room_list},
	{"room show", "ROOM", "tell all about one room", none, 1, 1, cmd_room_show},
	{"stream add", "ROOM --port UDPPORT --from ADDR[:PORT]|any",
	 "let a room receive one more stream", stream_add, 1, 1, cmd_stream_add},
	{"stream del", "ROOM UDPPORT", "take a stream from a room", stream_del, 2, 2,
	 cmd_stream_del},
	{"listener add", "ROOM ADDR:PORT...|--file FILE", "add listeners to a room", listener_file,
	 1, -1, cmd_listener_add},
	{"listener del", "ROOM ADDR:PORT...|--file FILE", "remove listeners from a room",
	 listener_file, 1, -1, cmd_listener_del},
	{"listener list", "ROOM", "print a room's listeners, one a line", listener_list, 1, 1,
	 cmd_listener_list},
	{"listener count", "ROOM", "print how many listeners a room has", none, 1, 1,
	 cmd_listener_count},
	{"guard block", "PREFIX...|--file FILE", "drop what comes from these prefixes", guard_put,
	 0, -1, cmd_guard_block},
	{"guard allow", "PREFIX...|--file FILE",
	 "let these pass, out of wider ones that are blocked", guard_put, 0, -1, cmd_guard_allow},
	{"guard del", "PREFIX...|--file FILE", "take prefixes off the guard's lists", guard_del, 0,
	 -1, cmd_guard_del},
	{"guard list", "[block|allow]", "print the guard's lists, or one of them", none, 0, 1,
	 cmd_guard_list},
	{"guard mode", "[enforce|count|off]", "print or change what the guard does", none, 0, 1,
	 cmd_guard_mode},
	{"guard clear", "[block|allow]", "empty the guard's lists, or one of them", none, 0, 1,
	 cmd_guard_clear},
	{"sdp", "ROOM ADDR:PORT", "print the SDP file with which a player there plays the room",
	 none, 2, 2, cmd_sdp},
	{"status", "", "tell how the node is", none, 0, 0, cmd_status},
	{"stats", "[SECONDS]", "print counters, or with --watch their rates", stats_flags, 0, 1,
	 cmd_stats},
	{"top", "", "watch rooms on the full screen; q quits", top_flags, 0, 0, cmd_top},
	{"get", "[KEY]", "print settings, their meaning and bounds", none, 0, 1, cmd_get},
	{"set", "KEY VALUE", "change a setting, at once", none, 2, 2, cmd_set},
	{"save", "FILE", "write rooms, listeners, guard lists and settings to FILE; - is stdout",
	 none, 1, 1, cmd_save},
	{"restore", "FILE", "bring back what save wrote; - is stdin", restore_flags, 1, 1,
	 cmd_restore},
	{"reload", "", "put the installed XDP programs in the place of those at work", reload_flags,
	 0, 0, cmd_reload},
	{"capture", "[ROOM] -w FILE", "write packets and their verdicts as pcapng until Ctrl-C",
	 capture_flags, 0, 1, cmd_capture},
	{NULL},
};
