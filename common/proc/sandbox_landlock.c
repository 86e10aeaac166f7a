#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/fdio.h"
#include "common/proc/sandbox.h"

/*
 * Our own constants: the headers of Debian 12 end at ABI 2, the kernel that
 * runs us may be newer (or older: the ABI is asked for at run time).
 */
#define FS_EXECUTE      (1ULL << 0)
#define FS_WRITE_FILE   (1ULL << 1)
#define FS_READ_FILE    (1ULL << 2)
#define FS_READ_DIR     (1ULL << 3)
#define FS_REMOVE_FILE  (1ULL << 5)
#define FS_MAKE_REG     (1ULL << 8)
#define FS_ABI1_ALL     ((1ULL << 13) - 1)
#define FS_REFER        (1ULL << 13) /* ABI 2 */
#define FS_TRUNCATE     (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV    (1ULL << 15) /* ABI 5 */
#define FS_RESOLVE_UNIX (1ULL << 16) /* ABI 9 */
#define NET_BIND_TCP    (1ULL << 0)  /* ABI 4 */
#define NET_CONNECT_TCP (1ULL << 1)  /* ABI 4 */
#define SCOPE_ABSTRACT  (1ULL << 0)  /* ABI 6 */
#define SCOPE_SIGNAL    (1ULL << 1)  /* ABI 6 */
#define RULE_PATH       1
#define RULE_NET_PORT   2
#define GET_VERSION     1U
#define PORT_DNS        53

#define RIGHTS_FILE (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_EXECUTE)
#define RIGHTS_RO   (FS_READ_FILE | FS_READ_DIR)
#define RIGHTS_RW \
	(RIGHTS_RO | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_REMOVE_FILE)

struct ruleset_attr {
	uint64_t handled_fs;
	uint64_t handled_net; /* ABI 4 */
	uint64_t scoped;      /* ABI 6 */
};

struct net_rule {
	uint64_t allowed;
	uint64_t port;
};

const struct path_rule sandbox_client_paths[] = {
    {"/etc/ssl", PATH_RO},
    {"/etc/pki", PATH_RO},
    {"/etc/ca-certificates", PATH_RO},
    {"/usr/share/ca-certificates", PATH_RO},
    {"/usr/local/share/ca-certificates", PATH_RO},
    {"/usr/lib/ssl", PATH_RO},
    {"/etc/resolv.conf", PATH_RO},
    {"/run/systemd/resolve", PATH_RO}, /* where resolv.conf may point to */
    {"/etc/hosts", PATH_RO},
    {"/etc/host.conf", PATH_RO},
    {"/etc/nsswitch.conf", PATH_RO},
    {"/etc/gai.conf", PATH_RO},
    {"/etc/services", PATH_RO},
    {"/etc/ld.so.cache", PATH_RO}, /* NSS modules are loaded late */
    {"/usr/lib", PATH_RO},
    {"/usr/lib64", PATH_RO},
    {"/lib", PATH_RO},
    {"/lib64", PATH_RO},
    {"/etc/localtime", PATH_RO},
    {"/usr/share/zoneinfo", PATH_RO},
};
const size_t sandbox_client_path_count =
    sizeof(sandbox_client_paths) / sizeof(sandbox_client_paths[0]);

/* What libraries open in every daemon; without it SQLite seeds by time. */
static const struct path_rule common_paths[] = {
    {"/dev/null", PATH_RO},
    {"/dev/urandom", PATH_RO},
};

void
sandbox_note(struct buf *missing, const char *text)
{
	if (missing->len > 0) {
		buf_puts(missing, "; ");
	}
	buf_puts(missing, text);
}

int
sandbox_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, GET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/* Everything this ABI can refuse is refused unless a rule gives it back. */
static struct ruleset_attr
handled_by(int abi, enum proc_role role, const struct confine *c)
{
	struct ruleset_attr a = {.handled_fs = FS_ABI1_ALL};

	a.handled_fs |= abi >= 2 ? FS_REFER : 0;
	a.handled_fs |= abi >= 3 ? FS_TRUNCATE : 0;
	a.handled_fs |= abi >= 5 ? FS_IOCTL_DEV : 0;
	a.handled_fs |= abi >= 9 && !c->needs_unix_socket ? FS_RESOLVE_UNIX : 0;
	a.handled_net = abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0;
	/* Where an application's own database is, only it knows. */
	if (role == PROC_COMMAND && abi >= 4) {
		a.handled_net = NET_BIND_TCP;
	}
	if (abi >= 6) {
		/* The supervisor must still be able to end its children. */
		a.scoped = SCOPE_ABSTRACT;
		a.scoped |= role == PROC_RUN ? 0 : SCOPE_SIGNAL;
	}
	return a;
}

/* An older kernel refuses a structure with fields that it does not know. */
static size_t
attr_size(int abi)
{
	if (abi < 4) {
		return 8;
	}
	return abi < 6 ? 16 : sizeof(struct ruleset_attr);
}

/* Give one file or folder back. A file gets no rights of folders: the kernel
 * would refuse the whole rule. */
static int
add_path(
    int ruleset, const struct path_rule *rule, uint64_t handled, struct err *e)
{
	struct landlock_path_beneath_attr attr = {0};
	struct stat st;
	int rc = 0;
	int fd = open(rule->path, O_PATH | O_CLOEXEC);

	if (fd < 0 && rule->access != PATH_RW &&
	    (errno == ENOENT || errno == EACCES || errno == ENOTDIR)) {
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = err_sys(e, "cannot open %s for the sandbox", rule->path);
		fd_close(&fd);
		return rc;
	}
	attr.allowed_access = rule->access == PATH_RW   ? RIGHTS_RW
			      : rule->access == PATH_RX ? RIGHTS_RO | FS_EXECUTE
							: RIGHTS_RO;
	attr.allowed_access &= handled;
	if (!S_ISDIR(st.st_mode)) {
		attr.allowed_access &= RIGHTS_FILE;
	}
	attr.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &attr, 0) < 0) {
		rc = err_sys(e, "cannot add %s to the sandbox", rule->path);
	}
	fd_close(&fd);
	return rc;
}

static int
add_paths(int ruleset, const struct path_rule *rules, size_t count,
    uint64_t handled, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = add_path(ruleset, &rules[i], handled, e);
	}
	return rc;
}

static int
add_port(int ruleset, uint16_t port, struct err *e)
{
	struct net_rule attr = {.allowed = NET_CONNECT_TCP, .port = port};

	if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &attr, 0) <
	    0) {
		return err_sys(e, "cannot add port %u to the sandbox", port);
	}
	return 0;
}

static int
add_ports(int ruleset, const struct confine *c, struct err *e)
{
	int rc = 0;

	if (c->tcp_port_count > 0) {
		rc = add_port(ruleset, PORT_DNS, e);
	}
	for (size_t i = 0; i < c->tcp_port_count && rc == 0; i++) {
		rc = add_port(ruleset, c->tcp_ports[i], e);
	}
	return rc;
}

static int
add_rules(int ruleset, enum proc_role role, const struct confine *c,
    const struct ruleset_attr *a, struct err *e)
{
	int rc = add_paths(ruleset, c->paths, c->path_count, a->handled_fs, e);

	if (rc == 0 && role != PROC_RUN) {
		rc = add_paths(ruleset, common_paths, 2, a->handled_fs, e);
	}
	if (rc == 0 && c->is_db_client) {
		rc = add_paths(ruleset, sandbox_client_paths,
		    sandbox_client_path_count, a->handled_fs, e);
	}
	if (rc == 0 && a->handled_net != 0) {
		rc = add_ports(ruleset, c, e);
	}
	return rc;
}

/* What this kernel leaves open is said, so that nobody counts on it. */
static void
note_missing(int abi, struct buf *missing)
{
	if (abi < 3) {
		sandbox_note(missing, "Landlock cannot forbid truncation "
				      "(kernel before 6.2)");
	}
	if (abi < 4) {
		sandbox_note(missing, "Landlock cannot limit TCP ports (kernel "
				      "before 6.7)");
	}
	if (abi < 6) {
		sandbox_note(missing, "Landlock cannot scope signals and "
				      "abstract sockets (kernel before 6.12)");
	}
}

int
sandbox_landlock(enum proc_role role, const struct confine *c,
    struct buf *missing, struct err *e)
{
	int abi = sandbox_landlock_abi();
	struct ruleset_attr a = handled_by(abi, role, c);

	if (abi == 0) {
		return err_set(e, CS_E_UNSUPPORTED, "LANDLOCK_MISSING",
		    "this kernel has no Landlock, or it is switched off");
	}
	int fd =
	    (int)syscall(SYS_landlock_create_ruleset, &a, attr_size(abi), 0);
	if (fd < 0) {
		return err_sys(e, "cannot create a Landlock ruleset");
	}
	int rc = add_rules(fd, role, c, &a, e);
	if (rc == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0) {
		rc = err_sys(e, "cannot restrict itself with Landlock");
	}
	fd_close(&fd);
	if (rc == 0) {
		note_missing(abi, missing);
	}
	return rc;
}
