/* SPDX-License-Identifier: BSD-2-Clause */
/* crier-dp: the bypass engine.  One process, a worker for each CPU it is given. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/slot.h"
#include "cpus.h"
#include "crew.h"
#include "xdp/log.h"

struct options {
	const char *pin_dir;
	const char *run_dir;
	int slot; /* of the first worker; -1: the lowest that is free */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void usage(FILE *to)
{
	fputs("usage: crier-dp --port PORT [--port ...] [options]\n"
	      "\n"
	      "  --port xdp:IFACE[,queue=N]  receive on all queues of IFACE, send on queue N (0)\n"
	      "                              and, with several workers, on those that follow\n"
	      "  --port dpdk:DEVARGS[,as=IFACE]  a device of DPDK's, for which the TAP IFACE\n"
	      "                              (dpdk0, dpdk1, ..) stands in Linux\n"
	      "  --port page:IFACE           beside others: the kernel engine's page triggers, "
	      "into\n"
	      "                              crierd's injector (crier-page)\n"
	      "  --pin-dir DIR               crierd's tables (/sys/fs/bpf/crier)\n"
	      "  --run-dir DIR               where workers' locks are (/run/crier)\n"
	      "  --cpu LIST                  a worker on each of these CPUs, as in 2,4-7; the "
	      "first\n"
	      "                              receives, too\n"
	      "  --worker-slot auto|N        which worker the first is (auto: the first free one)\n"
	      "  --hugepages auto|yes|no     for DPDK's memory (auto: if enough are free)\n"
	      "  --eal 'ARGS'                more arguments for DPDK's EAL\n"
	      "  --version, --help\n",
	      to);
}

static bool number_parse(const char *s, long most, int *out)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	if (errno || end == s || *end || n < 0 || n > most)
		return false;
	*out = (int)n;
	return true;
}

static bool port_add(struct crew *crew, const char *spec)
{
	struct port_conf before[COPY_OUTS];
	char err[PORT_ERR_LEN];

	if (crew->n_devices == COPY_OUTS) {
		log_err("--port %s: crier-dp serves at most %d ports", spec, COPY_OUTS);
		return false;
	}
	for (uint32_t i = 0; i < crew->n_devices; i++)
		before[i] = crew->device[i].conf;
	if (port_conf_parse(spec, before, crew->n_devices, &crew->device[crew->n_devices].conf,
			    err)) {
		log_err("--port %s", err);
		return false;
	}
	crew->n_devices++;
	return true;
}

static bool cpu_option(struct crew *crew, const char *list)
{
	char err[CPUS_ERR_LEN];

	if (!cpus_parse(list, crew->cpu, &crew->n, err))
		return true;
	log_err("--cpu %s: %s", list, err);
	return false;
}

static bool slot_parse(const char *s, int *slot)
{
	*slot = -1;
	return !strcmp(s, "auto") || number_parse(s, CRIER_MAX_WORKERS - 1, slot);
}

/* A page port receives nothing. */
static bool ports_check(const struct crew *crew)
{
	for (uint32_t i = 0; i < crew->n_devices; i++)
		if (!crew->device[i].conf.page)
			return true;
	log_err("%s", crew->n_devices ? "--port page: receives nothing: name another port, too"
				      : "no --port");
	return false;
}

/* True: go on.  False: exit with *code. */
static bool options_parse(int argc, char **argv, struct options *o, struct crew *crew, int *code)
{
	enum { PORT = 1, PIN_DIR, RUN_DIR, CPU, SLOT, HUGEPAGES, EAL, VERSION, HELP };
	static const struct option longs[] = {
		{"port", required_argument, NULL, PORT},
		{"pin-dir", required_argument, NULL, PIN_DIR},
		{"run-dir", required_argument, NULL, RUN_DIR},
		{"cpu", required_argument, NULL, CPU},
		{"worker-slot", required_argument, NULL, SLOT},
		{"hugepages", required_argument, NULL, HUGEPAGES},
		{"eal", required_argument, NULL, EAL},
		{"version", no_argument, NULL, VERSION},
		{"help", no_argument, NULL, HELP},
		{0},
	};
	bool good = true;
	int c;

	*code = 0;
	while (good && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case PORT:
			good = port_add(crew, optarg);
			break;
		case PIN_DIR:
			o->pin_dir = optarg;
			break;
		case RUN_DIR:
			o->run_dir = optarg;
			break;
		case CPU:
			good = cpu_option(crew, optarg);
			break;
		case SLOT:
			good = slot_parse(optarg, &o->slot);
			if (!good)
				log_err("--worker-slot %s: want auto, or 0 to %d", optarg,
					CRIER_MAX_WORKERS - 1);
			break;
		case HUGEPAGES:
			crew->env.hugepages = optarg;
			good = port_env_valid(&crew->env);
			if (!good)
				log_err("--hugepages %s: want auto, yes or no", optarg);
			break;
		case EAL:
			crew->env.eal = optarg;
			break;
		case VERSION:
			puts("crier-dp " CRIER_VERSION);
			return false;
		case HELP:
			usage(stdout);
			return false;
		default:
			good = false;
		}
	}
	if (good && optind < argc) {
		log_err("what is \"%s\"?", argv[optind]);
		good = false;
	}
	good = good && ports_check(crew);
	if (!good) {
		usage(stderr);
		*code = 2;
	}
	return good;
}

/* The slot that worker i is to have: the first one's may be given, others take what is free. */
static int slot_open(const struct options *o, const struct tables *t, uint32_t i, int *fd)
{
	char err[SLOT_ERR_LEN];
	int slot;

	if (!i && o->slot >= 0)
		slot = slot_take(o->run_dir, (uint32_t)o->slot, 1, fd, err);
	else
		slot = slot_take(o->run_dir, 0, t->config->max_workers, fd, err);
	if (slot < 0)
		log_err("%s", err);
	return slot;
}

static void slots_close(int *fd, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		close(fd[i]);
}

static int slots_check(const struct options *o, const struct crew *crew)
{
	uint32_t max = crew->t->config->max_workers;

	if (o->slot >= (int)max) {
		log_err("--worker-slot %d: crierd's tables have slots 0 to %u", o->slot, max - 1);
		return -ERANGE;
	}
	if (crew->n > max) {
		log_err("--cpu: %u CPUs are %u workers, crierd's tables have slots for %u: name "
			"fewer, or set capacity.workers (crierctl save, crierd --flush, start, "
			"crierctl restore)",
			crew->n, crew->n, max);
		return -ERANGE;
	}
	return 0;
}

static int slots_open(const struct options *o, struct crew *crew, int *fd)
{
	int rc = slots_check(o, crew);

	for (uint32_t i = 0; i < crew->n && !rc; i++) {
		int slot = slot_open(o, crew->t, i, &fd[i]);

		if (slot < 0) {
			slots_close(fd, i);
			rc = slot;
		}
		crew->slot[i] = (uint32_t)slot;
	}
	return rc;
}

static int serve(struct crew *crew)
{
	char err[PORT_ERR_LEN];

	if (crew_open(crew, err)) {
		log_err("%s", err);
		return 1;
	}
	log_info("crier-dp: ready");
	sd_notify(0, "READY=1");
	crew_run(crew);
	sd_notify(0, "STOPPING=1");
	crew_close(crew);
	if (!crew->retired)
		return 0;
	log_err("crierd --flush took these tables away: start crierd, then crier-dp again");
	return 1;
}

int main(int argc, char **argv)
{
	static struct crew crew = {
		.n = 1, .cpu = {-1}, .env = {.hugepages = "auto"}, .stop = &stop};
	struct options o = {"/sys/fs/bpf/crier", "/run/crier", -1};
	const struct sigaction on_stop = {.sa_handler = on_signal};
	int lock[CRIER_MAX_WORKERS], code;
	char err[TABLES_ERR_LEN];
	struct tables tables;

	if (!options_parse(argc, argv, &o, &crew, &code))
		return code;
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGINT, &on_stop, NULL);
	if (cpus_check(crew.cpu, crew.n, err)) {
		log_err("--cpu: %s", err);
		return 1;
	}
	if (tables_open(&tables, o.pin_dir, err)) {
		log_err("%s", err);
		return 1;
	}
	crew.t = &tables;
	code = 1;
	if (!slots_open(&o, &crew, lock)) {
		code = serve(&crew);
		slots_close(lock, crew.n); /* after the last word: workers count as dead now */
	}
	tables_close(&tables);
	return code;
}
