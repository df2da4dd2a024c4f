/* SPDX-License-Identifier: BSD-2-Clause */
/* One crierd a run directory and a pin directory, for life. */
#ifndef CRIER_CONTROL_LOCK_H
#define CRIER_CONTROL_LOCK_H

#define LOCK_ERR_LEN 512

struct locks {
	int run, pin; /* descriptors, -1: not held */
};

/* Makes run_dir if need be and locks both.  0 or -errno with a sentence in err. */
int locks_take(struct locks *l, const char *run_dir, const char *pin_dir, char err[LOCK_ERR_LEN]);
/* The pin directory, once it has been made. */
int locks_take_pin(struct locks *l, const char *pin_dir, char err[LOCK_ERR_LEN]);
void locks_drop(struct locks *l);

#endif
