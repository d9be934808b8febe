#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# --seccomp: what a job may still ask of the kernel, tried from inside the job.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

bats_require_minimum_version 1.5.0

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	BUILD=${RESRUN_BUILD:-$BATS_TEST_DIRNAME/../build}
	PATH=$BUILD:$PATH
	TRY=$BUILD/tests/helpers/try-syscall
	# Of no interest here: whether there is room to start.
	export RESRUN_STATE_DIR=$BATS_TEST_TMPDIR/state RESRUN_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	export RESRUN_CPU_THRESHOLD=100 RESRUN_MEMORY_THRESHOLD=100 RESRUN_DISK_THRESHOLD=100
	cd "$BATS_TEST_TMPDIR" || return
}

under() { # POLICY COMMAND [ARG]...
	local policy=$1
	shift
	run --separate-stderr resrun --seccomp "$policy" -- "$@"
}

# The name of the error that the call meets, or "ok".
expect() { # POLICY ERROR NAME [ARG]...
	local policy=$1 error=$2
	shift 2
	under "$policy" "$TRY" "$@"
	assert_output "$error"
}

need() { # PROGRAM
	command -v "$1" >/dev/null || skip "no $1"
}

policy_file() { # LINE...
	printf '%s\n' "$@" >policy
	chmod 600 policy
}

@test "off is the default and refuses nothing" {
	run --separate-stderr resrun -- grep Seccomp: /proc/self/status
	assert_output "$(grep Seccomp: /proc/self/status)"
	expect off EBADF ioctl -1 0x5412
	run --separate-stderr resrun --seccomp off -- grep NoNewPrivs /proc/self/status
	assert_output "$(grep NoNewPrivs /proc/self/status)"
}

@test "baseline is on in the job, with no_new_privs" {
	under baseline grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status
	assert_line $'NoNewPrivs:\t1'
	assert_line $'Seccomp:\t2'
}

@test "that setuid programs will not work is said once, and only to who wants to know more" {
	under baseline true
	assert_equal "$stderr" ''
	run --separate-stderr resrun -v --seccomp baseline --retries 1 --backoff 0.01 -- false
	assert_equal "$(grep -c 'sudo, su and other setuid programs will not work' <<<"$stderr")" 1
	run --separate-stderr resrun -v -- true
	refute grep -q setuid <<<"$stderr"
}

@test "baseline does not change the job's exit status" {
	under baseline sh -c 'exit 7'
	assert_equal "$status" 7
	under baseline true
	assert_equal "$status" 0
	under baseline sh -c 'kill -TERM $$'
	assert_equal "$status" 143
}

@test "baseline refuses modules, kexec, reboot, swap, mounts, keyrings, bpf, perf and userfaultfd" {
	local name
	for name in init_module kexec_load reboot swapon mount umount2 pivot_root add_key keyctl bpf perf_event_open \
		userfaultfd syslog settimeofday process_vm_readv pidfd_getfd; do
		expect baseline EPERM "$name"
	done
}

@test "baseline says of the new mount calls, and of unknown ones, that they do not exist" {
	local name
	for name in open_tree open_tree_attr move_mount fsopen 472 9999; do
		expect baseline ENOSYS "$name"
	done
}

@test "baseline refuses to type into the terminal, whatever stands in the upper half" {
	expect baseline EPERM ioctl -1 0x5412
	expect baseline EPERM ioctl -1 0x100005412
	expect baseline EPERM ioctl -1 0x541c
	expect baseline EPERM ioctl -1 0xdeadbeef0000541c
	expect baseline EBADF ioctl -1 0x5401
}

@test "baseline refuses to trace a running process, not to be traced by the parent" {
	expect baseline EPERM ptrace 16 1
	expect baseline EPERM ptrace 0x4206 1
	expect baseline ok ptrace 0 0
}

@test "baseline leaves namespaces, chroot and io_uring to the kernel" {
	expect baseline EFAULT chroot
	expect baseline EBADF setns
	expect baseline ok unshare 0x400
	under baseline "$TRY" clone3 0 0
	refute_output ENOSYS
	under baseline "$TRY" io_uring_setup 0 0
	refute_output EPERM
}

@test "the other entries into the kernel are shut" {
	[ "$(uname -m)" = x86_64 ] || skip "x86_64 only"
	expect baseline ENOSYS 0x40000027
	"$TRY" int80 20 >/dev/null || skip "this kernel has no 32-bit entry"
	under baseline "$TRY" int80 20
	# SIGSYS
	assert_equal "$status" 159
	refute_output
}

@test "strict refuses namespaces" {
	expect strict ENOSYS clone3 0 0
	expect strict EPERM setns
	expect strict EPERM chroot
	expect strict EPERM unshare 0x10000000
	expect strict EPERM unshare 0x00000080
	expect strict ok unshare 0x400
}

@test "strict refuses raw and odd sockets, and io_uring" {
	expect strict EPERM socket 17 3 0
	expect strict EPERM socket 40 1 0
	expect strict EPERM socket 2 3 1
	expect strict EPERM socket 10 0x80003 58
	expect strict ok socket 1 1 0
	expect strict ok socket 2 0x80001 0
	expect strict ok socket 16 3 0
	expect strict EPERM io_uring_setup
}

@test "strict refuses device nodes" {
	expect strict EPERM mknodat -1 -1 0x2180 0
	expect strict EPERM mknodat -1 -1 0x6180 0
}

@test "log refuses nothing" {
	expect log EBADF ioctl -1 0x5412
	expect log EINVAL process_vm_readv
	under log grep Seccomp: /proc/self/status
	assert_output $'Seccomp:\t2'
}

@test "threads, children and pipes work under strict" {
	need python3
	under strict python3 -c '
import multiprocessing, subprocess, threading
t = threading.Thread(target=print, args=("thread",)); t.start(); t.join()
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout, end="")
with multiprocessing.Pool(2) as pool: print(sum(pool.map(abs, [-1, -2])))'
	assert_success
	assert_output $'thread\nchild\n3'
}

@test "a compiler, make and the program they make work under baseline" {
	need gcc
	need make
	printf 'int main(void) { return 3; }\n' >x.c
	under baseline make -s x CC=gcc
	assert_success
	under baseline ./x
	assert_equal "$status" 3
}

@test "git works under baseline" {
	need git
	under baseline git init -q repository
	assert_success
	under baseline git -C repository -c user.name=a -c user.email=b commit -q --allow-empty -m x
	assert_success
}

@test "ffmpeg encodes with x264 and x265 under baseline" {
	need ffmpeg
	local codec
	for codec in libx264 libx265; do
		ffmpeg -hide_banner -encoders 2>/dev/null | grep -q "$codec" || skip "ffmpeg without $codec"
		under baseline ffmpeg -nostdin -loglevel error -f lavfi -i testsrc=d=1:s=160x120 -c:v "$codec" -y out.mkv
		assert_success
		[ -s out.mkv ]
	done
}

@test "HandBrakeCLI and x265 encode under baseline" {
	need ffmpeg
	need HandBrakeCLI
	need x265
	ffmpeg -nostdin -loglevel error -f lavfi -i testsrc=d=1:s=160x120 -c:v mpeg4 in.mkv -pix_fmt yuv420p in.y4m
	# Both wait for ever for a thread that they could not start.
	under baseline timeout 150 HandBrakeCLI -i in.mkv -o out.mkv -e x265 --encoder-preset ultrafast -q 30
	assert_success
	[[ -s out.mkv ]]
	under baseline timeout 150 x265 --preset ultrafast --input in.y4m -o out.hevc
	assert_success
	[[ -s out.hevc ]]
}

@test "python, with threads, processes and a socket, works under baseline" {
	need python3
	under baseline python3 -c '
import concurrent.futures, mmap, socket, sqlite3, subprocess, tempfile, threading
a, b = socket.socketpair(); t = threading.Thread(target=a.sendall, args=(b"thread",)); t.start(); print(b.recv(6).decode()); t.join()
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout, end="")
with concurrent.futures.ProcessPoolExecutor(2) as pool: print(sum(pool.map(abs, [-1, -2])))
with tempfile.TemporaryFile() as file:
    file.truncate(4096)
    with mmap.mmap(file.fileno(), 4096) as memory: memory[0] = 7; print(memory[0])
print(sqlite3.connect("db").execute("select 41 + 1").fetchone()[0])'
	assert_success
	assert_output $'thread\nchild\n3\n7\n42'
}

@test "node with a worker thread works under baseline" {
	need node
	under baseline node -e 'new (require("worker_threads").Worker)("console.log(1)", { eval: true })'
	assert_success
	assert_output 1
}

@test "tmux starts under baseline" {
	need tmux
	# Without SHELL tmux runs the window in the user's login shell, and a nologin ends the server before we can.
	export SHELL=/bin/sh
	under baseline sh -c "tmux -S '$BATS_TEST_TMPDIR/socket' new-session -d 'sleep 60' && tmux -S '$BATS_TEST_TMPDIR/socket' kill-server"
	assert_success
}

@test "strace works under baseline on what it starts itself" {
	need strace
	under baseline strace -f -o trace true
	assert_success
	grep -q 'exited with 0' trace
}

@test "gdb works under baseline on what it starts itself" {
	need gdb
	under baseline gdb -q -batch -ex run "$TRY" --args "$TRY" getpid
	assert_output --partial ok
}

@test "a policy file adds to baseline and takes from it" {
	policy_file '# mine' 'deny chroot' 'enosys unshare' 'allow process_vm_readv'
	expect ./policy EPERM chroot
	expect ./policy ENOSYS unshare
	expect ./policy EINVAL process_vm_readv
	expect ./policy EPERM mount
}

@test "a policy file can kill, and can start from nothing" {
	policy_file 'base none' 'kill setns'
	under ./policy "$TRY" setns
	assert_equal "$status" 159
	expect ./policy EBADF ioctl -1 0x5412
}

@test "a bad policy file stops the job before it starts, by line" {
	policy_file 'deny mount' 'deny mont'
	under ./policy touch started
	assert_equal "$status" 125
	[ ! -e started ]
	assert_equal "${stderr_lines[0]}" \
		"resrun: ./policy:2: unknown system call 'mont': see syscalls(2) for the names"
}

@test "a policy file that others can write to is refused" {
	policy_file 'deny mount'
	chmod 666 policy
	under ./policy touch started
	assert_equal "$status" 125
	[ ! -e started ]
	[[ $stderr == *"'./policy' could have been written by others"* ]]
}

@test "a policy of no known name is refused with the names" {
	under basline touch started
	assert_equal "$status" 125
	[ ! -e started ]
	[[ $stderr == *"'basline' is not off, baseline, strict or log"* ]]
}

@test "what happens when the kernel forbids filters: 125, and nothing is run" {
	policy_file 'base none' 'enosys seccomp'
	run --separate-stderr resrun --seccomp ./policy -- resrun --seccomp baseline -- touch started
	assert_equal "$status" 125
	[ ! -e started ]
	[[ $stderr == *"--seccomp=off"* ]]
}

@test "a resrun inside a job under strict still starts its command" {
	[ -z "${RESRUN_TEST_SANITIZED:-}" ] || skip "LeakSanitizer needs the ptrace that strict refuses"
	under strict resrun --seccomp baseline -- "$TRY" getpid
	assert_success
	assert_output ok
}
