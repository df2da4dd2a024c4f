/* SPDX-License-Identifier: BSD-2-Clause */
/* crier-dp: the bypass engine.  One process, one worker, one core. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/slot.h"
#include "worker.h"
#include "xdp/log.h"

struct options {
	const char *pin_dir;
	const char *run_dir;
	int cpu;  /* -1: wherever the scheduler likes */
	int slot; /* -1: the lowest that is free */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void usage(FILE *to)
{
	fputs("usage: crier-dp --port xdp:IFACE[,queue=N] [--port ...] [options]\n"
	      "\n"
	      "  --port xdp:IFACE[,queue=N]  receive on all queues of IFACE, send on queue N (0)\n"
	      "  --pin-dir DIR               crierd's tables (/sys/fs/bpf/crier)\n"
	      "  --run-dir DIR               where workers' locks are (/run/crier)\n"
	      "  --cpu N                     run on this CPU alone\n"
	      "  --worker-slot auto|N        which worker to be (auto: the first that is free)\n"
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

static bool port_add(struct worker *w, const char *spec)
{
	char err[PORT_ERR_LEN];

	if (strncmp(spec, "xdp:", 4)) {
		log_err("--port %s: this crier-dp knows ports of the kind xdp:IFACE[,queue=N]",
			spec);
		return false;
	}
	if (w->n_ports == COPY_OUTS) {
		log_err("--port %s: a worker serves at most %d ports", spec, COPY_OUTS);
		return false;
	}
	if (port_xdp_parse(spec + 4, &w->ports[w->n_ports].conf, err)) {
		log_err("--port %s", err);
		return false;
	}
	for (uint32_t i = 0; i < w->n_ports; i++) {
		if (!strcmp(w->ports[i].conf.ifname, w->ports[w->n_ports].conf.ifname)) {
			log_err("--port %s: named twice", spec);
			return false;
		}
	}
	w->n_ports++;
	return true;
}

static bool slot_parse(const char *s, int *slot)
{
	*slot = -1;
	return !strcmp(s, "auto") || number_parse(s, CRIER_MAX_WORKERS - 1, slot);
}

/* True: go on.  False: exit with *code. */
static bool options_parse(int argc, char **argv, struct options *o, struct worker *w, int *code)
{
	enum { PORT = 1, PIN_DIR, RUN_DIR, CPU, SLOT, VERSION, HELP };
	static const struct option longs[] = {
		{"port", required_argument, NULL, PORT},
		{"pin-dir", required_argument, NULL, PIN_DIR},
		{"run-dir", required_argument, NULL, RUN_DIR},
		{"cpu", required_argument, NULL, CPU},
		{"worker-slot", required_argument, NULL, SLOT},
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
			good = port_add(w, optarg);
			break;
		case PIN_DIR:
			o->pin_dir = optarg;
			break;
		case RUN_DIR:
			o->run_dir = optarg;
			break;
		case CPU:
			good = number_parse(optarg, CPU_SETSIZE - 1, &o->cpu);
			if (!good)
				log_err("--cpu %s: want a CPU's number", optarg);
			break;
		case SLOT:
			good = slot_parse(optarg, &o->slot);
			if (!good)
				log_err("--worker-slot %s: want auto, or 0 to %d", optarg,
					CRIER_MAX_WORKERS - 1);
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
	if (good && !w->n_ports) {
		log_err("no --port");
		good = false;
	}
	if (!good) {
		usage(stderr);
		*code = 2;
	}
	return good;
}

static int cpu_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (!sched_setaffinity(0, sizeof(set), &set))
		return 0;
	log_err("--cpu %d: %s; this machine has CPUs 0 to %ld", cpu, strerror(errno),
		sysconf(_SC_NPROCESSORS_CONF) - 1);
	return -errno;
}

static int slot_open(const struct options *o, const struct tables *t, int *fd)
{
	uint32_t max = t->config->max_workers;
	char err[SLOT_ERR_LEN];
	int slot;

	if (o->slot >= (int)max) {
		log_err("--worker-slot %d: crierd's tables have slots 0 to %u", o->slot, max - 1);
		return -ERANGE;
	}
	if (o->slot >= 0)
		slot = slot_take(o->run_dir, (uint32_t)o->slot, 1, fd, err);
	else
		slot = slot_take(o->run_dir, 0, max, fd, err);
	if (slot < 0)
		log_err("%s", err);
	return slot;
}

static int serve(struct worker *w, struct tables *t, int slot)
{
	char err[PORT_ERR_LEN];

	if (worker_open(w, t, (uint32_t)slot, err)) {
		log_err("%s", err);
		return 1;
	}
	log_info("crier-dp: ready");
	sd_notify(0, "READY=1");
	worker_run(w);
	sd_notify(0, "STOPPING=1");
	worker_close(w);
	if (!w->retired)
		return 0;
	log_err("crierd --flush took these tables away: start crierd, then crier-dp again");
	return 1;
}

int main(int argc, char **argv)
{
	static struct worker worker = {.stop = &stop};
	struct options o = {"/sys/fs/bpf/crier", "/run/crier", -1, -1};
	const struct sigaction on_stop = {.sa_handler = on_signal};
	char err[TABLES_ERR_LEN];
	struct tables tables;
	int slot, lock, code;

	if (!options_parse(argc, argv, &o, &worker, &code))
		return code;
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGINT, &on_stop, NULL);
	if (cpu_pin(o.cpu))
		return 1;
	if (tables_open(&tables, o.pin_dir, err)) {
		log_err("%s", err);
		return 1;
	}
	slot = slot_open(&o, &tables, &lock);
	code = slot < 0 ? 1 : serve(&worker, &tables, slot);
	if (slot >= 0)
		close(lock); /* after the worker's last word: it counts as dead from here on */
	tables_close(&tables);
	return code;
}
