// SPDX-License-Identifier: BSD-2-Clause
/* reload: other XDP programs, under traffic */
#include <inttypes.h>
#include <stdlib.h>

#include "cli.h"
#include "text.h"

void programs_print(const json_t *programs)
{
	char *from = printable(field_str(programs, "from"));
	struct text *t = text_new("PROGRAM|>ID|>VERIFIER STEPS|>MS");
	json_t *p;
	size_t i;

	printf("programs: %s, loaded in %.0f ms\n", from,
	       (double)field_int(programs, "load_us") / 1000);
	json_array_foreach (json_object_get(programs, "list"), i, p) {
		text_put(t, "%s", field_str(p, "name"));
		text_put(t, "%" PRId64, field_int(p, "id"));
		text_put(t, "%" PRId64, field_int(p, "verifier_steps"));
		text_put(t, "%.0f", (double)field_int(p, "verify_us") / 1000);
	}
	text_print(t, stdout, "  ");
	free(from);
}

int cmd_reload(struct cli *cli)
{
	json_t *answer =
		api_call(cli->api, "POST",
			 cli->opt[OPT_BUILT_IN] ? "/v1/reload?built_in=1" : "/v1/reload", NULL);

	if (!answer)
		return cli_refused(cli);
	if (cli->json)
		json_print(answer);
	else
		programs_print(answer);
	json_decref(answer);
	return CLI_OK;
}
