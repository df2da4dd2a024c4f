// SPDX-License-Identifier: BSD-2-Clause
/* Small things that every subcommand needs: messages, numbers, fields. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

void cli_error(const char *fmt, ...)
{
	va_list ap;

	/* What went to stdout before stands before the reason, also in a log. */
	fflush(stdout);
	fputs("crierctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("crierctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: crierctl %s%s%s (crierctl %s --help tells more)\n",
		cli->cmd->name, *cli->cmd->args ? " " : "", cli->cmd->args, cli->cmd->name);
	return CLI_USAGE;
}

int cli_refused(const struct cli *cli)
{
	char *reason = printable(api_error(cli->api));

	cli_error("%s", reason);
	free(reason);
	return CLI_REFUSED;
}

int cli_refused_about(const struct cli *cli, const char *what)
{
	char *name, *reason;

	if (api_status(cli->api) != 404 || strstr(api_error(cli->api), what))
		return cli_refused(cli);
	name = printable(what);
	reason = printable(api_error(cli->api));
	cli_error("%s: %s", name, reason);
	free(name);
	free(reason);
	return CLI_REFUSED;
}

void *xalloc(void *p)
{
	if (!p) {
		fputs("crierctl: out of memory\n", stderr);
		exit(CLI_REFUSED);
	}
	return p;
}

int number_parse(const char *s, uint64_t least, uint64_t most, uint64_t *out)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	const char *digits = hex ? s + 2 : s;
	char *end;
	uint64_t n;

	/* strtoull would also take blanks and signs */
	if (hex ? !isxdigit((unsigned char)*digits) : !isdigit((unsigned char)*digits))
		return -1;
	errno = 0;
	n = strtoull(digits, &end, hex ? 16 : 10);
	if (errno || *end || n < least || n > most)
		return -1;
	*out = n;
	return 0;
}

int seconds_parse(const char *s, unsigned int *ms)
{
	char *end;
	double n;

	if (!isdigit((unsigned char)*s) && *s != '.')
		return -1;
	n = strtod(s, &end);
	if (*end || !(n >= 0.1 && n <= 86400))
		return -1;
	*ms = (unsigned int)lround(n * 1000);
	return 0;
}

void json_print(const json_t *object)
{
	json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
}

void json_print_line(const json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	fflush(stdout);
}

int64_t field_int(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	if (json_is_boolean(v))
		return json_is_true(v);
	return json_is_real(v) ? (int64_t)json_real_value(v) : (int64_t)json_integer_value(v);
}

const char *field_str(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

bool field_is_null(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return !v || json_is_null(v);
}

const char *human_count(char buf[HUMAN_LEN], double n)
{
	static const char unit[] = {'k', 'M', 'G', 'T'};
	size_t u = 0;

	if (n < 999.5) {
		snprintf(buf, HUMAN_LEN, "%.0f", n);
		return buf;
	}
	n /= 1000;
	while (n >= 999.5 && u + 1 < sizeof(unit)) {
		n /= 1000;
		u++;
	}
	snprintf(buf, HUMAN_LEN,
		 n < 9.995   ? "%.2f%c"
		 : n < 99.95 ? "%.1f%c"
			     : "%.0f%c",
		 n, unit[u]);
	return buf;
}

char *printable(const char *s)
{
	char *copy = xalloc(strdup(s));

	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return copy;
}
