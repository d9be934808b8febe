/* SPDX-License-Identifier: MIT */
/*
 * The ledger's reader and what builds on it. An input is a list of changes to a sound file: which
 * record, where in it, how many bytes, the bytes, and whether its checksum is made to fit again, so
 * that nonsense comes past the checksums too. Then the file is opened to look, and to work with.
 */
#include "tests/fuzz/fuzz.h"

#include "base/checksum.h"
#include "policy/ledger_file.h"
#include "policy/queue.h"
#include "policy/reserve.h"

#define WAIT RR_NS_PER_S
#define NOW (100 * RR_NS_PER_S)
#define CHANGES_MAX 32

static const struct {
	off_t at;
	size_t size, n;
} kinds[] = {
	{ 0, sizeof(struct ledger_header), 1 },
	{ LEDGER_LANES_AT, sizeof(struct ledger_lane_record), 4 },
	{ LEDGER_TICKETS_AT, sizeof(struct ledger_ticket), 8 },
	{ LEDGER_DETAILS_AT, sizeof(struct ledger_detail), 8 },
	{ LEDGER_TOKENS_AT, sizeof(struct ledger_token), 8 },
};

/* A ledger with some of everything; the part of it that inputs change is kept in `sound`. */
static uint8_t sound[LEDGER_FILE_SIZE];

static void fill(struct ledger *ledger, struct rr_err *err)
{
	struct ledger_ticket ticket = { .lane_max = 2, .priority = 1 };
	struct ledger_detail detail = { .name = "name", .command = "a command" };
	size_t index;

	for (unsigned i = 0; i < 6; i++) {
		ticket.state = i < 2 ? TICKET_RUNNING : TICKET_WAITING;
		if (ledger_lane(ledger, i % 2 ? "a" : "b", NOW, NOW, &ticket.lane, err) < 0 ||
		    ledger_add(ledger, &ticket, &detail, &index, err) < 0 ||
		    ledger_take_token(ledger, ticket.lane, i + 1, WAIT, NOW, NOW, err) < 0)
			abort();
	}
}

static void make_sound(void)
{
	struct ledger *ledger = NULL;
	struct rr_err err;
	ssize_t n;

	if (ledger_open(fuzz_place(), false, &ledger, &err) < 0 ||
	    ledger_lock(ledger, WAIT, &err) < 0)
		abort();
	fill(ledger, &err);
	n = pread(ledger->fd, sound, sizeof(sound), 0);
	if (n != (ssize_t)sizeof(sound))
		abort();
	ledger_close(ledger);
}

static void change(uint8_t *image, struct fuzz_input *input)
{
	uint8_t kind = fuzz_byte(input) % 5, which = fuzz_byte(input), flags = fuzz_byte(input);
	size_t size = kinds[kind].size;
	uint8_t *record = image + kinds[kind].at + which % kinds[kind].n * size;
	size_t at = fuzz_byte(input) * 4U % size, n = 1 + fuzz_byte(input) % 16;
	uint32_t crc;

	for (size_t i = 0; i < n && at + i < size; i++)
		record[at + i] = fuzz_byte(input);
	if (flags & 1) {
		crc = rr_crc32c(record + sizeof(crc), size - sizeof(crc));
		crc = crc ? crc : 1;
		memcpy(record, &crc, sizeof(crc));
	}
}

/* Everything that reads. */
static void look_at_all(struct ledger *ledger)
{
	struct ledger_detail detail;
	uint64_t count, free_at;
	size_t n, ahead;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	for (size_t i = 0; i < n && i < 16; i++) {
		ledger_read_detail(ledger, i, &detail);
		(void)ledger_is_alive(ledger, i);
		if (tickets[i].state != TICKET_WAITING)
			continue;
		(void)queue_ask(tickets, n, i, NOW, &ahead);
		(void)queue_position(tickets, n, i, NOW);
		(void)reserve_may_pass(tickets, n, i, UINT64_MAX, NOW);
	}
	for (uint16_t lane = 0; lane < 4; lane++)
		ledger_rate(ledger, lane, 3, WAIT, NOW, NOW, &count, &free_at);
}

static void work_with_it(struct ledger *ledger)
{
	struct ledger_ticket ticket = { .state = TICKET_WAITING, .lane_max = 1 };
	struct ledger_detail detail = { 0 };
	struct rr_err err;
	size_t index, n;

	if (ledger_lane(ledger, "c", NOW, NOW, &ticket.lane, &err) < 0 ||
	    ledger_add(ledger, &ticket, &detail, &index, &err) < 0)
		return;
	if (ledger_take_token(ledger, ticket.lane, 99, WAIT, NOW, NOW, &err) == 0)
		rr_ignore(ledger_restamp(ledger, ticket.lane, 99, NOW + 1, NOW, &err));
	(void)ledger_tickets(ledger, &n);
	for (size_t i = n; i > 0 && n - i < 16; i--)
		rr_ignore(ledger_remove(ledger, i - 1, true, &err));
}

static void open_and(bool write)
{
	struct ledger *ledger = NULL;
	struct rr_err err;
	int r = write ? ledger_open(fuzz_place(), false, &ledger, &err)
		      : ledger_open_to_read(fuzz_place(), false, &ledger, &err);

	if (r == 0 && ledger_lock(ledger, WAIT, &err) == 0) {
		look_at_all(ledger);
		if (write)
			work_with_it(ledger);
	}
	ledger_close(ledger);
}

/* Only the pages that inputs reach are written anew each time. */
static void put_image(const uint8_t *image)
{
	char path[PATH_MAX];
	int fd = open(fuzz_path(path, "ledger"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (pwrite(fd, image + kinds[i].at, kinds[i].size * kinds[i].n, kinds[i].at) < 0)
			abort();
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t image[LEDGER_FILE_SIZE];
	static bool ready;
	struct fuzz_input input = { data, size };

	if (!ready)
		make_sound();
	ready = true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		memcpy(image + kinds[i].at, sound + kinds[i].at, kinds[i].size * kinds[i].n);
	for (int i = 0; i < CHANGES_MAX && input.left > 0; i++)
		change(image, &input);
	put_image(image);
	open_and(false);
	open_and(true);
	return 0;
}
