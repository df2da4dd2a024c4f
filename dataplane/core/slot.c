/* SPDX-License-Identifier: BSD-2-Clause */
#include "slot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 0: ours; -EAGAIN: somebody else's. */
static int slot_try(const char *path, int *fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int rc = 0;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return -errno;
	if (fcntl(*fd, F_OFD_SETLK, &lock)) {
		rc = errno == EACCES ? -EAGAIN : -errno;
		close(*fd);
		*fd = -1;
	}
	return rc;
}

int slot_take(const char *run_dir, uint32_t first, uint32_t n, int *fd, char err[SLOT_ERR_LEN])
{
	char path[PATH_MAX];

	for (uint32_t i = first; i < first + n; i++) {
		int rc;

		snprintf(path, sizeof(path), "%s/worker.%u.lock", run_dir, i);
		rc = slot_try(path, fd);
		if (rc == 0)
			return (int)i;
		if (rc == -EAGAIN)
			continue;
		snprintf(err, SLOT_ERR_LEN, "%.300s: %s; is --run-dir crierd's?", path,
			 strerror(-rc));
		return rc;
	}
	if (n == 1)
		snprintf(err, SLOT_ERR_LEN, "worker slot %u is taken by another crier-dp", first);
	else
		snprintf(err, SLOT_ERR_LEN,
			 "all %u worker slots under %.300s are taken: stop another crier-dp first",
			 n, run_dir);
	return -EUSERS;
}
