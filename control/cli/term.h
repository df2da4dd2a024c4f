/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal as a full screen of our own: the alternate screen, keys without
 * Enter.  However the program ends (quit, a signal, a crash, exit()), the
 * terminal is what it was; Ctrl-Z and fg work.  One per process.
 */
#ifndef CRIER_CLI_TERM_H
#define CRIER_CLI_TERM_H

#include <stddef.h>

enum term_event {
	TERM_TIMEOUT,
	TERM_KEY,
	TERM_RESIZED, /* or back from a stop: draw anew */
	TERM_QUIT,    /* SIGINT, SIGTERM, SIGHUP, SIGQUIT, or the terminal is gone */
};

/* 0, or -1 if stdin and stdout are no terminal that can do it. */
int term_enter(void);
void term_leave(void);

void term_size(int *rows, int *columns);
enum term_event term_wait(unsigned int ms, char *key);

/* Draws lines (ended by \n) from the top left, cut to the screen; invert: this line, or -1. */
void term_draw(const char *text, size_t len, int invert);

#endif
