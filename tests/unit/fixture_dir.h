/* SPDX-License-Identifier: MIT */
/* For a file whose every test has one private directory of its own: `dir`. */
#pragma once

#include "fixtures.h"

static char dir[PATH_MAX];

static int make_dir(void **state)
{
	(void)state;
	fixture_make(dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	fixture_remove(dir);
	return 0;
}

#define DIR_TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
