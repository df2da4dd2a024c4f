/* SPDX-License-Identifier: BSD-2-Clause */
/* What the configuration says, put into effect. */
#ifndef CRIER_CONTROL_SETUP_H
#define CRIER_CONTROL_SETUP_H

#include "control/config.h"
#include "control/crierd.h"
#include "control/options.h"
#include "xdp/tables.h"

/* Sizes of the tables; d->listeners4 and listeners6 get what is to be admitted. */
struct tables_size setup_size(struct crierd *d, const struct config *c, const struct options *o);

/* Once the tables are there: no more is admitted than they hold, whatever was asked for. */
void setup_capacity(struct crierd *d);

/* The config row: node, media port, settings; fresh tables and old ones alike. */
void setup_config_row(struct crierd *d, const struct config *c, bool fresh);

/* Interfaces of command line and file.  0 or -errno, logged. */
int setup_ports(struct crierd *d, const struct config *c, const struct options *o);

/* crier0 up and known to ports and next hops; a failure is a warning. */
void setup_crier0(struct crierd *d, const struct config *c);

/* The injector, to be made once it is of use.  0 or -ENOMEM. */
int setup_injector(struct crierd *d, const struct config *c);

/* Rooms of the file that are not there yet, with their streams and listeners. */
void setup_rooms(struct crierd *d, const struct config *c);

/* Prefixes of the file that are on neither of the guard's lists. */
void setup_guard(struct crierd *d, const struct config *c);

#endif
