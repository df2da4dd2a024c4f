/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "xdp/log.h"

int windows_load(const struct roster *r, const char *path, struct window **out, size_t *count)
{
	char line[256], room[ROSTER_NAME_MAX], who[ENDPOINT_STRLEN];
	struct crier_endpoint ep;
	struct window w, *more;
	unsigned long n = 0;
	long member;
	int number, rc = 0;
	FILE *in = fopen(path, "r");

	if (!in) {
		rc = -errno;
		log_err("crier-load: %s: %s", path, strerror(errno));
		return rc;
	}
	while (!rc && fgets(line, sizeof(line), in)) {
		n++;
		if (*line == '#' || *line == '\n')
			continue;
		number = -1;
		member = -1;
		if (sscanf(line, "%63s %63s %" SCNu64 " %" SCNu64, room, who, &w.from_ns,
			   &w.until_ns) == 4 &&
		    !member_parse(who, strlen(who), &ep))
			number = roster_room_find(r, room);
		if (number >= 0)
			member = roster_find(r, (uint32_t)number, &ep);
		more = member < 0 ? NULL : reallocarray(*out, *count + 1, sizeof(w));
		if (!more) {
			log_err("crier-load: %s: line %lu: want ROOM ADDR:PORT FROM_NS UNTIL_NS of "
				"a "
				"known listener",
				path, n);
			rc = -EINVAL;
			break;
		}
		w.member = (size_t)member;
		*out = more;
		(*out)[(*count)++] = w;
	}
	fclose(in);
	return rc;
}
