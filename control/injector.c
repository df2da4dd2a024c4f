/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/injector.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "control/errand.h"
#include "control/links.h"
#include "control/rtnl.h"
#include "control/veth.h"
#include "xdp/load.h"
#include "xdp/log.h"

#define ALIAS "crier injector "
#define ALIAS_LEN 256
#define MARKED_MOST 16
#define AGAIN_NS 5000000000ULL

/*
 * The largest trigger (trigger.h) fits.  A veth with XDP carries no more than a memory page of
 * 4096 bytes, headroom included.
 */
#define MTU 3000

/* What making it needs and finds. */
struct pair {
	char name[CRIER_IFNAME_LEN], far[CRIER_IFNAME_LEN]; /* "": none is wanted */
	char alias[ALIAS_LEN];
	struct loader *loader;
	uint32_t near_ifindex, far_ifindex;
	char why[INJECTOR_ERR_LEN];
};

struct injector {
	struct errand errand; /* first: makes `next` */
	struct errands *errands;
	struct pair pair;
	struct pair next; /* the errand's while it is busy */
	bool busy, tried;
	bool told;	   /* that it works */
	int ask;	   /* a socket for ioctls */
	uint64_t again_ns; /* not tried before */
	char said[INJECTOR_ERR_LEN];
};

__attribute__((format(printf, 3, 4))) static int fails(struct pair *i, int code, const char *fmt,
						       ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(i->why, sizeof(i->why), fmt, ap);
	va_end(ap);
	return code;
}

/* ---- pairs that crierd made, by their alias ---- */

struct marked {
	const char *alias;
	uint32_t ifindex[MARKED_MOST];
	char name[MARKED_MOST][CRIER_IFNAME_LEN];
	uint32_t n;
	char other[ALIAS_LEN]; /* alias of the interface asked for, if that is another one */
	const char *of;
};

static void on_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const char *alias = "", *name = "";
	struct marked *m = arg;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFALIAS)
			alias = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == IFLA_IFNAME)
			name = mnl_attr_get_str(attr);
	}
	if (m->of && !strcmp(name, m->of) && strcmp(alias, m->alias))
		snprintf(m->other, sizeof(m->other), "%s", alias);
	if (strcmp(alias, m->alias) || m->n == MARKED_MOST)
		return;
	snprintf(m->name[m->n], CRIER_IFNAME_LEN, "%s", name);
	m->ifindex[m->n++] = (uint32_t)ifi->ifi_index;
}

static int find_marked(struct marked *m)
{
	struct veth_request rq;

	veth_request(&rq, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	return rtnl_talk(rq.nlh, on_link, m);
}

/* The interfaces so marked but for one by the name `but`. */
static int remove_marked(const struct marked *m, const char *but)
{
	int ret = 0, one;

	for (uint32_t i = 0; i < m->n; i++) {
		if (but && !strcmp(m->name[i], but))
			continue;
		one = veth_remove(m->ifindex[i]);
		/* The other end of one that went just now. */
		if (one && one != -ENODEV)
			ret = one;
	}
	return ret;
}

/* The same whether or not the directory's name ends in a slash. */
static void alias_of(const char *pin_dir, char alias[ALIAS_LEN])
{
	int len = (int)strnlen(pin_dir, ALIAS_LEN - sizeof(ALIAS));

	while (len > 1 && pin_dir[len - 1] == '/')
		len--;
	snprintf(alias, ALIAS_LEN, ALIAS "%.*s", len, pin_dir);
}

int injector_remove(const char *pin_dir)
{
	char alias[ALIAS_LEN];
	struct marked m = {.alias = alias};
	int ret;

	alias_of(pin_dir, alias);
	ret = find_marked(&m);
	return ret ? ret : remove_marked(&m, NULL);
}

/* ---- making it ---- */

/* No address, no neighbours, nothing that Linux would send there by itself. */
static int quiet(uint32_t ifindex)
{
	struct nlattr *spec, *family;
	struct ifinfomsg *ifi;
	struct veth_request rq;
	int ret;

	ifi = veth_request(&rq, RTM_NEWLINK, 0, sizeof(*ifi));
	ifi->ifi_index = (int)ifindex;
	ifi->ifi_flags = ifi->ifi_change = IFF_NOARP;
	mnl_attr_put_u32(rq.nlh, IFLA_MTU, MTU);
	ret = rtnl_talk(rq.nlh, NULL, NULL);
	if (ret)
		return ret;
	ifi = veth_request(&rq, RTM_NEWLINK, 0, sizeof(*ifi));
	ifi->ifi_index = (int)ifindex;
	spec = mnl_attr_nest_start(rq.nlh, IFLA_AF_SPEC);
	family = mnl_attr_nest_start(rq.nlh, AF_INET6);
	mnl_attr_put_u8(rq.nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(rq.nlh, family);
	mnl_attr_nest_end(rq.nlh, spec);
	ret = rtnl_talk(rq.nlh, NULL, NULL);
	/* A kernel without IPv6 has nothing to be told. */
	return ret == -EAFNOSUPPORT || ret == -EOPNOTSUPP ? 0 : ret;
}

static void no_ipv6(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	veth_sysctl(path, "1");
}

static int mark(uint32_t ifindex, const char *alias)
{
	struct ifinfomsg *ifi;
	struct veth_request rq;

	ifi = veth_request(&rq, RTM_NEWLINK, 0, sizeof(*ifi));
	ifi->ifi_index = (int)ifindex;
	mnl_attr_put(rq.nlh, IFLA_IFALIAS, strlen(alias), alias);
	return rtnl_talk(rq.nlh, NULL, NULL);
}

static int set_up_ends(const struct pair *i, uint32_t near, uint32_t far)
{
	int ret = mark(near, i->alias);

	ret = ret ? ret : quiet(near);
	ret = ret ? ret : quiet(far);
	if (ret)
		return ret;
	no_ipv6(i->name);
	no_ipv6(i->far);
	ret = veth_up(far);
	return ret ? ret : veth_up(near);
}

/* Is the name free, or of a pair of ours?  One that was not marked yet counts as ours. */
static int claim(struct pair *i, struct links *ls, enum veth_pair *pair)
{
	struct marked m = {.alias = i->alias, .of = i->name};
	int ret = find_marked(&m);

	if (!ret)
		ret = remove_marked(&m, i->name); /* of an earlier name */
	if (ret)
		return fails(i, ret, "interfaces cannot be read: %s", strerror(-ret));
	*pair = veth_find(ls, i->name, i->far);
	if (!strncmp(m.other, ALIAS, strlen(ALIAS)))
		return fails(i, -EEXIST,
			     "interface %s is the injector of another crierd, whose pins are under "
			     "%.100s; name another with kernel: {injector: NAME}",
			     i->name, m.other + strlen(ALIAS));
	if (*pair == VETH_FOREIGN || m.other[0])
		return fails(i, -EEXIST,
			     "an interface %s or %s is there that crierd did not make; rename it, "
			     "or name another with kernel: {injector: NAME}",
			     i->name, i->far);
	return 0;
}

static int make(struct pair *i)
{
	struct links ls = {0};
	enum veth_pair pair = VETH_NONE;
	int ret = claim(i, &ls, &pair);

	if (ret) {
		links_free(&ls);
		return ret;
	}
	if (pair == VETH_NONE) {
		ret = veth_make(i->name, i->far);
		pair = ret ? pair : veth_find(&ls, i->name, i->far);
	}
	if (!ret && pair != VETH_PAIR)
		ret = -ENODEV;
	if (!ret) {
		i->near_ifindex = links_by_name(&ls, i->name)->ifindex;
		i->far_ifindex = links_by_name(&ls, i->far)->ifindex;
		ret = set_up_ends(i, i->near_ifindex, i->far_ifindex);
	}
	links_free(&ls);
	if (ret == -EPERM || ret == -EACCES)
		return fails(i, ret, "making %s needs CAP_NET_ADMIN; run crierd as root", i->name);
	if (ret)
		return fails(i, ret, "the veth pair %s cannot be made: %s", i->name,
			     strerror(-ret));
	return 0;
}

static int start(struct pair *i)
{
	char err[LOADER_ERR_LEN];
	int ret = loader_trigger(i->loader) ? fails(i, -EOPNOTSUPP, "%s", loader_trigger(i->loader))
					    : make(i);

	if (!ret) {
		ret = loader_attach_trigger(i->loader, i->far_ifindex, err);
		if (ret)
			fails(i, ret, "%.200s", err);
	}
	if (ret)
		i->near_ifindex = i->far_ifindex = 0;
	else
		i->why[0] = '\0';
	return ret;
}

static void on_work(struct errand *errand)
{
	start(&((struct injector *)errand)->next);
}

static void on_done(struct errand *errand)
{
	struct injector *i = (struct injector *)errand;

	i->busy = false;
	if (errand->worked)
		i->pair = i->next;
}

/* It waits for the kernel: only at crierd's start the loop does, too. */
static void begin(struct injector *i)
{
	i->next = i->pair;
	if (i->tried) {
		i->busy = true;
		errands_submit(i->errands, &i->errand);
		return;
	}
	i->tried = true;
	start(&i->next);
	i->pair = i->next;
}

/* ---- looking after it ---- */

static bool end_is_there(const struct injector *i, const char *name, uint32_t ifindex, short *flags)
{
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(i->ask, SIOCGIFINDEX, &ifr) || (uint32_t)ifr.ifr_ifindex != ifindex ||
	    ioctl(i->ask, SIOCGIFFLAGS, &ifr))
		return false;
	*flags = ifr.ifr_flags;
	return true;
}

/* Somebody may have removed or renamed it, or set it down, which is left so. */
static void look_at_ends(struct injector *i)
{
	short near = 0, far = 0;

	if (!end_is_there(i, i->pair.name, i->pair.near_ifindex, &near) ||
	    !end_is_there(i, i->pair.far, i->pair.far_ifindex, &far)) {
		log_warn("crierd: the injector %s was removed; making it anew", i->pair.name);
		i->pair.near_ifindex = i->pair.far_ifindex = 0;
		i->again_ns = 0;
		fails(&i->pair, 0, "it was removed");
	} else if (!(near & far & IFF_UP)) {
		const char *down = near & IFF_UP ? i->pair.far : i->pair.name;

		fails(&i->pair, 0, "%s is down: `ip link set %s up`", down, down);
	} else {
		i->pair.why[0] = '\0';
	}
}

static void say(struct injector *i)
{
	if (!strcmp(i->pair.why, i->said))
		return;
	if (i->pair.why[0])
		log_warn("crierd: no page triggers, so that rooms too large for one packet are "
			 "copied frame by frame: %s",
			 i->pair.why);
	else if (i->said[0])
		log_info("crierd: the injector %s works", i->pair.name);
	memcpy(i->said, i->pair.why, sizeof(i->said));
}

static void look(struct injector *i, const char *off, uint64_t now_ns)
{
	if (i->busy)
		return;
	if (i->pair.near_ifindex)
		look_at_ends(i);
	if (!i->pair.near_ifindex && off) {
		fails(&i->pair, 0, "%s", off);
		i->said[0] = '\0';
		/* It is told of the kernel engine as a whole. */
		return;
	}
	if (!i->pair.near_ifindex && now_ns >= i->again_ns) {
		i->again_ns = now_ns + AGAIN_NS;
		begin(i);
	}
	if (!i->busy)
		say(i);
}

bool injector_look(struct injector *i, const char *off, uint64_t now_ns)
{
	bool told = i->told;

	if (!i->pair.name[0])
		return false;
	look(i, off, now_ns);
	i->told = !i->pair.why[0];
	return i->told != told;
}

int injector_open(const char *name, const char *pin_dir, struct loader *loader,
		  struct errands *errands, struct injector **out)
{
	struct injector *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->errand = (struct errand){.work = on_work, .done = on_done};
	i->errands = errands;
	i->pair.loader = loader;
	i->ask = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (i->ask < 0) {
		int err = -errno;

		free(i);
		return err;
	}
	alias_of(pin_dir, i->pair.alias);
	if (name) {
		snprintf(i->pair.name, sizeof(i->pair.name), "%s", name);
		snprintf(i->pair.far, sizeof(i->pair.far), "%sx", name);
		fails(&i->pair, 0, "it has not been made yet");
	} else {
		fails(&i->pair, 0, "the configuration says kernel: {injector: none}");
		loader_detach_trigger(loader);
		injector_remove(pin_dir);
	}
	*out = i;
	return 0;
}

void injector_close(struct injector *i)
{
	if (!i)
		return;
	if (i->ask >= 0)
		close(i->ask);
	free(i);
}

const char *injector_why(const struct injector *i)
{
	return i->pair.why[0] ? i->pair.why : NULL;
}

bool injector_fails(const struct injector *i)
{
	return i->pair.why[0] && i->said[0];
}

const char *injector_name(const struct injector *i)
{
	return i->pair.name;
}
