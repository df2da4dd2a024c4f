/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The holder wrote its pid into the file: for the message only. */
static long holder(int fd)
{
	char text[24] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? strtol(text, NULL, 10) : 0;
}

static int run_lock(struct locks *l, const char *run_dir, char err[LOCK_ERR_LEN])
{
	char path[256];
	int fd, ret;

	if (mkdir(run_dir, 0755) != 0 && errno != EEXIST) {
		ret = -errno;
		snprintf(err, LOCK_ERR_LEN, "cannot make %s: %s", run_dir, strerror(-ret));
		return ret;
	}
	snprintf(path, sizeof(path), "%s/crierd.lock", run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0) {
		ret = -errno;
		snprintf(err, LOCK_ERR_LEN, "cannot open %s: %s", path, strerror(-ret));
		return ret;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		snprintf(err, LOCK_ERR_LEN,
			 "another crierd (pid %ld) works with %s; stop it, or choose another "
			 "--run-dir and --pin-dir",
			 holder(fd), run_dir);
		close(fd);
		return -EBUSY;
	}
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%d\n", getpid());
	l->run = fd;
	return 0;
}

/* bpffs holds no files of ours, but its directories can be locked. */
int locks_take_pin(struct locks *l, const char *pin_dir, char err[LOCK_ERR_LEN])
{
	int fd;

	if (l->pin >= 0)
		return 0;
	fd = open(pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0; /* not made yet, or wrong: the loader will say so */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		snprintf(err, LOCK_ERR_LEN,
			 "another crierd works with %s; stop it, or choose another --pin-dir",
			 pin_dir);
		close(fd);
		return -EBUSY;
	}
	l->pin = fd;
	return 0;
}

int locks_take(struct locks *l, const char *run_dir, const char *pin_dir, char err[LOCK_ERR_LEN])
{
	int ret;

	*l = (struct locks){-1, -1};
	ret = run_lock(l, run_dir, err);
	if (!ret)
		ret = locks_take_pin(l, pin_dir, err);
	if (ret)
		locks_drop(l);
	return ret;
}

void locks_drop(struct locks *l)
{
	if (l->run >= 0)
		close(l->run);
	if (l->pin >= 0)
		close(l->pin);
	l->run = l->pin = -1;
}
