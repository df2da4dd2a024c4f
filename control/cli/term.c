// SPDX-License-Identifier: BSD-2-Clause
#include "term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

static struct termios saved;
static volatile sig_atomic_t entered, quit, resized, stop;
static sigset_t normal_mask; /* signals are taken only while term_wait() waits */

/* Only write(2): it also runs in handlers of crashes. */
static void put(const char *s)
{
	ssize_t n = write(STDOUT_FILENO, s, strlen(s));

	(void)n;
}

static void screen_on(void)
{
	struct termios raw = saved;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	put("\033[?1049h\033[?25l\033[2J");
	entered = 1;
}

void term_leave(void)
{
	if (!entered)
		return;
	entered = 0;
	put("\033[?25h\033[?1049l");
	tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

static void on_quit(int sig)
{
	(void)sig;
	quit = 1;
}

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

static void on_stop(int sig)
{
	(void)sig;
	stop = 1;
}

static void on_crash(int sig)
{
	term_leave();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = {.sa_handler = handler};

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

int term_enter(void)
{
	static const int quits[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	const char *kind = getenv("TERM");
	sigset_t taken;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !kind || !*kind ||
	    strcmp(kind, "dumb") == 0 || tcgetattr(STDIN_FILENO, &saved))
		return -1;
	sigemptyset(&taken);
	for (size_t i = 0; i < sizeof(quits) / sizeof(*quits); i++) {
		sigaddset(&taken, quits[i]);
		handle(quits[i], on_quit);
	}
	sigaddset(&taken, SIGWINCH);
	handle(SIGWINCH, on_resize);
	sigaddset(&taken, SIGTSTP);
	handle(SIGTSTP, on_stop);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		handle(crashes[i], on_crash);
	sigprocmask(SIG_BLOCK, &taken, &normal_mask);
	atexit(term_leave);
	screen_on();
	return 0;
}

void term_size(int *rows, int *columns)
{
	struct winsize ws;

	*rows = 24;
	*columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row && ws.ws_col) {
		*rows = ws.ws_row;
		*columns = ws.ws_col;
	}
}

static void stop_here(void)
{
	term_leave();
	raise(SIGSTOP);
	screen_on(); /* fg brought us back */
}

static long ms_until(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / 1000000;
}

enum term_event term_wait(unsigned int ms, char *key)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	struct timespec end;
	long left;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000L;
	do {
		struct timespec wait;
		int n;

		left = ms_until(&end);
		wait.tv_sec = left > 0 ? left / 1000 : 0;
		wait.tv_nsec = left > 0 ? left % 1000 * 1000000L : 0;
		n = ppoll(&in, 1, &wait, &normal_mask);
		if (quit)
			return TERM_QUIT;
		if (stop) {
			stop = 0;
			stop_here();
			return TERM_RESIZED;
		}
		if (resized) {
			resized = 0;
			return TERM_RESIZED;
		}
		if (n > 0)
			return read(STDIN_FILENO, key, 1) == 1 ? TERM_KEY : TERM_QUIT;
	} while (left > 0);
	return TERM_TIMEOUT;
}

/* Bytes of the line's first `columns` characters, UTF-8 being counted by its first bytes. */
static size_t cut(const char *line, size_t len, int columns)
{
	size_t i = 0;

	for (; i < len; i++)
		if (((unsigned char)line[i] & 0xc0) != 0x80 && columns-- == 0)
			break;
	return i;
}

void term_draw(const char *text, size_t len, int invert)
{
	char *out = NULL;
	size_t out_len = 0, done = 0;
	FILE *f = xalloc(open_memstream(&out, &out_len));
	const char *end = text + len;
	int rows, columns;

	term_size(&rows, &columns);
	fputs("\033[H", f);
	for (int row = 0; row < rows && text < end; row++) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t line = (size_t)((eol ? eol : end) - text);

		if (row)
			fputs("\r\n", f);
		if (row == invert)
			fputs("\033[7m", f);
		fwrite(text, 1, cut(text, line, columns), f);
		fputs(row == invert ? "\033[K\033[0m" : "\033[K", f);
		text = eol ? eol + 1 : end;
	}
	fputs("\033[J", f);
	if (fclose(f) != 0)
		xalloc(NULL);
	while (done < out_len) {
		ssize_t n = write(STDOUT_FILENO, out + done, out_len - done);

		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			quit = 1; /* the terminal is gone */
			break;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	free(out);
}
