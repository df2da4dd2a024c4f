/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tables say of an interface while a program is put on it, which takes packets at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/ports.c"

#define OLD 7
#define NEW 8

static struct tables t;
static struct crier_port table[CRIER_MAX_PORTS];
static struct ports ports;

/* What the kernel does of it, and what the tables said then. */
static enum crier_port_mode gets;
static int fails;
static struct crier_port met;

int __wrap_loader_attach(struct loader *l, const char *ifname, uint32_t port, enum loader_mode mode,
			 struct loader_attached *out, char err[LOADER_ERR_LEN]);

int __wrap_loader_attach(struct loader *l, const char *ifname, uint32_t port, enum loader_mode mode,
			 struct loader_attached *out, char err[LOADER_ERR_LEN])
{
	(void)l;
	(void)ifname;
	(void)mode;
	met = table[port];
	out->mode = gets;
	err[0] = '\0';
	return fails;
}

/* As broadcast_is_native() has it. */
static bool broadcasts(const struct crier_port *p)
{
	return p->mode == CRIER_PORT_NATIVE && !(p->flags & CRIER_PORT_LATE);
}

/* Port 1 was a native interface of number OLD; now one of number `ifindex` is attached. */
static int attach(enum port_want want, uint32_t ifindex, bool is_tun)
{
	/* nothing is asked of Linux about one that is our own */
	struct link l = {.name = "nonesuch", .ifindex = ifindex, .is_tun = is_tun};
	char err[PORTS_ERR_LEN];

	memset(table, 0, sizeof(table));
	table[1] = (struct crier_port){
		.ifindex = OLD, .mode = CRIER_PORT_NATIVE, .flags = CRIER_PORT_BROADCASTS};
	t.ports = table;
	ports.t = &t;
	ports.own[1] = (struct own){.want = want, .flags = CRIER_PORT_LOCAL, .name = "nonesuch"};
	return port_attach(&ports, 1, &l, err);
}

/* Of the same interface the tables go on to say what they said. */
static void goes_on(void **state)
{
	(void)state;
	gets = CRIER_PORT_NATIVE;
	fails = 0;
	assert_int_equal(attach(PORT_AUTO, OLD, false), 0);
	assert_true(broadcasts(&met));
	assert_true(broadcasts(&table[1]));
	assert_true(table[1].flags & CRIER_PORT_BROADCASTS);
}

/* Another of its name may get another mode: until that is known nothing is broadcast. */
static void another(void **state)
{
	(void)state;
	fails = 0;
	gets = CRIER_PORT_GENERIC;
	assert_int_equal(attach(PORT_AUTO, NEW, false), 0);
	assert_false(broadcasts(&met));
	assert_false(broadcasts(&table[1]));
	gets = CRIER_PORT_NATIVE;
	assert_int_equal(attach(PORT_AUTO, NEW, true), 0);
	assert_false(broadcasts(&met));
	assert_false(broadcasts(&table[1]));
	assert_true(table[1].flags & CRIER_PORT_LATE);
	assert_int_equal(attach(PORT_AUTO, NEW, false), 0);
	assert_false(broadcasts(&met));
	assert_true(broadcasts(&table[1]));
	assert_false(table[1].flags & CRIER_PORT_BROADCASTS);
	assert_int_equal(table[1].ifindex, NEW);
}

/* It stays as it was. */
static void refused(void **state)
{
	(void)state;
	fails = -EBUSY;
	assert_int_equal(attach(PORT_AUTO, OLD, false), -EBUSY);
	assert_true(broadcasts(&table[1]));
	assert_int_equal(attach(PORT_AUTO, NEW, false), -EBUSY);
	assert_int_equal(table[1].mode, CRIER_PORT_NATIVE);
	assert_int_equal(table[1].ifindex, OLD);
}

/* One that is gone leaves its number to who has it now: the two would be taken for each other. */
static void number_taken(void **state)
{
	struct link l = {.name = "nonesuch", .ifindex = NEW};
	char err[PORTS_ERR_LEN];

	(void)state;
	fails = 0;
	gets = CRIER_PORT_NATIVE;
	assert_int_equal(attach(PORT_AUTO, OLD, false), 0);
	table[2] = (struct crier_port){.ifindex = NEW, .mode = CRIER_PORT_NATIVE};
	fails = -EBUSY;
	assert_int_equal(port_attach(&ports, 1, &l, err), -EBUSY);
	assert_int_equal(table[2].ifindex, NEW);
	fails = 0;
	assert_int_equal(port_attach(&ports, 1, &l, err), 0);
	assert_int_equal(table[1].ifindex, NEW);
	assert_int_equal(table[2].ifindex, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on),
		cmocka_unit_test(another),
		cmocka_unit_test(refused),
		cmocka_unit_test(number_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
