#include "common/proc/privdrop.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/err.h"

int
proc_make_undumpable(struct err *e)
{
	const struct rlimit none = {0, 0};

	/* Asked for, then looked at: everything that follows relies on it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0) {
		return err_sys(e, "cannot become undumpable");
	}
	if (setrlimit(RLIMIT_CORE, &none) != 0) {
		return err_sys(e, "cannot forbid core files");
	}
	return 0;
}

/* OpenSSH's lesson: test that the way back is closed, and what we are. */
static int
check_dropped(uid_t uid, gid_t gid, struct err *e)
{
	uid_t r;
	uid_t eff;
	uid_t saved;
	gid_t gr;
	gid_t geff;
	gid_t gsaved;

	if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
		return err_set(e, CS_E_STATE, NULL, "could regain root");
	}
	if (gid != 0 && (setgid(0) == 0 || setegid(0) == 0)) {
		return err_set(e, CS_E_STATE, NULL, "could regain group root");
	}
	if (getresuid(&r, &eff, &saved) != 0 || r != uid || eff != uid ||
	    saved != uid || getresgid(&gr, &geff, &gsaved) != 0 || gr != gid ||
	    geff != gid || gsaved != gid) {
		return err_set(e, CS_E_STATE, NULL, "the ids did not change");
	}
	return 0;
}

/* Needs CAP_SETPCAP; without it nothing here could be raised anyway. */
static void
drop_bounding_set(uint64_t keep)
{
	const unsigned long locked =
	    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	for (unsigned long cap = 0; cap < 64; cap++) {
		if ((keep >> cap & 1) == 0 && cap != CAP_SETPCAP) {
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
		}
	}
	(void)prctl(PR_SET_SECUREBITS, locked, 0, 0, 0);
	(void)prctl(PR_CAPBSET_DROP, CAP_SETPCAP, 0, 0, 0);
}

int
privdrop_to_user(const char *name, struct err *e)
{
	if (geteuid() != 0) {
		return err_set(
		    e, CS_E_DENIED, NULL, "only root can become user %s", name);
	}
	errno = 0;
	/* Single-threaded by rule; the entry is used at once. */
	const struct passwd *pw = getpwnam(name); // NOLINT(concurrency-*)
	if (pw == NULL) {
		return err_set(e, CS_E_NOT_FOUND, "USER_NOT_FOUND",
		    "there is no user %s", name);
	}
	if (pw->pw_uid == 0) {
		return err_set(e, CS_E_DENIED, NULL, "user %s is root", name);
	}
	uid_t uid = pw->pw_uid;
	gid_t gid = pw->pw_gid;
	drop_bounding_set(0); /* while CAP_SETPCAP is still there */
	/* Groups, then gid, then uid: without uid 0 the first two cannot be
	 * changed any more. */
	if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0) {
		return err_sys(e, "cannot become user %s", name);
	}
	return check_dropped(uid, gid, e);
}

int
privdrop_caps(uint64_t keep, struct err *e)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	bool differs = false;

	drop_bounding_set(keep);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, data) != 0) {
		return err_sys(e, "cannot look at the capabilities");
	}
	for (int i = 0; i < 2; i++) {
		uint32_t kept =
		    data[i].permitted & (uint32_t)(keep >> (32 * i));

		differs = differs || data[i].permitted != kept ||
			  data[i].effective != kept || data[i].inheritable != 0;
		data[i] = (struct __user_cap_data_struct){kept, kept, 0};
	}
	/* A service manager that took them away may refuse the call, too. */
	if (differs && syscall(SYS_capset, &head, data) != 0) {
		return err_sys(e, "cannot drop capabilities");
	}
	return 0;
}
