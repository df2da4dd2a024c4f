/* SPDX-License-Identifier: BSD-2-Clause */
/* Worker slots and the quiescent word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/core/quiescent.h"
#include "dataplane/core/slot.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_slot.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "%s/worker.%d.lock", dir, i);
		unlink(path);
	}
	return rmdir(dir);
}

/* As crierd asks: does anybody hold it? */
static int held(int n)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[128];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/worker.%d.lock", dir, n);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return 0;
	rc = fcntl(fd, F_OFD_GETLK, &lock);
	close(fd);
	assert_int_equal(rc, 0);
	return lock.l_type != F_UNLCK;
}

static void test_lowest_free(void **state)
{
	char err[SLOT_ERR_LEN];
	int fd[3], extra;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(slot_take(dir, 0, 3, &fd[i], err), i);
	assert_int_equal(slot_take(dir, 0, 3, &extra, err), -EUSERS);
	assert_non_null(strstr(err, "all 3 worker slots"));
	assert_int_equal(slot_take(dir, 1, 1, &extra, err), -EUSERS);
	assert_non_null(strstr(err, "slot 1 is taken"));
	assert_true(held(1));
	close(fd[1]);
	assert_false(held(1));
	assert_int_equal(slot_take(dir, 0, 3, &fd[1], err), 1);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

static void test_no_dir(void **state)
{
	char err[SLOT_ERR_LEN];
	int fd;

	(void)state;
	assert_int_equal(slot_take("/nonexistent/dir", 0, 3, &fd, err), -ENOENT);
	assert_non_null(strstr(err, "run-dir"));
}

/* A worker that is killed lets go of its slot. */
static void test_killed(void **state)
{
	char err[SLOT_ERR_LEN], c;
	int pipes[2], fd, status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		c = slot_take(dir, 0, 3, &fd, err) == 0 ? 'y' : 'n';
		if (write(pipes[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipes[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_true(held(0));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_false(held(0));
	close(pipes[0]);
	close(pipes[1]);
}

static void test_quiescent(void **state)
{
	static const __u64 left[] = {0, 1, 2, 7, 8}; /* by a worker before us */

	(void)state;
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		__u64 word = left[i], before;
		struct quiescent q;

		quiescent_init(&q, &word);
		assert_int_equal(word % 2, 0);
		assert_true(word > left[i]);
		quiescent_online(&q);
		assert_int_equal(word % 2, 1);
		before = word;
		quiescent_turn(&q);
		assert_int_equal(word, before + 2);
		quiescent_offline(&q);
		assert_int_equal(word % 2, 0);
		assert_true(word > before);
		before = word;
		quiescent_offline(&q); /* again: as when it never came online */
		assert_int_equal(word % 2, 0);
		assert_true(word >= before);
		quiescent_online(&q);
		assert_int_equal(word % 2, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lowest_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_dir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test(test_quiescent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
