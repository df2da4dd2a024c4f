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

int slot_take(const char *run_dir, uint32_t max, int *fd, char err[SLOT_ERR_LEN])
{
	char path[PATH_MAX];

	for (uint32_t n = 0; n < max; n++) {
		int rc;

		snprintf(path, sizeof(path), "%s/worker.%u.lock", run_dir, n);
		rc = slot_try(path, fd);
		if (rc == 0)
			return (int)n;
		if (rc == -EAGAIN)
			continue;
		snprintf(err, SLOT_ERR_LEN, "%.300s: %s; is --run-dir crierd's?", path,
			 strerror(-rc));
		return rc;
	}
	snprintf(err, SLOT_ERR_LEN,
		 "all %u worker slots under %.300s are taken: stop another crier-dp first", max,
		 run_dir);
	return -EUSERS;
}
