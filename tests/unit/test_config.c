/* SPDX-License-Identifier: BSD-2-Clause */
/* crierd.yaml: what is taken, and how each mistake is named with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/config.h"

#define ROOM "rooms:\n- name: talk\n  streams:\n  - port: 5000\n"

/* want: what err must contain; the line is that of the mistake itself. */
static const struct {
	const char *name, *text, *want;
} bad[] = {
	{"not YAML", "node: a\nrooms: [\n", "f:3: not YAML"},
	{"tab", "node: a\nrooms:\n\t- x\n", "f:3: not YAML"},
	{"two documents' worth of roots", "- 1\n", "f:1: the file: \"key: value\""},
	{"a word", "hello\n", "f:1: the file: \"key: value\""},
	{"unknown key", "media_port: 5\n# comment\nfoo: 1\n",
	 "f:3: the file: there is no key \"foo\"; known are node, media_port"},
	{"unknown key below", ROOM "    from: 192.0.2.1\n    bogus: 2\n",
	 "f:6: streams: there is no key \"bogus\"; known are port, from, ssrc, pt"},
	{"unknown setting", "settings:\n  ttl: 5\n  volume: 11\n",
	 "f:3: settings: there is no key \"volume\""},
	{"twice", "node: a\nmedia_port: 5\nnode: b\n", "f:3: the file: node is given twice"},
	{"missing", "rooms:\n- payload: rtp\n", "f:2: rooms: name is missing"},
	{"missing port", "rooms:\n- name: a\n  streams:\n  - from: any\n    ssrc: 1\n",
	 "f:4: streams: port is missing"},
	{"not a number", "media_port: abc\n", "f:1: media_port is \"abc\", and must be a number"},
	{"negative", "\nmedia_port: -1\n", "f:2: media_port is \"-1\", and must be a number"},
	{"too large", "media_port: 65536\n", "f:1: media_port is 65536, and can be 65535"},
	{"huge", "media_port: 99999999999999999999999\n", "f:1: media_port is 9999"},
	{"zero", "node: a\nmedia_port: 0\n", "f:2: media_port is 0, and must be 1 to 65535"},
	{"empty value", "node: a\nmedia_port:\n", "f:2: media_port is \"\""},
	{"empty list", "rooms:\n", "f:1: rooms: a list must stand here"},
	{"scalar for list", "rooms: 5\n", "f:1: rooms: a list must stand here"},
	{"scalar for mapping", "capacity: 5\n", "f:1: capacity: \"key: value\""},
	{"list for scalar", "node: a\nmedia_port: [1]\n", "f:2: media_port: a single value"},
	{"key that is a list", "[1]: 2\n", "f:1: the file: a key must be a word"},
	{"bool", "crier0:\n  enable: maybe\n",
	 "f:2: enable is \"maybe\", and must be true or false"},
	{"enum", "rooms:\n- name: a\n  payload: mp3\n",
	 "f:3: payload is \"mp3\", and must be one of rtp, udp"},
	{"enum by number", "rooms:\n- name: a\n  payload: 1\n", "f:3: payload is \"1\""},
	{"setting's bounds", "settings:\n  dscp: 46\n  ttl: 300\n",
	 "f:3: ttl is 300, and must be 1 to 255"},
	{"capacity's bounds", "capacity:\n  rooms: 0\n",
	 "f:2: rooms is 0, and must be 1 to 1000000"},
	{"workers", "capacity:\n  workers: 65\n", "f:2: workers is 65, and must be 1 to 64"},
	{"shards", "capacity:\n  shards: 128\n", "f:2: shards is 128, and must be 1 to 64"},
	{"guard prefixes", "capacity:\n  guard_prefixes: 2000000\n",
	 "f:2: guard_prefixes is 2000000, and must be 1 to 1048576"},
	{"guard's mode", "guard:\n  mode: on\n", "f:2: "},
	{"mode twice", "settings:\n  guard_mode: 1\nguard:\n  mode: count\n",
	 "f:4: guard: mode is the setting guard_mode, which is given too"},
	{"no prefix", "guard:\n  block:\n    - 10.0.0.0/8\n    - ten\n", "f:4: guard: \"ten\": "},
	{"host bits", "guard:\n  allow: [10.0.0.0/8, 10.0.0.1/8]\n",
	 "f:2: guard: \"10.0.0.1/8\": bits are set beyond its length: 10.0.0.0/8 is the prefix"},
	{"both lists",
	 "guard:\n  block: [10.0.0.0/8, 10.2.3.4]\n  allow:\n    - \"::/0\"\n    - 10.2.3.4/32\n",
	 "f:5: guard: 10.2.3.4/32 is on both lists"},
	{"half of a shard", "capacity:\n  shards: 12\n",
	 "f:2: shards is 12, and must be a power of two"},
	{"interface's name", "interfaces:\n- name: a/b\n", "f:2: \"a/b\" cannot be an interface"},
	{"interface's length", "interfaces:\n- name: abcdefghijklmnop\n",
	 "f:2: name is longer than 15"},
	{"interface's mode", "interfaces:\n- name: a\n  mode: fast\n",
	 "f:3: mode is \"fast\", and must be one of auto, native, generic"},
	{"interface twice", "interfaces:\n- name: a\n- name: b\n- name: a\n",
	 "f:4: interface a is given twice"},
	{"node", "node: \"a b\"\n", "f:1: node \"a b\": a name has"},
	{"room's name", "rooms:\n- name: a/b\n", "f:2: room \"a/b\": a name has"},
	{"room's name's length",
	 "rooms:\n- name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
	 "f:2: name is longer than 63"},
	{"room without name", "rooms:\n- name: \"\"\n", "f:2: name is empty"},
	{"room twice", "rooms:\n- name: a\n\n- name: a\n", "f:4: room a is given twice"},
	{"no from", ROOM "    pt: 111\n", "f:4: room talk: a stream without from"},
	{"any without ssrc", ROOM "    from: any\n", "f:5: room talk: from: any needs an ssrc"},
	{"from nonsense", ROOM "    from: here\n", "f:5: room talk: from: \"here\": "},
	{"from nobody", ROOM "    from: 0.0.0.0\n", "f:5: room talk: from: 0.0.0.0 is nobody's"},
	{"from multicast", ROOM "    from: 239.1.1.1\n",
	 "f:5: room talk: from: 239.1.1.1 is nobody's"},
	{"payload type", ROOM "    from: 192.0.2.1\n    pt: 128\n",
	 "f:6: pt is 128, and must be 0 to 127"},
	{"ssrc", ROOM "    from: 192.0.2.1\n    ssrc: 0x1ffffffff\n", "f:6: ssrc is 0x1ffffffff"},
	{"stream on media port",
	 "rooms:\n- name: a\n  streams:\n  - port: 3478\n    from: 192.0.2.1\n",
	 "f:4: room a: port 3478 is the media port"},
	{"stream on port 0", "rooms:\n- name: a\n  streams:\n  - port: 0\n    from: 192.0.2.1\n",
	 "f:4: port is 0"},
	{"SSRC of plain UDP",
	 "rooms:\n- name: a\n  payload: udp\n  streams:\n  - port: 5000\n    from: 192.0.2.1\n"
	 "    ssrc: 5\n",
	 "f:7: room a: ssrc means nothing where payload is udp"},
	{"payload type of plain UDP",
	 "rooms:\n- name: a\n  payload: udp\n  streams:\n  - {port: 5000, from: 192.0.2.1, pt: "
	 "0}\n",
	 "f:5: room a: pt means nothing where payload is udp"},
	{"port of another room",
	 ROOM "    from: 192.0.2.1\n- name: b\n  streams:\n  - from: 192.0.2.2\n    port: 5000\n",
	 "f:9: room b: port 5000 is room talk's"},
	{"stream twice",
	 ROOM "    from: 192.0.2.1\n  - {port: 5000, from: 192.0.2.2}\n"
	      "  - {port: 5000, from: \"::ffff:192.0.2.1\"}\n",
	 "f:7: room talk: this stream is given twice"},
	{"nine streams of a port",
	 ROOM "    from: 192.0.2.1:1\n  - {port: 5000, from: 192.0.2.1:2}\n"
	      "  - {port: 5000, from: 192.0.2.1:3}\n  - {port: 5000, from: 192.0.2.1:4}\n"
	      "  - {port: 5000, from: 192.0.2.1:5}\n  - {port: 5000, from: 192.0.2.1:6}\n"
	      "  - {port: 5000, from: 192.0.2.1:7}\n  - {port: 5000, from: 192.0.2.1:8}\n"
	      "  - {port: 5000, from: 192.0.2.1:9}\n",
	 "f:13: room talk: port 5000 has more than 8 streams"},
	{"more listeners than allowed",
	 "rooms:\n- name: a\n  limit: 1\n  listeners:\n  - 192.0.2.1:5\n  - 192.0.2.1:6\n",
	 "f:5: room a: 2 listeners, and a limit of 1"},
	{"listener", "rooms:\n- name: a\n  listeners:\n  - 192.0.2.1:5\n  - 192.0.2.1\n",
	 "f:5: room a: listener \"192.0.2.1\": "},
	{"listener's port", "rooms:\n- name: a\n  listeners: [\"192.0.2.1:0\"]\n",
	 "f:3: room a: listener \"192.0.2.1:0\": "},
	{"listener multicast", "rooms:\n- name: a\n  listeners: [\"239.0.0.1:5\"]\n",
	 "f:3: room a: listener"},
	{"crier0", "crier0:\n  address: 198.18.0.1\n", "f:2: crier0: \"198.18.0.1\" is not"},
	{"crier0's network", "crier0:\n  address: 198.18.0.0/30\n", "f:2: crier0: "},
	{"injector", "kernel:\n  injector: crier/page\n", "f:2: injector \"crier/page\" must be"},
	{"injector too long", "kernel:\n  injector: fourteen-chars+\n", "f:2: injector "},
	{"kernel's key", "kernel:\n  injectors: x\n", "f:2: "},
	{"crier0 in IPv6", "crier0:\n  address6: 10.0.0.1/24\n", "f:2: crier0: "},
	{"TCP", "api:\n  tcp: 127.0.0.1\n", "f:2: tcp: \"127.0.0.1\": "},
	{"TCP without token", "api:\n  tcp: 127.0.0.1:80\n",
	 "f:2: the API on TCP needs a token_file"},
	{"alias", "rooms:\n- &a\n  name: x\n- *a\n", "f:"},
	{"NUL", "node: \"a\\0b\"\n", "f:1: node holds a NUL"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char err[CONFIG_ERR_LEN] = "";
		struct config *c =
			config_parse("f", (const uint8_t *)bad[i].text, strlen(bad[i].text), err);

		if (c)
			fail_msg("%s: taken", bad[i].name);
		if (strncmp(err, bad[i].want, strlen(bad[i].want)) != 0)
			fail_msg("%s: want \"%s...\", got \"%s\"", bad[i].name, bad[i].want, err);
	}
}

static struct config *good(const char *text)
{
	char err[CONFIG_ERR_LEN] = "";
	struct config *c = config_parse("f", (const uint8_t *)text, strlen(text), err);

	if (c == NULL)
		fail_msg("refused: %s", err);
	return c;
}

static void test_empty(void **state)
{
	static const char *const texts[] = {"", "# nothing\n", "---\n# nothing\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config *c = good(texts[i]);

		assert_int_equal(c->media_port, 3478);
		assert_true(c->crier0.enable);
		assert_string_equal(c->crier0.address, "198.18.0.1/30");
		assert_null(c->crier0.address6);
		assert_string_equal(c->kernel.injector, "crier-page");
		assert_true(c->node[0]);
		assert_int_equal(c->rooms_count, 0);
		config_free(c);
	}
}

static void test_full(void **state)
{
	struct config *c = good(
		"node: n1\n"
		"media_port: 4000\n"
		"interfaces:\n"
		"- name: eth0\n"
		"- {name: eth1, mode: generic}\n"
		"capacity: {listeners: 1000, listeners6: 10, rooms: 5, streams: 6, workers: 2}\n"
		"settings: {ttl: 3, df: 0}\n"
		"crier0: {enable: no, address: 10.9.0.1/31, address6: \"fd00::1/64\"}\n"
		"api: {tcp: \"127.0.0.1:80\", token_file: /t}\n"
		"guard: {mode: count, block: [10.0.0.0/8, \"::/0\"], allow: [10.0.0.1]}\n"
		"rooms:\n"
		"- name: a\n"
		"  engine: bypass\n"
		"  limit: 7\n"
		"  streams:\n"
		"  - {port: 5000, from: any, ssrc: 0xdeadbeef, pt: 0}\n"
		"  - {port: 5000, from: \"[2001:db8::1]:9\"}\n"
		"  listeners: [\"192.0.2.1:5\", \"[2001:db8::7]:5\"]\n"
		"- name: b\n"
		"  payload: udp\n"
		"  streams:\n"
		"  - {port: 5001, from: 192.0.2.1}\n"
		"  - {port: 5001, from: 192.0.2.1:9}\n");

	(void)state;
	assert_string_equal(c->node, "n1");
	assert_int_equal(c->media_port, 4000);
	assert_int_equal(c->interfaces_count, 2);
	assert_int_equal(c->interfaces[0].mode, PORT_AUTO);
	assert_int_equal(c->interfaces[1].mode, PORT_GENERIC);
	assert_int_equal(c->capacity.listeners, 1000);
	assert_int_equal(c->capacity.workers, 2);
	assert_int_equal(*c->settings.value[CRIER_SET_ttl], 3);
	assert_int_equal(*c->settings.value[CRIER_SET_df], 0);
	assert_null(c->settings.value[CRIER_SET_dscp]);
	assert_false(c->crier0.enable);
	assert_string_equal(c->api.token_file, "/t");
	assert_int_equal(c->guard.mode, CONFIG_GUARD_COUNT);
	assert_int_equal(c->guard.block_count, 2);
	assert_string_equal(c->guard.allow[0], "10.0.0.1");
	assert_int_equal(c->rooms_count, 2);
	assert_int_equal(c->rooms[0].payload, CRIER_PAYLOAD_RTP);
	assert_int_equal(c->rooms[1].payload, CRIER_PAYLOAD_UDP);
	assert_int_equal(c->rooms[0].engine, CONFIG_ENGINE_BYPASS);
	assert_int_equal(c->rooms[1].engine, CONFIG_ENGINE_AUTO);
	assert_int_equal(c->rooms[0].limit, 7);
	assert_int_equal(*c->rooms[0].streams[0].ssrc, 0xdeadbeef);
	assert_int_equal(*c->rooms[0].streams[0].pt, 0);
	assert_null(c->rooms[0].streams[1].ssrc);
	assert_string_equal(c->rooms[0].listeners[1], "[2001:db8::7]:5");
	config_free(c);
}

static void test_file(void **state)
{
	char err[CONFIG_ERR_LEN] = "";

	(void)state;
	assert_null(config_load("/nonexistent/x.yaml", err));
	assert_string_equal(err, "/nonexistent/x.yaml: No such file or directory");
	assert_null(config_load("/", err));
	assert_string_equal(err, "/: Is a directory");
}

static void test_example(void **state)
{
	char err[CONFIG_ERR_LEN] = "";
	const char *path = getenv("CRIER_EXAMPLE");
	struct config *c;

	(void)state;
	if (path == NULL)
		skip();
	c = config_load(path, err);
	if (c == NULL)
		fail_msg("the example is refused: %s", err);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),	cmocka_unit_test(test_empty),
		cmocka_unit_test(test_full),	cmocka_unit_test(test_file),
		cmocka_unit_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
