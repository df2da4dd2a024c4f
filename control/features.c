/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this host and its interfaces can do, probed and not guessed from versions where that is
 * possible, and what is lost where they cannot: a part of GET /v1/status.
 */
#include <string.h>

#include "control/api.h"
#include "control/crierd.h"
#include "control/injector.h"
#include "control/kernel.h"
#include "control/netdev.h"
#include "control/ports.h"
#include "xdp/load.h"

/* Has it?  1, 0, or -1: it cannot be told. */
static void put(json_t *table, const char *name, const char *interface, int has, const char *why,
		const char *without)
{
	json_t *row = json_pack("{s:s, s:o, s:s}", "name", name, "has",
				has < 0 ? json_null() : json_boolean(has), "without", without);

	if (row && interface)
		json_object_set_new(row, "interface", json_string(interface));
	if (row && why && has <= 0)
		json_object_set_new(row, "why", json_string(why));
	json_array_append_new(table, row);
}

static void put_port(json_t *table, struct netdev *n, const struct crierd *d, uint32_t number)
{
	static const char *const unknown = "the kernel tells since Linux 6.3";
	const struct crier_port *port = &d->tables->ports[number];
	struct port_notes notes = {0};
	uint32_t ifindex = tbl_load(&port->ifindex), mode = tbl_load(&port->mode);
	char name[CRIER_IFNAME_LEN + 1] = "";

	memcpy(name, port->name, CRIER_IFNAME_LEN);
	if (!ifindex || mode == CRIER_PORT_DPDK)
		return;
	if (d->ports)
		ports_notes(d->ports, number, &notes);
	put(table, "native XDP", name, mode == CRIER_PORT_NATIVE,
	    notes.count ? notes.text[0] : NULL,
	    "each packet costs more, and no interface has the kernel engine");
	put(table, "XDP redirects to it", name, netdev_takes_redirects(n, ifindex),
	    n ? "its driver does not; a veth does once its other end has an XDP program or GRO"
	      : unknown,
	    "listeners behind it are crier-dp's, by AF_XDP or DPDK");
	put(table, "zero-copy AF_XDP", name, netdev_zero_copy(n, ifindex),
	    n ? "its driver has none" : unknown,
	    "AF_XDP copies each frame once more; page triggers are faster");
}

static json_t *table_json(const struct crierd *d, const struct loader_features *f)
{
	const char *way_out = d->loader ? loader_egress(d->loader) : "no program is loaded";
	const char *drops = d->loader ? loader_xmit(d->loader) : "no program is loaded";
	const char *triggers = d->injector ? injector_why(d->injector) : "there is no injector";
	struct netdev *n = netdev_open();
	json_t *table = json_array();

	put(table, "BPF JIT", NULL, d->loader && loader_programs(d->loader)->jited,
	    "sysctl net.core.bpf_jit_enable=1, then `crierctl reload`",
	    "XDP costs several times as much a packet");
	put(table, "BTF", NULL, f->btf, "there is no /sys/kernel/btf/vmlinux",
	    "bpftrace and bpftool know fewer names; crier does not need it");
	put(table, "XDP broadcasts", NULL, f->broadcasts, "Linux 5.14 has them",
	    "every room is crier-dp's");
	put(table, "devmap programs", NULL, !way_out, way_out, "every room is crier-dp's");
	put(table, "page triggers", NULL, !triggers, triggers,
	    "large rooms are copied frame by frame");
	put(table, "drops by tracepoint", NULL, !drops, drops,
	    "copies that a device's full ring drops are counted as copies");
	for (uint32_t i = 1; i < CRIER_MAX_PORTS; i++)
		if (d->tables->ports[i].name[0])
			put_port(table, n, d, i);
	netdev_close(n);
	return table;
}

json_t *api_features_json(const struct crierd *d)
{
	const char *off = d->kernel ? kernel_why_off(d->kernel) : NULL;
	struct loader_features f = {0};
	json_t *json;

	loader_features(&f);
	json = json_pack("{s:b, s:b, s:s}", "btf", f.btf, "xdp_link", f.xdp_link, "kernel",
			 f.kernel);
	if (json && f.bpf_jit >= 0)
		json_object_set_new(json, "bpf_jit", json_boolean(f.bpf_jit));
	if (json)
		json_object_set_new(json, "kernel_engine", json_boolean(d->kernel && !off));
	if (json && off)
		json_object_set_new(json, "kernel_engine_off", json_string(off));
	off = d->loader ? loader_xmit(d->loader) : NULL;
	if (json)
		json_object_set_new(json, "tx_drops", json_boolean(d->loader && !off));
	if (json && off)
		json_object_set_new(json, "tx_drops_off", json_string(off));
	if (json)
		json_object_set_new(json, "table", table_json(d, &f));
	return json;
}
