/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel engine by BPF_PROG_TEST_RUN: the packet that the one program broadcasts goes
 * into the other's double once for each clone.  What comes out must be, byte for byte,
 * what crier-dp's code writes for the same members; and what is counted, what became of
 * each.
 */
#include "clones.h"

/* ---- packets ---- */

/* To the room, as c wants it beside payload and port; at most 1,600 bytes. */
static void packet_make(struct bytes *p, const struct packet_case *c, uint32_t payload_len)
{
	struct packet_case own = *c;
	uint8_t payload[1700];
	char hex[2 * sizeof(payload) + 1] = "";

	/* packets.h builds small ones: the rest is put behind and the lengths are mended. */
	payload_fill(payload, payload_len);
	for (uint32_t i = 0; i < payload_len && i < 200; i++)
		sprintf(hex + 2 * i, "%02x", payload[i]);
	own.payload = hex;
	own.dport = ROOM_PORT;
	if (payload_len > 200)
		own.ip_len_add = own.udp_len_add = (int)payload_len - 200;
	own.trailer = 0;
	p->len = (uint32_t)packet_build(p->data, &own);
	if (payload_len > 200) {
		memcpy(p->data + p->len, payload + 200, payload_len - 200);
		p->len += payload_len - 200;
	}
	memset(p->data + p->len, 0x55, c->trailer);
	p->len += c->trailer;
}

/* The packet through the first program, which must broadcast it; its job. */
static struct crier_kjob *broadcast(const struct bytes *packet, struct bytes *clone)
{
	assert_int_equal(run(loader_prog_fd(loader), packet, clone), XDP_REDIRECT);
	return &world.kjobs[number_of(clone) & 0x3fffff];
}

/* The least of the sizes that serves so many. */
static uint32_t least_size(uint32_t members)
{
	static const uint32_t all[] = {8, 16, 32, 48, 64, 96, 128, 192, 256};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] >= members)
			return all[i];
	return 0;
}

/* The rest of a job's clones. */
static void clones_end(const struct crier_kjob *job, const struct bytes *clone)
{
	struct bytes copy;

	while (job->seen < job->clones)
		egress(clone, &copy);
}

/* Every member of the room gets crier-dp's very frame, once, and no clone is anything else. */
static void equal(const struct packet_case *c, uint32_t payload_len)
{
	uint64_t spare = counter(CRIER_XDP_kernel_spare);
	uint32_t n = 0, copies = 0;
	struct bytes packet, clone, copy;
	struct crier_kjob *job;
	uint8_t payload[1700];

	payload_fill(payload, payload_len);
	packet_make(&packet, c, payload_len);
	job = broadcast(&packet, &clone);
	assert_int_equal(job->payload_len, payload_len);
	for (uint32_t i = 0; i < 2 * CRIER_PAGE_SLOTS; i++) {
		bool v6 = i >= CRIER_PAGE_SLOTS;
		const struct crier_page *page = &world.pages[v6 ? page6 : PAGE4];
		uint32_t place = i % CRIER_PAGE_SLOTS;

		if (page->egress[place / 64] >> place % 64 & 1)
			frame_native(&frames[n++], job, payload, v6, place);
	}
	assert_int_equal(job->due, n);
	assert_int_equal(job->clones, least_size(n));
	assert_int_equal(clone.len, job->head + payload_len);
	for (uint32_t i = 0, clones = job->clones; i < clones; i++) {
		int action = egress(&clone, &copy), at;

		if (action == XDP_DROP) {
			/* The last one rings the bell. */
			assert_true(i + 1 < clones || !n);
			continue;
		}
		assert_int_equal(action, XDP_PASS);
		/* Before a clone's head there may be nothing to grow into. */
		assert_true(copy.len <= clone.len);
		at = whose(&copy, frames, n);
		if (at < 0)
			fail_msg("%s, %u bytes: copy %u is nobody's", c->name, payload_len, copies);
		frames[at].len = 0;
		copies++;
	}
	assert_int_equal(copies, n);
	assert_int_equal(counter(CRIER_XDP_kernel_spare) - spare, job->clones - n);
}

/* The room before a payload: for tags and IPv6 where they are, and if the device takes it. */
static void heads(void **state)
{
	static const struct {
		uint32_t tags, members6, mtu, payload_len, head;
	} cases[] = {
		{0, 0, 1500, 1000, 42}, {0, 1, 1500, 1000, 62}, {1, 0, 1500, 1000, 46},
		{2, 1, 1500, 1000, 70}, {2, 1, 1500, 1448, 70}, {2, 1, 1500, 1452, 66},
		{0, 1, 1500, 1472, 46}, {2, 0, 1500, 1476, 42}, {0, 1, 9000, 1500, 62},
	};
	struct crier_port *port = &world.ports[PORT];
	struct bytes packet, clone, copy;
	struct crier_kjob *job;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		port->tags = cases[i].tags;
		port->mtu = cases[i].mtu;
		world.vias[1].mtu = (uint16_t)port->mtu;
		members_make(1, cases[i].members6);
		packet_make(&packet, &(struct packet_case){.name = "v4"}, cases[i].payload_len);
		if (cases[i].payload_len + 28 > cases[i].mtu) {
			assert_int_equal(run(loader_prog_fd(loader), &packet, &clone), XDP_DROP);
			assert_int_equal(row()->mtu, 1 + cases[i].members6);
			continue;
		}
		job = broadcast(&packet, &clone);
		assert_int_equal(job->head, cases[i].head);
		assert_int_equal(clone.len, job->head + cases[i].payload_len);
		for (uint32_t n = 0; n < job->clones; n++)
			egress(&clone, &copy);
	}
	port->tags = 2;
	port->mtu = world.vias[1].mtu = 1500;
}

static const struct packet_case came_as[] = {
	{.name = "v4"},
	{.name = "v4 padded", .trailer = 20},
	{.name = "v4, vlan", .tpid = {0x8100}},
	{.name = "v4, two vlans", .tpid = {0x88a8, 0x8100}},
	{.name = "v6", .src = "2001:db8:1::7", .dst = "2001:db8::1"},
	{.name = "v6, vlan", .src = "2001:db8:1::7", .dst = "2001:db8::1", .tpid = {0x8100}},
};

/* A next hop that takes more than its device: no room for those headers on the way in. */
static void longer_than_the_device(void **state)
{
	struct bytes packet, clone, copy;
	struct crier_kjob *job;
	uint8_t payload[1700];

	(void)state;
	world.vias[4].mtu = 9000;
	payload_fill(payload, 1472);
	members_make(0, 1);
	packet_make(&packet, &came_as[0], 1472);
	job = broadcast(&packet, &clone);
	frame_native(&frames[0], job, payload, true, 0);
	assert_true(frames[0].len > clone.len);
	for (uint32_t n = 1; n < job->clones; n++)
		assert_int_equal(egress(&clone, &copy), XDP_DROP);
	assert_int_equal(egress(&clone, &copy), XDP_PASS);
	assert_true(same(&copy, &frames[0]));
	world.vias[4].mtu = 1500;
}

/* RFC 6864: what may be fragmented has an ID of its own, from packet to packet. */
static void ids(void **state)
{
	struct bytes packet, clone;
	uint16_t id[2];

	(void)state;
	members_make(1, 0);
	packet_make(&packet, &came_as[0], 100);
	for (int i = 0; i < 2; i++) {
		struct crier_kjob *job = broadcast(&packet, &clone);

		id[i] = job->id;
		clones_end(job, &clone);
	}
	assert_int_not_equal(id[0], id[1]);
}

static void equality(void **state)
{
	static const uint32_t lengths[] = {0, 1, 2, 3, 7, 8, 9, 20, 159, 160, 161, 1200, 1411};
	static const uint64_t settings[][3] = {{46, 64, 1}, {0, 255, 0}, {63, 1, 0}};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		setting_set(CRIER_SET_dscp, settings[k][0]);
		setting_set(CRIER_SET_ttl, settings[k][1]);
		setting_set(CRIER_SET_df, settings[k][2]);
		for (size_t i = 0; i < sizeof(came_as) / sizeof(came_as[0]); i++)
			for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
				uint32_t n4 = (l + k) % 3 ? 7 : 0, n6 = (l + i) % 3 || !n4 ? 5 : 0;

				via_turn = (uint32_t)(i + l + k);
				members_make(n4, n6);
				equal(&came_as[i], lengths[l]);
				assert_int_equal(row()->due, n4 + n6);
				assert_int_equal(row()->copies, n4 + n6);
				assert_int_equal(row()->pkts, 1);
				assert_int_equal(row()->bytes, lengths[l]);
			}
	}
	via_turn = 0;
	setting_set(CRIER_SET_dscp, 46);
	setting_set(CRIER_SET_ttl, 64);
	setting_set(CRIER_SET_df, 1);
}

/* All sizes of devmaps, and the edges of each. */
static void sizes(void **state)
{
	static const uint32_t members[] = {1,  2,  7,  8,  9,	16,  17, 48,
					   49, 64, 96, 97, 128, 192, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		members_make(members[i], 0);
		equal(&came_as[0], 160);
		members_make(0, members[i]);
		equal(&came_as[0], 160);
		if (members[i] < 128) {
			members_make(members[i], members[i]);
			equal(&came_as[4], 160);
		}
	}
}

/* Who came after the snapshot hears nothing of this packet, who left neither. */
static void members_change(void **state)
{
	struct bytes packet, clone, copy;
	uint64_t empty = counter(CRIER_XDP_kernel_empty);
	struct crier_kjob *job;
	uint32_t copies = 0;

	(void)state;
	members_make(20, 10);
	packet_make(&packet, &came_as[0], 100);
	job = broadcast(&packet, &clone);
	world.members4[PAGE4].member[1 * 255 / 20] = 0;
	world.members6[0].member[0].word = 0;
	member_put(false, 1, 1);
	for (uint32_t i = 0; i < job->clones; i++)
		copies += egress(&clone, &copy) == XDP_PASS;
	assert_int_equal(copies, 28);
	assert_int_equal(counter(CRIER_XDP_kernel_empty) - empty, 2);
	assert_int_equal(row()->due, 28);
	assert_int_equal(row()->copies, 28);
}

/*
 * The last clone leaves, whatever became of its member and of all others since: without it
 * nobody rings the device's bell.
 */
static void last_clone(void **state)
{
	struct crier_via saved[VIAS + 1];
	uint64_t mac = world.ports[PORT].mac;
	struct bytes packet, clone, copy;
	struct crier_kjob *job;

	(void)state;
	memcpy(saved, world.vias, sizeof(saved));
	for (int family6 = 0; family6 < 2; family6++) {
		members_make(family6 ? 0 : 9, family6 ? 9 : 0);
		packet_make(&packet, &came_as[0], 100);
		job = broadcast(&packet, &clone);
		frame_native(&frames[0], job, packet.data + 42, family6, 0);
		for (uint32_t n = 1; n <= VIAS; n++)
			world.vias[n].hw = via_hw((const uint8_t *)"123456", CRIER_VIA_DOWN);
		world.ports[PORT].mac = 0;
		memset(&world.members4[PAGE4], 0, sizeof(world.members4[PAGE4]));
		memset(world.members6, 0, sizeof(world.members6[0]));
		world.pages[PAGE4].owner = world.pages[page6].owner = 0;
		for (uint32_t i = 1; i < job->clones; i++)
			assert_int_equal(egress(&clone, &copy), XDP_DROP);
		assert_int_equal(egress(&clone, &copy), XDP_PASS);
		assert_true(same(&copy, &frames[0]));
		assert_int_equal(row()->due, 1);
		assert_int_equal(row()->copies, 1);
		memcpy(world.vias, saved, sizeof(saved));
		world.ports[PORT].mac = mac;
	}
}

/* Where nobody has a way out nothing is broadcast, and everybody is counted. */
static void nobody(void **state)
{
	struct crier_via saved[VIAS + 1];
	struct bytes packet, clone, copy;
	uint64_t lost = counter(CRIER_XDP_kernel_lost);
	struct crier_kjob *job;

	(void)state;
	memcpy(saved, world.vias, sizeof(saved));
	for (uint32_t n = 1; n <= VIAS; n++)
		world.vias[n].hw = via_hw((const uint8_t *)"123456",
					  n < 4 ? CRIER_VIA_PENDING : CRIER_VIA_DOWN);
	members_make(150, 100);
	packet_make(&packet, &came_as[0], 100);
	assert_int_equal(run(loader_prog_fd(loader), &packet, &clone), XDP_DROP);
	assert_int_equal(row()->due, 250);
	assert_int_equal(row()->no_neighbour, 150);
	assert_int_equal(row()->link_down, 100);

	/* One has a way, the very last: his is the last clone. */
	world.vias[6] = saved[6];
	members_make(0, 2);
	member_put(true, 255, 6);
	packet_make(&packet, &came_as[0], 100);
	job = broadcast(&packet, &clone);
	assert_int_equal(row()->link_down, 2);
	for (uint32_t i = 1; i < job->clones; i++)
		assert_int_equal(egress(&clone, &copy), XDP_DROP);
	assert_int_equal(egress(&clone, &copy), XDP_PASS);
	assert_int_equal(row()->due, 3);
	assert_int_equal(row()->copies, 1);
	memcpy(world.vias, saved, sizeof(saved));
	assert_int_equal(counter(CRIER_XDP_kernel_lost), lost);
}

/* Why a copy is not made, as crier-dp counts it. */
static void drops(void **state)
{
	struct crier_port *port = &world.ports[PORT];
	struct crier_via saved = world.vias[1];
	uint64_t mac = port->mac;
	struct bytes packet, clone, copy;
	struct crier_kjob *job = NULL;

	(void)state;
	for (int i = 0; i < 8; i++) {
		members_make(3, 0);
		world.vias[1] = saved;
		port->mac = mac;
		packet_make(&packet, &came_as[0], 100);
		if (i == 1)
			world.vias[1].hw = via_hw((const uint8_t *)"123456", CRIER_VIA_PENDING);
		else if (i == 2)
			world.vias[1].hw = via_hw((const uint8_t *)"123456", CRIER_VIA_DOWN);
		else if (i == 3)
			world.vias[1].hw = 0;
		else if (i == 4)
			world.vias[1].mtu = 127;
		else if (i == 5)
			world.vias[1].port = PORT + 1;
		else if (i == 6)
			world.vias[1].local = world_addr("2001:db8::1");
		else if (i == 7)
			port->mac &= ~(1ULL << 48);
		if (i == 7)
			assert_int_equal(run(loader_prog_fd(loader), &packet, &clone), XDP_DROP);
		else
			job = broadcast(&packet, &clone);
		for (uint32_t n = 0; i != 7 && n < job->clones; n++)
			egress(&clone, &copy);
		assert_int_equal(row()->due, 3);
		assert_int_equal(row()->copies, i == 0 ? 3 : i == 7 ? 0 : 2);
		assert_int_equal(row()->no_neighbour, i == 1);
		assert_int_equal(row()->link_down, i == 7 ? 3 : i == 2 || i == 5);
		assert_int_equal(row()->no_route, i == 3 || i == 6);
		assert_int_equal(row()->mtu, i == 4);
	}
	world.vias[1] = saved;
	port->mac = mac;

	/* Whoever has no way at all gets no clone, and is counted. */
	members_make(3, 0);
	member_put(false, 200, 0);
	job = broadcast(&packet, &clone);
	assert_int_equal(job->due, 3);
	assert_int_equal(row()->due, 4);
	assert_int_equal(row()->no_route, 1);
	for (uint32_t n = 0; n < job->clones; n++)
		egress(&clone, &copy);
	assert_int_equal(row()->copies, 3);

	/* Nor who has just left, whom the page's word of ways out still names. */
	members_make(3, 0);
	world.pages[PAGE4].egress[3] |= 1ULL << 60;
	job = broadcast(&packet, &clone);
	assert_int_equal(job->due, 3);
	assert_int_equal(row()->due, 3);
	clones_end(job, &clone);
}

/* By the held member's via, but of the other family: that via is not for him. */
static void other_family(void **state)
{
	struct bytes packet, clone, copy;
	struct crier_kjob *job;
	uint32_t copies = 0;

	(void)state;
	members_make(1, 1);
	member_put(true, 0, 1);
	packet_make(&packet, &came_as[0], 100);
	job = broadcast(&packet, &clone);
	for (uint32_t n = 0; n < job->clones; n++)
		copies += egress(&clone, &copy) == XDP_PASS;
	assert_int_equal(copies, 1);
	assert_int_equal(row()->no_route, 1);
}

struct captured {
	struct crier_capture_rec rec;
	uint32_t n;
};

static int on_record(void *arg, void *data, size_t len)
{
	struct captured *c = arg;

	assert_int_equal(len, sizeof(c->rec));
	memcpy(&c->rec, data, len);
	c->n++;
	return 0;
}

/* Capture gets the very copy, if it wants those of that room. */
static void capture(void **state)
{
	static const struct {
		uint64_t wanted;
		uint32_t copies;
	} cases[] = {
		{0, 0},
		{CRIER_CAPTURE_COPIES, 1},
		{CRIER_CAPTURE_COPIES | (uint64_t)ROOM << 32, 1},
		{CRIER_CAPTURE_COPIES | (uint64_t)(ROOM + 1) << 32, 0},
		{CRIER_CAPTURE_INPUT | CRIER_CAPTURE_DROPS, 0},
	};
	struct captured c = {0};
	struct ring_buffer *ring = ring_buffer__new(loader_capture_fd(loader), on_record, &c, NULL);
	struct bytes packet, clone, copy;
	struct crier_kjob *job;

	(void)state;
	assert_non_null(ring);
	members_make(1, 0);
	packet_make(&packet, &came_as[0], 1400);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tbl_store(&world.config->capture, cases[i].wanted);
		job = broadcast(&packet, &clone);
		ring_buffer__consume(ring);
		c.n = 0;
		for (uint32_t n = 0; n < job->clones; n++)
			egress(&clone, &copy);
		tbl_store(&world.config->capture, 0);
		ring_buffer__consume(ring);
		assert_int_equal(c.n, cases[i].copies);
		if (!c.n)
			continue;
		assert_int_equal(c.rec.verdict, CRIER_CAPTURE_COPY);
		assert_int_equal(c.rec.room, ROOM);
		assert_int_equal(c.rec.ifindex, world.ports[PORT].ifindex);
		assert_int_equal(c.rec.len, copy.len);
		assert_int_equal(c.rec.caplen, copy.len);
		assert_memory_equal(c.rec.data, copy.data, copy.len);
	}
	ring_buffer__free(ring);
}

/* The program behind the way out, by its link. */
static int xmit_fd(void)
{
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	char path[256];
	int link;

	if (loader_xmit(loader))
		fail_msg("%s", loader_xmit(loader));
	snprintf(path, sizeof(path), "%s/crier/xmit_link", sandbox_dir);
	link = bpf_obj_get(path);
	assert_true(link >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(link, &info, &len), 0);
	close(link);
	return bpf_prog_get_fd_by_id(info.prog_id);
}

static void transmitted(int fd, uint32_t sent, uint32_t drops, int err)
{
	uint64_t args[5] = {0, 0, sent, drops, (uint32_t)err};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));

	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
}

static void copies_pass(struct crier_kjob *job, const struct bytes *clone, uint32_t n)
{
	struct bytes copy;

	while (n && job->seen < job->clones)
		n -= egress(clone, &copy) == XDP_PASS;
	assert_int_equal(n, 0);
}

static uint64_t port_tx_full(void)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < world.config->cpus; cpu++)
		sum += world.port_counters[cpu * CRIER_MAX_PORTS + PORT].tx_full;
	return sum;
}

/* What the device did not take of a transmission, the last of it, is each room's own. */
static void tx_drops(void **state)
{
	struct crier_room_counters *other = &world.kernel_counters[ROOM + 1];
	uint64_t full = counter(CRIER_XDP_kernel_tx_full), port = port_tx_full();
	uint64_t copies = counter(CRIER_XDP_kernel_copies);
	struct bytes packet, clone, second, copy;
	struct crier_kjob *job, *job2;
	int fd = xmit_fd();

	(void)state;
	members_make(30, 0);
	*other = (struct crier_room_counters){.generation = 77};
	packet_make(&packet, &came_as[0], 100);
	job = broadcast(&packet, &clone);
	job2 = broadcast(&packet, &second);

	/* Copies that went by before anybody looked are nobody's. */
	copies_pass(job, &clone, 3);
	transmitted(fd, 0, 2, 0);
	/* Not ours: nothing of crier's went by. */
	transmitted(fd, 0, 16, 0);
	/* All were taken; what the program itself dropped is not counted again. */
	copies_pass(job, &clone, 12);
	transmitted(fd, 12, 4, 0);
	assert_int_equal(counter(CRIER_XDP_kernel_tx_full), full);

	/* Of 16, 6 of one room and 10 of another, 9 were taken. */
	copies_pass(job, &clone, 6);
	copies_pass(job2, &second, 10);
	job2->owner = owner_word(ROOM + 1, 77, 0, 0);
	transmitted(fd, 9, 7, 0);
	assert_int_equal(row()->tx_full, 0);
	assert_int_equal(other->tx_full, 7);
	/* Copies are counted later: nobody reads fewer than none. */
	assert_int_equal(other->copies, 0);
	assert_int_equal(counter(CRIER_XDP_kernel_tx_full) - full, 7);
	assert_int_equal(port_tx_full() - port, 7);

	/* A device that is down takes none. */
	copies_pass(job, &clone, 5);
	transmitted(fd, 0, 5, -ENXIO);
	assert_int_equal(row()->link_down, 5);

	/* The rest, with each job's last clone; the page is none of the other room. */
	copies_pass(job, &clone, 4);
	transmitted(fd, 3, 13, 0);
	assert_int_equal(row()->copies, 30 - 5 - 1);
	assert_int_equal(row()->tx_full, 1);
	while (job2->seen < job2->clones)
		egress(&second, &copy);
	transmitted(fd, 1, 15, 0);
	assert_int_equal(other->copies, 11 - 7);
	assert_int_equal(counter(CRIER_XDP_kernel_copies) - copies, 30 + 11);

	/* Those who use the jobs' places next know nothing of it. */
	members_make(3, 0);
	for (int i = 0; i < CRIER_KJOBS; i++) {
		clones_end(broadcast(&packet, &clone), &clone);
		transmitted(fd, 3, 5, 0);
	}
	assert_int_equal(row()->copies, 3 * CRIER_KJOBS);
	assert_int_equal(row()->tx_full, 0);
	close(fd);
}

/* Clones of a page that is another room's now, or of a job whose place was used again. */
static void stale(void **state)
{
	uint64_t before = counter(CRIER_XDP_kernel_stale), lost = counter(CRIER_XDP_kernel_lost);
	struct bytes packet, clone, other, copy;

	(void)state;
	members_make(3, 2);
	packet_make(&packet, &came_as[0], 100);
	broadcast(&packet, &clone);
	world.pages[PAGE4].owner = owner_word(ROOM + 1, 5, 0, 0);
	/* The third was chosen before, for the last clone. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(egress(&clone, &copy), i < 2 ? XDP_DROP : XDP_PASS);
	assert_int_equal(counter(CRIER_XDP_kernel_stale) - before, 2);
	assert_int_equal(row()->due, 3);

	/* Likewise its page of IPv6. */
	members_make(2, 3);
	broadcast(&packet, &clone);
	world.pages[page6].owner = owner_word(ROOM + 1, 5, 0, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(egress(&clone, &copy), i < 1 ? XDP_PASS : XDP_DROP);
	assert_int_equal(counter(CRIER_XDP_kernel_stale) - before, 2 + 3);
	before += 3;
	for (int i = 0; i < 4; i++)
		egress(&clone, &copy);

	/* Of five members one had his copy: four clones are missed when the place is used again. */
	members_make(3, 2);
	broadcast(&packet, &clone);
	assert_int_equal(egress(&clone, &copy), XDP_PASS);
	for (int i = 0; i < CRIER_KJOBS; i++) {
		members_make(0, 0);
		world.kernel_counters[ROOM].due = world.kernel_counters[ROOM].tx_full = 0;
		assert_int_equal(run(loader_prog_fd(loader), &packet, &other), XDP_DROP);
	}
	assert_int_equal(counter(CRIER_XDP_kernel_lost) - lost, 1 + 4);
	assert_int_equal(row()->tx_full, 4);
	assert_int_equal(row()->copies, 1);
	assert_int_equal(egress(&clone, &copy), XDP_DROP);
	assert_int_equal(counter(CRIER_XDP_kernel_stale) - before, 3);

	/* And what was never broadcast is nobody's. */
	memset(clone.data + 6, 0xff, 6);
	assert_int_equal(egress(&clone, &copy), XDP_DROP);
	clone.len = 30;
	assert_int_equal(egress(&clone, &copy), XDP_DROP);
	assert_int_equal(counter(CRIER_XDP_kernel_stale) - before, 5);
}

/* What the engine does not take is crier-dp's, which isn't there. */
static void not_ours(void **state)
{
	struct crier_port *port = &world.ports[PORT];
	struct bytes packet, clone;
	uint64_t before = counter(CRIER_XDP_drop_no_socket);
	int fd = loader_prog_fd(loader);

	(void)state;
	members_make(3, 0);
	packet_make(&packet, &came_as[0], 1536);
	for (int i = 1; i <= 3; i++)
		world.vias[i].mtu = 9000;
	assert_int_equal(run(fd, &packet, &clone), XDP_REDIRECT);
	for (int i = 1; i <= 3; i++)
		world.vias[i].mtu = 1500;
	packet_make(&packet, &came_as[0], 1537);
	assert_int_equal(run(fd, &packet, &clone), XDP_DROP);
	packet_make(&packet, &came_as[0], 100);
	port->mode = CRIER_PORT_GENERIC;
	assert_int_equal(run(fd, &packet, &clone), XDP_DROP);
	port->mode = CRIER_PORT_NATIVE;
	port->flags = CRIER_PORT_LATE;
	assert_int_equal(run(fd, &packet, &clone), XDP_DROP);
	port->flags = 0;
	world.pages[PAGE4].egress_port = PORT + 1;
	assert_int_equal(run(fd, &packet, &clone), XDP_DROP);
	world.pages[PAGE4].egress_port = PORT;
	world.pages[PAGE4].owner = 0;
	assert_int_equal(run(fd, &packet, &clone), XDP_DROP);
	members_make(3, 0);
	world.rooms[ROOM].kernel = kernel_word(PAGE4, 0, PORT + 1);
	assert_int_equal(run(fd, &packet, &clone), XDP_DROP);
	world.rooms[ROOM].engine = CRIER_ENGINE_BYPASS;
	assert_int_equal(run(fd, &packet, &clone), XDP_DROP);
	assert_int_equal(counter(CRIER_XDP_drop_no_socket) - before, 7);
	assert_int_equal(row()->pkts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality),
		cmocka_unit_test(heads),
		cmocka_unit_test(sizes),
		cmocka_unit_test(members_change),
		cmocka_unit_test(last_clone),
		cmocka_unit_test(nobody),
		cmocka_unit_test(drops),
		cmocka_unit_test(capture),
		cmocka_unit_test(longer_than_the_device),
		cmocka_unit_test(ids),
		cmocka_unit_test(other_family),
		cmocka_unit_test(tx_drops),
		cmocka_unit_test(stale),
		cmocka_unit_test(not_ours),
	};
	int ret = sandbox_enter();

	return ret ? ret : cmocka_run_group_tests(tests, world_up, world_down);
}
