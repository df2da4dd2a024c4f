/* SPDX-License-Identifier: BSD-2-Clause */
#include "dpdk_dev.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>

/*
 * ---- finding the device ----------------------------------------------------------
 */

/* "0000:03:00.0" of a PCI device's arguments. */
static void pci_address(const char *devargs, char address[32])
{
	size_t len = strcspn(devargs, ",");

	snprintf(address, 32, "%.*s", (int)(len < 31 ? len : 31), devargs);
}

/* Drivers that share a device with DPDK and need no binding. */
static bool driver_shares(const char *driver)
{
	return !strcmp(driver, "mlx5_core") || !strcmp(driver, "mlx4_core") ||
	       !strcmp(driver, "vfio-pci") || !strcmp(driver, "uio_pci_generic") ||
	       !strcmp(driver, "igb_uio");
}

static int pci_check(const char *devargs, char err[PORT_ERR_LEN])
{
	char address[32], path[128], link[256];
	const char *driver;
	ssize_t n;

	pci_address(devargs, address);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	if (access(path, F_OK)) {
		snprintf(err, PORT_ERR_LEN, "there is no PCI device %s: crier-nic show lists them",
			 address);
		return -ENODEV;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
	n = readlink(path, link, sizeof(link) - 1);
	link[n < 0 ? 0 : n] = '\0';
	driver = strrchr(link, '/') ? strrchr(link, '/') + 1 : "";
	if (driver_shares(driver))
		return 0;
	snprintf(err, PORT_ERR_LEN, "%s belongs to %s%s: crier-nic bind %s gives it to DPDK",
		 address, *driver ? "the kernel driver " : "no driver", driver, address);
	return -EBUSY;
}

int port_dpdk_check(const struct port_dpdk_conf *conf, char err[PORT_ERR_LEN])
{
	return conf->pci ? pci_check(conf->devargs, err) : 0;
}

static int probe_error(const struct port_dpdk_conf *conf, int rc, char err[PORT_ERR_LEN])
{
	snprintf(
		err, PORT_ERR_LEN,
		"\"dpdk:%s\": no such device, or its driver refuses it (%s); what DPDK says itself "
		"stands above",
		conf->devargs, rte_strerror(-rc));
	return rc == -ENOMEM || rc == -EPERM ? rc : -ENODEV;
}

/* False: DPDK has no such device yet. */
static bool device_find(struct dpdk_dev *d, const char *devargs)
{
	struct rte_dev_iterator it;
	struct rte_eth_dev_info info;
	uint16_t id;

	RTE_ETH_FOREACH_MATCHING_DEV(id, devargs, &it)
	{
		rte_eth_iterator_cleanup(&it);
		if (rte_eth_dev_info_get(id, &info))
			return false;
		d->id = id;
		d->device = info.device;
		return true;
	}
	return false;
}

/*
 * Its number for DPDK; the device is taken.  At the start EAL has probed NICs itself; once
 * one was closed it is not there any more, as a virtual device is not before.
 */
int dpdk_probe(struct dpdk_dev *d, const struct port_dpdk_conf *conf, char err[PORT_ERR_LEN])
{
	int rc = port_dpdk_check(conf, err);

	if (rc)
		return rc;
	if (conf->pci && device_find(d, conf->devargs))
		return 0;
	rc = rte_dev_probe(conf->devargs);
	if (rc && rc != -EEXIST)
		return probe_error(conf, rc, err);
	return device_find(d, conf->devargs) ? 0 : probe_error(conf, -ENODEV, err);
}

/*
 * ---- the command line ------------------------------------------------------------
 */

/*
 * The domain is what a PCI address lacks: "" if it has one, "0000:" for BB:DD.F, which DPDK
 * itself doesn't find.  NULL: no PCI address.
 */
static const char *pci_domain(const char *s)
{
	unsigned domain, bus, device, function;
	int n = 0;

	if (sscanf(s, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &n) == 4 &&
	    (s[n] == ',' || !s[n]))
		return "";
	if (sscanf(s, "%2x:%2x.%1x%n", &bus, &device, &function, &n) == 3 && (s[n] == ',' || !s[n]))
		return "0000:";
	return NULL;
}

static bool ifname_take(const char *name, size_t len, struct port_dpdk_conf *conf)
{
	if (!len || len >= sizeof(conf->ifname) || memchr(name, '/', len))
		return false;
	memcpy(conf->ifname, name, len);
	conf->ifname[len] = '\0';
	return true;
}

int port_dpdk_parse(const char *spec, uint32_t number, struct port_dpdk_conf *conf,
		    char err[PORT_ERR_LEN])
{
	const char *as = strstr(spec, ",as="), *name, *rest, *domain = pci_domain(spec);
	size_t len = as ? (size_t)(as - spec) : strlen(spec);

	memset(conf, 0, sizeof(*conf));
	snprintf(conf->ifname, sizeof(conf->ifname), "dpdk%u", number);
	name = as ? as + 4 : "";
	rest = name + strcspn(name, ",");
	if (as && !ifname_take(name, (size_t)(rest - name), conf)) {
		snprintf(err, PORT_ERR_LEN, "\"dpdk:%.100s\": as= wants an interface's name", spec);
		return -EINVAL;
	}
	conf->pci = domain;
	if (!domain)
		domain = "";
	if (!len || strlen(domain) + len + strlen(rest) >= sizeof(conf->devargs)) {
		snprintf(err, PORT_ERR_LEN,
			 "\"dpdk:%.100s\": a device is wanted, of at most %zu characters, as in "
			 "dpdk:0000:03:00.0 or dpdk:net_memif0,role=client",
			 spec, sizeof(conf->devargs) - 1);
		return -EINVAL;
	}
	snprintf(conf->devargs, sizeof(conf->devargs), "%s%.*s%s", domain, (int)len, spec, rest);
	return 0;
}
