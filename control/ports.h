/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports: the interfaces that carry our XDP program, and our own addresses.
 *
 * Keeps the tables "ports" (numbers survive restarts, by name) and "locals" equal to
 * what the kernel says, by netlink notifications on crierd's event loop.  An interface
 * that vanishes keeps its number and gets the program again when it is back.
 */
#ifndef CRIER_PORTS_H
#define CRIER_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "xdp/tables.h"

struct errands;
struct event_base;
struct grace;
struct loader;
struct ports;

enum port_want { PORT_AUTO, PORT_NATIVE, PORT_GENERIC, PORT_DPDK };

#define PORTS_ERR_LEN 256
#define PORT_NOTES 8
#define PORT_NOTE_LEN 192

/* What status tells of a port beside its struct crier_port. */
struct port_notes {
	uint32_t count;
	char text[PORT_NOTES][PORT_NOTE_LEN];
};

/*
 * Starts to follow links and addresses; fills "locals".  loader attaches and detaches
 * programs and must outlive ports.  0 or -errno, logged.
 */
int ports_open(struct tables *t, struct grace *grace, struct event_base *base,
	       struct loader *loader, struct ports **out);

/* Programs and pins stay as they are.  After grace_close(). */
void ports_close(struct ports *p);

/*
 * "IFACE" or "IFACE,mode=native|generic|auto|dpdk", as given to --interface.  0 or -EINVAL
 * with a sentence in err.
 */
int ports_parse(const char *spec, char name[CRIER_IFNAME_LEN], enum port_want *want,
		char err[PORTS_ERR_LEN]);

/*
 * Makes an interface a port: finds or gives it a number, attaches the program, fills
 * in its line of "ports".  PORT_DPDK: the interface is a TAP, made if need be, that stands
 * for a card which Linux does not see; it carries no program.  flags: CRIER_PORT_LOCAL or 0.  Its
 * number, or -errno with a sentence in err: -ENODEV no such interface, -EBUSY a foreign program
 * sits there (it is named), -EPERM no rights, -ENOSPC 63 ports are taken.  An interface that is
 * down is taken, with a note.
 */
int ports_add(struct ports *p, const char *name, enum port_want want, uint32_t flags,
	      char err[PORTS_ERR_LEN]);

/* After the last ports_add at start-up: frees ports of an earlier crierd not added again. */
void ports_prune(struct ports *p);

/* From now on what takes long to find out of an interface that comes is an errand. */
void ports_use_errands(struct ports *p, struct errands *errands);

/*
 * Each second: crier-dp tells a TAP its card's speed, of which no message comes; the one of
 * the carrier that follows may have been sent before.
 */
void ports_look(struct ports *p);

/* One more address that is ours though no interface has it: the engine's on crier0. */
void ports_add_local(struct ports *p, const struct crier_addr *addr, uint32_t ifindex);

/* cb is called from the event loop when a port comes, goes, or its line changes. */
void ports_on_change(struct ports *p, void (*cb)(void *arg), void *arg);

/* Notes on port number n, for people. */
void ports_notes(const struct ports *p, uint32_t n, struct port_notes *out);

/* How many of our own addresses did not fit into "locals" (they'd be passed to Linux). */
uint32_t ports_locals_lost(const struct ports *p);

#endif
