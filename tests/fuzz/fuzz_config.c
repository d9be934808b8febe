/* SPDX-License-Identifier: MIT */
/* The configuration: any text as resrun.ini, and what is resolved from what was accepted. */
#include "tests/fuzz/fuzz.h"

#include "policy/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings settings = { 0 }, nothing = { 0 };
	struct config config = { 0 };
	const char *profile;
	char path[PATH_MAX];
	struct rr_err err;

	fuzz_write("resrun.ini", data, size);
	if (config_load(fuzz_path(path, "resrun.ini"), &config, &err) == 0 &&
	    config_resolve(&config, &nothing, "ffmpeg", &settings, &profile, &err) == 0)
		rr_ignore(settings_check(&settings, &err));
	settings_free(&settings);
	config_free(&config);
	return 0;
}
