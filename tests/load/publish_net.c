/* SPDX-License-Identifier: BSD-2-Clause */
/* How a publisher's packets leave, the right ones and the wrong. */
#include "publish.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "xdp/log.h"

#define SEND_BUFFER (4 << 20)

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t sockaddr_of(union sockaddr_any *out, const struct crier_endpoint *ep)
{
	memset(out, 0, sizeof(*out));
	if (addr_is_v4(&ep->addr)) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = ep->port;
		out->v4.sin_addr.s_addr = addr_v4(&ep->addr);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = ep->port;
	memcpy(&out->v6.sin6_addr, ep->addr.b, 16);
	return sizeof(out->v6);
}

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static int set_options(int fd, const struct publish_options *o, bool v4)
{
	set_int(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
	if (o->interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->interface,
				       (socklen_t)strlen(o->interface)))
		return -1;
	if (o->dscp <= 63 && set_int(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS,
				     (int)o->dscp << 2))
		return -1;
	if (o->ttl && set_int(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS,
			      (int)o->ttl))
		return -1;
	if (o->zero_checksum)
		return v4 ? set_int(fd, SOL_SOCKET, SO_NO_CHECK, 1)
			  : set_int(fd, IPPROTO_UDP, UDP_NO_CHECK6_TX, 1);
	return 0;
}

int publish_socket(const struct publish_options *o, const struct crier_endpoint *from)
{
	bool v4 = addr_is_v4(&o->to.addr);
	union sockaddr_any sa;
	char text[ENDPOINT_STRLEN];
	socklen_t len;
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || set_options(fd, o, v4)) {
		log_err("crier-load publish: socket%s%s: %s", o->interface ? " on " : "",
			o->interface ? o->interface : "", strerror(errno));
		goto fail;
	}
	if (from) {
		len = sockaddr_of(&sa, from);
		if (bind(fd, &sa.sa, len)) {
			log_err("crier-load publish: cannot send from %s: %s",
				endpoint_format(text, from), strerror(errno));
			goto fail;
		}
	}
	return fd;
fail:
	if (fd >= 0)
		close(fd);
	return -1;
}

int publish_send(int fd, const struct crier_endpoint *to, const void *data, size_t len)
{
	union sockaddr_any sa;
	socklen_t sa_len = sockaddr_of(&sa, to);

	if (sendto(fd, data, len, 0, &sa.sa, sa_len) < 0)
		return -errno;
	return 0;
}

int publisher_send(struct publisher *p, const struct publish_stream *s, const void *data,
		   size_t len)
{
	if (!p->dpdk)
		return publish_send(p->fd, &s->to, data, len);
	if (p->opt->roster.members)
		return publish_fan(p, s, data, len);
	return publish_frame(p, &s->to, data, len, FAULT_N);
}

/* An IPv4 header of our own: the one way to have a UDP length that is a lie. */
static int send_bad_length(struct publisher *p, const struct crier_endpoint *to,
			   const uint8_t *data, size_t len)
{
	union sockaddr_any sa, local;
	socklen_t sa_len = sockaddr_of(&sa, to), local_len = sizeof(local);
	struct {
		struct iphdr ip;
		struct udphdr udp;
		uint8_t data[PUBLISH_PAYLOAD_MAX];
	} __attribute__((packed)) m = {0};

	if (getsockname(p->fd, &local.sa, &local_len))
		return -errno;
	m.ip.version = 4;
	m.ip.ihl = 5;
	m.ip.ttl = 64;
	m.ip.protocol = IPPROTO_UDP;
	m.ip.saddr = p->opt->have_from ? addr_v4(&p->opt->from.addr) : 0;
	m.ip.daddr = addr_v4(&to->addr);
	m.udp.source = local.v4.sin_port;
	m.udp.dest = to->port;
	m.udp.len = htons((uint16_t)(sizeof(m.udp) + len + 100));
	memcpy(m.data, data, len);
	sa.v4.sin_port = 0;
	if (sendto(p->raw_fd, &m, sizeof(m.ip) + sizeof(m.udp) + len, 0, &sa.sa, sa_len) < 0)
		return -errno;
	return 0;
}

void publish_fault(struct publisher *p, struct publish_stream *s, enum publish_fault fault,
		   const uint8_t *data, size_t len)
{
#define FAULT_NAME(name, option, help) option,
	static const char *const name[] = {PUBLISH_FAULTS(FAULT_NAME)};
	uint8_t m[2000] = {0};
	int rc, fd = p->fd;

	memcpy(m, data, len);
	switch (fault) {
	case FAULT_SSRC:
		m[11] ^= 0x55;
		break;
	case FAULT_PT:
		m[1] ^= 1;
		break;
	case FAULT_SOURCE:
		fd = p->other_fd;
		break;
	case FAULT_VERSION:
		m[0] = 1 << 6;
		break;
	case FAULT_RUNT:
		len = 5;
		break;
	case FAULT_EMPTY:
		len = 0;
		break;
	case FAULT_CSRC:
		m[0] |= 15;
		len = RTP_HEADER + 8;
		break;
	case FAULT_FRAGMENT:
		len = sizeof(m);
		break;
	case FAULT_LENGTH:
	case FAULT_N:
		break;
	}
	if (p->dpdk)
		rc = publish_frame(p, &s->to, m, len, fault);
	else if (fault == FAULT_LENGTH)
		rc = send_bad_length(p, &s->to, m, len);
	else
		rc = publish_send(fd, &s->to, m, len);
	if (p->log)
		fprintf(p->log, "bad %" PRIu64 " %td %s %zu\n", now_ns(), s - p->stream,
			name[fault], len);
	if (rc)
		log_warn("crier-load publish: %s: %s", name[fault], strerror(-rc));
	else
		p->bad++;
}
