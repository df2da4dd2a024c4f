/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/errand.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct errands {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct errand *first, *last; /* waiting; under lock */
	struct errand *now;	     /* at work, or not yet told done; under lock */
	bool worked;		     /* now's work() has ended; under lock */
	bool stop;		     /* under lock */
	int eventfd;		     /* the thread writes, the loop reads */
	struct event *event;
};

static struct errand *pop(struct errands *e)
{
	struct errand *errand = e->first;

	if (errand) {
		e->first = errand->next;
		errand->next = NULL;
	}
	return errand;
}

static void *thread_main(void *arg)
{
	struct errands *e = arg;

	pthread_mutex_lock(&e->lock);
	while (!e->stop) {
		struct errand *errand = e->now ? NULL : pop(e);

		if (!errand) {
			pthread_cond_wait(&e->wake, &e->lock);
			continue;
		}
		e->now = errand;
		pthread_mutex_unlock(&e->lock);
		errand->work(errand);
		pthread_mutex_lock(&e->lock);
		errand->worked = true;
		e->worked = true;
		eventfd_write(e->eventfd, 1); /* fails only on a full counter, which wakes too */
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* What has ended, or NULL. */
static struct errand *worked(struct errands *e)
{
	struct errand *errand;

	pthread_mutex_lock(&e->lock);
	errand = e->worked ? e->now : NULL;
	e->worked = false;
	pthread_mutex_unlock(&e->lock);
	return errand;
}

static void on_worked(evutil_socket_t fd, short what, void *arg)
{
	struct errands *e = arg;
	struct errand *errand;
	eventfd_t n;

	(void)what;
	eventfd_read(fd, &n);
	errand = worked(e);
	if (!errand)
		return;
	errand->done(errand);
	pthread_mutex_lock(&e->lock);
	e->now = NULL;
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
}

void errands_submit(struct errands *e, struct errand *errand)
{
	errand->next = NULL;
	errand->worked = false;
	pthread_mutex_lock(&e->lock);
	if (e->first)
		e->last->next = errand;
	else
		e->first = errand;
	e->last = errand;
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
}

int errands_open(struct event_base *base, struct errands **out)
{
	struct errands *e = calloc(1, sizeof(*e));
	int err = -ENOMEM;

	if (!e)
		return err;
	e->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->eventfd < 0) {
		err = -errno;
		goto no_fd;
	}
	e->event = event_new(base, e->eventfd, EV_READ | EV_PERSIST, on_worked, e);
	if (!e->event || event_add(e->event, NULL) != 0)
		goto no_thread;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->wake, NULL);
	err = -pthread_create(&e->thread, NULL, thread_main, e);
	if (!err) {
		*out = e;
		return 0;
	}
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
no_thread:
	if (e->event)
		event_free(e->event);
	close(e->eventfd);
no_fd:
	free(e);
	return err;
}

void errands_close(struct errands *e)
{
	struct errand *errand;

	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->stop = true;
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	if (e->now)
		e->now->done(e->now);
	while ((errand = pop(e)))
		errand->done(errand);
	event_free(e->event);
	close(e->eventfd);
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
