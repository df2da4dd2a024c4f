/* SPDX-License-Identifier: BSD-2-Clause */
/* The sink on trial: a run of it without an interface, and what may be sent to it. */
#ifndef CRIER_LOAD_TRIAL_H
#define CRIER_LOAD_TRIAL_H

#include "frame.h"
#include "judge.h"
#include "load.h"
#include "rtp.h"
#include "sink.h"

#define SIZE 112
#define PACKETS 50
#define SSRC_OPUS 0x11223344U

/* Two rooms: listeners 0, 1 of "a" are IPv4 and IPv6, 2, 3 of "b" likewise. */
extern const char *const who[];
enum { A4, A6, B4, B6, LISTENERS };

struct run {
	struct roster roster;
	struct sink_config config;
	struct sink_ssrc ssrc[2];
	struct sink sink; /* in the kernel */
	struct sink twin; /* in memory; gets what sink gets */
	struct publog log;
	struct verdict v, twin_v;
	struct frame_spec spec; /* of the next frame; to is set when it is sent */
	uint8_t payload[1500];
	size_t len;
};

struct crier_endpoint endpoint(const char *text);
void roster_put(struct roster *r, const char *room, const char *text, uint16_t flags);
void run_open(struct run *r);
void run_start(struct run *r);
struct publog_stream *log_stream(struct run *r, const char *room, uint32_t ssrc);
void log_packet(struct publog_stream *s, uint32_t pos, uint64_t hash, uint64_t ns);
void log_report(struct publog_stream *s, uint64_t ntp, uint64_t hash);
void packet_make(struct run *r, const char *room, uint64_t seq, bool log);
void pktgen_make(struct run *r, uint32_t n);
void opus_make(struct run *r, const char *room, uint32_t seq, bool log);
void report_make(struct run *r, const char *room, uint64_t mono_ns, bool log);
int frame_to(struct run *r, const struct crier_endpoint *to);
void send_to(struct run *r, int listener);
void send_round(struct run *r, uint64_t first, uint64_t n);

/* Both sides' verdicts; they must be the same but for times. */
void run_judge(struct run *r, size_t logs, const struct window *w, size_t windows);
void run_end(struct run *r);
struct run *run_new(void);

/* What a verdict must say: every other counter that makes a run wrong must be 0. */
struct fault_case {
	const char *name;
	void (*send)(struct run *r);
	struct {
		enum tally_counter counter;
		uint64_t n;
	} want[3];
	uint64_t lost, rtcp_lost, unsent, misdirected;
	bool opus;   /* room a's stream has SSRC_OPUS */
	bool pktgen; /* pktgen sends to room a */
};

extern const struct fault_case faults[];
extern const size_t fault_count;

#endif
