/* SPDX-License-Identifier: MIT */
#include "policy/settings_getopt.h"

#include <string.h>

bool settings_takes_argument(const struct setting_spec *spec)
{
	return spec->kind != KIND_FLAG && spec->kind != KIND_BOOL;
}

static int argument_kind(const struct setting_spec *spec)
{
	if (settings_takes_argument(spec))
		return required_argument;
	/* --strict alone means yes; --strict=no is possible. */
	return spec->kind == KIND_BOOL ? optional_argument : no_argument;
}

void settings_getopt(struct settings_getopt *ret)
{
	size_t n = 0, s = 0;

	memset(ret, 0, sizeof(*ret));
	/* '+': stop at the first word that is no option; ':': tell a missing argument apart. */
	ret->shorts[s++] = '+';
	ret->shorts[s++] = ':';
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting_spec *spec = &setting_specs[i];

		if (!spec->long_option)
			continue;
		ret->longs[n++] = (struct option){ spec->long_option, argument_kind(spec), NULL,
						   SETTINGS_GETOPT_BASE + i };
		if (!spec->short_option)
			continue;
		ret->shorts[s++] = spec->short_option;
		if (settings_takes_argument(spec))
			ret->shorts[s++] = ':';
	}
}

int settings_getopt_find(int option)
{
	if (option >= SETTINGS_GETOPT_BASE)
		return option - SETTINGS_GETOPT_BASE;
	for (int i = 0; i < SETTINGS_N; i++)
		if (setting_specs[i].short_option == option)
			return i;
	return SETTINGS_N;
}
