/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page triggers by BPF_PROG_TEST_RUN: a page is cut into units as crier-dp cuts it, each
 * trigger goes into the injector's program, and its clones come out as the frames that crier-dp
 * would write.  Whatever is no trigger, or not the one that its worker waits for, is dropped and
 * counted, and nobody's stamp is moved by it.
 */
#include "clones.h"
#include "dataplane/core/unit.h"

#define WORKER 3

static struct crier_trigger_slot *slot(void)
{
	return &world.triggers[WORKER];
}

static const struct crier_trigger *head(const struct bytes *trigger)
{
	return (const struct crier_trigger *)trigger->data;
}

static struct crier_trigger *head_of(struct bytes *trigger)
{
	return (struct crier_trigger *)trigger->data;
}

/* Sent, as the worker does it: its number is the one that is awaited. */
static int take(struct bytes *trigger, struct bytes *clone)
{
	head_of(trigger)->worker = WORKER;
	head_of(trigger)->serial = ++slot()->sent;
	return run(loader_trigger_fd(loader), trigger, clone);
}

static struct rewrite_packet packet_of(const uint8_t *payload, uint32_t len)
{
	return (struct rewrite_packet){
		.payload_len = len,
		.payload_sum = sum_fold(sum_bytes(payload, len)),
		.src_port = world.config->media_port,
		.id = htons((uint16_t)(len + 7)),
		.dscp = (uint8_t)setting(&world, CRIER_SET_dscp),
		.ttl = (uint8_t)setting(&world, CRIER_SET_ttl),
		.df = (uint8_t)setting(&world, CRIER_SET_df),
	};
}

/* A trigger for the next unit of at most so many; false: the page has no more. */
static bool trigger_next(struct walk *w, uint32_t most, uint32_t payload_len, struct bytes *out)
{
	static struct walk_burst rest;
	uint8_t payload[1700];
	struct rewrite_packet packet;
	struct cut cut;

	payload_fill(payload, payload_len);
	packet = packet_of(payload, payload_len);
	units_cut(w, &(struct units_of){most, payload_len, 0}, &cut, &rest);
	assert_int_equal(rest.n, 0);
	if (!cut.n)
		return false;
	assert_int_equal(cut.n, 1);
	trigger_describe(head_of(out), ROOM, world.rooms[ROOM].generation, &packet);
	trigger_aim(head_of(out), cut.page, &cut.unit[0]);
	memcpy(out->data + TRIGGER_HEAD, payload, payload_len);
	out->len = (uint32_t)TRIGGER_HEAD + payload_len;
	return true;
}

static struct walk walk_of(bool family6)
{
	return (struct walk){
		.t = &world, .room = ROOM, .page = family6 ? page6 : PAGE4, .family6 = family6};
}

/* The first unit of the IPv4 page. */
static void trigger_make(struct bytes *out, uint32_t payload_len)
{
	struct walk w = walk_of(false);

	assert_true(trigger_next(&w, 256, payload_len, out));
}

/* All clones of the unit's job are its members' frames, each once. */
static void unit_equal(struct bytes *trigger, bool family6)
{
	uint32_t n = 0, due = head(trigger)->due, copies = 0;
	uint64_t member[4];
	struct bytes clone, copy;
	struct crier_kjob *job;

	memcpy(member, head(trigger)->member, sizeof(member));
	assert_int_equal(take(trigger, &clone), XDP_REDIRECT);
	assert_int_equal(slot()->taken, slot()->sent);
	job = &world.kjobs[number_of(&clone) & 0x3fffff];
	assert_int_equal(job->due, due);
	assert_int_equal(clone.len, job->head + job->payload_len);
	for (uint32_t i = 0; i < CRIER_PAGE_SLOTS; i++)
		if (member[i / 64] >> i % 64 & 1)
			frame_native(&frames[n++], job, trigger->data + TRIGGER_HEAD, family6, i);
	for (uint32_t i = 0, clones = job->clones; i < clones; i++) {
		int at;

		if (egress(&clone, &copy) != XDP_PASS) {
			assert_true(i + 1 < clones); /* the last one rings the bell */
			continue;
		}
		at = whose(&copy, frames, n);
		if (at < 0)
			fail_msg("copy %u of %u is nobody's", copies, n);
		frames[at].len = 0;
		copies++;
	}
	assert_int_equal(copies, n);
}

static void page_equal(bool family6, uint32_t members, uint32_t most, uint32_t payload_len)
{
	struct walk w = walk_of(family6);
	struct bytes trigger;
	uint32_t due = 0;

	members_make(family6 ? 0 : members, family6 ? members : 0);
	while (trigger_next(&w, most, payload_len, &trigger)) {
		due += head(&trigger)->due;
		unit_equal(&trigger, family6);
	}
	assert_int_equal(due, members);
	assert_int_equal(row()->due, members);
	assert_int_equal(row()->copies, members);
	assert_int_equal(row()->pkts, 0); /* the worker's to count */
}

static void equality(void **state)
{
	static const uint32_t lengths[] = {1, 2, 3, 8, 20, 159, 160, 161, 1200, 1411};
	static const uint64_t settings[][3] = {{46, 64, 1}, {0, 255, 0}, {63, 1, 0}};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		setting_set(CRIER_SET_dscp, settings[k][0]);
		setting_set(CRIER_SET_ttl, settings[k][1]);
		setting_set(CRIER_SET_df, settings[k][2]);
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			page_equal(false, 7, 128, lengths[l]);
			page_equal(true, 5, 128, lengths[l]);
		}
	}
	setting_set(CRIER_SET_dscp, 46);
	setting_set(CRIER_SET_ttl, 64);
	setting_set(CRIER_SET_df, 1);
}

static void units(void **state)
{
	static const uint32_t members[] = {1, 8, 9, 31, 32, 33, 64, 96, 128, 129, 200, 255};
	static const uint32_t most[] = {32, 100, 128, 256};

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		for (size_t k = 0; k < sizeof(most) / sizeof(most[0]); k++) {
			page_equal(false, members[i], most[k], 160);
			page_equal(true, members[i], most[k], 160);
		}
	/* The longest payload that the engine takes: no next hop of 1,500 bytes has room for it. */
	for (uint32_t n = 1; n <= VIAS; n++)
		world.vias[n].mtu = 9000;
	page_equal(false, 3, 128, TRIGGER_PAYLOAD_MAX);
	for (uint32_t n = 1; n <= VIAS; n++)
		world.vias[n].mtu = 1500;
}

/* Of what the program is given, these fields are not what they were. */
struct mangled {
	const char *name;
	int len;		/* more, or fewer, bytes than there were */
	uint32_t offset, bytes; /* what is written, if any */
	uint64_t value;
};
#define FIELD(field) \
	offsetof(struct crier_trigger, field), sizeof(((struct crier_trigger *)0)->field)

static void write_field(struct bytes *b, const struct mangled *m)
{
	memcpy(b->data + m->offset, &m->value, m->bytes);
	b->len = (uint32_t)((int)b->len + m->len);
}

/* Nothing of it counts: no job, no due, no stamp. */
static void refused(const struct mangled *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t before = counter(CRIER_XDP_trigger_refused);
		uint64_t jobs = counter(CRIER_XDP_kernel_jobs);
		uint64_t taken = slot()->taken;
		struct bytes trigger, clone;

		members_make(20, 0);
		trigger_make(&trigger, 100);
		head_of(&trigger)->worker = WORKER;
		head_of(&trigger)->serial = ++slot()->sent;
		write_field(&trigger, &cases[i]);
		if (run(loader_trigger_fd(loader), &trigger, &clone) != XDP_DROP)
			fail_msg("%s: not dropped", cases[i].name);
		if (counter(CRIER_XDP_trigger_refused) != before + 1)
			fail_msg("%s: not counted", cases[i].name);
		assert_int_equal(counter(CRIER_XDP_kernel_jobs), jobs);
		assert_int_equal(slot()->taken, taken);
		assert_int_equal(row()->due, 0);
	}
}

static void mangled(void **state)
{
	static const struct mangled cases[] = {
		{"a byte short", -1},
		{"a byte more", 1},
		{"its head alone", -100},
		{"half a head", -150},
		{"an Ethernet header", -(96 + 100 - 14)},
		{"ARP", 0, FIELD(type), 0x0608},
		{"another layout's", 0, FIELD(magic), CRIER_TRIGGER_MAGIC + 1},
		{"a worker that isn't", 0, FIELD(worker), 64},
		{"no worker at all", 0, FIELD(worker), 0xffff},
		{"another worker's", 0, FIELD(worker), WORKER - 1},
		{"no number", 0, FIELD(serial), 0},
		{"an old number", 0, FIELD(serial), 1},
		{"a number to come", 0, FIELD(serial), 1ULL << 60},
		{"more payload than there is", 0, FIELD(payload_len), 101},
		{"less payload than there is", 0, FIELD(payload_len), 99},
		{"payload beyond measure", 0, FIELD(payload_len), 0xffffffff},
		{"more due than members", 0, FIELD(due), 21},
		{"fewer due than members", 0, FIELD(due), 19},
		{"nobody due", 0, FIELD(due), 0},
		{"a port that isn't", 0, FIELD(port), CRIER_MAX_PORTS},
		{"a port that overflows to one", 0, FIELD(port), 0x1c71c71cU + PORT},
		{"no port that counts", 0, FIELD(port), 0xffffffff},
	};

	(void)state;
	refused(cases, sizeof(cases) / sizeof(cases[0]));
}

/* One that was taken is not taken twice; one that was withdrawn, never. */
static void once(void **state)
{
	uint64_t before = counter(CRIER_XDP_trigger_refused), sent;
	struct bytes trigger, clone;

	(void)state;
	members_make(20, 0);
	trigger_make(&trigger, 100);
	assert_int_equal(take(&trigger, &clone), XDP_REDIRECT);
	assert_int_equal(run(loader_trigger_fd(loader), &trigger, &clone), XDP_DROP);
	assert_int_equal(counter(CRIER_XDP_trigger_refused), before + 1);
	head_of(&trigger)->serial = ++slot()->sent;
	slot()->sent++;
	assert_int_equal(run(loader_trigger_fd(loader), &trigger, &clone), XDP_DROP);
	assert_int_equal(counter(CRIER_XDP_trigger_refused), before + 2);
	/* A worker that waits for nothing has no number. */
	sent = slot()->sent;
	head_of(&trigger)->serial = slot()->sent = 0;
	assert_int_equal(run(loader_trigger_fd(loader), &trigger, &clone), XDP_DROP);
	assert_int_equal(counter(CRIER_XDP_trigger_refused), before + 3);
	slot()->sent = sent;
	assert_int_equal(row()->due, 20);
}

/* A trigger for nobody is stamped, and that is all. */
static void question(void **state)
{
	struct bytes trigger = {.len = TRIGGER_HEAD}, clone;
	uint64_t taken = counter(CRIER_XDP_trigger_taken), jobs = counter(CRIER_XDP_kernel_jobs);

	(void)state;
	members_make(20, 0);
	*head_of(&trigger) =
		(struct crier_trigger){.type = CRIER_TRIGGER_TYPE, .magic = CRIER_TRIGGER_MAGIC};
	assert_int_equal(take(&trigger, &clone), XDP_DROP);
	assert_int_equal(slot()->taken, slot()->sent);
	assert_int_equal(counter(CRIER_XDP_trigger_taken), taken + 1);
	assert_int_equal(counter(CRIER_XDP_kernel_jobs), jobs);
	assert_int_equal(row()->due, 0);
}

/* Taken, but not broadcast: its members are counted, once and by name. */
static void stale(void **state)
{
	static const struct mangled cases[] = {
		{"no page", 0, FIELD(page), 0},
		{"another page", 0, FIELD(page), PAGE4 + 1},
		{"a page that isn't", 0, FIELD(page), 0xffffffff},
		{"a port without devmaps", 0, FIELD(port), PORT + 1},
		{"no port", 0, FIELD(port), 0},
		{"another room's", 0, FIELD(room), ROOM + 1},
		{"an earlier room's", 0, FIELD(generation), 77},
		{"a room that isn't", 0, FIELD(room), 0xffffffff},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = counter(CRIER_XDP_trigger_stale);
		struct bytes trigger, clone;
		bool ours = i < 5;

		members_make(20, 0);
		trigger_make(&trigger, 100);
		write_field(&trigger, &cases[i]);
		if (take(&trigger, &clone) != XDP_DROP)
			fail_msg("%s: not dropped", cases[i].name);
		assert_int_equal(slot()->taken, slot()->sent);
		assert_int_equal(counter(CRIER_XDP_trigger_stale), before + 1);
		assert_int_equal(row()->due, ours ? 20 : 0);
		assert_int_equal(row()->tx_full, ours ? 20 : 0);
	}
}

/*
 * What trigger_take.h may make of a frame, said again: 3: broadcast, 2: begun, but nobody is on
 * that page, 1: taken, 0: refused.
 */
static int model(const struct bytes *b)
{
	const struct crier_trigger *t = head(b);
	uint32_t n = 0;

	if (b->len < sizeof(*t) || t->type != htons(0x88b5) || t->magic != CRIER_TRIGGER_MAGIC ||
	    t->payload_len > 1536 || b->len - sizeof(*t) != t->payload_len)
		return 0;
	for (int i = 0; i < 4; i++)
		n += (uint32_t)__builtin_popcountll(t->member[i]);
	if (n != t->due || t->port >= CRIER_MAX_PORTS || t->worker >= world.config->max_workers ||
	    t->serial != world.triggers[t->worker].sent || !t->serial ||
	    t->serial == world.triggers[t->worker].taken)
		return 0;
	if (!t->due || t->room != ROOM || t->generation != world.rooms[ROOM].generation ||
	    (t->page != PAGE4 && t->page != page6) || t->port != PORT)
		return 1;
	return t->page == PAGE4 ? 3 : 2;
}

/* Triggers with some bytes or bits changed, and bytes that never were any. */
static void fuzz(void **state)
{
	uint64_t seed = 4711, jobs = counter(CRIER_XDP_kernel_jobs), sent = 0, seen[4] = {0};
	uint64_t refused = counter(CRIER_XDP_trigger_refused);
	struct bytes trigger, clone;

	(void)state;
	members_make(200, 0);
	for (uint32_t i = 0; i < 30000; i++) {
		uint32_t changes = packet_random(&seed) % 4;
		int want;

		trigger_make(&trigger, packet_random(&seed) % 200);
		head_of(&trigger)->worker = WORKER;
		head_of(&trigger)->serial = ++slot()->sent;
		while (changes--)
			trigger.data[packet_random(&seed) % TRIGGER_HEAD] ^=
				(uint8_t)(1 << packet_random(&seed) % 8);
		if (packet_random(&seed) % 8 == 0)
			trigger.len = 14 + (uint32_t)(packet_random(&seed) % (trigger.len - 13));
		if (packet_random(&seed) % 16 == 0)
			for (uint32_t k = 0; k < trigger.len; k++)
				trigger.data[k] = (uint8_t)packet_random(&seed);
		want = model(&trigger);
		seen[want]++;
		sent += want >= 2;
		if (run(loader_trigger_fd(loader), &trigger, &clone) !=
		    (want == 3 ? XDP_REDIRECT : XDP_DROP))
			fail_msg("trigger %u: want %d", i, want);
		assert_int_equal(slot()->taken == slot()->sent, want > 0);
	}
	assert_true(seen[0] > 1000 && seen[1] > 100 && seen[3] > 1000);
	assert_int_equal(counter(CRIER_XDP_kernel_jobs) - jobs, sent);
	assert_int_equal(counter(CRIER_XDP_trigger_refused) - refused, seen[0]);
}

static int trigger_world_up(void **state)
{
	int ret = world_up(state);

	if (!ret)
		world.ports[PORT].flags = CRIER_PORT_BROADCASTS;
	return ret;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality), cmocka_unit_test(units),	cmocka_unit_test(mangled),
		cmocka_unit_test(once),	    cmocka_unit_test(question), cmocka_unit_test(stale),
		cmocka_unit_test(fuzz),
	};
	int ret = sandbox_enter();

	return ret ? ret : cmocka_run_group_tests(tests, trigger_world_up, world_down);
}
