/* SPDX-License-Identifier: BSD-2-Clause */
/* Rooms: made, found by name, deleted. */
#ifndef CRIER_CONTROL_ROOM_H
#define CRIER_CONTROL_ROOM_H

#include "control/store.h"

#define ROOM_WANTED_AUTO CRIER_ENGINE_AUTO

struct room_spec {
	const char *name;
	enum crier_payload payload;
	uint32_t wanted; /* enum crier_engine or ROOM_WANTED_AUTO */
	uint32_t limit;	 /* 0: none */
};

/* 1 to 63 of [A-Za-z0-9._-], not "." or "..", which no URL could name. */
bool room_name_valid(const char *name, size_t len);

/* Its number, 0 if there is none. */
uint32_t room_find(const struct store *s, const char *name, size_t len);

/*
 * A room without streams and members.  0; -EINVAL its name won't do; -EEXIST; -EAGAIN
 * rooms deleted lately still hold all numbers, or crierd has only just started;
 * -ENOSPC the table is full.
 */
int room_create(struct store *s, const struct room_spec *spec, uint32_t *room);

/*
 * Gone at once for readers and for the API; its pages and its number come free in
 * steps, after grace.  0 or -ENOMEM: then nothing happened.
 */
int room_delete(struct store *s, uint32_t room);

/* The least live room after n, 0 if none: for walks over all rooms. */
uint32_t room_next(const struct store *s, uint32_t n);

/* The page lists, made at the first member.  0 or -ENOMEM. */
int room_lists(struct store *s, uint32_t room);

static inline struct crier_room *room_row(const struct store *s, uint32_t room)
{
	return &s->t->rooms[room];
}

static inline uint32_t room_members(const struct store *s, uint32_t room)
{
	return s->t->rooms[room].members4 + s->t->rooms[room].members6;
}

/* For store_open() and store_close(). */
int room_names_init(struct store *s);
void room_names_add(struct store *s, uint32_t room);
void room_deaths_close(struct store *s);

#endif
