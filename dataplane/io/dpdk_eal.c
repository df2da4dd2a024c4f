/* SPDX-License-Identifier: BSD-2-Clause */
#include "dpdk_eal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_version.h>

#include "xdp/log.h"

#define EAL_ARGS 64
#define HUGEPAGES "/sys/kernel/mm/hugepages"

static bool on_hugepages;

/*
 * ---- hugepages -------------------------------------------------------------------
 */
static uint64_t file_number(const char *path)
{
	unsigned long long n = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	if (fscanf(f, "%llu", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

uint64_t dpdk_hugepages_free(void)
{
	DIR *dir = opendir(HUGEPAGES);
	const struct dirent *e;
	uint64_t bytes = 0;

	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		char path[PATH_MAX];
		unsigned long kb;

		if (sscanf(e->d_name, "hugepages-%lukB", &kb) != 1)
			continue;
		snprintf(path, sizeof(path), HUGEPAGES "/%s/free_hugepages", e->d_name);
		bytes += file_number(path) * kb * 1024;
	}
	closedir(dir);
	return bytes;
}

bool dpdk_eal_hugepages(void)
{
	return on_hugepages;
}

static int hugepages_choose(const struct dpdk_eal_conf *conf, char err[PORT_ERR_LEN])
{
	uint64_t need_mb = conf->memory_mb, free_mb = dpdk_hugepages_free() >> 20;

	on_hugepages = conf->hugepages != DPDK_HUGEPAGES_NO && free_mb >= need_mb;
	if (on_hugepages || conf->hugepages == DPDK_HUGEPAGES_NO)
		return 0;
	if (conf->hugepages == DPDK_HUGEPAGES_YES) {
		snprintf(err, PORT_ERR_LEN,
			 "%llu MB of hugepages are free, %llu are needed: echo %llu > "
			 "/proc/sys/vm/nr_hugepages, or --hugepages no",
			 (unsigned long long)free_mb, (unsigned long long)need_mb,
			 (unsigned long long)need_mb / 2 + 8);
		return -ENOMEM;
	}
	log_info("%llu MB of hugepages are free and %llu wanted: going on without, a little slower",
		 (unsigned long long)free_mb, (unsigned long long)need_mb);
	return 0;
}

/*
 * ---- arguments -------------------------------------------------------------------
 */
struct eal_args {
	int n;
	char *arg[EAL_ARGS + 1]; /* EAL may change them: each is a copy of its own */
};

static void arg_add(struct eal_args *a, const char *arg)
{
	if (a->n < EAL_ARGS)
		a->arg[a->n] = strdup(arg);
	if (a->n < EAL_ARGS && a->arg[a->n])
		a->n++;
}

static void arg_add2(struct eal_args *a, const char *key, const char *value)
{
	arg_add(a, key);
	arg_add(a, value);
}

static void args_extra(struct eal_args *a, const char *extra)
{
	char *copy = strdup(extra), *at = NULL;

	for (char *arg = copy ? strtok_r(copy, " ", &at) : NULL; arg;
	     arg = strtok_r(NULL, " ", &at))
		arg_add(a, arg);
	free(copy);
}

/*
 * Nothing is left on disk and nothing shared with other processes; the prefix by pid keeps apart
 * what several crier-dp keep under /run/dpdk all the same.
 */
static void args_make(struct eal_args *a, const struct dpdk_eal_conf *conf)
{
	char text[64];

	arg_add(a, "crier-dp");
	arg_add2(a, "--log-level", "error");
	snprintf(text, sizeof(text), "crier-%d", (int)getpid());
	arg_add2(a, "--file-prefix", text);
	arg_add(a, on_hugepages ? "--in-memory" : "--no-shconf");
	arg_add(a, "--no-telemetry");
	/* the lcore is this thread and pinned nowhere else than it is */
	snprintf(text, sizeof(text), "0@%d", conf->cpu < 0 ? sched_getcpu() : conf->cpu);
	arg_add2(a, "--lcores", text);
	if (!on_hugepages) {
		arg_add(a, "--no-huge");
		snprintf(text, sizeof(text), "%u", conf->memory_mb);
		arg_add2(a, "-m", text);
	}
	if (!conf->n_pci)
		arg_add(a, "--no-pci");
	for (uint32_t i = 0; i < conf->n_pci; i++)
		arg_add2(a, "-a", conf->pci[i]);
	if (conf->extra)
		args_extra(a, conf->extra);
}

static void args_free(struct eal_args *a, char *const *arg)
{
	/* EAL reorders its arguments: free what was made, by the copy of the list */
	for (int i = 0; i < a->n; i++)
		free(arg[i]);
}

static void start_error(int code, char err[PORT_ERR_LEN])
{
	switch (code) {
	case EACCES:
	case EPERM:
		snprintf(err, PORT_ERR_LEN,
			 "DPDK: no right to its memory or devices: run as root, or with "
			 "CAP_IPC_LOCK, CAP_SYS_RAWIO and access to /dev/vfio and hugepages");
		break;
	case ENOMEM:
		snprintf(err, PORT_ERR_LEN,
			 "DPDK: no memory: give the machine hugepages (echo 1024 > "
			 "/proc/sys/vm/nr_hugepages), or use --hugepages no");
		break;
	default:
		snprintf(err, PORT_ERR_LEN,
			 "DPDK does not start: %s; what it says itself stands above (%s)",
			 rte_strerror(code), rte_version());
	}
}

int dpdk_eal_start(const struct dpdk_eal_conf *conf, char err[PORT_ERR_LEN])
{
	struct eal_args args = {0};
	char *made[EAL_ARGS];
	cpu_set_t cpus;
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	int rc = hugepages_choose(conf, err);

	if (rc)
		return rc;
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* if it may not, the driver that needs it says so */
	rte_openlog_stream(stderr);
	args_make(&args, conf);
	memcpy(made, args.arg, sizeof(made));
	sched_getaffinity(0, sizeof(cpus), &cpus);
	rc = rte_eal_init(args.n, args.arg);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	args_free(&args, made);
	if (rc >= 0)
		return 0;
	start_error(rte_errno, err);
	return rte_errno ? -rte_errno : -EINVAL;
}
