/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which worker am I?  A worker is the holder of a write lock (open file description
 * lock, fcntl(2)) on <run-dir>/worker.N.lock: the kernel lets go of it when the
 * process dies, whatever kills it, so crierd can tell the dead from the slow.
 */
#ifndef CRIER_SLOT_H
#define CRIER_SLOT_H

#include <stdint.h>

#define SLOT_ERR_LEN 512

/*
 * Takes the lowest free of n slots from `first` on.  Returns it and the descriptor that
 * holds it for as long as it is open; or -errno and a line in err: -EUSERS if all are
 * taken.
 */
int slot_take(const char *run_dir, uint32_t first, uint32_t n, int *fd, char err[SLOT_ERR_LEN]);

#endif
