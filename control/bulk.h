/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joins and leaves of many listeners in one call, in steps: first all lines are read
 * and checked, then all are applied, so that a bad line leaves everything as it was.
 */
#ifndef CRIER_CONTROL_BULK_H
#define CRIER_CONTROL_BULK_H

#include "control/endpoints.h"
#include "control/http.h"

enum bulk_op { BULK_ADD, BULK_REMOVE };

/* Answers a call whose body is text lines. */
void bulk_call(struct call *call, uint32_t room, enum bulk_op op);

/* Answers a call whose body was n endpoints in JSON; they are copied. */
void bulk_list(struct call *call, uint32_t room, enum bulk_op op, const struct crier_endpoint *ep,
	       size_t n);

#endif
