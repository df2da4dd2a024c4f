/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of the pcapng format (draft-ietf-opsawg-pcapng), written into an evbuffer. */
#ifndef CRIER_CONTROL_PCAPNG_H
#define CRIER_CONTROL_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

struct evbuffer;

/* Section header and interface description: Ethernet, times in ns. */
void pcapng_section(struct evbuffer *out, const char *application);
void pcapng_interface(struct evbuffer *out, const char *name, uint32_t snaplen);

struct pcapng_packet {
	uint32_t interface; /* in the order of their descriptions */
	uint64_t time_ns;   /* since 1970 */
	uint32_t len, caplen;
	const void *data;
	const char *comment;
	uint64_t dropped; /* packets lost before this one, 0: none */
};
void pcapng_packet(struct evbuffer *out, const struct pcapng_packet *p);

#endif
