#include "common/proc/seccomp_tables.h"

#include <asm/ioctls.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* Numbers that Debian 12's headers may not know; equal on both machines. */
#define NR_SET_MEMPOLICY_HOME 450
#define NR_LSM_SET_SELF       460
#define NR_OPEN_TREE_ATTR     467

#define ALLOW(name)                                  \
	{                                            \
		.nr = SYS_##name, .verdict = V_ALLOW \
	}
#define KILL(name)                                  \
	{                                           \
		.nr = SYS_##name, .verdict = V_KILL \
	}
#define DENY(name)                                   \
	{                                            \
		.nr = SYS_##name, .verdict = V_EPERM \
	}
/* The verdict applies if (argument & mask) == value. */
#define WHEN(v, name, n, m, val)                                               \
	{                                                                      \
		.nr = SYS_##name, .verdict = (v), .test = T_EQUAL, .arg = (n), \
		.mask = (m), .value = (val)                                    \
	}
/* The verdict applies unless (argument & mask) == value. */
#define UNLESS(v, name, n, m, val)                                   \
	{                                                            \
		.nr = SYS_##name, .verdict = (v), .test = T_DIFFERS, \
		.arg = (n), .mask = (m), .value = (val)              \
	}
#define NOT_SELF(v, name, n)                                          \
	{                                                             \
		.nr = SYS_##name, .verdict = (v), .test = T_NOT_SELF, \
		.arg = (n)                                            \
	}

#define ALL_BITS 0xffffffffU
#define TABLE(rules)                                        \
	{                                                   \
		(rules), sizeof(rules) / sizeof((rules)[0]) \
	}

/*
 * Tier 1: no program of ours ever does this, so whoever does is not our
 * program any more. The process dies and the audit log says why.
 */
static const struct syscall_rule never_rules[] = {
    KILL(execve),
    KILL(execveat),
#ifdef SYS_fork
    KILL(fork),
    KILL(vfork),
#endif
    WHEN(V_KILL, clone, 0, CLONE_THREAD, 0),
    DENY(clone),
    /* Its flags are behind a pointer; glibc falls back to clone. */
    {.nr = SYS_clone3, .verdict = V_ENOSYS},
    KILL(ptrace),
    KILL(process_vm_readv),
    KILL(process_vm_writev),
    KILL(process_madvise),
    KILL(pidfd_getfd),
    KILL(pidfd_open),
    KILL(kcmp),
    KILL(unshare),
    KILL(setns),
    KILL(mount),
    KILL(umount2),
    KILL(pivot_root),
    KILL(chroot),
    KILL(move_mount),
    KILL(open_tree),
    KILL(fsopen),
    KILL(fsmount),
    KILL(fsconfig),
    KILL(fspick),
    KILL(mount_setattr),
    {.nr = NR_OPEN_TREE_ATTR, .verdict = V_KILL},
    KILL(bpf),
    KILL(perf_event_open),
    KILL(io_uring_setup),
    KILL(io_uring_enter),
    KILL(io_uring_register),
    KILL(userfaultfd),
    KILL(add_key),
    KILL(request_key),
    KILL(keyctl),
    KILL(init_module),
    KILL(finit_module),
    KILL(delete_module),
    KILL(kexec_load),
#ifdef SYS_kexec_file_load
    KILL(kexec_file_load),
#endif
    KILL(personality),
    KILL(fanotify_init),
    KILL(open_by_handle_at),
    KILL(quotactl),
    KILL(reboot),
    KILL(swapon),
    KILL(swapoff),
    KILL(acct),
    KILL(syslog),
    {.nr = NR_LSM_SET_SELF, .verdict = V_KILL},
#ifdef SYS_iopl
    KILL(iopl),
    KILL(ioperm),
    KILL(modify_ldt),
#endif
    /* Keystrokes for the terminal of whoever started us. */
    WHEN(V_KILL, ioctl, 1, ALL_BITS, TIOCSTI),
    WHEN(V_KILL, ioctl, 1, ALL_BITS, TIOCLINUX),
};
static const struct rule_table never = TABLE(never_rules);

/* Tier 1 for signals and limits: nobody but ourselves (abort() needs that). */
static const struct syscall_rule signal_rules[] = {
    NOT_SELF(V_KILL, kill, 0),
    NOT_SELF(V_KILL, tgkill, 0),
    NOT_SELF(V_KILL, rt_sigqueueinfo, 0),
    NOT_SELF(V_KILL, rt_tgsigqueueinfo, 0),
    KILL(tkill),
    KILL(pidfd_send_signal),
    WHEN(V_ALLOW, prlimit64, 0, ALL_BITS, 0),
    NOT_SELF(V_KILL, prlimit64, 0),
};
static const struct rule_table signals = TABLE(signal_rules);

/* The supervisor has descriptors of its children; they name nobody else. */
static const struct syscall_rule run_signal_rules[] = {
    NOT_SELF(V_KILL, kill, 0),
    NOT_SELF(V_KILL, tgkill, 0),
    ALLOW(pidfd_send_signal),
};
static const struct rule_table run_signals = TABLE(run_signal_rules);

/* Tier 2: a library may try one of these in good faith; it gets an error. */
static const struct syscall_rule soft_rules[] = {
    WHEN(V_EPERM, prctl, 0, ALL_BITS, PR_SET_DUMPABLE),
    WHEN(V_EPERM, prctl, 0, ALL_BITS, PR_SET_PDEATHSIG),
    WHEN(V_EPERM, prctl, 0, ALL_BITS, PR_SET_PTRACER),
    WHEN(V_EPERM, prctl, 0, ALL_BITS, PR_SET_MM),
    /* No memory that is writable and executable, now or one after another. */
    WHEN(V_EPERM, mmap, 2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC),
    WHEN(V_EPERM, mprotect, 2, PROT_EXEC, PROT_EXEC),
    WHEN(V_EPERM, pkey_mprotect, 2, PROT_EXEC, PROT_EXEC),
    DENY(shmat),
    DENY(memfd_create),
    DENY(memfd_secret),
    DENY(setuid),
    DENY(setgid),
    DENY(setreuid),
    DENY(setregid),
    DENY(setresuid),
    DENY(setresgid),
    DENY(setfsuid),
    DENY(setfsgid),
    DENY(setgroups),
    DENY(capset),
    DENY(settimeofday),
    DENY(clock_settime),
    DENY(clock_adjtime),
    DENY(adjtimex),
    DENY(sethostname),
    DENY(setdomainname),
    DENY(name_to_handle_at),
    DENY(process_mrelease),
    DENY(migrate_pages),
    DENY(move_pages),
    DENY(set_mempolicy),
    {.nr = NR_SET_MEMPOLICY_HOME, .verdict = V_EPERM},
    DENY(mbind),
    DENY(mknodat),
    DENY(sched_setaffinity),
    DENY(sched_setscheduler),
    DENY(sched_setparam),
    DENY(sched_setattr),
    DENY(ioprio_set),
    DENY(setpriority),
    DENY(vhangup),
    DENY(mq_open),
    DENY(msgget),
    DENY(semget),
    DENY(shmget),
};
static const struct rule_table soft = TABLE(soft_rules);

/*
 * Landlock's port rules cover connect() of plain TCP. Left out here is what
 * would go around them: MPTCP, SCTP and the like, and TCP Fast Open.
 */
#define SOCKET_TYPES  ((uint32_t)SOCK_STREAM | (uint32_t)SOCK_DGRAM)
#define PROTOCOL_BITS ((uint32_t)IPPROTO_TCP | (uint32_t)IPPROTO_UDP)
#define INET_LIMITS                                                \
	UNLESS(V_EACCES, socket, 1, 0xfU & ~SOCKET_TYPES, 0),      \
	    UNLESS(V_EACCES, socket, 2, ~PROTOCOL_BITS, 0),        \
	    WHEN(V_EPERM, sendto, 3, MSG_FASTOPEN, MSG_FASTOPEN),  \
	    WHEN(V_EPERM, sendmsg, 2, MSG_FASTOPEN, MSG_FASTOPEN), \
	    WHEN(V_EPERM, sendmmsg, 3, MSG_FASTOPEN, MSG_FASTOPEN)

/*
 * Internet sockets only. Landlock lets a process connect to any pathname
 * socket, so this is all that keeps mcpd away from D-Bus, docker.sock and our
 * own control socket. An error, not death: getaddrinfo tries nscd and netlink.
 * A datagram pair counts too: its ends can be aimed at other sockets.
 */
static const struct syscall_rule inet_rules[] = {
    INET_LIMITS,
    WHEN(V_ALLOW, socket, 0, ALL_BITS, AF_INET),
    WHEN(V_ALLOW, socket, 0, ALL_BITS, AF_INET6),
    {.nr = SYS_socket, .verdict = V_EACCES},
    {.nr = SYS_socketpair, .verdict = V_EACCES},
};
static const struct rule_table inet = TABLE(inet_rules);

static const struct syscall_rule inet_unix_rules[] = {
    INET_LIMITS,
    WHEN(V_ALLOW, socket, 0, ALL_BITS, AF_INET),
    WHEN(V_ALLOW, socket, 0, ALL_BITS, AF_INET6),
    WHEN(V_ALLOW, socket, 0, ALL_BITS, AF_UNIX),
    {.nr = SYS_socket, .verdict = V_EACCES},
    {.nr = SYS_socketpair, .verdict = V_EACCES},
};
static const struct rule_table inet_unix = TABLE(inet_unix_rules);

/* Listeners are made before the sandbox; writers never have any. */
static const struct syscall_rule listen_rules[] = {
    KILL(bind),
    KILL(listen),
};
static const struct rule_table no_listen = TABLE(listen_rules);

static const struct syscall_rule accept_rules[] = {
    KILL(accept),
    KILL(accept4),
};
static const struct rule_table no_accept = TABLE(accept_rules);

/* What every C program does; the memory rules of tier 2 come before these. */
static const struct syscall_rule basic_rules[] = {
    ALLOW(read),
    ALLOW(readv),
    ALLOW(write),
    ALLOW(writev),
    ALLOW(close),
    ALLOW(close_range),
    ALLOW(fstat),
    ALLOW(mmap),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(mprotect),
    ALLOW(madvise),
    ALLOW(mincore),
    ALLOW(brk),
    ALLOW(mlock),
    ALLOW(mlock2),
    ALLOW(munlock),
    ALLOW(futex),
    ALLOW(getrandom),
    ALLOW(ppoll),
#ifdef SYS_poll
    ALLOW(poll),
#endif
    ALLOW(recvfrom),
    ALLOW(recvmsg),
    ALLOW(sendto),
    ALLOW(sendmsg),
    ALLOW(shutdown),
    ALLOW(fcntl),
    ALLOW(rt_sigaction),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigreturn),
    ALLOW(rt_sigpending),
    ALLOW(rt_sigsuspend),
    ALLOW(rt_sigtimedwait),
    ALLOW(sigaltstack),
    ALLOW(restart_syscall),
    ALLOW(exit),
    ALLOW(exit_group),
    ALLOW(kill), /* itself: others were refused above */
    ALLOW(tgkill),
    ALLOW(gettid),
    ALLOW(getpid),
    ALLOW(getppid),
    ALLOW(getuid),
    ALLOW(geteuid),
    ALLOW(getgid),
    ALLOW(getegid),
    ALLOW(getresuid),
    ALLOW(getresgid),
    ALLOW(clock_gettime),
    ALLOW(clock_getres),
    ALLOW(clock_nanosleep),
    ALLOW(nanosleep),
    ALLOW(gettimeofday),
#ifdef SYS_time
    ALLOW(time),
#endif
    ALLOW(prctl),
    ALLOW(prlimit64),
    ALLOW(getrlimit),
    ALLOW(sched_yield),
    ALLOW(sched_getaffinity),
    ALLOW(rseq),
    ALLOW(set_robust_list),
    ALLOW(uname),
    WHEN(V_ALLOW, ioctl, 1, ALL_BITS, FIONREAD),
    WHEN(V_ALLOW, ioctl, 1, ALL_BITS, FIONBIO),
    WHEN(V_ALLOW, ioctl, 1, ALL_BITS, FIOCLEX),
    WHEN(V_ALLOW, ioctl, 1, ALL_BITS, TCGETS),
};
static const struct rule_table basic = TABLE(basic_rules);

static const struct syscall_rule wait_rules[] = {
    ALLOW(wait4),
    ALLOW(waitid),
};
static const struct rule_table wait_only = TABLE(wait_rules);

/* SQLite in WAL mode, libevent's epoll, and accepting on what it was given. */
static const struct syscall_rule store_rules[] = {
    ALLOW(openat),
    ALLOW(newfstatat),
    ALLOW(statx),
    ALLOW(faccessat),
    ALLOW(faccessat2),
    ALLOW(readlinkat),
    ALLOW(unlinkat),
    ALLOW(renameat),
    ALLOW(renameat2),
#ifdef SYS_open
    ALLOW(open),
    ALLOW(stat),
    ALLOW(lstat),
    ALLOW(access),
    ALLOW(readlink),
    ALLOW(unlink),
    ALLOW(rename),
    ALLOW(epoll_create),
    ALLOW(epoll_wait),
    ALLOW(pipe),
    ALLOW(select),
    ALLOW(dup2),
    ALLOW(getdents),
#endif
    ALLOW(getcwd),
    ALLOW(getdents64),
    ALLOW(lseek),
    ALLOW(pread64),
    ALLOW(pwrite64),
    ALLOW(preadv),
    ALLOW(pwritev),
    ALLOW(ftruncate),
    ALLOW(fallocate),
    ALLOW(fsync),
    ALLOW(fdatasync),
    ALLOW(sync_file_range),
    ALLOW(flock),
    ALLOW(fchmod),
    ALLOW(fchown), /* SQLite gives its WAL the owner of the database */
    ALLOW(fadvise64),
    ALLOW(fstatfs),
    ALLOW(statfs),
    ALLOW(msync),
    ALLOW(umask),
    ALLOW(utimensat),
    ALLOW(dup),
    ALLOW(dup3),
    ALLOW(pipe2),
    ALLOW(eventfd2),
    ALLOW(pselect6),
    ALLOW(epoll_create1),
    ALLOW(epoll_ctl),
    ALLOW(epoll_pwait),
    ALLOW(epoll_pwait2),
    ALLOW(timerfd_create),
    ALLOW(timerfd_settime),
    ALLOW(timerfd_gettime),
    ALLOW(accept),
    ALLOW(accept4),
    ALLOW(getsockopt),
    ALLOW(setsockopt),
    ALLOW(getsockname),
    ALLOW(getpeername),
    ALLOW(getgroups),
    ALLOW(getrusage),
    ALLOW(sysinfo),
    ALLOW(membarrier),
    /* getpwuid asks nscd first; it copes with the answer. */
    {.nr = SYS_socket, .verdict = V_EACCES},
};
static const struct rule_table store = TABLE(store_rules);

/*
 * A program of somebody else's, started for him: what would lead out of its
 * sandbox, or into other processes, fails. It may start others, which inherit
 * all this. No Unix socket by name: our own may be within its reach.
 */
static const struct syscall_rule command_rules[] = {
    DENY(ptrace),
    DENY(process_vm_readv),
    DENY(process_vm_writev),
    DENY(process_madvise),
    DENY(pidfd_getfd),
    DENY(kcmp),
    DENY(unshare),
    DENY(setns),
    DENY(mount),
    DENY(umount2),
    DENY(pivot_root),
    DENY(chroot),
    DENY(move_mount),
    DENY(open_tree),
    DENY(fsopen),
    DENY(fsmount),
    DENY(fsconfig),
    DENY(fspick),
    DENY(mount_setattr),
    {.nr = NR_OPEN_TREE_ATTR, .verdict = V_EPERM},
    DENY(bpf),
    DENY(perf_event_open),
    /* Libraries fall back to what they did before there was one. */
    {.nr = SYS_io_uring_setup, .verdict = V_ENOSYS},
    {.nr = SYS_io_uring_enter, .verdict = V_ENOSYS},
    {.nr = SYS_io_uring_register, .verdict = V_ENOSYS},
    /* A new user namespace hides in its flags; glibc falls back to clone. */
    {.nr = SYS_clone3, .verdict = V_ENOSYS},
    WHEN(V_EPERM, clone, 0, CLONE_NEWUSER, CLONE_NEWUSER),
    DENY(userfaultfd),
    DENY(add_key),
    DENY(request_key),
    DENY(keyctl),
    DENY(init_module),
    DENY(finit_module),
    DENY(delete_module),
    DENY(kexec_load),
    DENY(open_by_handle_at),
    DENY(quotactl),
    DENY(reboot),
    DENY(swapon),
    DENY(swapoff),
    DENY(acct),
    DENY(syslog),
    DENY(listen),
    WHEN(V_EPERM, ioctl, 1, ALL_BITS, TIOCSTI),
    WHEN(V_EPERM, ioctl, 1, ALL_BITS, TIOCLINUX),
    WHEN(V_ALLOW, socket, 0, ALL_BITS, AF_INET),
    WHEN(V_ALLOW, socket, 0, ALL_BITS, AF_INET6),
    {.nr = SYS_socket, .verdict = V_EACCES},
    WHEN(V_ALLOW, socketpair, 1, 0xfU, SOCK_STREAM),
    {.nr = SYS_socketpair, .verdict = V_EACCES},
};
static const struct rule_table command = TABLE(command_rules);

struct role_rules
seccomp_rules_of(enum proc_role role, const struct confine *c)
{
	const struct rule_table *sockets =
	    c->needs_unix_socket ? &inet_unix : &inet;

	/*
	 * The order of tables is the order of rules. Daemons that never meet a
	 * database driver get a list of what is allowed; the others, whose
	 * libraries we do not know in full, get a list of what is not.
	 */
	switch (role) {
	case PROC_LEDGERD:
		return (struct role_rules){
		    {&never, &signals, &soft, &basic, &store},
		    V_EPERM,
		};
	case PROC_RUN:
		return (struct role_rules){
		    {&run_signals, &never, &soft, &basic, &wait_only},
		    V_EPERM,
		};
	case PROC_COMMAND:
		return (struct role_rules){{&command}, V_ALLOW};
	case PROC_MCPD:
	case PROC_WRITERD:
	case PROC_JWKS:
		break;
	}
	return (struct role_rules){
	    {&never, &signals, &soft, sockets, &no_listen,
		c->accepts ? NULL : &no_accept},
	    V_ALLOW,
	};
}
