/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/api.h"

#include "control/body.h"
#include "control/stats.h"

#define SMALL HTTP_BODY_SMALL
#define BULK HTTP_BODY_MAX

const struct route api_routes[] = {
	{HTTP_GET, "/healthz", api_health, 0},
	{HTTP_GET, "/metrics", api_metrics, 0},
	{HTTP_GET, "/v1/status", api_status, 0},
	{HTTP_GET, "/v1/stats", api_stats, 0},
	{HTTP_GET, "/v1/rooms", api_rooms_list, 0},
	{HTTP_POST, "/v1/rooms", api_rooms_add, SMALL},
	{HTTP_GET, "/v1/rooms/*", api_room_show, 0},
	{HTTP_PUT, "/v1/rooms/*", api_room_set, SMALL},
	{HTTP_DELETE, "/v1/rooms/*", api_room_delete, 0},
	{HTTP_POST, "/v1/rooms/*/streams", api_streams_add, SMALL},
	{HTTP_DELETE, "/v1/rooms/*/streams/*", api_streams_delete, 0, "ssrc"},
	{HTTP_GET, "/v1/rooms/*/listeners", api_listeners_list, 0, "format limit"},
	{HTTP_POST, "/v1/rooms/*/listeners", api_listeners_add, BULK},
	{HTTP_GET, "/v1/rooms/*/listeners/count", api_listeners_count, 0},
	{HTTP_POST, "/v1/rooms/*/listeners/delete", api_listeners_remove, BULK},
	{HTTP_DELETE, "/v1/rooms/*/listeners/*", api_listener_delete, 0},
	{HTTP_GET, "/v1/settings", api_settings_list, 0},
	{HTTP_GET, "/v1/settings/*", api_setting_show, 0},
	{HTTP_PUT, "/v1/settings/*", api_setting_put, SMALL},
	{HTTP_GET, "/v1/guard", api_guard_show, 0},
	{HTTP_POST, "/v1/guard", api_guard_put, SMALL},
	{HTTP_GET, "/v1/guard/list", api_guard_list, 0, "action format"},
	{HTTP_POST, "/v1/guard/list", api_guard_add, BULK, "action"},
	{HTTP_PUT, "/v1/guard/list", api_guard_replace, BULK, "action"},
	{HTTP_DELETE, "/v1/guard/list", api_guard_clear, 0, "action"},
	{HTTP_POST, "/v1/guard/list/delete", api_guard_remove, BULK},
	{HTTP_DELETE, "/v1/guard/list/*", api_guard_delete, 0},
	{HTTP_GET, "/v1/save", api_save, 0},
	{HTTP_POST, "/v1/restore", api_restore, BULK, "merge"},
	{HTTP_POST, "/v1/reload", api_reload, 0, "built_in"},
	{HTTP_GET, "/v1/capture", api_capture, 0, "room count input copies drops"},
	{0},
};

json_t *api_body(struct call *call, char *err)
{
	size_t len;
	const char *text = http_body(call, &len);

	return body_object(text, len, err);
}
