/* SPDX-License-Identifier: BSD-2-Clause */
#include "port_mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MEM_RX_SLOTS 256
#define MEM_RX_BYTES 2048

struct mem_rx {
	uint32_t len;
	uint8_t data[MEM_RX_BYTES];
};

/*
 * Buffers never change places, so the FIFO is an index that goes round.  The first
 * PORT_TX_BURST frames are listed again behind the last: a burst lies in one piece.
 */
struct port_mem {
	struct port port;
	uint8_t *memory;
	size_t bytes;
	struct out_frame *frame;
	uint32_t buffers;
	uint32_t room;
	uint32_t next;
	uint64_t limit;
	port_mem_sink *sink;
	void *arg;
	struct mem_rx *rx;
	uint32_t rx_head, rx_tail;
};

static struct port_mem *mem_of(struct port *p)
{
	return (struct port_mem *)p;
}

static uint32_t mem_rx(struct port *p, struct port_rx *rx)
{
	struct port_mem *m = mem_of(p);
	uint32_t n = 0;

	for (; n < PORT_RX_BURST && m->rx_head + n != m->rx_tail; n++) {
		struct mem_rx *slot = &m->rx[(m->rx_head + n) % MEM_RX_SLOTS];

		rx[n] = (struct port_rx){slot->data, slot->len};
	}
	m->rx_head += n;
	return n;
}

static void mem_rx_done(struct port *p)
{
	(void)p;
}

static void mem_reserve(struct port *p, uint32_t n, struct out *o, uint64_t *wait_ns)
{
	struct port_mem *m = mem_of(p);

	if (n > m->limit) {
		n = (uint32_t)m->limit;
		*wait_ns = 0;
	}
	*o = (struct out){.frame = &m->frame[m->next], .n = n, .room = m->room};
}

static uint32_t mem_commit(struct port *p, struct out *o)
{
	struct port_mem *m = mem_of(p);

	if (m->sink)
		for (uint32_t i = 0; i < o->used; i++)
			m->sink(m->arg, o->frame[i].buf + o->frame[i].start, o->frame[i].len);
	m->limit -= o->used;
	m->next += o->used;
	if (m->next >= m->buffers)
		m->next -= m->buffers;
	return 0;
}

static bool mem_flush(struct port *p)
{
	(void)p;
	return false;
}

static uint32_t mem_fds(struct port *p, struct pollfd *fds, uint32_t max)
{
	(void)p;
	(void)fds;
	(void)max;
	return 0;
}

static void mem_stats(struct port *p, struct port_stats *s)
{
	(void)p;
	memset(s, 0, sizeof(*s));
}

void port_mem_close(struct port *p)
{
	struct port_mem *m = mem_of(p);

	if (m->memory)
		munmap(m->memory, m->bytes);
	free(m->frame);
	free(m->rx);
	free(m);
}

static const struct port_ops mem_ops = {
	.rx = mem_rx,
	.rx_done = mem_rx_done,
	.reserve = mem_reserve,
	.commit = mem_commit,
	.flush = mem_flush,
	.fds = mem_fds,
	.stats = mem_stats,
};

static int mem_alloc(struct port_mem *m, uint32_t bytes)
{
	m->bytes = (size_t)m->buffers * bytes;
	m->memory = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m->memory == MAP_FAILED) {
		m->memory = NULL;
		return -1;
	}
	m->frame = calloc(m->buffers + PORT_TX_BURST, sizeof(*m->frame));
	m->rx = calloc(MEM_RX_SLOTS, sizeof(*m->rx));
	return m->frame && m->rx ? 0 : -1;
}

struct port *port_mem_open(uint32_t buffers, uint32_t bytes, port_mem_sink *sink, void *arg)
{
	struct port_mem *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	*m = (struct port_mem){
		.port = {.ops = &mem_ops},
		.buffers = buffers < PORT_TX_BURST ? PORT_TX_BURST : buffers,
		.room = bytes,
		.limit = UINT64_MAX,
		.sink = sink,
		.arg = arg,
	};
	if (mem_alloc(m, bytes)) {
		port_mem_close(&m->port);
		return NULL;
	}
	for (uint32_t i = 0; i < m->buffers + PORT_TX_BURST; i++)
		m->frame[i].buf = m->memory + (size_t)(i % m->buffers) * bytes;
	return &m->port;
}

void port_mem_limit(struct port *p, uint64_t n)
{
	mem_of(p)->limit = n;
}

bool port_mem_inject(struct port *p, const void *data, uint32_t len)
{
	struct port_mem *m = mem_of(p);
	struct mem_rx *slot = &m->rx[m->rx_tail % MEM_RX_SLOTS];

	if (m->rx_tail - m->rx_head == MEM_RX_SLOTS || len > MEM_RX_BYTES)
		return false;
	memcpy(slot->data, data, len);
	slot->len = len;
	m->rx_tail++;
	return true;
}
