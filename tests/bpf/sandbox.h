/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network namespace and a bpffs of this process's own: nothing of the machine is
 * touched, and all is gone with the process.
 */
#ifndef CRIER_TEST_SANDBOX_H
#define CRIER_TEST_SANDBOX_H

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SANDBOX_SKIP 77

static char sandbox_dir[64]; /* on the sandbox's bpffs */

/* 0, or SANDBOX_SKIP with the reason printed. */
static inline int sandbox_enter(void)
{
	snprintf(sandbox_dir, sizeof(sandbox_dir), "/tmp/crier.test.XXXXXX");
	if (geteuid()) {
		fprintf(stderr, "skipped: needs root\n");
		return SANDBOX_SKIP;
	}
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, NULL) || !mkdtemp(sandbox_dir) ||
	    mount("bpf", sandbox_dir, "bpf", 0, NULL)) {
		fprintf(stderr, "skipped: no namespaces or no bpffs: %s\n", strerror(errno));
		return SANDBOX_SKIP;
	}
	return 0;
}

/* What is in a directory: descriptors in /proc/self/fd, pins in a pin directory. */
static inline int sandbox_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* As a shell would; aborts the test if it fails. */
static inline void sandbox_run(const char *command)
{
	if (system(command)) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

#endif
