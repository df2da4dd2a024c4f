/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cyaml/cyaml.h>

#include "config_doc.h"
#include "config_guard.h"
#include "config_rooms.h"
#include "crier0.h"
#include "injector.h"

#define OPT CYAML_FLAG_OPTIONAL
#define OPT_PTR (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)
#define FILE_MAX (64 << 20)
#define STR_MAX 255

/* ---- the schema ---------------------------------------------------------------- */

static const cyaml_strval_t mode_words[] = {{"auto", PORT_AUTO},
					    {"native", PORT_NATIVE},
					    {"generic", PORT_GENERIC},
					    {"dpdk", PORT_DPDK}};
static const cyaml_strval_t payload_words[] = {{"rtp", CRIER_PAYLOAD_RTP},
					       {"udp", CRIER_PAYLOAD_UDP}};
static const cyaml_strval_t engine_words[] = {{"auto", CONFIG_ENGINE_AUTO},
					      {"bypass", CONFIG_ENGINE_BYPASS},
					      {"kernel", CONFIG_ENGINE_KERNEL},
					      {"none", CONFIG_ENGINE_NONE}};

#define COUNT(w) (sizeof(w) / sizeof((w)[0]))

static const cyaml_schema_field_t interface_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct config_interface, name, 1,
			       CRIER_IFNAME_LEN - 1),
	CYAML_FIELD_ENUM("mode", OPT | CYAML_FLAG_STRICT, struct config_interface, mode, mode_words,
			 COUNT(mode_words)),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t interface_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_interface, interface_fields)};

static const cyaml_schema_field_t capacity_fields[] = {
	CYAML_FIELD_UINT("listeners", OPT, struct config_capacity, listeners),
	CYAML_FIELD_UINT("listeners6", OPT, struct config_capacity, listeners6),
	CYAML_FIELD_UINT("rooms", OPT, struct config_capacity, rooms),
	CYAML_FIELD_UINT("streams", OPT, struct config_capacity, streams),
	CYAML_FIELD_UINT("workers", OPT, struct config_capacity, workers),
	CYAML_FIELD_UINT("shards", OPT, struct config_capacity, shards),
	CYAML_FIELD_UINT("guard_prefixes", OPT, struct config_capacity, guard_prefixes),
	CYAML_FIELD_END,
};

#define SETTING_FIELD(name, def, least, most, help) \
	CYAML_FIELD_UINT_PTR(#name, OPT, struct config_settings, value[CRIER_SET_##name]),
static const cyaml_schema_field_t settings_fields[] = {CRIER_SETTINGS(SETTING_FIELD)
							       CYAML_FIELD_END};

static const cyaml_schema_field_t stream_fields[] = {
	CYAML_FIELD_UINT("port", CYAML_FLAG_DEFAULT, struct config_stream, port),
	CYAML_FIELD_STRING_PTR("from", OPT_PTR, struct config_stream, from, 1, STR_MAX),
	CYAML_FIELD_UINT_PTR("ssrc", OPT, struct config_stream, ssrc),
	CYAML_FIELD_UINT_PTR("pt", OPT, struct config_stream, pt),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t stream_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_stream, stream_fields)};
static const cyaml_schema_value_t listener_value = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, STR_MAX)};

static const cyaml_schema_field_t room_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct config_room, name, 1,
			       CRIER_NAME_LEN - 1),
	CYAML_FIELD_ENUM("payload", OPT | CYAML_FLAG_STRICT, struct config_room, payload,
			 payload_words, COUNT(payload_words)),
	CYAML_FIELD_ENUM("engine", OPT | CYAML_FLAG_STRICT, struct config_room, engine,
			 engine_words, COUNT(engine_words)),
	CYAML_FIELD_UINT("limit", OPT, struct config_room, limit),
	CYAML_FIELD_SEQUENCE("streams", OPT_PTR, struct config_room, streams, &stream_value, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("listeners", OPT_PTR, struct config_room, listeners, &listener_value,
			     0, CYAML_UNLIMITED),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t room_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_room, room_fields)};

static const cyaml_schema_field_t crier0_fields[] = {
	CYAML_FIELD_BOOL_PTR("enable", OPT, struct config_crier0, enable_given),
	CYAML_FIELD_STRING_PTR("address", OPT_PTR, struct config_crier0, address, 1, STR_MAX),
	CYAML_FIELD_STRING_PTR("address6", OPT_PTR, struct config_crier0, address6, 1, STR_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t kernel_fields[] = {
	CYAML_FIELD_STRING_PTR("injector", OPT_PTR, struct config_kernel, injector, 1, STR_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t api_fields[] = {
	CYAML_FIELD_STRING_PTR("tcp", OPT_PTR, struct config_api, tcp, 1, STR_MAX),
	CYAML_FIELD_STRING_PTR("token_file", OPT_PTR, struct config_api, token_file, 1, 4095),
	CYAML_FIELD_END,
};

static const cyaml_strval_t guard_words[] = {{"off", CONFIG_GUARD_OFF},
					     {"count", CONFIG_GUARD_COUNT},
					     {"enforce", CONFIG_GUARD_ENFORCE}};
static const cyaml_schema_value_t prefix_value = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, STR_MAX)};

static const cyaml_schema_field_t guard_fields[] = {
	CYAML_FIELD_ENUM("mode", OPT | CYAML_FLAG_STRICT, struct config_guard, mode, guard_words,
			 COUNT(guard_words)),
	CYAML_FIELD_SEQUENCE("block", OPT_PTR, struct config_guard, block, &prefix_value, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_SEQUENCE("allow", OPT_PTR, struct config_guard, allow, &prefix_value, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t config_fields[] = {
	CYAML_FIELD_STRING_PTR("node", OPT_PTR, struct config, node, 1, CRIER_NAME_LEN - 1),
	CYAML_FIELD_UINT("media_port", OPT, struct config, media_port),
	CYAML_FIELD_SEQUENCE("interfaces", OPT_PTR, struct config, interfaces, &interface_value, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_MAPPING("capacity", OPT, struct config, capacity, capacity_fields),
	CYAML_FIELD_MAPPING("settings", OPT, struct config, settings, settings_fields),
	CYAML_FIELD_SEQUENCE("rooms", OPT_PTR, struct config, rooms, &room_value, 0,
			     CYAML_UNLIMITED),
	CYAML_FIELD_MAPPING("crier0", OPT, struct config, crier0, crier0_fields),
	CYAML_FIELD_MAPPING("kernel", OPT, struct config, kernel, kernel_fields),
	CYAML_FIELD_MAPPING("api", OPT, struct config, api, api_fields),
	CYAML_FIELD_MAPPING("guard", OPT, struct config, guard, guard_fields),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t config_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, config_fields)};

/* ---- what the schema cannot say ------------------------------------------------ */

static int check_capacity(struct config_doc *d, const struct config *c)
{
	const yaml_node_t *n = doc_key(d, doc_root(d), "capacity");
	int rc = doc_bounds(d, n, "listeners", c->capacity.listeners, 1, 64000000);

	rc = rc ? rc : doc_bounds(d, n, "listeners6", c->capacity.listeners6, 1, 64000000);
	rc = rc ? rc : doc_bounds(d, n, "rooms", c->capacity.rooms, 1, 1000000);
	rc = rc ? rc : doc_bounds(d, n, "streams", c->capacity.streams, 1, 4000000);
	rc = rc ? rc : doc_bounds(d, n, "workers", c->capacity.workers, 1, CRIER_MAX_WORKERS);
	rc = rc ? rc : doc_bounds(d, n, "shards", c->capacity.shards, 1, CRIER_MAX_WORKERS);
	rc = rc ? rc : doc_bounds(d, n, "guard_prefixes", c->capacity.guard_prefixes, 1, 1 << 20);
	if (!rc && (c->capacity.shards & (c->capacity.shards - 1)))
		rc = doc_refuse(d, doc_key(d, n, "shards"),
				"shards is %u, and must be a power of two, 1 to %d",
				c->capacity.shards, CRIER_MAX_WORKERS);
	return rc;
}

static int check_settings(struct config_doc *d, const struct config *c)
{
	const yaml_node_t *n = doc_key(d, doc_root(d), "settings");
	int rc = 0;

#define CHECK(name, def, least, most, help) \
	if (rc == 0 && c->settings.value[CRIER_SET_##name]) \
		rc = doc_bounds(d, n, #name, *c->settings.value[CRIER_SET_##name], least, most);
	CRIER_SETTINGS(CHECK)
#undef CHECK
	return rc;
}

static int check_interfaces(struct config_doc *d, const struct config *c)
{
	const yaml_node_t *list = doc_key(d, doc_root(d), "interfaces");

	for (uint32_t i = 0; i < c->interfaces_count; i++) {
		const char *name = c->interfaces[i].name;
		const yaml_node_t *node = doc_key(d, doc_item(d, list, i), "name");

		if (strpbrk(name, "/ \t\n,:%") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			return doc_refuse(d, node, "\"%s\" cannot be an interface's name", name);
		for (uint32_t k = 0; k < i; k++) {
			if (strcmp(c->interfaces[k].name, name) == 0)
				return doc_refuse(d, node, "interface %s is given twice", name);
		}
	}
	return 0;
}

static int check_crier0(struct config_doc *d, const struct config *c)
{
	const yaml_node_t *n = doc_key(d, doc_root(d), "crier0");
	char err[CRIER0_ERR_LEN];
	struct crier0 parsed;

	if (crier0_parse(&parsed, c->crier0.address, NULL, err))
		return doc_refuse(d, doc_key(d, n, "address"), "%s", err);
	if (crier0_parse(&parsed, NULL, c->crier0.address6, err))
		return doc_refuse(d, doc_key(d, n, "address6"), "%s", err);
	return 0;
}

static int check_kernel(struct config_doc *d, const struct config *c)
{
	const yaml_node_t *n = doc_key(d, doc_key(d, doc_root(d), "kernel"), "injector");

	if (!c->kernel.injector || injector_name_valid(c->kernel.injector))
		return 0;
	return doc_refuse(d, n,
			  "injector \"%.60s\" must be \"" CONFIG_NO_INJECTOR
			  "\" or an interface's name of up to %d characters",
			  c->kernel.injector, INJECTOR_NAME_LEN - 1);
}

static int check_api(struct config_doc *d, const struct config *c)
{
	const yaml_node_t *n = doc_key(d, doc_root(d), "api");
	struct crier_endpoint ep;
	int rc;

	if (c->api.tcp == NULL)
		return 0;
	rc = endpoint_parse(c->api.tcp, strlen(c->api.tcp), &ep);
	if (rc)
		return doc_refuse(d, doc_key(d, n, "tcp"), "tcp: \"%.60s\": %s", c->api.tcp,
				  endpoint_strerror(rc));
	if (c->api.token_file == NULL)
		return doc_refuse(d, doc_key(d, n, "tcp"),
				  "the API on TCP needs a token_file: whoever reaches it rules the "
				  "node");
	return 0;
}

static int check_all(struct config_doc *d, const struct config *c)
{
	int rc = doc_bounds(d, doc_root(d), "media_port", c->media_port, 1, 65535);

	if (rc == 0 && c->node && !config_is_name(c->node))
		rc = doc_refuse(d, doc_key(d, doc_root(d), "node"),
				"node \"%s\": a name has letters, digits, '.', '_' and '-'",
				c->node);
	rc = rc ? rc : check_capacity(d, c);
	rc = rc ? rc : check_settings(d, c);
	rc = rc ? rc : check_interfaces(d, c);
	rc = rc ? rc : config_check_rooms(d, c);
	rc = rc ? rc : check_crier0(d, c);
	rc = rc ? rc : check_kernel(d, c);
	rc = rc ? rc : config_check_guard(d, c);
	return rc ? rc : check_api(d, c);
}

/* ---- loading ------------------------------------------------------------------- */

/* The first complaint of libcyaml and the first line it names: a safety net, see config_doc.h. */
struct complaint {
	char text[160];
	unsigned long line;
};

static void complain(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct complaint *c = ctx;
	char text[256];
	const char *line;

	(void)level;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	line = strstr(text, "(line: ");
	if (c->text[0] == '\0')
		snprintf(c->text, sizeof(c->text), "%.150s", text);
	if (line && c->line == 0)
		c->line = strtoul(line + 7, NULL, 10);
}

static cyaml_config_t cyaml(struct complaint *c)
{
	/* Without aliases: a short file must not become a long one. */
	return (cyaml_config_t){.log_fn = complain,
				.log_ctx = c,
				.mem_fn = cyaml_mem,
				.log_level = CYAML_LOG_ERROR,
				.flags = CYAML_CFG_NO_ALIAS};
}

static int set_default(char **s, const char *value)
{
	if (*s == NULL)
		*s = strdup(value);
	return *s ? 0 : -ENOMEM;
}

static int set_defaults(struct config *c)
{
	char host[CRIER_NAME_LEN] = "";

	gethostname(host, sizeof(host) - 1);
	c->crier0.enable = c->crier0.enable_given == NULL || *c->crier0.enable_given;
	return set_default(&c->node, host[0] ? host : "crier") ||
			       set_default(&c->crier0.address, CRIER0_ADDRESS) ||
			       set_default(&c->kernel.injector, INJECTOR_NAME)
		       ? -ENOMEM
		       : 0;
}

static struct config *defaults(char err[CONFIG_ERR_LEN])
{
	struct config *c = calloc(1, sizeof(*c));

	if (c)
		c->media_port = CONFIG_MEDIA_PORT;
	if (c && set_defaults(c) == 0)
		return c;
	config_free(c);
	snprintf(err, CONFIG_ERR_LEN, "out of memory");
	return NULL;
}

static struct config *fill(struct config_doc *d, const uint8_t *text, size_t len)
{
	struct complaint said = {0};
	cyaml_config_t cfg = cyaml(&said);
	struct config *c = NULL;
	cyaml_err_t rc = cyaml_load_data(text, len, &cfg, &config_value, (cyaml_data_t **)&c, NULL);

	if (rc != CYAML_OK || c == NULL) {
		snprintf(d->err, d->err_len, "%s:%lu: %s", d->name, said.line ? said.line : 1,
			 said.text[0] ? said.text : cyaml_strerror(rc));
		return NULL;
	}
	if (doc_key(d, doc_root(d), "media_port") == NULL)
		c->media_port = CONFIG_MEDIA_PORT;
	if (check_all(d, c)) {
		config_free(c);
		return NULL;
	}
	if (set_defaults(c)) {
		snprintf(d->err, d->err_len, "out of memory");
		config_free(c);
		return NULL;
	}
	return c;
}

struct config *config_parse(const char *name, const uint8_t *text, size_t len,
			    char err[CONFIG_ERR_LEN])
{
	struct config *c = NULL;
	struct config_doc d;
	int rc = config_doc_open(&d, name, text, len, err, CONFIG_ERR_LEN);

	if (rc == -ENODATA)
		return defaults(err);
	if (rc)
		return NULL;
	if (config_doc_check(&d, &config_value) == 0)
		c = fill(&d, text, len);
	config_doc_close(&d);
	return c;
}

static uint8_t *read_file(const char *path, size_t *len, char err[CONFIG_ERR_LEN])
{
	FILE *f = fopen(path, "re");
	uint8_t *text = NULL, *more;
	size_t room = 0;

	*len = 0;
	if (f == NULL) {
		snprintf(err, CONFIG_ERR_LEN, "%s: %s", path, strerror(errno));
		return NULL;
	}
	do {
		if (*len == room) {
			room = room ? room * 2 : 65536;
			more = room <= FILE_MAX ? realloc(text, room) : NULL;
			if (more == NULL) {
				snprintf(err, CONFIG_ERR_LEN, "%s: larger than 64 MB", path);
				goto fail;
			}
			text = more;
		}
		*len += fread(text + *len, 1, room - *len, f);
	} while (!feof(f) && !ferror(f));
	if (ferror(f)) {
		snprintf(err, CONFIG_ERR_LEN, "%s: %s", path, strerror(errno));
		goto fail;
	}
	fclose(f);
	return text;
fail:
	free(text);
	fclose(f);
	return NULL;
}

struct config *config_load(const char *path, char err[CONFIG_ERR_LEN])
{
	struct config *c;
	uint8_t *text;
	size_t len;

	if (path == NULL) {
		if (access(CONFIG_PATH, F_OK) < 0 && errno == ENOENT)
			return defaults(err);
		path = CONFIG_PATH;
	}
	text = read_file(path, &len, err);
	if (text == NULL)
		return NULL;
	c = config_parse(path, text, len, err);
	free(text);
	return c;
}

void config_free(struct config *c)
{
	struct complaint said = {0};
	cyaml_config_t cfg = cyaml(&said);

	if (c)
		cyaml_free(&cfg, &config_value, c, 0);
}
