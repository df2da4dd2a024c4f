/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The shared tables that count.  A part of table.h, which includes it.
 */
#ifndef CRIER_COUNTERS_H
#define CRIER_COUNTERS_H

/*
 * ---- counters ----------------------------------------------------------------------
 *
 * Each counter has one writer (a CPU's XDP program, or a worker) and only grows;
 * readers load it relaxed.  X(name, help).
 */
#define CRIER_XDP_COUNTERS(X) \
	X(accepted, "stream packets handed to an engine") \
	X(accepted_rtcp, "of these, RTCP") \
	X(pass_not_ip, "passed to Linux: neither IPv4 nor IPv6") \
	X(pass_fragment, "passed to Linux: IP fragments") \
	X(pass_options, "passed to Linux: IP options or extension headers") \
	X(pass_other, "passed to Linux: not for a stream") \
	X(pass_media, "passed to Linux: to the media port") \
	X(drop_runt, "refused: ends before its headers do") \
	X(drop_length, "refused: IP or UDP length disagrees with the packet") \
	X(drop_rtp, "refused: neither RTP nor RTCP") \
	X(drop_source, "refused: wrong source address or port") \
	X(drop_ssrc, "refused: wrong SSRC") \
	X(drop_pt, "refused: wrong payload type") \
	X(drop_no_engine, "dropped: no engine serves the room") \
	X(drop_no_socket, "dropped: no AF_XDP socket on this interface and queue") \
	X(drop_deadman, "dropped: crierd is gone longer than dead_man_s") \
	X(drop_capture, "packets that capture could not keep") \
	X(kernel_jobs, "kernel engine: broadcasts begun") \
	X(kernel_copies, "kernel engine: copies rewritten") \
	X(kernel_empty, "kernel engine: clones whose slot was emptied since") \
	X(kernel_stale, "kernel engine: clones of a job that is gone") \
	X(kernel_no_neighbour, "kernel engine: clones without a neighbour's MAC") \
	X(guard_challenge, "guard: 401 answered") \
	X(guard_keepalive, "guard: keepalives taken") \
	X(guard_punt, "guard: punted to crierd within guard_punt_pps") \
	X(guard_blocked, "guard: source on the block list") \
	X(guard_media, "guard: neither STUN nor RTCP on the media port") \
	X(guard_cap, "guard: over the cap of punts") \
	X(guard_checksum, "guard: bad IP checksum") \
	X(guard_impossible, "guard: impossible source address") \
	X(kernel_spare, "kernel engine: clones beyond the listeners: broadcasts come in sizes") \
	X(kernel_dropped, "kernel engine: clones not sent: no route, link down, or over the MTU") \
	X(kernel_lost, "kernel engine: clones that the kernel did not make") \
	X(trigger_taken, "page triggers taken") \
	X(trigger_stale, "of these, not broadcast: page or port is not what they say") \
	X(trigger_refused, "injector: packets dropped: no triggers, mangled, or too late") \
	X(kernel_tx_full, "kernel engine: of the copies, those that the device did not take") \
	X(guard_member, "guard: punted to crierd, from a listener, within guard_member_pps") \
	X(guard_member_cap, "guard: from a listener, over both caps of punts")

#define CRIER_ENUM_XDP(name, help) CRIER_XDP_##name,
enum crier_xdp_counter { CRIER_XDP_COUNTERS(CRIER_ENUM_XDP) CRIER_XDP_N };

/* A verdict that refuses a packet, or would if the guard did more than count. */
static inline int crier_refuses(enum crier_xdp_counter verdict)
{
	return (verdict >= CRIER_XDP_drop_runt && verdict <= CRIER_XDP_drop_deadman) ||
	       (verdict >= CRIER_XDP_guard_blocked && verdict <= CRIER_XDP_guard_impossible) ||
	       verdict == CRIER_XDP_guard_member_cap;
}

/*
 * Map "xdp_counters": element n is CPU n's.  On a CPU that runs a crier-dp which judges a
 * device that Linux doesn't see, that one adds too, by single instructions: XDP interrupts
 * it and not the other way round.  The same holds for "stream_counters".
 */
struct crier_xdp_counters {
	__u64 c[64];
};
CRIER_ASSERT_SIZE(struct crier_xdp_counters, 512);
_Static_assert((int)CRIER_XDP_N <= 64, "XDP counters fit their slot");

/* Map "stream_counters": element cpu * config.max_streams + stream. */
struct crier_stream_counters {
	__u64 accepted;
	__u64 refused;
	__u64 bytes;
	__u64 last_ns; /* last accepted packet */
};
CRIER_ASSERT_SIZE(struct crier_stream_counters, 32);

#define CRIER_WORKER_COUNTERS(X) \
	X(turns, "loop turns") \
	X(sleeps, "times it slept for want of work") \
	X(rx_pkts, "packets received") \
	X(rx_bytes, "bytes received") \
	X(rx_refused, "packets whose stream or room was gone, or that the rules refuse") \
	X(jobs, "sweeps begun") \
	X(jobs_done, "sweeps ended") \
	X(jobs_gone, "sweeps cut short because the room was deleted") \
	X(copies, "copies handed to a port") \
	X(copy_bytes, "bytes of these frames") \
	X(drop_no_route, "copies not made: no route") \
	X(drop_no_neighbour, "copies not made: neighbour not resolved") \
	X(drop_link_down, "copies not made: link or port down, or not ours") \
	X(drop_mtu, "copies not made: larger than the next hop's MTU") \
	X(drop_tx_full, "copies not made: the port took no more within tx_wait_us") \
	X(overload_pkts, "packets dropped whole: the room's queue was full") \
	X(overload_copies, "members these would have gone to") \
	X(stopped_pkts, "packets not copied: crierd gone longer than dead_man_s") \
	X(stopped_copies, "members these would have gone to") \
	X(oversize_pkts, "packets larger than a buffer") \
	X(no_job_pkts, "packets dropped: job table or packet buffers full") \
	X(rx_ring_full, "kernel: packets lost because the RX ring was full") \
	X(rx_fill_empty, "kernel: packets lost because the fill ring was empty") \
	X(rx_dropped, "kernel: packets dropped at the socket for other reasons") \
	X(tx_invalid, "kernel: TX descriptors refused") \
	X(tx_kicks, "system calls that asked the kernel to send") \
	X(tx_again, "of these, answered EAGAIN, EBUSY or ENOBUFS") \
	X(capture_lost, "packets that capture could not keep") \
	X(copies6, "of the copies, to IPv6 listeners") \
	X(no_job_copies, "members that packets counted no_job would have gone to") \
	X(oversize_copies, "members that packets counted oversize would have gone to") \
	X(punted, "packets of a port that Linux does not see, given to Linux") \
	X(punt_cap, "packets not given to Linux: more than punt_pps") \
	X(punt_full, "packets not given to Linux: its TAP was not read fast enough") \
	X(tap_refused, "packets that Linux's TAP would not take: it is down") \
	X(tap_lost, "Linux's packets that the device would not take") \
	X(triggers, "page triggers sent, each for a unit of a page's members") \
	X(trigger_members, "members of these units: the kernel engine counts their copies") \
	X(triggers_lost, "page triggers not taken within tx_wait_us; their members count tx_full")

#define CRIER_ENUM_WORKER(name, help) CRIER_WORKER_##name,
enum crier_worker_counter { CRIER_WORKER_COUNTERS(CRIER_ENUM_WORKER) CRIER_WORKER_N };

/* Map "worker_counters": element n is worker n's. */
struct crier_worker_counters {
	__u64 c[64];
};
CRIER_ASSERT_SIZE(struct crier_worker_counters, 512);
_Static_assert((int)CRIER_WORKER_N <= 64, "worker counters fit their slot");

/*
 * Map "room_counters": element worker * config.max_rooms + room.  The worker zeroes
 * it when it meets the room with another generation; with another generation than
 * the room's it means nothing.  For each worker and generation
 *
 *   due = copies + no_route + no_neighbour + link_down + mtu + tx_full
 *
 * holds whenever no sweep of the room is under way.
 */
struct crier_room_counters {
	__u64 generation;
	__u64 pkts;  /* packets that began a sweep; the leader's alone, as the next */
	__u64 bytes; /* of their payloads */
	__u64 due;   /* members that the sweeps met */
	__u64 copies;
	__u64 no_route;
	__u64 no_neighbour;
	__u64 link_down;
	__u64 mtu;
	__u64 tx_full;
	__u64 overload_pkts;
	__u64 overload_copies; /* members these packets would have gone to */
	__u64 sweep_ns;	       /* last sweep, first to last copy */
	__u64 sweep_max_ns;
	__u64 late; /* sweeps that ended after the room's next packet came */
	__u64 stopped_copies;
};
CRIER_ASSERT_SIZE(struct crier_room_counters, 128);

#endif
