/* SPDX-License-Identifier: BSD-2-Clause */
#include "dpdk_close.h"

#include <errno.h>
#include <semaphore.h>

#include <rte_alarm.h>
#include <rte_ethdev.h>

struct closing {
	uint16_t id;
	sem_t done;
};

static void stop_and_close(uint16_t id)
{
	rte_eth_dev_stop(id);
	rte_eth_dev_close(id);
}

static void close_alarm(void *arg)
{
	struct closing *c = arg;

	stop_and_close(c->id);
	sem_post(&c->done);
}

void dpdk_device_close(uint16_t id)
{
	struct closing c = {.id = id};

	sem_init(&c.done, 0, 0);
	if (rte_eal_alarm_set(1, close_alarm, &c))
		stop_and_close(id); /* there is no timer to be had: as well as it goes */
	else
		while (sem_wait(&c.done) && errno == EINTR)
			;
	sem_destroy(&c.done);
}
