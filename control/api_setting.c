/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings, over HTTP. */
#include <string.h>

#include "control/api.h"
#include "control/body.h"
#include "control/crierd.h"
#include "control/settings.h"

static json_t *setting_json(const struct tables *t, uint32_t key)
{
	const struct setting_info *i = &settings_info[key];

	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:s}", "key", i->name, "value",
			 (json_int_t)setting(t, key), "default", (json_int_t)i->def, "min",
			 (json_int_t)i->least, "max", (json_int_t)i->most, "help", i->help);
}

void api_settings_list(struct call *call)
{
	json_t *list = json_array();

	for (uint32_t key = 0; key < CRIER_SET_N; key++)
		json_array_append_new(list, setting_json(call->d->tables, key));
	http_reply_json(call, 200, json_pack("{s:o}", "settings", list));
}

static int key_of(struct call *call)
{
	int key = setting_find(call->arg[0]);

	if (key < 0)
		http_reply_error(call, 404, "there is no such setting; GET /v1/settings lists all");
	return key;
}

void api_setting_show(struct call *call)
{
	int key = key_of(call);

	if (key >= 0)
		http_reply_json(call, 200, setting_json(call->d->tables, (uint32_t)key));
}

void api_setting_put(struct call *call)
{
	int key = key_of(call);
	char err[BODY_ERR_LEN];
	uint64_t value;
	json_t *json;
	int ret = -1;

	if (key < 0)
		return;
	json = api_body(call, err);
	if (json)
		ret = body_value(json, &value, err);
	json_decref(json);
	if (!ret)
		ret = setting_put(call->d->tables, (uint32_t)key, value, err, sizeof(err));
	if (ret)
		http_reply_error(call, 400, "%s", err);
	else
		http_reply_json(call, 200, setting_json(call->d->tables, (uint32_t)key));
}
