/* SPDX-License-Identifier: BSD-2-Clause */
#include "stamp.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xdp/log.h"

static struct tally_stamp *stamps_map(int fd, const char *pin)
{
	void *p = mmap(NULL, STAMPS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		log_err("crier-load: cannot map %s: %s", pin, strerror(errno));
		p = NULL;
	}
	close(fd);
	return p;
}

struct tally_stamp *stamps_make(const char *pin)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct tally_stamp *stamps;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "stamps", sizeof(uint32_t), sizeof(*stamps),
				TALLY_STAMPS, &opts);

	if (fd < 0 || bpf_obj_pin(fd, pin)) {
		log_err("crier-load sink: cannot pin the stamps at %s: %s (it must be a new name "
			"on a bpffs)",
			pin, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	stamps = stamps_map(fd, pin);
	if (!stamps)
		unlink(pin);
	return stamps;
}

struct tally_stamp *stamps_open(const char *pin)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	int fd = bpf_obj_get(pin);

	if (fd < 0) {
		log_err("crier-load: no map of stamps at %s: %s (is a sink running with "
			"--stamps?)",
			pin, strerror(errno));
		return NULL;
	}
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.max_entries != TALLY_STAMPS ||
	    info.value_size != sizeof(struct tally_stamp)) {
		log_err("crier-load: %s is not a sink's map of stamps", pin);
		close(fd);
		return NULL;
	}
	return stamps_map(fd, pin);
}

void stamps_close(struct tally_stamp *stamps)
{
	if (stamps)
		munmap(stamps, STAMPS_BYTES);
}

void stamp_put(struct tally_stamp *stamps, uint32_t ssrc, uint16_t seq, uint64_t hash, uint64_t ns)
{
	struct tally_stamp *s = &stamps[tally_stamp_slot(htonl(ssrc), seq)];

	__atomic_store_n(&s->ns, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&s->hash, hash, __ATOMIC_RELEASE);
	__atomic_store_n(&s->ssrc, htonl(ssrc), __ATOMIC_RELEASE);
	__atomic_store_n(&s->seq, seq, __ATOMIC_RELEASE);
	__atomic_store_n(&s->ns, ns, __ATOMIC_RELEASE);
}
