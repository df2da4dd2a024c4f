/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/pcapng.h"

#include <event2/buffer.h>
#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0aU
#define BLOCK_INTERFACE 1U
#define BLOCK_PACKET 6U
#define SECTION_MAGIC 0x1a2b3c4dU
#define LINKTYPE_ETHERNET 1
#define OPT_COMMENT 1
#define OPT_APPLICATION 4
#define OPT_IF_NAME 2
#define OPT_IF_TSRESOL 9
#define OPT_PACKET_DROPCOUNT 4

static uint32_t padded(size_t len)
{
	return (uint32_t)(len + 3) & ~3U;
}

static void add32(struct evbuffer *out, uint32_t v)
{
	evbuffer_add(out, &v, sizeof(v));
}

static void add16(struct evbuffer *out, uint16_t v)
{
	evbuffer_add(out, &v, sizeof(v));
}

static void add_padded(struct evbuffer *out, const void *data, size_t len)
{
	static const char zero[4];

	evbuffer_add(out, data, len);
	evbuffer_add(out, zero, padded(len) - len);
}

static uint32_t option_len(size_t len)
{
	return 4 + padded(len);
}

static void add_option(struct evbuffer *out, uint16_t code, const void *data, size_t len)
{
	add16(out, code);
	add16(out, (uint16_t)len);
	add_padded(out, data, len);
}

static void add_options_end(struct evbuffer *out)
{
	add32(out, 0);
}

void pcapng_section(struct evbuffer *out, const char *application)
{
	uint32_t len = 28 + option_len(strlen(application)) + 4;

	add32(out, BLOCK_SECTION);
	add32(out, len);
	add32(out, SECTION_MAGIC);
	add16(out, 1); /* version 1.0 */
	add16(out, 0);
	add32(out, 0xffffffff); /* section length: not known */
	add32(out, 0xffffffff);
	add_option(out, OPT_APPLICATION, application, strlen(application));
	add_options_end(out);
	add32(out, len);
}

void pcapng_interface(struct evbuffer *out, const char *name, uint32_t snaplen)
{
	uint32_t len = 20 + option_len(strlen(name)) + option_len(1) + 4;
	uint8_t nanoseconds = 9;

	add32(out, BLOCK_INTERFACE);
	add32(out, len);
	add16(out, LINKTYPE_ETHERNET);
	add16(out, 0);
	add32(out, snaplen);
	add_option(out, OPT_IF_NAME, name, strlen(name));
	add_option(out, OPT_IF_TSRESOL, &nanoseconds, 1);
	add_options_end(out);
	add32(out, len);
}

void pcapng_packet(struct evbuffer *out, const struct pcapng_packet *p)
{
	size_t comment = strlen(p->comment);
	uint32_t len =
		32 + padded(p->caplen) + option_len(comment) + (p->dropped ? option_len(8) : 0) + 4;

	add32(out, BLOCK_PACKET);
	add32(out, len);
	add32(out, p->interface);
	add32(out, (uint32_t)(p->time_ns >> 32));
	add32(out, (uint32_t)p->time_ns);
	add32(out, p->caplen);
	add32(out, p->len);
	add_padded(out, p->data, p->caplen);
	add_option(out, OPT_COMMENT, p->comment, comment);
	if (p->dropped)
		add_option(out, OPT_PACKET_DROPCOUNT, &p->dropped, sizeof(p->dropped));
	add_options_end(out);
	add32(out, len);
}
