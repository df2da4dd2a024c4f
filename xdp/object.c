/* SPDX-License-Identifier: BSD-2-Clause */
#include "object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "crier.skel.h"
#include "egress.skel.h"
#include "loader.h"
#include "xmit.skel.h"

#define VERIFIER_LOG (1 << 16)
#define ABI_SECTION ".rodata.abi"
#define DOUBLE_NAME "crier_egress_run"

static const struct {
	const char *stem; /* of its file's name, which goes on with .bpf.o */
	const void *(*built_in)(size_t *len);
	enum bpf_prog_type type;
	const char *programs[3]; /* that it must have */
} objects[] = {
	[OBJECT_IN] = {"crier", crier_bpf__elf_bytes, BPF_PROG_TYPE_XDP, {PROG_NAME, TRIGGER_NAME}},
	[OBJECT_OUT] = {"egress", egress_bpf__elf_bytes, BPF_PROG_TYPE_XDP, {EGRESS_NAME}},
	[OBJECT_XMIT] = {"xmit", xmit_bpf__elf_bytes, BPF_PROG_TYPE_RAW_TRACEPOINT, {XMIT_NAME}},
};

/* libbpf's own errors begin where errno's end. */
static const char *why(int err)
{
	static _Thread_local char text[128];

	libbpf_strerror(err, text, sizeof(text));
	return text;
}

/* ---- opening ---- */

static int abi_check(struct bpf_object *obj, const char *name, char err[LOADER_ERR_LEN])
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ABI_SECTION);
	size_t len = 0;
	const void *value = map ? bpf_map__initial_value(map, &len) : NULL;
	uint32_t abi;

	if (!value || len < sizeof(abi)) {
		err_say(err, "%s does not say for which ABI of the tables it was made", name);
		return -EPROTO;
	}
	memcpy(&abi, value, sizeof(abi));
	if (abi == CRIER_ABI)
		return 0;
	err_say(err,
		"%s was made for ABI %u of the tables, which here is %u: `crierctl save FILE`, "
		"`crierd --flush`, start that version's crierd, `crierctl restore FILE`",
		name, abi, CRIER_ABI);
	return -EPROTO;
}

static int programs_check(struct bpf_object *obj, enum object_which which, const char *name,
			  char err[LOADER_ERR_LEN])
{
	for (const char *const *p = objects[which].programs; *p; p++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(obj, *p);

		if (prog && bpf_program__type(prog) == objects[which].type)
			continue;
		err_say(err, "%s has no program %s of the right kind", name, *p);
		return -EPROTO;
	}
	return 0;
}

static void autoload(struct bpf_object *obj, bool double_too)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		bool is_double = !strcmp(bpf_program__name(prog), DOUBLE_NAME);
		bool is_egress = !strcmp(bpf_program__name(prog), EGRESS_NAME);

		bpf_program__set_autoload(prog, double_too ? !is_egress : !is_double);
	}
}

int object_open(struct bpf_object **out, enum object_which which, const char *dir, bool double_too,
		char err[LOADER_ERR_LEN])
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = objects[which].stem);
	char path[PIN_PATH_LEN], file[32], name[96];
	struct bpf_object *obj;
	const void *bytes;
	size_t len;
	int ret = 0;

	*out = NULL;
	snprintf(file, sizeof(file), "%s.bpf.o", objects[which].stem);
	if (dir) {
		ret = pin_path(path, dir, file);
		snprintf(name, sizeof(name), "%.95s", path);
		obj = ret ? NULL : bpf_object__open_file(path, &opts);
	} else {
		snprintf(name, sizeof(name), "the built-in %s", file);
		bytes = objects[which].built_in(&len);
		obj = bpf_object__open_mem(bytes, len, &opts);
	}
	if (!obj) {
		ret = ret ? ret : -errno;
		err_say(err, "cannot open %s: %s", name, why(ret));
		return ret;
	}
	ret = abi_check(obj, name, err);
	if (!ret)
		ret = programs_check(obj, which, name, err);
	if (ret) {
		bpf_object__close(obj);
		return ret;
	}
	autoload(obj, double_too);
	*out = obj;
	return 0;
}

void object_leave_out(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	if (prog)
		bpf_program__set_autoload(prog, false);
}

/* ---- loading ---- */

/* The one of this name in the object before, if it is of the same make; what it holds goes on. */
static struct bpf_map *map_before(const struct bpf_object *before, const struct bpf_map *map)
{
	struct bpf_map *old =
		before ? bpf_object__find_map_by_name(before, bpf_map__name(map)) : NULL;

	if (old && bpf_map__type(old) == bpf_map__type(map) &&
	    bpf_map__key_size(old) == bpf_map__key_size(map) &&
	    bpf_map__value_size(old) == bpf_map__value_size(map) &&
	    bpf_map__max_entries(old) == bpf_map__max_entries(map))
		return old;
	return NULL;
}

static int maps_give(struct bpf_object *obj, const struct tables *t,
		     const struct bpf_object *before, char err[LOADER_ERR_LEN])
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		int fd = tables_map_fd(t, bpf_map__name(map)), ret;

		/* .rodata and the like are the program's own */
		if (fd < 0 && !bpf_map__is_internal(map) && map_before(before, map))
			fd = bpf_map__fd(map_before(before, map));
		ret = fd < 0 ? 0 : bpf_map__reuse_fd(map, fd);
		if (!ret)
			continue;
		err_say(err, "cannot give table %s to the XDP program: %s", bpf_map__name(map),
			why(ret));
		return ret;
	}
	return 0;
}

/*
 * The verifier's words without each step of its way: those would fill any buffer, and older
 * kernels then say ENOSPC instead of what was wrong.
 */
static void logs_make(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		char *log = bpf_program__autoload(prog) ? calloc(1, VERIFIER_LOG) : NULL;

		if (!log)
			continue;
		bpf_program__set_log_buf(prog, log, VERIFIER_LOG);
		bpf_program__set_log_level(prog, 4);
	}
}

static void logs_free(struct bpf_object *obj)
{
	struct bpf_program *prog;
	size_t len;

	bpf_object__for_each_program(prog, obj)
	{
		char *log = (char *)bpf_program__log_buf(prog, &len);

		bpf_program__set_log_buf(prog, NULL, 0);
		free(log);
	}
}

/* Its statistics come after what matters. */
static bool is_statistics(const char *line)
{
	return !strncmp(line, "processed ", 10) || !strncmp(line, "verification time ", 18) ||
	       !strncmp(line, "stack depth ", 12);
}

/* The verifier's last words, from its log. */
static const char *last_line(char *log)
{
	char *end = log + strlen(log), *line;

	do {
		while (end > log && end[-1] == '\n')
			*--end = '\0';
		line = strrchr(log, '\n');
		line = line ? line + 1 : log;
		if (!is_statistics(line) || line == log)
			return line;
		end = line;
	} while (1);
}

/* libbpf loads one after the other, so the last that has a log is the one that failed. */
static void refusal_say(struct bpf_object *obj, int ret, char err[LOADER_ERR_LEN])
{
	const char *name = "", *words = "";
	struct bpf_program *prog;
	size_t len;

	bpf_object__for_each_program(prog, obj)
	{
		char *log = (char *)bpf_program__log_buf(prog, &len);

		if (!log || !*log)
			continue;
		name = bpf_program__name(prog);
		words = last_line(log);
	}
	/* EACCES is also what the verifier says of a program that reads where it may not. */
	if (ret == -EPERM || (ret == -EACCES && !*words))
		err_say(err,
			"no right to load XDP programs: run as root, or with CAP_BPF, "
			"CAP_NET_ADMIN and CAP_PERFMON%s%s",
			*words ? ": " : "", words);
	else if (*words)
		err_say(err, "the kernel refuses the program %s (%s): %s", name, why(ret), words);
	else
		err_say(err, "the kernel does not load the programs: %s%s", why(ret),
			*bpf_advice(ret) ? bpf_advice(ret) : "; is CONFIG_BPF_SYSCALL on?");
}

/* A number of the verifier's statistics: what stands after `word`. */
static uint32_t statistic(const char *log, const char *word)
{
	const char *at = log ? strstr(log, word) : NULL;

	return at ? (uint32_t)strtoul(at + strlen(word), NULL, 10) : 0;
}

static void programs_add(struct loader_programs *p, struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		struct loader_program *one = &p->program[p->n];
		struct bpf_prog_info info = {0};
		uint32_t info_len = sizeof(info);
		size_t len;
		const char *log = bpf_program__log_buf(prog, &len);
		int fd = bpf_program__fd(prog);

		if (fd < 0 || p->n == LOADER_PROGRAMS)
			continue;
		snprintf(one->name, sizeof(one->name), "%s", bpf_program__name(prog));
		one->insns = statistic(log, "processed ");
		one->verify_us = statistic(log, "verification time ");
		if (bpf_obj_get_info_by_fd(fd, &info, &info_len))
			info.id = 0;
		one->id = info.id;
		p->jited = info.jited_prog_len;
		p->n++;
	}
}

int object_load(struct bpf_object *obj, const struct tables *t, const struct bpf_object *before,
		struct loader_programs *p, char err[LOADER_ERR_LEN])
{
	struct timespec start, end;
	int ret = maps_give(obj, t, before, err);

	if (ret)
		return ret;
	logs_make(obj);
	clock_gettime(CLOCK_MONOTONIC, &start);
	ret = bpf_object__load(obj);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (ret)
		refusal_say(obj, ret, err);
	else if (p)
		programs_add(p, obj);
	if (!ret && p)
		p->load_us += (uint32_t)((end.tv_sec - start.tv_sec) * 1000000 +
					 (end.tv_nsec - start.tv_nsec) / 1000);
	logs_free(obj);
	return ret;
}

int object_prog_fd(const struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);
	int fd = prog ? bpf_program__fd(prog) : -ENOENT;

	return fd < 0 ? -ENOENT : fd;
}
