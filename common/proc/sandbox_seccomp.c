#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/proc/sandbox.h"
#include "common/proc/seccomp_tables.h"

#if defined(__x86_64__)
#define ARCH_HERE AUDIT_ARCH_X86_64
#define X32_BIT   0x40000000U
#elif defined(__aarch64__)
#define ARCH_HERE AUDIT_ARCH_AARCH64
#else
#error "no system-call tables for this architecture"
#endif

#define FILTER_MAX  2048
#define OFFSET_NR   offsetof(struct seccomp_data, nr)
#define OFFSET_ARCH offsetof(struct seccomp_data, arch)
/* Both architectures are little-endian: the low half comes first. */
#define OFFSET_ARG(n) (offsetof(struct seccomp_data, args) + 8 * (size_t)(n))

/* The filter in the making. Too long is a bug of our tables, not of input. */
struct program {
	struct sock_filter code[FILTER_MAX];
	unsigned short len;
};

static void
emit(struct program *p, int code, uint32_t k)
{
	cs_assert(p->len < FILTER_MAX);
	p->code[p->len++] =
	    (struct sock_filter){.code = (unsigned short)code, .k = k};
}

/* Jump `jt` instructions forward if A compares true with k, else `jf`. */
static void
emit_jump(struct program *p, int how, uint32_t k, unsigned jt, unsigned jf)
{
	emit(p, BPF_JMP | how | BPF_K, k);
	p->code[p->len - 1].jt = (unsigned char)jt;
	p->code[p->len - 1].jf = (unsigned char)jf;
}

static void
emit_load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

#ifdef CS_TEST_HOOKS
/* What a refused call comes to in the tests that run everything once more: the
 * end of the process, so that no honest code is refused anything unnoticed, or
 * a line in the kernel's log. 0: EPERM, as always. */
static uint32_t sandbox_test_refusal;
#endif

static void
emit_verdict(struct program *p, enum verdict v)
{
	static const uint32_t actions[] = {
	    [V_ALLOW] = SECCOMP_RET_ALLOW,
	    [V_KILL] = SECCOMP_RET_KILL_PROCESS,
	    [V_EPERM] = SECCOMP_RET_ERRNO | EPERM,
	    [V_EACCES] = SECCOMP_RET_ERRNO | EACCES,
	    [V_ENOSYS] = SECCOMP_RET_ERRNO | ENOSYS,
	};

#ifdef CS_TEST_HOOKS
	if (v == V_EPERM && sandbox_test_refusal != 0) {
		emit(p, BPF_RET | BPF_K, sandbox_test_refusal);
		return;
	}
#endif
	emit(p, BPF_RET | BPF_K, actions[v]);
}

#ifdef CS_TEST_HOOKS
void
sandbox_test_mode(const char *mode)
{
	sandbox_test_refusal = strcmp(mode, "kill") == 0
				   ? SECCOMP_RET_KILL_PROCESS
			       : strcmp(mode, "log") == 0 ? SECCOMP_RET_LOG
							  : 0;
	/* A word that is none would be a test that tests nothing. */
	cs_assert(sandbox_test_refusal != 0 || mode[0] == '\0');
}
#endif

/* The call number is in A before and after each rule. */
static void
emit_rule(struct program *p, const struct syscall_rule *r)
{
	uint32_t mask = r->mask;
	uint32_t value = r->value;
	bool wants_equal = r->test == T_EQUAL;

	if (r->test == T_ANY) {
		emit_jump(p, BPF_JEQ, (uint32_t)r->nr, 0, 1);
		emit_verdict(p, r->verdict);
		return;
	}
	if (r->test == T_NOT_SELF) {
		mask = UINT32_MAX;
		value = (uint32_t)getpid();
	}
	emit_jump(p, BPF_JEQ, (uint32_t)r->nr, 0, 5);
	emit_load(p, OFFSET_ARG(r->arg));
	emit(p, BPF_ALU | BPF_AND | BPF_K, mask);
	emit_jump(p, BPF_JEQ, value, wants_equal ? 0 : 1, wants_equal ? 1 : 0);
	emit_verdict(p, r->verdict);
	emit_load(p, OFFSET_NR);
}

/* Another architecture has other numbers: nothing below would hold. */
static void
emit_prologue(struct program *p)
{
	emit_load(p, OFFSET_ARCH);
	emit_jump(p, BPF_JEQ, ARCH_HERE, 1, 0);
	emit_verdict(p, V_KILL);
	emit_load(p, OFFSET_NR);
#ifdef X32_BIT
	/* The x32 calls come in under the same architecture with this bit
	 * set. */
	emit_jump(p, BPF_JGE, X32_BIT, 0, 1);
	emit_verdict(p, V_KILL);
#endif
}

int
sandbox_seccomp(enum proc_role role, const struct confine *c, struct err *e)
{
	struct role_rules rules = seccomp_rules_of(role, c);
	struct program *p = xcalloc(1, sizeof(*p));

	emit_prologue(p);
	for (size_t t = 0; rules.tables[t] != NULL; t++) {
		for (size_t i = 0; i < rules.tables[t]->count; i++) {
			emit_rule(p, &rules.tables[t]->rules[i]);
		}
	}
	emit_verdict(p, rules.otherwise);
	struct sock_fprog prog = {.len = p->len, .filter = p->code};
	/* TSYNC: should a thread exist in spite of the check, it is confined
	 * too. */
	long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_TSYNC, &prog);
	int saved = errno;
	free(p);
	errno = saved;
	if (rc < 0 && (errno == ENOSYS || errno == EINVAL)) {
		return err_set(e, CS_E_UNSUPPORTED, "SECCOMP_MISSING",
		    "this kernel has no seccomp filters");
	}
	if (rc != 0) {
		return err_sys(e, "cannot install the seccomp filter");
	}
	return 0;
}
