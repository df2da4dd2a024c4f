/* SPDX-License-Identifier: BSD-2-Clause */
#include "refuse.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct refusal refusals[REFUSALS];

long syscall(long number, ...);

static long bpf_call(int cmd, union bpf_attr *attr, unsigned long size)
{
	static long (*real)(long, ...);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(__NR_bpf, (long)cmd, attr, size);
}

static const char *pointer(__u64 p)
{
	return (const char *)(uintptr_t)p;
}

/* ---- what a call is about ---- */

static void map_name(uint32_t fd, char name[64])
{
	struct bpf_map_info info = {0};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (!bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)))
		snprintf(name, 64, "%s", info.name);
}

static void name_of(int cmd, const union bpf_attr *attr, char name[64])
{
	const char *path;

	name[0] = '\0';
	switch (cmd) {
	case BPF_MAP_CREATE:
		snprintf(name, 64, "%s", attr->map_name);
		break;
	case BPF_PROG_LOAD:
		snprintf(name, 64, "%s", attr->prog_name);
		break;
	case BPF_MAP_UPDATE_ELEM:
		map_name(attr->map_fd, name);
		break;
	case BPF_MAP_UPDATE_BATCH:
		map_name(attr->batch.map_fd, name);
		break;
	case BPF_RAW_TRACEPOINT_OPEN:
		if (attr->raw_tracepoint.name)
			snprintf(name, 64, "%s", pointer(attr->raw_tracepoint.name));
		break;
	case BPF_OBJ_PIN:
		path = strrchr(pointer(attr->pathname), '/');
		snprintf(name, 64, "%s", path ? path + 1 : pointer(attr->pathname));
		break;
	default:
		break;
	}
}

/* As the verifier would say it. */
static void word(const union bpf_attr *attr)
{
	if (attr->log_buf && attr->log_size)
		snprintf((char *)(uintptr_t)attr->log_buf, attr->log_size, "refused by a test\n");
}

/* The errno of the refusal that holds for this call, or 0. */
static int refused(int cmd, const union bpf_attr *attr)
{
	char name[64];

	for (struct refusal *r = refusals; r < refusals + REFUSALS; r++) {
		if (!r->nth || r->cmd != cmd)
			continue;
		name_of(cmd, attr, name);
		if (r->name[0] && strcmp(r->name, name) != 0)
			continue;
		r->seen++;
		if (r->seen < r->nth || (r->n && r->seen >= r->nth + r->n))
			continue;
		if (cmd == BPF_PROG_LOAD)
			word(attr);
		return r->err;
	}
	return 0;
}

/* ---- the file ---- */

static int command(const char *text)
{
	static const struct {
		const char *name;
		int cmd;
	} commands[] = {
		{"map_create", BPF_MAP_CREATE},
		{"map_update", BPF_MAP_UPDATE_ELEM},
		{"map_update_batch", BPF_MAP_UPDATE_BATCH},
		{"prog_load", BPF_PROG_LOAD},
		{"obj_pin", BPF_OBJ_PIN},
		{"raw_tracepoint_open", BPF_RAW_TRACEPOINT_OPEN},
		{"link_create", BPF_LINK_CREATE},
		{"link_update", BPF_LINK_UPDATE},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, text))
			return commands[i].cmd;
	fprintf(stderr, "refuse: no command %s\n", text);
	abort();
}

static void line_take(const char *line, struct refusal *r)
{
	char cmd[32];

	*r = (struct refusal){0};
	if (sscanf(line, "%31s %63s %d %d %d", cmd, r->name, &r->nth, &r->n, &r->err) != 5)
		return;
	r->cmd = command(cmd);
	if (!strcmp(r->name, "-"))
		r->name[0] = '\0';
}

static void file_read(const char *path)
{
	static char before[512];
	char text[512] = "", *at = text;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	if (!strcmp(text, before))
		return;
	memcpy(before, text, sizeof(before));
	for (int i = 0; i < REFUSALS; i++) {
		line_take(at, &refusals[i]);
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
}

long syscall(long number, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static long (*real)(long, ...);
	const char *path = getenv("CRIER_REFUSE");
	long arg[6];
	va_list ap;
	int err = 0;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	if (number == __NR_bpf) {
		pthread_mutex_lock(&lock);
		if (path)
			file_read(path);
		err = refused((int)arg[0], (const union bpf_attr *)arg[1]);
		pthread_mutex_unlock(&lock);
	}
	if (!err)
		return real(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	errno = err;
	return -1;
}
