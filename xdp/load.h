/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierd's side of the kernel: makes and pins the tables, loads the XDP program and
 * attaches it to interfaces by pinned links.  The only user of the BPF skeleton.
 *
 * Owner and thread: crierd's main thread, but for loader_grace(), which any one thread may
 * call beside it, and loader_devmaps() and loader_reload_work(), which any one other may. Functions
 * return 0 or -errno; those with err write one line there that says what is wrong and what to do.
 *
 * Everything pinned lives in pin_dir: each table by its name in table.h, "xsks",
 * "capture", "port_numbers", a link "link_<ifname>" per interface, "link_:trigger" of the
 * injector, and "xmit_link", that of the program which counts what devices drop.  A link
 * keeps the program at work when crierd is gone.
 */
#ifndef CRIER_LOAD_H
#define CRIER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "tables.h"

struct loader;

#define LOADER_ERR_LEN 256
#define LOADER_NOTE_LEN 256

enum loader_mode {
	LOADER_AUTO,	/* driver mode, else generic */
	LOADER_NATIVE,	/* driver mode or fail */
	LOADER_GENERIC, /* generic, even where the driver could */
};

struct loader_attached {
	enum crier_port_mode mode;  /* CRIER_PORT_NATIVE or CRIER_PORT_GENERIC */
	bool updated;		    /* a pinned link was there and took the new program, no gap */
	char note[LOADER_NOTE_LEN]; /* why not native, or what else to know; "" if nothing */
};

#define LOADER_PROGRAMS 4

/* A program as the kernel took it. */
struct loader_program {
	char name[32];
	uint32_t id;	    /* `bpftool prog show id` */
	uint32_t insns;	    /* steps of the verifier */
	uint32_t verify_us; /* and how long it took for them */
};

struct loader_programs {
	char from[LOADER_ERR_LEN]; /* the directory, "": built in */
	uint32_t n;
	uint32_t load_us; /* all of them: BTF, maps, verifier, JIT */
	bool jited;	  /* to this machine's instructions */
	struct loader_program program[LOADER_PROGRAMS];
};

struct loader_features {
	int bpf_jit;	 /* net.core.bpf_jit_enable; -1: a namespace that cannot see it */
	bool btf;	 /* the kernel tells its types */
	bool broadcasts; /* redirects to all of a devmap */
	bool xdp_link;	 /* links to XDP programs */
	char kernel[64]; /* release */
};

/*
 * Opens the tables under pin_dir, or makes them, and loads the program.  *t is mapped
 * and owned by the loader: don't tables_close() it.
 *
 * 0: the tables were there and hold their rooms (any *size must equal theirs: -EINVAL
 * and the way to enlarge them).  1: they are new and empty: fill in what you must,
 * then tables_publish().  -ERANGE: more than the layouts can number.  -EPROTO: made by another
 * version; nothing was changed. -EPERM/-EACCES: no right to BPF.  -ENOTDIR/-ENOENT/-EXDEV: pin_dir
 * is no directory, or not on a bpffs.  -EOPNOTSUPP: kernel too old.
 */
int loader_open(struct loader **l, const char *pin_dir, const struct tables_size *size,
		struct tables *t, char err[LOADER_ERR_LEN]);

/* Closes descriptors and unmaps the tables; pins and programs stay at work. */
void loader_close(struct loader *l);

/*
 * Attaches the program to an interface, whose packets it will redirect as port number
 * `port` (1 .. CRIER_MAX_PORTS - 1).  A link pinned by an earlier crierd takes the new
 * program in place.  -ENODEV: no such interface; -EBUSY: it carries somebody else's
 * program, which is named; -EOPNOTSUPP: not in the mode asked for.
 */
int loader_attach(struct loader *l, const char *ifname, uint32_t port, enum loader_mode mode,
		  struct loader_attached *out, char err[LOADER_ERR_LEN]);

/* Takes the program off an interface; 0 also if it was not there. */
int loader_detach(struct loader *l, const char *ifname, char err[LOADER_ERR_LEN]);

/*
 * Puts the program that broadcasts triggers on an interface, natively, in the place of an earlier
 * crierd's if that is there.  -EBUSY: it carries somebody else's program, which is named;
 * -EOPNOTSUPP: there is no native XDP, or no such program here.
 */
int loader_attach_trigger(struct loader *l, uint32_t ifindex, char err[LOADER_ERR_LEN]);

/* From wherever it is. */
void loader_detach_trigger(struct loader *l);

/* Calls fn for each interface whose link is pinned, also those that are gone (ifindex 0). */
int loader_each_link(struct loader *l, void (*fn)(void *arg, const char *ifname, int ifindex),
		     void *arg);

/*
 * Waits until every XDP program that runs now has ended: an update of a map in a map
 * makes the kernel wait for an RCU grace period (8 to 17 ms).  Not for an event loop.
 */
int loader_grace(struct loader *l);

/* The loaded program, for BPF_PROG_TEST_RUN; owned by l. */
int loader_prog_fd(const struct loader *l);

/*
 * The injector's program, crier_trigger, for its far end (trigger.h): to be attached natively,
 * for generic XDP shares data between clones.  Owned by l; -ENOENT: loader_trigger() says why.
 */
int loader_trigger_fd(const struct loader *l);

/*
 * What crierd can do without may be refused by the kernel when it starts, and is then tried again
 * by each reload: NULL, or why the kernel has not got the program of the kernel engine's way out,
 * or the one that takes triggers.
 */
const char *loader_egress(const struct loader *l);
const char *loader_trigger(const struct loader *l);

/*
 * Gives a port devmaps by which packets are broadcast to ifindex.  They are made anew as
 * wholes, and change hands between two broadcasts: none is shortened, and none that is under
 * way loses its devmap.  Waits for RCU grace periods.  -EOPNOTSUPP: loader_egress() says why;
 * -EINVAL: there is no such interface.
 */
int loader_devmaps(struct loader *l, uint32_t port, uint32_t ifindex);

/* What is lost with these programs, for the log and for status; %s: why. */
#define LOST_EGRESS "no kernel engine, so that every room is crier-dp's: %s"
#define LOST_XMIT "copies that a device's full ring drops are counted as copies: %s"

/* The double of that program for BPF_PROG_TEST_RUN, loaded when asked for; owned by l. */
int loader_egress_run_fd(struct loader *l);

/* NULL, or why copies are counted though the device's full ring dropped them. */
const char *loader_xmit(const struct loader *l);

/* What is at work. */
const struct loader_programs *loader_programs(const struct loader *l);

/*
 * ---- reload: other programs in the place of those at work, under traffic ----
 *
 * The new ones are loaded first.  Then the way out changes, for old and new take each other's
 * jobs, then the way in, on each interface by one step of its pinned link.  Whatever fails, the old
 * ones are at work afterwards.  Only of what the kernel had refused before may it refuse the new
 * one, too: see loader_egress().
 */
struct loader_reload;

/*
 * dir: where crier.bpf.o, egress.bpf.o and xmit.bpf.o are; the built-in ones if none of them is
 * there, or if dir is NULL.  NULL: out of memory.
 */
struct loader_reload *loader_reload_new(struct loader *l, const char *dir);

/*
 * The work, for the thread that calls loader_devmaps(): it takes as long as the verifier does,
 * and waits for RCU.  0 or -errno with a sentence in err.
 */
int loader_reload_work(struct loader_reload *r, char err[LOADER_ERR_LEN]);

/* The main thread's part, when that has ended or if it never began.  Frees r. */
void loader_reload_end(struct loader_reload *r);

/* The ring buffer "capture" for ring_buffer__new(); owned by l. */
int loader_capture_fd(const struct loader *l);

/*
 * Removes everything of crier's under pin_dir, of whatever version: programs are
 * detached, pins unlinked, the directory removed.  What is not crier's stays and is
 * named (-ENOTEMPTY).  0 also if there is nothing.
 */
int loader_flush(const char *pin_dir, char err[LOADER_ERR_LEN]);

void loader_features(struct loader_features *out);

/*
 * Does something take VLAN tags out of packets before XDP sees them?  1: yes, and note
 * says what to do; 0: no, or it cannot be told (then note says so, or is "").
 */
int loader_vlan_hidden(const char *ifname, char note[LOADER_NOTE_LEN]);

#endif
