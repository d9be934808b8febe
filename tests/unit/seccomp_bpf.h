/* SPDX-License-Identifier: MIT */
/* The kernel's side of a filter: an interpreter of classic BPF, as far as filters use it. */
#pragma once

#include <linux/seccomp.h>
#include <stddef.h>

#include "seccomp_world.h"

static inline uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t value;

	if (offset % 4 || offset + 4 > sizeof(*data))
		fail_msg("load at %u", offset);
	memcpy(&value, (const char *)data + offset, sizeof(value));
	return value;
}

static inline bool compare(uint16_t test, uint32_t a, uint32_t k)
{
	switch (test) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return a & k;
	default:
		fail_msg("jump %#x", test);
		return false;
	}
}

/* Only what the kernel's own emulator knows as well: what it does not, it runs at every call. */
static inline uint32_t interpret(const struct sock_fprog *bpf, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t at = 0; at < bpf->len; at++) {
		const struct sock_filter *in = &bpf->filter[at];

		if (in->code == (BPF_LD | BPF_W | BPF_ABS))
			a = load(data, in->k);
		else if (in->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= in->k;
		else if (in->code == (BPF_JMP | BPF_JA))
			at += in->k;
		else if (BPF_CLASS(in->code) == BPF_JMP && BPF_SRC(in->code) == BPF_K)
			at += compare(BPF_OP(in->code), a, in->k) ? in->jt : in->jf;
		else if (in->code == (BPF_RET | BPF_K))
			return in->k;
		else
			fail_msg("instruction %zu has code %#x", at, in->code);
	}
	fail_msg("ran off the end");
	return 0;
}

static inline const char *action_name(uint32_t action, char buf[32])
{
	static const enum seccomp_verdict verdicts[] = { SECCOMP_ALLOW, SECCOMP_DENY,
							 SECCOMP_ENOSYS, SECCOMP_LOG,
							 SECCOMP_KILL };
	static const char *const names[] = { "allow", "EPERM", "ENOSYS", "log", "kill" };

	for (size_t i = 0; i < COUNT(verdicts); i++)
		if (seccomp_action(verdicts[i]) == action)
			return names[i];
	(void)snprintf(buf, 32, "%#x", action);
	return buf;
}
