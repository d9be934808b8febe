# SPDX-License-Identifier: MIT
#
# account.awk: whether every start of a week (cron-week) is accounted for exactly once. Its files, told by their names:
#   planned  N KIND FAULT      what start N was to be, and what ailed the disk
#   results  N KIND STATUS     how its resrun ended
#   marks    N ID              a job of it that ran, from the job itself
#   hooks    ID                a hook after that job that ran
#   missed   N ID              it ran the hooks that the killed launcher of that job had missed
#   untold   N COUNT           records of it that could not be written, as its resrun said
#   refused  N                 its resrun said that the disk keeps it from its work
#   rows     ID REASON N TRY   a record of the history

function bad(words) { print "FAILED: " words; if (++wrong > 30) exit 1 }
FILENAME ~ /planned$/ { if ($2 != "upkeep") { kind[$1] = $2; fault[$1] = $3; all++ } next }
FILENAME ~ /results$/ { status[$1] = $3; next }
FILENAME ~ /marks$/ { if (mark[$2]++) bad("job " $2 " ran twice"); of[$2] = $1; ran[$1]++; runs++; next }
FILENAME ~ /untold$/ { untold[$1] = $2; next }
FILENAME ~ /refused$/ { refused[$1] = 1; next }
FILENAME ~ /hooks$/ { hooked[$1]++; next }
# Who was killed before the promise was gone has left those hooks to the next one: once more each.
FILENAME ~ /missed$/ { if (status[$1] == 137) again[$2]++; next }
{
	# Of our own, at the end.
	if ($3 == "-") next
	if (record[$1]++) bad("job " $1 " of start " $3 " (" kind[$3] ") is in the history twice")
	if (!($3 in kind)) bad("job " $1 " in the history is of no start: " $0)
	if ($2 == "exited" && !($1 in mark)) bad("job " $1 " of start " $3 " ended by itself, but never ran: " $0)
	if ($2 ~ /^not-/ && $1 in mark) bad("job " $1 " of start " $3 " ran all the same: " $0)
	records[$3]++; reasons[$2]++
}
END {
	for (id in mark) if (!(id in record)) missed[of[id]]++
	for (n in missed) if (missed[n] > untold[n]) bad("start " n " (" kind[n] ", disk " fault[n] ") ran and is not in the history, nor said so")
	for (n in kind) {
		want = kind[n] == "again" ? 3 : kind[n] == "retry" ? 2 : 1
		killed = kind[n] ~ /^(early|waiter|interrupt|keeper|both|care-both)$/
		# Killed before its job began (or interrupted before it listened), it is no start.
		least = killed && !ran[n] || refused[n] ? 0 : want - untold[n]
		if (records[n] < least || records[n] > want)
			bad("start " n " (" kind[n] ", disk " fault[n] ", status " status[n] ") is in the history " records[n] + 0 " times instead of " want)
		if (killed && !records[n]) unseen++
		told += untold[n]
		if (refused[n]) refusals++
		if (!(n in status)) bad("start " n " (" kind[n] ") has no result")
	}
	for (id in of) if (kind[of[id]] ~ /^care/ && !hooked[id]) bad("job " id " of start " of[id] " ran, and its hook did not")
	for (id in hooked) if (hooked[id] > 2 + again[id]) bad("the hook of job " id " ran " hooked[id] " times")
	printf "%d starts, %d runs, %d records:", all, runs, length(record)
	for (r in reasons) printf " %s %d", r, reasons[r]
	printf "; %d refused for want of a disk, %d records told as not written, %d killed before their job began\n", refusals, told, unseen
	exit wrong > 0
}
