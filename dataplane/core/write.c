/* SPDX-License-Identifier: BSD-2-Clause */
#include "write.h"

#include <stddef.h>

static bool plain_here(void)
{
	return true;
}

static void plain_run4(const struct frame *f, struct out_frame *out, const uint64_t *word,
		       uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		out_prefetch(out, i, n);
		frame_write4(f, &out[i], member4_addr(word[i]), member4_port(word[i]));
	}
}

#if defined(__x86_64__)

/*
 * ---- AVX2 ------------------------------------------------------------------------
 * The template stands in registers and the fields of four members are made at once.
 * They lie in one half of the first line, and all of that half is made in registers: a
 * copy is whole halves of lines, none stored to twice.  So more copies fit into the
 * CPU's queue of stores, in which they wait for buffers that are in no near cache.
 */
#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

#define QUAD 4
#define HELD_MOST 8 /* quads; of the 16 registers, the sums want some, too */

typedef uint64_t quad __attribute__((vector_size(32), may_alias));
typedef uint32_t halves __attribute__((vector_size(32), may_alias));
typedef uint64_t quad_any __attribute__((vector_size(32), may_alias, aligned(8)));

/*
 * The first line's second quad, by words; all but what is in capitals is the template's:
 *
 *   ttl proto SUM SUM src src src src | DST DST DST DST sport sport PORT PORT |
 *   len len SUM SUM payload ..        | payload ..
 */
#define OFFSET(header, type, field) (FRAME_L3 + (header) + offsetof(type, field))
_Static_assert(OFFSET(0, struct rewrite_ip4, ttl) == 32, "words of the second quad");
_Static_assert(OFFSET(0, struct rewrite_ip4, sum) == 34, "IP sum");
_Static_assert(OFFSET(0, struct rewrite_ip4, dst) == 40, "destination");
_Static_assert(OFFSET(PACKET_IP4_LEN, struct rewrite_udp, dst) == 46, "port");
_Static_assert(OFFSET(PACKET_IP4_LEN, struct rewrite_udp, sum) == 50, "UDP sum");

#define LOW16 0xffffULL
#define LOW32 0xffffffffULL
#define SUM_SHIFT 16

struct template4 {
	uint64_t ip, dst, udp, tail; /* the words, zero where a member's fields go */
	uint64_t sums;		     /* the base's: IP's in the lower half, UDP's in the upper */
};

AVX2_INLINE struct template4 template4_of(const struct frame *f)
{
	quad second = ((const quad *)__builtin_assume_aligned(f->bytes, FRAME_BLOCK))[1];

	return (struct template4){
		.ip = second[0] & ~(LOW16 << SUM_SHIFT),
		.dst = second[1] & LOW16 << 32,
		.udp = second[2] & ~(LOW16 << SUM_SHIFT),
		.tail = second[3],
		.sums = (uint64_t)f->base.udp << 32 | f->base.ip,
	};
}

/* Both checksums of each member, as rewrite_copy4() makes them, in halves as the base's. */
AVX2_INLINE quad quad_sums(uint64_t base, quad member)
{
	quad addr = (member & LOW16) + (member >> 16 & LOW16);
	quad port = member & LOW16 << 32;
	halves sum = (halves)(base + addr + (addr << 32) + port);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = ((sum & 0xffff) + (sum >> 16)) ^ 0xffff;
	return (quad)sum | ((quad)(sum == 0) & LOW16 << 32);
}

/* The second quads of four members' copies. */
AVX2_INLINE void quad_members(const struct template4 *t, quad member, quad to[QUAD])
{
	quad sums = quad_sums(t->sums, member);
	quad ip = t->ip | (sums & LOW32) << SUM_SHIFT;
	quad dst = t->dst | (member & LOW32) | (member << 16 & LOW16 << 48);
	quad udp = t->udp | sums >> 32 << SUM_SHIFT;
	quad tail = {t->tail, t->tail, t->tail, t->tail};
	quad head02 = __builtin_shufflevector(ip, dst, 0, 4, 2, 6);
	quad head13 = __builtin_shufflevector(ip, dst, 1, 5, 3, 7);
	quad tail02 = __builtin_shufflevector(udp, tail, 0, 4, 2, 6);
	quad tail13 = __builtin_shufflevector(udp, tail, 1, 5, 3, 7);

	to[0] = __builtin_shufflevector(head02, tail02, 0, 1, 4, 5);
	to[1] = __builtin_shufflevector(head13, tail13, 0, 1, 4, 5);
	to[2] = __builtin_shufflevector(head02, tail02, 2, 3, 6, 7);
	to[3] = __builtin_shufflevector(head13, tail13, 2, 3, 6, 7);
}

/*
 * `held` is a constant where this is inlined: so many of the frame's quads stand in
 * registers, in hold[], those beyond are loaded from the template.
 */
AVX2_INLINE void quads_store(uint8_t *buf, const quad *from, const quad *hold, quad second,
			     const uint32_t held, uint32_t quads)
{
	quad *to = (quad *)__builtin_assume_aligned(buf, FRAME_BLOCK);

	to[0] = hold[0];
	to[1] = second;
	UNROLL
	for (uint32_t k = 2; k < held; k++)
		to[k] = hold[k];
	for (uint32_t k = held; k < quads; k++)
		to[k] = from[k];
}

/* As many fours of copies as n has; returns how many copies that is. */
AVX2_INLINE uint32_t quads_write(const struct frame *f, struct out_frame *out, const uint64_t *word,
				 uint32_t n, const uint32_t held, uint32_t quads)
{
	const quad *from = (const quad *)__builtin_assume_aligned(f->bytes, FRAME_BLOCK);
	const struct template4 t = template4_of(f);
	const uint32_t start = f->start, len = f->len;
	quad hold[HELD_MOST];
	uint32_t i;

	UNROLL
	for (uint32_t k = 0; k < held; k++)
		hold[k] = from[k];
	for (i = 0; i + QUAD <= n; i += QUAD) {
		quad second[QUAD];

		quad_members(&t, *(const quad_any *)&word[i], second);
		UNROLL
		for (uint32_t m = 0; m < QUAD; m++) {
			quads_store(out[i + m].buf, from, hold, second[m], held, quads);
			out[i + m].start = start;
			out[i + m].len = len;
		}
	}
	return i;
}

static bool avx2_here(void)
{
	return __builtin_cpu_supports("avx2");
}

AVX2 static void avx2_run4(const struct frame *f, struct out_frame *out, const uint64_t *word,
			   uint32_t n)
{
	const uint32_t quads = f->blocks * (FRAME_BLOCK / sizeof(quad));
	uint32_t done;

	if (f->base.id)
		done = 0; /* without DF the first quad differs, too: one by one */
	else if (quads == 4)
		done = quads_write(f, out, word, n, 4, 4);
	else if (quads == 6)
		done = quads_write(f, out, word, n, 6, 6);
	else if (quads == 8)
		done = quads_write(f, out, word, n, 8, 8);
	else
		done = quads_write(f, out, word, n, 2, quads);
	plain_run4(f, out + done, word + done, n - done);
}

#endif

const struct write_way write_ways[] = {
#if defined(__x86_64__)
	{"avx2", avx2_here, avx2_run4},
#endif
	{"plain", plain_here, plain_run4},
	{NULL},
};

const struct write_way *write_way_best(void)
{
	const struct write_way *way = write_ways;

	while (!way->here())
		way++;
	return way;
}
