/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port of memory, for tests and benches: frames that are sent come back as buffers in
 * the order they went (FIFO), so that between two uses of one all others were used.
 */
#ifndef CRIER_PORT_MEM_H
#define CRIER_PORT_MEM_H

#include "port.h"

#define PORT_MEM_BUFFERS 8192
#define PORT_MEM_BUFFER_BYTES 4096

/* Sees each frame as it is sent; NULL: nobody looks. */
typedef void port_mem_sink(void *arg, const uint8_t *frame, uint32_t len);

/* `buffers` of `bytes` each (a multiple of OUT_ALIGN).  NULL: no memory. */
struct port *port_mem_open(uint32_t buffers, uint32_t bytes, port_mem_sink *sink, void *arg);

void port_mem_close(struct port *p);

/* From now on at most n frames are lent until port_mem_limit() is called again. */
void port_mem_limit(struct port *p, uint64_t n);

/* A packet that rx() will deliver; false: the queue is full. */
bool port_mem_inject(struct port *p, const void *data, uint32_t len);

#endif
