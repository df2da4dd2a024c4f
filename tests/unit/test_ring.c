/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring between two threads, under ThreadSanitizer: each packet comes once, whole and
 * in order, and who sleeps is woken.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "dataplane/core/ring.h"

#define PACKETS 60000
#define LONG_SLEEP_MS 10000 /* no wake-up takes as long; only one that was lost does */

static struct ring ring;
static int wake_fd;
static uint64_t sleeps, wakes, full;
static const char *error;

static void fill(struct ring_slot *slot, uint32_t n)
{
	slot->room = n;
	slot->generation = ~n;
	slot->packet.received_ns = n;
	slot->packet.rewrite.payload_len = n % 200;
	memset(slot->packet.payload, (int)n, n % 200);
}

static void check(const struct ring_slot *slot, uint32_t n)
{
	uint32_t len = slot->packet.rewrite.payload_len;

	if (slot->room != n || slot->generation != ~n || slot->packet.received_ns != n ||
	    len != n % 200)
		error = "a packet is not the one that is due";
	for (uint32_t i = 0; i < len; i++)
		if (slot->packet.payload[i] != (uint8_t)n)
			error = "a packet is torn";
}

static void sleep_until_woken(void)
{
	struct pollfd fd = {wake_fd, POLLIN, 0};
	eventfd_t n;

	ring_sleep(&ring);
	if (!ring_first(&ring)) {
		sleeps++;
		if (poll(&fd, 1, LONG_SLEEP_MS) != 1)
			error = "a wake-up was lost";
		eventfd_read(wake_fd, &n);
	}
	ring_awake(&ring);
}

static void *taker(void *arg)
{
	uint32_t n = 0;

	(void)arg;
	while (n < PACKETS && !error) {
		const struct ring_slot *slot = ring_first(&ring);

		if (!slot) {
			sleep_until_woken();
			continue;
		}
		check(slot, n++);
		ring_pop(&ring);
	}
	return NULL;
}

/* In clumps, as packets come; now and then more than the ring holds. */
static void give_all(void)
{
	uint32_t n = 0, clump = 1;

	while (n < PACKETS) {
		for (uint32_t i = 0; i < clump && n < PACKETS; i++) {
			if (!ring_has_room(&ring)) {
				full++;
				break;
			}
			fill(ring_next(&ring), n++);
			ring_push(&ring);
		}
		if (ring_wants_wake(&ring)) {
			wakes++;
			eventfd_write(wake_fd, 1);
		}
		clump = clump * 7 % 1999 + 1;
		if (n % 3 == 0)
			sched_yield();
	}
}

int main(void)
{
	pthread_t thread;

	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring_init(&ring) || wake_fd < 0)
		return 1;
	pthread_create(&thread, NULL, taker, NULL);
	give_all();
	pthread_join(thread, NULL);
	printf("%d packets, ring full %llu times, %llu sleeps, %llu wake-ups: %s\n", PACKETS,
	       (unsigned long long)full, (unsigned long long)sleeps, (unsigned long long)wakes,
	       error ? error : "all as it should be");
	ring_free(&ring);
	return error != NULL;
}
