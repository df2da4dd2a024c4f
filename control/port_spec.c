/* SPDX-License-Identifier: BSD-2-Clause */
/* What the operator writes of a port; see ports_parse(). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ports.h"

int ports_parse(const char *spec, char name[CRIER_IFNAME_LEN], enum port_want *want,
		char err[PORTS_ERR_LEN])
{
	static const char *const modes[] = {[PORT_AUTO] = "auto",
					    [PORT_NATIVE] = "native",
					    [PORT_GENERIC] = "generic",
					    [PORT_DPDK] = "dpdk"};
	size_t len = strcspn(spec, ",");
	const char *mode;

	if (len == 0 || len >= CRIER_IFNAME_LEN) {
		snprintf(err, PORTS_ERR_LEN, "\"%.40s\" does not begin with an interface's name",
			 spec);
		return -EINVAL;
	}
	memcpy(name, spec, len);
	name[len] = '\0';
	*want = PORT_AUTO;
	if (spec[len] == '\0')
		return 0;
	mode = spec + len + 1;
	if (strncmp(mode, "mode=", 5) == 0) {
		for (int i = PORT_AUTO; i <= PORT_DPDK; i++) {
			if (strcmp(mode + 5, modes[i]) == 0) {
				*want = (enum port_want)i;
				return 0;
			}
		}
	}
	snprintf(err, PORTS_ERR_LEN,
		 "\"%.40s\": after the interface only mode=native, "
		 "mode=generic, mode=dpdk or mode=auto may stand",
		 spec);
	return -EINVAL;
}
