/* SPDX-License-Identifier: BSD-2-Clause */
#include "publish.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "xdp/log.h"

#define LATE_NS 1000000ULL
#define FLUSH_NS 500000000ULL
#define START_DELAY_NS 1000000ULL

/* Sleep until then; the deadline is absolute, so that lateness does not add up. */
static void sleep_until(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)};

	while (!load_stop && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static void wait_for(struct publisher *p, uint64_t deadline)
{
	uint64_t now = now_ns();

	if (now < deadline) {
		sleep_until(deadline);
		now = now_ns();
	}
	if (now > deadline + p->late_max_ns)
		p->late_max_ns = now - deadline;
	p->late_pkts += now > deadline + LATE_NS;
}

static void log_packet(struct publisher *p, const struct publish_stream *s, uint64_t ns,
		       uint32_t ts, size_t len, uint64_t hash)
{
	uint16_t seq = (uint16_t)(s->rtp.first_seq + s->rtp.pkts);
	uint64_t pos = WIRE_POS_BASE + (p->opt->opus ? s->rtp.first_seq : 0) + s->seq;

	if (!p->log)
		return;
	fprintf(p->log, "pkt %" PRIu64 " %td %" PRIu64 " %u %u %08x %zu %016" PRIx64 "\n", ns,
		s - p->stream, pos, seq, ts, s->rtp.ssrc, len, hash);
	if (ns > p->logged_ns + FLUSH_NS) {
		fflush(p->log);
		p->logged_ns = ns;
	}
}

static void log_failed(struct publisher *p, const struct publish_stream *s, uint64_t ns, int rc)
{
	if (!p->failed++)
		log_warn("crier-load publish: a packet could not be sent: %s", strerror(-rc));
	if (p->log)
		fprintf(p->log, "failed %" PRIu64 " %td %d\n", ns, s - p->stream, -rc);
}

static void send_report(struct publisher *p, struct publish_stream *s, int bye)
{
	uint8_t m[RTCP_MAX];
	uint64_t ntp, ns = now_ns();
	size_t len = rtcp_report(&s->rtp, m, ns, bye, &ntp);
	int rc = publisher_send(p, s, m, len);

	if (rc) {
		log_failed(p, s, ns, rc);
		return;
	}
	p->reports++;
	if (p->log)
		fprintf(p->log, "rtcp %" PRIu64 " %td %016" PRIx64 " %zu %016" PRIx64 "\n", ns,
			s - p->stream, ntp, len, (uint64_t)wire_hash(m, len));
}

static void send_faults(struct publisher *p, struct publish_stream *s, const uint8_t *m, size_t len)
{
	int fault;

	for (fault = 0; fault < FAULT_N; fault++) {
		uint64_t every = p->opt->fault_every[fault];

		if (every && s->seq % every == 0)
			publish_fault(p, s, (enum publish_fault)fault, m, len);
	}
}

/* One packet of a stream: `len` bytes of UDP payload lie in m, but for their header. */
static void send_packet(struct publisher *p, struct publish_stream *s, uint8_t *m, size_t len,
			uint64_t samples, int marker)
{
	const struct publish_options *o = p->opt;
	size_t at = o->udp ? 0 : RTP_HEADER;
	uint32_t ts = rtp_ts(&s->rtp, samples);
	uint64_t hash, ns;
	int rc;

	if (at)
		rtp_header(&s->rtp, m, ts, marker);
	ns = now_ns();
	if (o->opus)
		hash = wire_hash(m, len);
	else
		hash = wire_synth_fill(m, len, at, s->room_key, s->slot, s->seq, ns);
	if (p->stamps && o->opus)
		stamp_put(p->stamps, s->rtp.ssrc, (uint16_t)(s->rtp.first_seq + s->rtp.pkts), hash,
			  ns);
	rc = publisher_send(p, s, m, len);
	if (rc) {
		/* Its sequence number is used by the next one: to the listeners nothing is lost. */
		log_failed(p, s, ns, rc);
		return;
	}
	log_packet(p, s, ns, ts, len, hash);
	rtp_sent(&s->rtp, len - at);
	s->seq++;
	p->pkts++;
	p->bytes += len;
	send_faults(p, s, m, len);
	if (!o->udp && !o->no_rtcp && ns >= s->next_sr_ns) {
		send_report(p, s, 0);
		s->next_sr_ns += o->sr_ns ? o->sr_ns : UINT64_MAX / 2;
	}
}

/* Every stream's packet number n, due together or spread over the interval that follows. */
static void send_round(struct publisher *p, const struct opus_packet *opus, uint64_t samples,
		       uint64_t when_ns, uint64_t interval_ns)
{
	uint8_t m[PUBLISH_PAYLOAD_MAX];
	size_t len = p->opt->size;
	uint32_t i;

	/* RFC 7587 section 3.1.3: a frame of two bytes says only that nobody speaks. */
	bool silent = opus && opus->len <= 2 && !p->opt->send_dtx;

	if (opus) {
		len = RTP_HEADER + opus->len;
		memcpy(m + RTP_HEADER, opus->data, opus->len);
	}
	for (i = 0; i < p->streams && !load_stop; i++) {
		struct publish_stream *s = &p->stream[i];

		wait_for(p, when_ns + (p->opt->together ? 0 : interval_ns * i / p->streams));
		if (!silent && !load_stop)
			send_packet(p, s, m, len, samples, s->silent);
		s->silent = silent;
	}
}

static uint64_t ns_of_samples(uint64_t samples)
{
	return samples / RTP_CLOCK * NSEC_PER_SEC + samples % RTP_CLOCK * NSEC_PER_SEC / RTP_CLOCK;
}

static bool done(const struct publisher *p, uint64_t n, uint64_t passed_ns)
{
	const struct publish_options *o = p->opt;

	return load_stop || (o->count && n >= o->count) || (o->for_ns && passed_ns >= o->for_ns);
}

static void run_opus(struct publisher *p)
{
	uint64_t n = 0, samples = 0, at;
	size_t i = 0;

	for (;; n++) {
		const struct opus_packet *pkt = &p->file.packet[i];

		at = ns_of_samples(samples);
		if (done(p, n, at))
			return;
		send_round(p, pkt, samples, p->start_ns + at, ns_of_samples(pkt->samples));
		samples += pkt->samples;
		if (++i < p->file.count)
			continue;
		i = 0;
		if (!p->opt->loop) {
			sleep_until(p->start_ns + ns_of_samples(samples));
			return;
		}
	}
}

static void run_synthetic(struct publisher *p)
{
	uint64_t n, at, rate = p->opt->rate;

	for (n = 0;; n++) {
		at = n / rate * NSEC_PER_SEC + n % rate * NSEC_PER_SEC / rate;
		if (done(p, n, at))
			return;
		send_round(p, NULL, n / rate * RTP_CLOCK + n % rate * RTP_CLOCK / rate,
			   p->start_ns + at, NSEC_PER_SEC / rate);
	}
}

static void summary(const struct publisher *p, uint64_t end_ns)
{
	log_info("crier-load: published %" PRIu64 " packets and %" PRIu64 " reports of %u stream%s "
		 "in %.2f s, %" PRIu64 " to be refused, %" PRIu64 " failed; latest by %" PRIu64
		 " us, %" PRIu64 " over 1 ms",
		 p->pkts, p->reports, p->streams, p->streams == 1 ? "" : "s",
		 (double)(end_ns - p->start_ns) / 1e9, p->bad, p->failed, p->late_max_ns / 1000,
		 p->late_pkts);
}

static int log_end(struct publisher *p, uint64_t end_ns)
{
	int bad;

	if (!p->log)
		return 0;
	fprintf(p->log, "end %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", end_ns,
		p->pkts, p->reports, p->bad, p->failed);
	bad = fflush(p->log) || ferror(p->log);
	if (bad)
		log_err("crier-load publish: %s: %s", p->opt->log, strerror(errno));
	return bad ? LOAD_WRONG : 0;
}

int publisher_run(struct publisher *p)
{
	uint64_t real, end_ns;
	uint32_t i;
	int rc;

	prctl(PR_SET_TIMERSLACK, 1);
	p->start_ns = now_ns() + START_DELAY_NS;
	real = clock_ns(CLOCK_REALTIME) + START_DELAY_NS;
	for (i = 0; i < p->streams; i++) {
		p->stream[i].rtp.start_mono_ns = p->start_ns;
		p->stream[i].rtp.start_real_ns = real;
		p->stream[i].next_sr_ns = p->start_ns;
	}
	if (p->opt->opus)
		run_opus(p);
	else
		run_synthetic(p);
	for (i = 0; i < p->streams && !p->opt->udp && !p->opt->no_rtcp && !p->opt->no_bye; i++)
		send_report(p, &p->stream[i], 1);
	end_ns = now_ns();
	rc = log_end(p, end_ns);
	if (!p->opt->quiet)
		summary(p, end_ns);
	if (p->failed)
		rc = LOAD_WRONG;
	return rc;
}

static void random_start(struct rtp_sender *rtp, const struct publish_options *o)
{
	uint32_t r[2] = {0};

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		r[0] = (uint32_t)now_ns();
	/* The lower half (RFC 3711's advice too), so that the first wrap is far off. */
	rtp->first_seq = o->have_seq ? (uint16_t)o->seq : (uint16_t)(r[0] & 0x7fff);
	rtp->first_ts = o->have_ts ? (uint32_t)o->ts : r[1];
}

static void stream_init(struct publisher *p, uint32_t n)
{
	const struct publish_options *o = p->opt;
	struct publish_stream *s = &p->stream[n];
	uint32_t room = n / (uint32_t)o->streams;

	if (o->numbered)
		snprintf(s->room, sizeof(s->room), "%s%u", o->room, room + 1);
	else
		snprintf(s->room, sizeof(s->room), "%s", o->room);
	s->room_key = wire_room_key(s->room);
	s->slot = n % (uint32_t)o->streams;
	s->fan_room = roster_room_find(&o->roster, s->room);
	s->to = o->to;
	s->to.port = htons((uint16_t)(ntohs(o->to.port) + room));
	s->rtp.ssrc = o->have_ssrc ? (uint32_t)o->ssrc + n : wire_ssrc(s->room, s->slot);
	s->rtp.pt = (uint8_t)o->pt;
	s->rtp.cname = o->cname;
	s->silent = true; /* the first packet begins a talkspurt */
	random_start(&s->rtp, o);
}

static int log_open(struct publisher *p)
{
	char text[ENDPOINT_STRLEN];
	uint32_t i;

	if (!p->opt->log)
		return 0;
	p->log = fopen(p->opt->log, "w");
	if (!p->log) {
		log_err("crier-load publish: %s: %s", p->opt->log, strerror(errno));
		return LOAD_WRONG;
	}
	setvbuf(p->log, NULL, _IOFBF, 1 << 20);
	fprintf(p->log, "crier-load-log 1\n");
	for (i = 0; i < p->streams; i++)
		fprintf(p->log, "stream %u %s %u %08x %s %s\n", i, p->stream[i].room,
			p->stream[i].slot, p->stream[i].rtp.ssrc, p->opt->udp ? "udp" : "rtp",
			endpoint_format(text, &p->stream[i].to));
	return 0;
}

static int file_open(struct publisher *p)
{
	size_t i;

	if (!p->opt->opus)
		return 0;
	if (opus_file_read(&p->file, p->opt->opus))
		return LOAD_WRONG;
	for (i = 0; i < p->file.count; i++) {
		if (p->file.packet[i].len + RTP_HEADER <= PUBLISH_PAYLOAD_MAX)
			continue;
		log_err("crier-load publish: %s: packet %zu has %u bytes, too many for one RTP "
			"packet",
			p->opt->opus, i + 1, p->file.packet[i].len);
		return LOAD_WRONG;
	}
	return 0;
}

static int ways_open(struct publisher *p)
{
	const struct publish_options *o = p->opt;
	struct crier_endpoint other = o->from;

	if (o->dpdk)
		return publish_dpdk_open(p);
	p->fd = publish_socket(o, o->have_from ? &o->from : NULL);
	if (p->fd < 0)
		return LOAD_WRONG;
	if (o->fault_every[FAULT_SOURCE]) {
		other.port = 0;
		if (o->have_other)
			other = o->other;
		p->other_fd = publish_socket(o, o->have_other || o->have_from ? &other : NULL);
		if (p->other_fd < 0)
			return LOAD_WRONG;
	}
	if (o->fault_every[FAULT_LENGTH]) {
		p->raw_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
		if (p->raw_fd < 0) {
			log_err("crier-load publish: raw socket: %s", strerror(errno));
			return LOAD_WRONG;
		}
	}
	return 0;
}

int publisher_open(struct publisher *p, const struct publish_options *o)
{
	uint32_t i;
	int rc;

	memset(p, 0, sizeof(*p));
	p->opt = o;
	p->fd = p->other_fd = p->raw_fd = -1;
	rc = file_open(p);
	if (rc)
		return rc;
	p->streams = (uint32_t)(o->rooms * o->streams);
	p->stream = calloc(p->streams, sizeof(*p->stream));
	if (!p->stream) {
		log_err("crier-load publish: out of memory");
		return LOAD_WRONG;
	}
	for (i = 0; i < p->streams; i++)
		stream_init(p, i);
	if (o->stamps) {
		p->stamps = stamps_open(o->stamps);
		if (!p->stamps)
			return LOAD_WRONG;
	}
	rc = ways_open(p);
	return rc ? rc : log_open(p);
}

void publisher_close(struct publisher *p)
{
	if (p->log)
		fclose(p->log);
	if (p->fd >= 0)
		close(p->fd);
	if (p->other_fd >= 0)
		close(p->other_fd);
	if (p->raw_fd >= 0)
		close(p->raw_fd);
	publish_dpdk_close(p);
	stamps_close(p->stamps);
	free(p->stream);
	opus_file_free(&p->file);
}

int publish_main(int argc, char **argv)
{
	struct publish_options o;
	struct publisher p;
	int rc = publish_parse(&o, argc, argv);

	if (!rc) {
		stop_on_signals();
		rc = publisher_open(&p, &o);
		if (!rc)
			rc = publisher_run(&p);
		publisher_close(&p);
	}
	publish_options_free(&o);
	return rc;
}
